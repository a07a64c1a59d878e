//  kill -9 and SIGTERM at any moment, and a checker that looks at everything that clients and the receiver saw.

import Glibc
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Synchronization
import TestSupport
import Testing

/// `KILL_ROUNDS` is how many lives, `KILL_SEED` where their moments come from.
@Suite(.timeLimit(.minutes(60))) struct KillTests {
    static let rounds = number("KILL_ROUNDS") ?? 16
    static let seed = UInt64(number("KILL_SEED") ?? 20_261_121)

    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    /// Each life ends at a moment drawn from the seed, by SIGKILL or, one in four, by SIGTERM: somewhere among the
    /// answers to eight writers, two readers and a follower of the feed, or before the server listens.
    @Test(arguments: ["local", "portsip"])
    func `whatever is killed in between, clients and the receiver see a history that can be`(vendor: String)
        async throws
    {
        let directory = ScratchDirectory().path
        let receiver = try Receiver()
        let client = Client(log: .silent)
        let recorder = Recorder()
        var random = KillGenerator(state: Self.seed)
        let simulator = vendor == "local" ? nil : try Running(["simulate", vendor, "--listen", "127.0.0.1:0"])
        let address = await simulator?.line("simulator.listening")?["address"]?.stringValue
        let config = Self.config(vendor: vendor, at: address ?? "", in: directory)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receiver.server.run() }
            var life = try await Life(directory, config, client, recorder)
            try await life.begin(receiver.server.address)
            for _ in 0..<Self.rounds {
                let isKill = Int.random(in: 0..<4, using: &random) > 0
                try await life.live(until: Int.random(in: 1...150, using: &random), signal: isKill ? SIGKILL : SIGTERM)
                // Sometimes the next one does not even come up.
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let short = try Life.spawn(directory)
                    short.signal(SIGKILL)
                    _ = await short.exitCode()
                }
                life = try await Life(directory, config, client, recorder)
            }
            try await life.finish(receiver)
            life.process.signal(SIGTERM)
            #expect(await life.process.exitCode() == 0)
            receiver.server.stop()
            try await group.waitForAll()
        }
        var history = recorder.history
        history.deliveries = receiver.arrivals
        #expect(history.violations() == [])
        print(
            "\(vendor): \(Self.rounds) lives, seed \(Self.seed), \(history.calls.count) calls,",
            "\(history.acknowledged) writes acknowledged, \(history.unanswered) calls never answered, 0 lost,",
            "\(history.feed.count) changes, \(history.duplicates) delivered more than once"
        )
        simulator?.signal(SIGTERM)
        _ = await simulator?.exitCode()
        await client.close()
    }

    /// The connection is `book`, whatever keeps it. No run comes in between: what a vendor stored for a write that was
    /// never answered is for the next run to find.
    private static func config(vendor: String, at address: String, in directory: String) -> String {
        let portsip = """
            {"id": "book", "vendor": "portsip", "base_url": "http://\(address)", "region": "US",
             "credentials": {"token": "portsip-token"}, "sync": {"every": "24h"}}
            """
        let config = vendor == "local" ? RunningGateway.config() : RunningGateway.config(connections: portsip)
        return config.replacing("DIRECTORY", with: directory)
    }
}

/// Writes the history down, and knows what the writers still have to do.
private final class Recorder: Sendable {
    /// A create with a key that was never answered: it is sent again until it is.
    struct Keyed: Sendable {
        var key: String
        var name: String
        var began: Int64
    }
    private struct State {
        var history = History()
        var number = 0
        var keyed: [Keyed] = []
        var known: [String] = []
        var token = ""
    }
    private let state = Mutex(State())

    var history: History { state.withLock { $0.history } }

    /// Where the follower of the feed stands.
    var token: String {
        get { state.withLock { $0.token } }
        set { state.withLock { $0.token = newValue } }
    }

    func nextNumber() -> Int {
        state.withLock { state in
            state.number += 1
            return state.number
        }
    }

    func note(_ call: History.Call) {
        state.withLock { state in
            state.history.calls.append(call)
            if call.verb == .create, call.isAcknowledged, let contact = call.contact { state.known.append(contact) }
        }
    }

    func note(_ change: History.Change) { state.withLock { $0.history.feed.append(change) } }

    func end(with contacts: [String: String]) { state.withLock { $0.history.contacts = contacts } }

    func keep(_ keyed: Keyed) { state.withLock { $0.keyed.append(keyed) } }

    func takeKeyed() -> Keyed? { state.withLock { $0.keyed.popLast() } }

    /// Any contact that was ever created, gone or not.
    func anyContact(_ random: inout KillGenerator) -> String? {
        state.withLock { $0.known }.randomElement(using: &random)
    }
}

/// One life of the gateway on the same directory.
private final class Life: Sendable {
    let process: Running
    private let base: String
    private let client: Client
    private let recorder: Recorder
    private let answered = Atomic<Int>(0)

    private struct Unexpected: Error, CustomStringConvertible {
        var description: String
    }

