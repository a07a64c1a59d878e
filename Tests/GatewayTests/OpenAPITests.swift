//  The program's description of itself, held against its table of routes, its answers and its events.

import API
import Config
import Crypto
import FoundationEssentials
import Glibc
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Testing
import Vendors

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct OpenAPITests {
    @Test func `every method of every route is described, and nothing else`() async throws {
        let gateway = try await RunningGateway()
        let described = try await gateway.description().operations.flatMap { item in
            item.methods.map { "\($0) \(item.path)" }
        }
        let served = try await Self.table().flatMap { route in
            let methods = route.methods.map(\.rawValue)
            return (methods + (methods.contains("GET") ? ["HEAD"] : [])).map { "\($0) \(route.pattern)" }
        }
        #expect(Set(described) == Set(served))
        #expect(served.count == Set(served).count)
        #expect(await gateway.stop() == 0)
    }

    /// The table as `serve` makes it.
    private static func table() async throws -> [Route] {
        let store = try Store(path: ScratchDirectory().database, log: .silent)
        let live = LiveState(
            GatewayState(config: GatewayConfig(), keys: KeyRing([]), connections: ConnectionDirectory([]))
        )
        let client = Client(log: .silent)
        let services = Services(store: store, client: client, live: live, seal: Seal(passphrase: "test"), log: .silent)
        let control = ConfigControl(
            status: { ConfigStatus(generation: 1, sha256: "", loadedAt: .now()) },
            reload: { throw CancellationError() },
            check: { _ in [] }
        )
        let routes = try Routes(
            services: services,
            control: control,
            scrape: Scrape(services: services, meters: CallMeters(), status: control.status)
        ).router().routes
        await services.close()
        return routes
    }

    @Test func `the description needs a key, has a tag, and is not sent twice`() async throws {
        let gateway = try await RunningGateway()
        #expect(try await gateway.call(.get, "/openapi.json", key: nil).status == 401)
        #expect(try await gateway.call(.get, "/openapi.json?x=1").status == 400)
        let first = try await gateway.call(.get, "/openapi.json", key: "read-key")
        #expect(first.status == 200)
        #expect(first.json["openapi"] == "3.1.0")
        let tag = try #require(first.fields["ETag"])
        let again = try await gateway.call(.get, "/openapi.json", fields: ["If-None-Match": "\"a\", W/\(tag)"])
        #expect(again.status == 304)
        #expect(again.fields["ETag"] == tag)
        let head = try await gateway.call(.head, "/openapi.json")
        #expect(head.status == 200)
        #expect(head.json == .null)
        #expect(await gateway.stop() == 0)
    }

    @Test func `every operation that needs a scope needs a key first`() async throws {
        let gateway = try await RunningGateway()
        var keyless: [String] = []
        for (path, methods) in try await gateway.description().operations {
            for method in methods.compactMap({ HTTPCore.Method(rawValue: $0) }) {
                let answer = try await gateway.call(method, path.replacing(#/\{[^}]*\}/#, with: "x"), key: nil)
                if answer.status == 200 { keyless.append("\(method.rawValue) \(path)") }
                #expect(answer.status == 200 || answer.status == 401, "\(method) \(path)")
            }
        }
        #expect(Set(keyless) == ["GET /livez", "HEAD /livez", "GET /readyz", "HEAD /readyz"])
        #expect(await gateway.stop() == 0)
    }

    @Test func `an unknown query parameter is refused wherever it stands`() async throws {
        let gateway = try await RunningGateway()
        for path in ["/v1/connections/book", "/v1/runs/run_1", "/v1/config", "/v1/lookup", "/v1/webhooks/wh_1"] {
            let answer = try await gateway.call(.get, path + "?nonsense=1")
            #expect(answer.status == 400, "\(path)")
            #expect(answer.json["code"] == "invalid_parameter", "\(path)")
        }
        let created = try await gateway.call(
            .post,
            "/v1/contacts?dry_run=true",
            #"{"connection": "book", "title": "x"}"#
        )
        #expect(created.status == 400)
        #expect(await gateway.stop() == 0)
    }

    /// Every level of payload, of contacts and of the program itself.
    @Test func `events are as described`() async throws {
        let receiver = try EventReceiver()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receiver.server.run() }
            let gateway = try await RunningGateway()
            var hooks: [String] = []
            for payload in ["full", "changes", "thin"] {
                let body = #"{"url": "http://\#(receiver.server.address)/", "events": ["*"], "payload": "\#(payload)"}"#
                let hook = try await gateway.call(.post, "/v1/webhooks", body)
                hooks.append(try #require(hook.json["id"]?.stringValue))
            }
            let contact = #"{"connection": "book", "name": {"full": "Ann Lee"}, "phones": [{"number": "2025550101"}]}"#
            let created = try await gateway.call(.post, "/v1/contacts", contact)
            let id = try #require(created.json["id"]?.stringValue)
            let patch = #"{"title": "CTO", "name": {"given": "Anna"}, "vendor_id": "7"}"#
            #expect(try await gateway.call(.patch, "/v1/contacts/\(id)", patch).status == 200)
            #expect(try await gateway.call(.delete, "/v1/contacts/\(id)").status == 204)
            for hook in hooks { #expect(try await gateway.call(.post, "/v1/webhooks/\(hook)/test").status == 202) }
            try gateway.configure("{")
            #expect(await gateway.process.line("config.rejected") != nil)
            let more = #", "changes": {"retain": "7d"}"#
            try gateway.configure(RunningGateway.config(more: more))
            #expect(await gateway.process.line("config.reloaded") != nil)
            // Three payloads of six kinds.
            let events = await receiver.events(18)
            let description = try await gateway.description()
            for event in events { #expect(description.complaints(event: event).isEmpty, "\(event)") }
            let types = Set(events.compactMap { $0["type"]?.stringValue })
            #expect(types.count == 6, "\(types)")
            #expect(await gateway.stop() == 0)
            receiver.server.stop()
            try await group.waitForAll()
        }
    }
}

/// A receiver that keeps the bodies of what it is sent.
private final class EventReceiver: Sendable {
    private struct State {
        var events: [JSONValue] = []
        var waiting: (count: Int, CheckedContinuation<Void, Never>)?
    }

    let server: Server
    private let state: StateBox

    /// What the server's loops share with the test.
    private final class StateBox: Sendable {
        let state = Mutex(State())
    }

    init() throws {
        let box = StateBox()
        state = box
        server = try Server(settings: ServerSettings(), log: .silent) { _ in
            let take = Handler.now { view, out in
                let event = (try? JSONValue(parsing: view.body.withUnsafeBufferPointer { Array($0) })) ?? .null
                let waiting = box.state.withLock { state -> CheckedContinuation<Void, Never>? in
                    state.events.append(event)
                    guard let waiting = state.waiting, state.events.count >= waiting.count else { return nil }
                    state.waiting = nil
                    return waiting.1
                }
                waiting?.resume()
                out.begin(204)
                out.end()
            }
            return Router([.post("/", take)])
        }
    }

    /// Waits for that many events.
    func events(_ count: Int) async -> [JSONValue] {
        await withCheckedContinuation { continuation in
            let isReady = state.state.withLock { state in
                if state.events.count >= count { return true }
                state.waiting = (count, continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.state.withLock { $0.events }
    }
}
