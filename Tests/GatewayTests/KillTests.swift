//  kill -9 at any moment: what was acknowledged is kept, and every change reaches the receiver.

import Glibc
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct KillTests {
    /// Twenty-four lives, each ended by SIGKILL at a moment drawn from the seed: somewhere among the answers to eight
    /// writers, or before the server listens.
    @Test(arguments: [UInt64(20_261_121)])
    func `whatever is killed in between, nothing acknowledged is lost and every change is delivered`(
        seed: UInt64
    ) async throws {
        let directory = "/tmp/gateway-kill-\(RandomSource.shared.hex(8))"
        try #require(mkdir(directory, 0o700) == 0)
        let receiver = try Receiver()
        let client = Client(log: .silent)
        let history = History()
        var random = KillGenerator(state: seed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receiver.server.run() }
            var life = try await Life(directory, client)
            try await life.register(receiver.server.address)
            for _ in 0..<24 {
                let answers = Int.random(in: 1...150, using: &random)
                try await life.write(history, until: answers)
                life.kill()
                // Sometimes the next one does not even come up.
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let short = try Life.spawn(directory)
                    short.signal(SIGKILL)
                    _ = await short.exitCode()
                }
                life = try await Life(directory, client)
            }
            let last = try await life.check(history)
            #expect(await receiver.hasAll(through: last), "missing: \(receiver.missing(through: last))")
            #expect(receiver.disorder == [], "contacts whose events came out of order")
            life.process.signal(SIGTERM)
            #expect(await life.process.exitCode() == 0)
            receiver.server.stop()
            try await group.waitForAll()
        }
        print(
            "kill -9: 24 rounds, seed \(seed), \(history.acknowledged) acknowledged, 0 lost,",
            "\(receiver.count) changes delivered, \(receiver.duplicates) of them more than once"
        )
        await client.close()
        for name in ["contacts.db", "contacts.db-wal", "contacts.db-shm", "contacts.db-lock", "gateway.json"] {
            unlink("\(directory)/\(name)")
        }
        rmdir(directory)
    }
}

/// What the writers know of each contact: its last acknowledged title, and what was asked for and never answered.
private final class History: Sendable {
    struct Known {
        /// `nil` once the delete was acknowledged.
        var title: String?
        /// The write that was under way when the process died; `.some(nil)` is a delete.
        var unanswered: String??
        var revision: Int
    }
    private struct State {
        var contacts: [String: Known] = [:]
        var acknowledged = 0
        var number = 0
    }
    private let state = Mutex(State())

    var acknowledged: Int { state.withLock { $0.acknowledged } }
    var contacts: [String: Known] { state.withLock { $0.contacts } }

    func nextNumber() -> Int {
        state.withLock { state in
            state.number += 1
            return state.number
        }
    }

    func willWrite(_ id: String, _ title: String?) {
        state.withLock { $0.contacts[id]?.unanswered = .some(title) }
    }

    func acknowledge(_ id: String, _ title: String?, revision: Int) {
        state.withLock { state in
            state.contacts[id] = Known(title: title, unanswered: nil, revision: revision)
            state.acknowledged += 1
        }
    }
}

/// One life of the gateway on the same directory.
private final class Life: Sendable {
    let process: Running
    private let base: String
    private let client: Client
    private let answered = Atomic<Int>(0)

    static func spawn(_ directory: String) throws -> Running {
        try Running(
            ["serve", "--config", directory + "/gateway.json", "--listen", "127.0.0.1:0"],
            environment: ["SWIFT_BACKTRACE": "enable=no"]
        )
    }

    init(_ directory: String, _ client: Client) async throws {
        let config = RunningGateway.config().replacing("DIRECTORY", with: directory)
        try RunningGateway.write(config, to: directory + "/gateway.json")
        process = try Self.spawn(directory)
        let line = await process.line("server.listening")
        base = "http://" + (try #require(line?["address"]?.stringValue, "\(process.lines)"))
        self.client = client
    }

    func kill() { process.signal(SIGKILL) }

    func call(
        _ method: HTTPCore.Method,
        _ path: String,
        _ body: String? = nil
    ) async throws -> (status: Int, json: JSONValue) {
        var fields: HeaderFields = ["Authorization": "Bearer all-key"]
        if body != nil { fields.set("Content-Type", "application/json") }
        let request = ClientRequest(method: method, url: base + path, fields: fields, body: Array((body ?? "").utf8))
        let response = try await client.send(request)
        return (response.status, (try? JSONValue(parsing: response.body)) ?? .null)
    }

    func register(_ receiver: String) async throws {
        let answer = try await call(.post, "/v1/webhooks", #"{"url": "http://\#(receiver)/", "events": ["contact.*"]}"#)
        try #require(answer.status == 201, "\(answer.json)")
    }

    /// Eight writers, each with contacts of its own, until so many answers came; then the process is killed under
    /// those that are still under way.
    func write(_ history: History, until answers: Int) async throws {
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask { [self] in
                    var random = KillGenerator(state: UInt64(history.nextNumber() * 8 + writer))
                    var own: [String] = []
                    // A failed call is the kill: what it asked for stays unanswered.
                    while (try? await self.step(history, &own, &random)) != nil {
                        if answered.add(1, ordering: .relaxed).newValue >= answers { kill() }
                    }
                }
            }
        }
        _ = await process.exitCode()
    }

