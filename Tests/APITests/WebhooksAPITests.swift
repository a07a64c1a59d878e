//  The webhooks' routes in memory: what clients may say, what they are shown, and who sees what.

import API
import Config
import Crypto
import FoundationEssentials
import Glibc
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Testing

/// The routes on a store of their own.
private struct WebhookBench {
    let store: Store
    let routes: [Route]
    private let directory = ScratchDirectory()

    static func with(_ body: (WebhookBench) async throws -> Void) async throws {
        let bench = try await WebhookBench()
        try await body(bench)
        await bench.store.close()
    }

    private init() async throws {
        store = try Store(path: directory.database, log: .silent)
        let rows = try await store.write { transaction in
            try transaction.connections.register([("book", "local"), ("crm", "local")], at: transaction.now)
        }
        let connections = rows.map { row in
            let config = ConnectionConfig(id: row.name, vendor: .local)
            return LiveConnection(key: row.key, config: config, adapter: FakeAdapter(vendor: FakeVendor()), link: nil)
        }
        let state = GatewayState(
            config: GatewayConfig(),
            keys: KeyRing([]),
            connections: ConnectionDirectory(connections)
        )
        let rules = WebhookRules(
            urlRefusal: { $0.hasPrefix("https://") ? nil : "must begin with https://" },
            eventTypes: ["contact.created", "contact.updated", "contact.deleted", "run.held", "webhook.test"],
            makeSecret: { ("whsec_\(RandomSource.shared.next())", [1, 2, 3]) },
            messageID: { "msg_\($0.id)_\($1.id)" }
        )
        routes =
            WebhooksAPI(
                store: store,
                state: LiveState(state),
                rules: rules,
                seal: Seal(passphrase: "test"),
                log: .silent
            ).routes
    }

    func send(
        _ method: HTTPCore.Method,
        _ pattern: String,
        _ id: String? = nil,
        _ body: String = "",
        query: String? = nil,
        sees connections: Set<String>? = nil,
        key: String? = nil
    ) async throws -> (status: Int, json: JSONValue, fields: HeaderFields) {
        let route = try #require(routes.first { $0.pattern == pattern && $0.methods == [method] })
        guard case .later(let handler) = route.handler else { return (0, .null, [:]) }
        var request = Request(
            method: method,
            path: id.map { "/x/\($0)" } ?? pattern,
            query: query,
            parameters: id.map { [$0] } ?? [],
            body: Array(body.utf8),
            id: "r1"
        )
        if let key { request.fields.add("Idempotency-Key", key) }
        request.principal = Caller(name: "t", scopes: [.admin], connections: connections)
        let response = await handler(request)
        return (response.status, (try? JSONValue(parsing: response.body)) ?? .null, response.fields)
    }

    /// Whether a text stands in the files of the store.
    func fileContains(_ text: String) throws -> Bool {
        try ["", "-wal"].contains { ending in
            let data = try #require(FileManager.default.contents(atPath: directory.database + ending))
            return String(decoding: data, as: UTF8.self).contains(text)
        }
    }

    func create(_ body: String, sees connections: Set<String>? = nil) async throws -> (status: Int, json: JSONValue) {
        let answer = try await send(.post, "/v1/webhooks", nil, body, sees: connections)
        return (answer.status, answer.json)
    }
}

extension JSONValue {
    fileprivate var pointers: [String] { self["errors"]?.arrayValue?.compactMap { $0["pointer"]?.stringValue } ?? [] }
    fileprivate var id: String { self["id"]?.stringValue ?? "" }
}