    static func spawn(_ directory: String) throws -> Running {
        try Running(
            ["serve", "--config", directory + "/gateway.json", "--listen", "127.0.0.1:0"],
            environment: ["SWIFT_BACKTRACE": "enable=no"]
        )
    }

    init(_ directory: String, _ config: String, _ client: Client, _ recorder: Recorder) async throws {
        try RunningGateway.write(config, to: directory + "/gateway.json")
        process = try Self.spawn(directory)
        let line = await process.line("server.listening")
        base = "http://" + (try #require(line?["address"]?.stringValue, "\(process.lines)"))
        self.client = client
        self.recorder = recorder
    }

    // MARK: Its beginning and its end

    func begin(_ receiver: String) async throws {
        let answer = try await call(.post, "/v1/webhooks", #"{"url": "http://\#(receiver)/", "events": ["contact.*"]}"#)
        try #require(answer.status == 201, "\(answer.json)")
        let page = try await call(.get, "/v1/changes?limit=1")
        recorder.token = try #require(page.json["next"]?.stringValue, "\(page.json)")
    }

    /// Clients at work until so many answers came; then the signal, under those that are still under way.
    func live(until answers: Int, signal: Int32) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [self] in try await work(until: answers, signal) { try await write(&$0, &$1) } }
            }
            for _ in 0..<2 {
                group.addTask { [self] in try await work(until: answers, signal) { try await read(&$1) } }
            }
            group.addTask { [self] in try await work(until: answers, signal) { _, _ in try await follow() } }
            try await group.waitForAll()
        }
        let code = await process.exitCode()
        #expect(code == (signal == SIGKILL ? 128 + SIGKILL : 0), "\(process.lines.suffix(3))")
    }

    /// One client: a call that fails is the end of this life.
    private func work(
        until answers: Int,
        _ signal: Int32,
        _ step: (inout [String], inout KillGenerator) async throws -> Void
    ) async throws {
        var random = KillGenerator(state: UInt64(recorder.nextNumber()))
        var own: [String] = []
        while true {
            do { try await step(&own, &random) } catch let error as Unexpected { throw error } catch { return }
            if answered.add(1, ordering: .relaxed).newValue == answers { process.signal(signal) }
        }
    }

    /// Sends what is still unanswered, follows the feed to its end, and waits until all of it was delivered.
    func finish(_ receiver: Receiver) async throws {
        while let keyed = recorder.takeKeyed() { try await create(keyed, count: 1) }
        while try await follow() {}
        let last = recorder.history.feed.last?.sequence ?? 0
        #expect(await receiver.hasAll(through: last), "missing: \(receiver.missing(through: last))")
        var contacts: [String: String] = [:]
        var path = "/v1/contacts?limit=200"
        while true {
            let page = try await call(.get, path)
            try #require(page.status == 200, "\(page.json)")
            for item in page.json["items"]?.arrayValue ?? [] {
                contacts[item["id"]?.stringValue ?? ""] = item["name"]?["full"]?.stringValue
            }
            guard let next = page.json["next"]?.stringValue else { break }
            path = "/v1/contacts?limit=200&after=\(next)"
        }
        recorder.end(with: contacts)
    }

    // MARK: Calls

    private func call(
        _ method: HTTPCore.Method,
        _ path: String,
        _ body: String? = nil,
        key: String? = nil
    ) async throws -> (status: Int, json: JSONValue) {
        var fields: HeaderFields = ["Authorization": "Bearer all-key"]
        if body != nil { fields.set("Content-Type", "application/json") }
        if let key { fields.set("Idempotency-Key", key) }
        let request = ClientRequest(method: method, url: base + path, fields: fields, body: Array((body ?? "").utf8))
        let response = try await client.send(request)
        return (response.status, (try? JSONValue(parsing: response.body)) ?? .null)
    }

    private func write(_ own: inout [String], _ random: inout KillGenerator) async throws {
        let name = "n\(recorder.nextNumber())"
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where !own.isEmpty:
            let id = own.removeLast()
            try await noting(.delete, id, nil) { try await call(.delete, "/v1/contacts/\(id)") }
        case 1..<5 where !own.isEmpty:
            let id = own[Int.random(in: 0..<own.count, using: &random)]
            let patch = #"{"name": {"full": "\#(name)"}}"#
            try await noting(.patch, id, name) { try await call(.patch, "/v1/contacts/\(id)", patch) }
        case 5, 6:
            let new = Recorder.Keyed(key: "k-\(name)", name: name, began: Monotonic.nanoseconds())
            // The one that was never answered first, and now and then one twice.
            own.append(try await create(recorder.takeKeyed() ?? new, count: Int.random(in: 1...2, using: &random)))
        default:
            own.append(try await noting(.create, nil, name) { try await call(.post, "/v1/contacts", Self.body(name)) })
        }
    }

    /// A create under a key, as often as said; every answer is the same one.
    @discardableResult
    private func create(_ keyed: Recorder.Keyed, count: Int) async throws -> String {
        var answers: [(status: Int, json: JSONValue)] = []
        do {
            while answers.count < count {
                answers.append(try await call(.post, "/v1/contacts", Self.body(keyed.name), key: keyed.key))
            }
        } catch {
            recorder.keep(keyed)
            throw error
        }
        let answer = answers[0]
        if answers.last?.json != answer.json { throw Unexpected(description: "two answers under one key: \(answers)") }
        guard answer.status == 201, let id = answer.json["id"]?.stringValue else {
            if answer.status == 503 { recorder.keep(keyed) }
            throw Self.refusal(answer)
        }
        var call = History.Call(
            verb: .create,
            contact: id,
            name: keyed.name,
            began: keyed.began,
            ended: 0,
            outcome: .unknown
        )
        call.ended = Monotonic.nanoseconds()
        call.outcome = .ok(revision: answer.json["revision"]?.intValue, name: nil)
        recorder.note(call)
        return id
    }

    /// Makes a call and writes it down, answered or not.
    ///
    /// - Returns: The contact's id.
    @discardableResult
    private func noting(
        _ verb: History.Verb,
        _ contact: String?,
        _ name: String?,
        _ send: () async throws -> (status: Int, json: JSONValue)
    ) async throws -> String {
        let began = Monotonic.nanoseconds()
        var call = History.Call(verb: verb, contact: contact, name: name, began: began, ended: .max, outcome: .unknown)
        let answer: (status: Int, json: JSONValue)
        do { answer = try await send() } catch {
            recorder.note(call)
            throw error
        }
        call.ended = Monotonic.nanoseconds()
        switch answer.status {
        case 200, 201, 204:
            call.contact = contact ?? answer.json["id"]?.stringValue
            call.outcome = .ok(
                revision: answer.json["revision"]?.intValue,
                name: verb == .read ? answer.json["name"]?["full"]?.stringValue : nil
            )
        case 404 where verb == .read: call.outcome = .ok(revision: nil, name: nil)
        default: call.outcome = .refused(answer.status)
        }
        recorder.note(call)
        if case .refused = call.outcome { throw Self.refusal(answer) }
        return call.contact ?? ""
    }

    /// A server that is stopping says so; nothing else is to be refused here.
    private static func refusal(_ answer: (status: Int, json: JSONValue)) -> any Error {
        answer.status == 503 ? CancellationError() : Unexpected(description: "\(answer)")
    }

    private func read(_ random: inout KillGenerator) async throws {
        guard let id = recorder.anyContact(&random) else { return _ = try await call(.get, "/v1/contacts?limit=1") }
        try await noting(.read, id, nil) { try await call(.get, "/v1/contacts/\(id)") }
    }

    /// The next change of the feed, one a page: a page holds only the last of several changes of one contact.
    ///
    /// - Returns: False when there was none.
    @discardableResult
    private func follow() async throws -> Bool {
        let page = try await call(.get, "/v1/changes?limit=1&since=\(recorder.token)")
        guard page.status == 200, let next = page.json["next"]?.stringValue else { throw Self.refusal(page) }
        for item in page.json["items"]?.arrayValue ?? [] {
            let name = item["contact"]?["name"]?["full"]?.stringValue
            recorder.note(try #require(History.Change(item, name: name), "\(item)"))
        }
        recorder.token = next
        return page.json["items"]?.arrayValue?.isEmpty == false
    }

    private static func body(_ name: String) -> String {
        #"{"connection": "book", "name": {"full": "\#(name)"}, "phones": [{"number": "2025550101", "label": "work"}]}"#
    }
}