    private func step(_ history: History, _ own: inout [String], _ random: inout KillGenerator) async throws {
        struct Unexpected: Error {}
        let title = "t\(history.nextNumber())"
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where !own.isEmpty:
            let id = own.removeLast()
            history.willWrite(id, nil)
            guard try await call(.delete, "/v1/contacts/\(id)").status == 204 else { throw Unexpected() }
            history.acknowledge(id, nil, revision: 0)
        case 1..<5 where !own.isEmpty:
            let id = own[Int.random(in: 0..<own.count, using: &random)]
            history.willWrite(id, title)
            let answer = try await call(.patch, "/v1/contacts/\(id)", #"{"title": "\#(title)"}"#)
            guard answer.status == 200, let revision = answer.json["revision"]?.intValue else { throw Unexpected() }
            history.acknowledge(id, title, revision: revision)
        default:
            let body = #"{"connection": "book", "name": {"full": "Person"}, "title": "\#(title)"}"#
            let answer = try await call(.post, "/v1/contacts", body)
            guard answer.status == 201, let id = answer.json["id"]?.stringValue,
                let revision = answer.json["revision"]?.intValue
            else { throw Unexpected() }
            history.acknowledge(id, title, revision: revision)
            own.append(id)
        }
    }

    /// Compares what the gateway has with what was acknowledged.
    ///
    /// - Returns: The last sequence.
    func check(_ history: History) async throws -> Int {
        for (id, known) in history.contacts {
            let answer = try await call(.get, "/v1/contacts/\(id)")
            let title = answer.status == 404 ? nil : answer.json["title"]?.stringValue
            let isKept = title == known.title || known.unanswered.map { $0 == title } == true
            #expect(isKept, "\(id) has \(title ?? "gone"); acknowledged was \(known.title ?? "gone")")
            if answer.status == 200 { #expect((answer.json["revision"]?.intValue ?? 0) >= known.revision) }
        }
        // One more change, so that its sequence is the last of all.
        let body = #"{"connection": "book", "name": {"full": "The Last"}}"#
        let last = try #require(try await call(.post, "/v1/contacts", body).json["revision"]?.intValue)
        var path = "/v1/changes?limit=1000"
        var revisions = Set<Int>()
        while true {
            let page = try await call(.get, path)
            try #require(page.status == 200, "\(page.json)")
            for item in page.json["items"]?.arrayValue ?? [] {
                if let revision = item["contact"]?["revision"]?.intValue { revisions.insert(revision) }
            }
            guard page.json["has_more"]?.boolValue == true, let next = page.json["next"]?.stringValue else { break }
            path = "/v1/changes?limit=1000&since=\(next)"
        }
        #expect(revisions.max() == last)
        return last
    }
}

/// Where the webhook's events arrive.
private final class Receiver: Sendable {
    private struct State {
        var arrivals: [Int: Int] = [:]
        var newest: [String: Int] = [:]
        var disorder: Set<String> = []
    }
    let server: Server
    private let state: StateBox

    private final class StateBox: Sendable {
        let value = Mutex(State())

        func note(_ body: [UInt8]) {
            guard let event = try? JSONValue(parsing: body), let sequence = event["data"]?["sequence"]?.intValue,
                let contact = event["data"]?["contact_id"]?.stringValue
            else { return }
            value.withLock { state in
                state.arrivals[sequence, default: 0] += 1
                // A first arrival behind a later one of the same contact is out of order; a repeat is not.
                if state.arrivals[sequence] == 1 {
                    if sequence < state.newest[contact] ?? 0 { state.disorder.insert(contact) }
                    state.newest[contact] = max(sequence, state.newest[contact] ?? 0)
                }
            }
        }
    }

    init() throws {
        let box = StateBox()
        state = box
        server = try Server(settings: ServerSettings(), log: .silent) { _ in
            Router([
                .post(
                    "/",
                    .later { request in
                        box.note(request.body)
                        return Response(status: 204)
                    }
                )
            ])
        }
    }

    var count: Int { state.value.withLock { $0.arrivals.count } }
    var duplicates: Int { state.value.withLock { $0.arrivals.values.count { $0 > 1 } } }
    var disorder: Set<String> { state.value.withLock { $0.disorder } }

    func missing(through last: Int) -> [Int] {
        state.value.withLock { state in (1...last).filter { state.arrivals[$0] == nil } }
    }

    /// Waits until every sequence up to the last has arrived; false when a minute was not enough.
    func hasAll(through last: Int) async -> Bool {
        let end = Monotonic.milliseconds() + 60_000
        while Monotonic.milliseconds() < end {
            if missing(through: last).isEmpty { return true }
            guard (try? await ContinuousClock().sleep(for: .milliseconds(20))) != nil else { break }
        }
        return missing(through: last).isEmpty
    }
}

/// Random moments from a seed.
private struct KillGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Hash64.scramble(state)
    }
}