@Suite struct WebhooksAPITests {
    @Test func `members that only the gateway sets are taken when they are as stored, and refused when not`()
        async throws
    {
        try await WebhookBench.with { (bench) async throws in
            let made = try await bench.create(#"{"url":"https://a.example/h","id":null}"#)
            let id = made.json.id
            let shown = try await bench.send(.get, "/v1/webhooks/{id}", id).json
            let body = String(decoding: shown.encoded(), as: UTF8.self)
            #expect(try await bench.send(.patch, "/v1/webhooks/{id}", id, body).json == shown)
            for (name, value) in [("id", #""wh_9""#), ("created_at", "7"), ("secret", #""whsec_x""#)] {
                let patched = try await bench.send(.patch, "/v1/webhooks/{id}", id, #"{"\#(name)":\#(value)}"#)
                #expect(patched.status == 422, "\(name)")
                #expect(patched.json["errors"]?.arrayValue?.first?["pointer"]?.stringValue == "/\(name)")
            }
            #expect(try await bench.create(#"{"url":"https://a.example/h","id":"wh_1"}"#).status == 422)
        }
    }

    @Test func `a repeated registration gives the same secret again, and the store has it only sealed`() async throws {
        try await WebhookBench.with { (bench) async throws in
            let body = #"{"url":"https://a.example/h"}"#
            let first = try await bench.send(.post, "/v1/webhooks", nil, body, key: "k1")
            let again = try await bench.send(.post, "/v1/webhooks", nil, body, key: "k1")
            #expect(first.status == 201 && again.status == 201 && again.json == first.json)
            #expect(again.fields["Location"] == first.fields["Location"])
            #expect(try await bench.send(.get, "/v1/webhooks").json["items"]?.arrayValue?.count == 1)
            let rotated = try await bench.send(.post, "/v1/webhooks/{id}/rotate", first.json.id, key: "k2")
            let repeated = try await bench.send(.post, "/v1/webhooks/{id}/rotate", first.json.id, key: "k2")
            #expect(rotated.status == 200 && repeated.json == rotated.json)
            let secrets = [first, rotated].compactMap { $0.json["secret"]?.stringValue }
            #expect(Set(secrets).count == 2)
            for secret in secrets { #expect(try !bench.fileContains(secret)) }
            #expect(try bench.fileContains("https://a.example/h"))
            let other = try await bench.send(.post, "/v1/webhooks", nil, #"{"url":"https://b.example/h"}"#, key: "k1")
            #expect(other.status == 422)
        }
    }

    @Test func `a webhook is registered with defaults, shown without its secret, changed and removed`() async throws {
        try await WebhookBench.with { (bench) async throws in
            let made = try await bench.send(.post, "/v1/webhooks", nil, #"{"url":"https://a.example/h"}"#)
            #expect(made.status == 201)
            #expect(made.fields["Location"] == "/v1/webhooks/\(made.json.id)")
            #expect(made.json["secret"]?.stringValue?.hasPrefix("whsec_") == true)
            #expect(made.json["events"] == ["contact.*"] && made.json["connections"] == ["*"])
            #expect(made.json["payload"] == "full" && made.json["enabled"] == true && made.json["fields"] == [])
            let shown = try await bench.send(.get, "/v1/webhooks/{id}", made.json.id)
            #expect(shown.status == 200 && shown.json["secret"] == nil)
            let patched = try await bench.send(
                .patch,
                "/v1/webhooks/{id}",
                made.json.id,
                #"{"enabled":false,"fields":["phones"],"headers":{"X-A":"b"},"description":"d"}"#
            )
            #expect(patched.status == 200 && patched.json["enabled"] == false)
            #expect(patched.json["headers"] == ["X-A": "b"] && patched.json["url"] == "https://a.example/h")
            let reset = try await bench.send(
                .patch,
                "/v1/webhooks/{id}",
                made.json.id,
                #"{"headers":null,"enabled":null}"#
            )
            #expect(reset.json["headers"] == .object([]) && reset.json["enabled"] == true)
            let listed = try await bench.send(.get, "/v1/webhooks")
            #expect(listed.json["items"]?.arrayValue?.count == 1 && listed.json["next"] == .null)
            #expect(try await bench.send(.delete, "/v1/webhooks/{id}", made.json.id).status == 204)
            #expect(try await bench.send(.get, "/v1/webhooks/{id}", made.json.id).status == 404)
            #expect(try await bench.send(.delete, "/v1/webhooks/{id}", made.json.id).status == 404)
        }
    }

    static let faults: [(body: String, pointers: [String])] = [
        ("{}", ["/url"]), (#"{"url":null}"#, ["/url"]), (#"{"url":"http://a"}"#, ["/url"]), (#"{"url":7}"#, ["/url"]),
        (#"{"url":"https://a","event":[]}"#, ["/event"]), (#"{"url":"https://a","events":[]}"#, ["/events"]),
        (#"{"url":"https://a","events":["contact.*","nope"]}"#, ["/events/1"]),
        (#"{"url":"https://a","events":"contact.*"}"#, ["/events"]),
        (#"{"url":"https://a","connections":["book","x"]}"#, ["/connections/1"]),
        (#"{"url":"https://a","connections":[]}"#, ["/connections"]),
        (#"{"url":"https://a","fields":["phone"]}"#, ["/fields/0"]),
        (#"{"url":"https://a","payload":"all"}"#, ["/payload"]), (#"{"url":"https://a","enabled":1}"#, ["/enabled"]),
        (#"{"url":"https://a","headers":{"Host":"x"}}"#, ["/headers/Host"]),
        (#"{"url":"https://a","headers":{"Webhook-Id":"x"}}"#, ["/headers/Webhook-Id"]),
        (#"{"url":"https://a","headers":{"X":"a\r\nY: b"}}"#, ["/headers/X"]),
        (#"{"url":"https://a","headers":{"X Y":"a"}}"#, ["/headers/X Y"]),
        (#"{"url":"https://a","headers":{"X":1}}"#, ["/headers/X"]),
        (#"{"url":"https://a","description":7,"payload":1}"#, ["/description", "/payload"]), ("[]", [""]),
    ]

    @Test(arguments: faults)
    func `every fault is named and nothing is stored`(body: String, pointers: [String]) async throws {
        try await WebhookBench.with { (bench) async throws in
            let answer = try await bench.create(body)
            #expect(answer.status == 422)
            #expect(answer.json.pointers == pointers)
            #expect(try await bench.send(.get, "/v1/webhooks").json["items"] == [])
        }
    }

    @Test func `a body that is no JSON is 400 and an id that is none of ours 404`() async throws {
        try await WebhookBench.with { (bench) async throws in
            #expect(try await bench.create("{").status == 400)
            for id in ["wh_9", "wh_", "wh_01", "9", "dlv_1", "wh_-1"] {
                #expect(try await bench.send(.get, "/v1/webhooks/{id}", id).status == 404)
                #expect(try await bench.send(.get, "/v1/webhooks/{id}/deliveries", id).status == 404)
            }
            #expect(try await bench.send(.get, "/v1/deliveries/{id}", "dlv_1").status == 404)
            #expect(try await bench.send(.post, "/v1/deliveries/{id}/retry", "dlv_1").status == 404)
        }
    }

    @Test func `a test is a delivery with its attempts, which can be listed by state and retried`() async throws {
        try await WebhookBench.with { (bench) async throws in
            let webhook = try await bench.create(#"{"url":"https://a.example"}"#).json.id
            let test = try await bench.send(.post, "/v1/webhooks/{id}/test", webhook)
            #expect(test.status == 202 && test.json["type"] == "webhook.test" && test.json["state"] == "pending")
            #expect(test.json["next_attempt_at"]?.stringValue != nil)
            let key = try #require(Int64(test.json.id.dropFirst(4)))
            try await bench.store.write { transaction in
                guard var row = try transaction.deliveries.find(key) else { return }
                row.state = .dead
                row.reason = "why"
                let attempt = AttemptRow(
                    at: transaction.now,
                    status: 503,
                    error: nil,
                    durationMilliseconds: 12,
                    response: Array("no".utf8)
                )
                _ = try transaction.deliveries.record(row, attempt: attempt)
            }
            let path = "/v1/webhooks/{id}/deliveries"
            let dead = try await bench.send(.get, path, webhook, query: "state=dead").json["items"]?.arrayValue
            #expect(dead?.count == 1 && dead?[0]["reason"] == "why" && dead?[0]["next_attempt_at"] == .null)
            let attempt = dead?[0]["attempts"]?.arrayValue?.first
            #expect(attempt?["status"]?.intValue == 503 && attempt?["response"] == "no")
            #expect(attempt?["duration_ms"]?.intValue == 12 && attempt?["error"] == .null)
            #expect(try await bench.send(.get, path, webhook, query: "state=pending").json["items"] == [])
            #expect(try await bench.send(.get, path, webhook, query: "state=lost").status == 400)
            let retried = try await bench.send(.post, "/v1/deliveries/{id}/retry", test.json.id)
            #expect(retried.status == 202 && retried.json["state"] == "pending")
            #expect(try await bench.send(.patch, "/v1/webhooks/{id}", webhook, #"{"enabled":false}"#).status == 200)
            #expect(try await bench.send(.post, "/v1/webhooks/{id}/test", webhook).status == 409)
        }
    }

    @Test func `a key that sees some connections has webhooks of those alone`() async throws {
        try await WebhookBench.with { (bench) async throws in
            let narrow: Set = ["book"]
            let all = try await bench.create(#"{"url":"https://a.example"}"#).json.id
            let mine = try await bench.create(#"{"url":"https://b.example"}"#, sees: narrow)
            #expect(mine.status == 201 && mine.json["connections"] == ["book"])
            for name in ["*", "crm"] {
                let body = #"{"url":"https://b.example","connections":["\#(name)"]}"#
                #expect(try await bench.create(body, sees: narrow).json.pointers == ["/connections/0"])
            }
            #expect(try await bench.send(.get, "/v1/webhooks", sees: narrow).json["items"]?.arrayValue?.count == 1)
            #expect(try await bench.send(.get, "/v1/webhooks/{id}", all, sees: narrow).status == 404)
            #expect(try await bench.send(.delete, "/v1/webhooks/{id}", all, sees: narrow).status == 404)
        }
    }

    @Test func `lists go page by page`() async throws {
        try await WebhookBench.with { (bench) async throws in
            for index in 0..<5 { _ = try await bench.create(#"{"url":"https://a.example/\#(index)"}"#) }
            var seen: [String] = []
            var query = "limit=2"
            while true {
                let page = try await bench.send(.get, "/v1/webhooks", query: query)
                seen += page.json["items"]?.arrayValue?.map(\.id) ?? []
                guard let next = page.json["next"]?.stringValue else { break }
                query = "limit=2&after=\(next)"
            }
            #expect(seen.count == 5 && Set(seen).count == 5)
        }
    }

    @Test func `rotating gives a new secret and keeps the old one for a while`() async throws {
        try await WebhookBench.with { (bench) async throws in
            let made = try await bench.create(#"{"url":"https://a.example"}"#).json
            let rotated = try await bench.send(.post, "/v1/webhooks/{id}/rotate", made.id)
            #expect(rotated.status == 200)
            #expect(rotated.json["secret"] != nil && rotated.json["secret"] != made["secret"])
            let key = try #require(Int64(made.id.dropFirst(3)))
            let row = try await bench.store.read { try $0.webhooks.find(key) }
            #expect(row?.oldSecret == [1, 2, 3] && row?.oldSecretUntil != nil)
        }
    }
}