extension History.Change {
    /// A change as the feed and the webhook's `data` have it. What a deleted contact was called is told by only one.
    fileprivate init?(_ json: JSONValue, name: String?) {
        guard let sequence = json["sequence"]?.intValue, let contact = json["contact_id"]?.stringValue else {
            return nil
        }
        let type = json["type"]?.stringValue ?? ""
        self.init(sequence: sequence, contact: contact, type: type, name: type == "deleted" ? nil : name)
    }
}

/// Where the webhook's events arrive.
private final class Receiver: Sendable {
    let server: Server
    private let box: Box

    private final class Box: Sendable {
        let arrivals = Mutex<[History.Change]>([])

        func note(_ body: [UInt8]) {
            guard let event = try? JSONValue(parsing: body), let data = event["data"] else { return }
            let name = data["contact"]?["name"]?["full"]?.stringValue
            guard var change = History.Change(data, name: name) else { return }
            change.type = String((event["type"]?.stringValue ?? "").dropFirst("contact.".count))
            if change.type == "deleted" { change.name = nil }
            arrivals.withLock { $0.append(change) }
        }
    }

    init() throws {
        let box = Box()
        self.box = box
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

    var arrivals: [History.Change] { box.arrivals.withLock { $0 } }

    func missing(through last: Int) -> [Int] {
        let arrived = Set(arrivals.map(\.sequence))
        return last < 1 ? [] : (1...last).filter { !arrived.contains($0) }
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
