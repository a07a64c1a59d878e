//  Lists given again: what is kept, for whom, and that it is never another answer than a fresh one.

import Config
import Contacts
import HTTPCore
import HTTPServer
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@testable import API

@Suite(.timeLimit(.minutes(1))) struct AnswerCacheTests {
    private static let ann = Caller(name: "same", scopes: [.read], connections: nil)
    private static let bob = Caller(name: "same", scopes: [.read], connections: nil)
    private static let basis = AnswerCache.Basis(commits: 1, configuration: 1)

    /// Writes an answer as a list does, and offers it to the cache.
    private static func offer(
        _ body: String,
        to query: String,
        of caller: Caller = ann,
        on basis: AnswerCache.Basis = basis,
        _ cache: inout AnswerCache,
        _ out: inout ResponseWriter
    ) {
        out.prepare(requestID: 7, isHead: false, isHTTP11: true, closes: false)
        out.beginJSON(200)
        let place = out.output.count
        out.field("Link", "<x>")
        out.beginBody()
        out.output.append(body)
        out.endBody()
        cache.keep(query.utf8.span, to: caller, on: basis, from: place, of: out)
    }

    /// What the cache answers; `nil` when nothing.
    private static func answer(
        _ query: String,
        of caller: Caller = ann,
        on basis: AnswerCache.Basis = basis,
        isHead: Bool = false,
        _ cache: inout AnswerCache
    ) -> String? {
        var out = ResponseWriter()
        out.prepare(requestID: 9, isHead: isHead, isHTTP11: true, closes: true)
        guard cache.answer(query.utf8.span, to: caller, on: basis, &out) else { return nil }
        if let tail = out.tail {
            do { try tail.append(to: &out.output) } catch { Issue.record(error) }
        }
        return out.output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [3, AnswerCache.leastInFile - 1, AnswerCache.leastInFile])
    func `what is asked for a second time is kept, and its head is written anew`(count: Int) throws {
        let body = String(repeating: "1", count: count)
        var cache = AnswerCache()
        var out = ResponseWriter()
        Self.offer(body, to: "a=1", &cache, &out)
        let once = Self.answer("a=1", &cache)
        #expect(once == nil)
        // Behind another answer in the same output, as in a pipeline.
        Self.offer(body, to: "a=1", &cache, &out)
        let twice = try #require(Self.answer("a=1", &cache))
        #expect(
            twice.contains(
                "\r\nX-Request-Id: 0000000000000009\r\nConnection: close\r\nContent-Type: application/json\r\n"
            )
        )
        let length = String(repeating: " ", count: 12 - "\(count)".count) + "\(count)"
        #expect(twice.contains("\r\nLink: <x>\r\nContent-Length:\(length)\r\n\r\n1"))
        let head = try #require(Self.answer("a=1", isHead: true, &cache))
        #expect(twice == head + body)
        let others = [
            Self.answer("a=2", &cache), Self.answer("a=", &cache), Self.answer("", &cache),
            Self.answer("a=1", of: Self.bob, &cache),
        ]
        #expect(others == [nil, nil, nil, nil])
    }

    @Test(arguments: [
        AnswerCache.Basis(commits: 2, configuration: 1), AnswerCache.Basis(commits: 1, configuration: 2),
    ])
    func `another basis empties it`(next: AnswerCache.Basis) {
        var cache = AnswerCache()
        var out = ResponseWriter()
        for _ in 0..<2 { Self.offer("[1]", to: "", &cache, &out) }
        let count = cache.byteCount
        #expect(count > 0)
        let later = Self.answer("", on: next, &cache)
        #expect(later == nil)
        let left = cache.byteCount
        #expect(left == 0)
        // Nor does it count any more that it was asked for before.
        Self.offer("[2]", to: "", on: next, &cache, &out)
        let kept = Self.answer("", on: next, &cache)
        #expect(kept == nil)
    }

    @Test func `it is bounded, whatever is asked, and gives everything back`() {
        var cache = AnswerCache()
        var out = ResponseWriter()
        let body = String(repeating: "x", count: 60_000)
        for number in 0..<100 {
            for _ in 0..<2 { Self.offer(body, to: "a=\(number)", &cache, &out) }
            out.output.removeAll()
            let isKept = Self.answer("a=\(number)", &cache) != nil
            let count = cache.byteCount
            #expect(isKept && count <= AnswerCache.mostBytes)
        }
        for number in 0..<5000 {
            for _ in 0..<2 { Self.offer("", to: "b=\(number)", &cache, &out) }
            out.output.removeAll()
        }
        let count = cache.byteCount
        #expect(count < AnswerCache.mostAnswers * 100)
        let long = String(repeating: "x", count: AnswerCache.longestAnswer)
        for _ in 0..<3 { Self.offer(long, to: "long", &cache, &out) }
        let isKept = Self.answer("long", &cache) != nil
        #expect(!isKept)
        cache.release()
        let (left, gone) = (cache.byteCount, Self.answer("b=4999", &cache))
        #expect(left == 0 && gone == nil)
    }

    // MARK: On a server

    fileprivate static let questions = [
        "", "?", "?limit=3", "?limit=3&", "?q=person", "?q=PERSON", "?q=ann", "?connection=desk",
        "?connection=book&limit=2",
        "?phone=3224241", "?email=ann@example.com", "?tag=vip", "?limit=0", "?include=raw&limit=1",
    ]

    @Test func `an answer given again is what is read anew, whatever has happened`() async throws {
        try await withReadingBench { bench in
            try await ListServer.with(bench) { server in
                let desk = bench.desk
                var keys: [Int64] = []
                for number in 0..<9 {
                    keys.append(try await bench.create("Person \(number)", in: number % 3 == 0 ? desk : nil))
                }
                try await server.settle()
                let empty = server.ask("?q=ann", key: "all")
                #expect(empty.body == #"{"items":[],"next":null}"#)
                let steps: [(String, () async throws -> Void)] = [
                    ("a contact comes", { keys.append(try await bench.create("Ann", in: desk)) }),
                    ("one is renamed", { try await bench.rename(keys[1], "Annette") }),
                    ("one goes", { try await bench.delete(keys[2]) }),
                    ("a run ends", { try await server.endRun(of: bench.book, at: 1_790_000_000_000) }),
                    ("a later one ends", { try await server.endRun(of: bench.book, at: 1_790_000_060_000) }),
                    ("a reload changes what a key sees", { server.reload(narrow: ["desk"]) }),
                    ("a reload takes a connection away", { server.reload(narrow: ["desk", "book"], without: "desk") }),
                    ("it comes back", { server.reload(narrow: ["book"]) }),
                ]
                for (name, step) in steps {
                    try await step()
                    try await server.settle(name)
                }
                let narrow = Self.questions.map { server.ask($0, key: "narrow").body }.joined()
                #expect(narrow.contains("Annette") && !narrow.contains("\"Ann\"") && !narrow.contains("\"desk\""))
                let found = server.ask("?q=ann", key: "all")
                #expect(found.body.contains("\"Ann\"") && found.body.contains("\"Annette\""))
            }
        }
    }

    @Test func `a client reads what it wrote, and a quota goes on, through answers given again`() async throws {
        try await withReadingBench { bench in
            try await ListServer.with(bench) { server in
                for number in 0..<60 {
                    try await bench.create("Person \(number)")
                    for _ in 0..<3 {
                        let answer = server.ask("?limit=1000", key: "all")
                        #expect(answer.body.contains("\"Person \(number)\""))
                    }
                }
                // The last ones are long enough not to be copied.
                #expect(server.keptBytes > AnswerCache.leastInFile)
                let left = (0..<4).map { _ in server.ask("", key: "slow").fields.first { $0.hasPrefix("RateLimit:") } }
                #expect(Set(left).count == 4 && !left.contains(nil))
                let asked = server.ask("", key: "all", fields: "If-None-Match: *\r\n")
                #expect(asked.status == 200 && asked == server.ask("", key: "all"))
            }
        }
    }

    @Test func `a pipeline of answers given again, heads and others comes out in order`() async throws {
        try await withReadingBench { bench in
            try await ListServer.with(bench) { server in
                for number in 0..<5 { try await bench.create("Person \(number)") }
                for _ in 0..<3 { _ = server.ask("?limit=2", key: "all") }
                let asked = [
                    ("GET", "?limit=2"), ("HEAD", "?limit=2"), ("GET", "?limit=3"), ("GET", "?limit=2"), ("GET", "?x"),
                    ("HEAD", "?limit=3"), ("GET", "?limit=2"),
                ]
                let together = server.pipeline(asked, key: "all")
                let apart = asked.map { server.ask($0.1, key: "all", method: $0.0) }
                #expect(together.count == asked.count)
                #expect(together.map(\.body) == apart.map(\.body))
                #expect(together.map(\.status) == [200, 200, 200, 200, 400, 200, 200])
                #expect(together[1].fields == together[0].fields && together[1].body.isEmpty)
            }
        }
    }
}

/// One loop that answers lists over a unix socket, with a configuration that can be replaced.
private final class ListServer: Sendable {
    private let bench: ReadingBench
    private let path: String
    private let state: GatewayState
    private let asked = Mutex(0)

    static func with(_ bench: ReadingBench, _ body: (ListServer) async throws -> Void) async throws {
        let path = "/tmp/list-\(RandomSource.shared.next()).sock"
        let lists = ListServer(bench, path)
        lists.reload(narrow: ["book"])
        var settings = ServerSettings()
        settings.admin = .unix(path: path)
        let server = try Server(settings: settings, log: .silent) { _ in
            let context = try LoopContext(store: bench.store, live: bench.live)
            let reads = ContactReads(context: context)
            let routes: [Route] = [
                .get("/v1/contacts", access: "read", .now { reads.list($0, &$1) }),
                .get(
                    "/kept",
                    .now {
                        $1.begin(200); $1.end(Array("\(context.answers.byteCount)".utf8))
                    }
                ),
            ]
            let doorkeeper = Doorkeeper(live: bench.live, rules: DoorRules(), routes: routes)
            return Router(routes, hooks: context.hooks(doorkeeper))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { server.stop() }
            try await body(lists)
        }
    }

    private init(_ bench: ReadingBench, _ path: String) {
        self.bench = bench
        self.path = path
        state = bench.live.current
    }

    /// Puts a configuration in force in which the key `narrow` sees those connections, and that may lack one.
    func reload(narrow: Set<String>, without missing: String? = nil) {
        var slow = KeyConfig(name: "slow", secret: Secret("slow"), scopes: [.read])
        slow.limits = KeyLimits(requestsPerSecond: 0.001, burst: 1000)
        let keys = KeyRing([
            KeyConfig(name: "all", secret: Secret("all"), scopes: [.read]),
            KeyConfig(name: "narrow", secret: Secret("narrow"), scopes: [.read], connections: narrow), slow,
        ])
        let connections = ConnectionDirectory(state.connections.all.filter { $0.id != missing })
        bench.live.replace(with: GatewayState(config: state.config, keys: keys, connections: connections))
    }

    func endRun(of connection: Int64, at milliseconds: Int64) async throws {
        try await bench.store.write { transaction in
            guard var row = try transaction.connections.find(key: connection) else { return }
            row.lastGoodRunAt = Timestamp(milliseconds: milliseconds)
            try transaction.connections.update(row)
        }
    }

    struct Seen: Equatable {
        var status: Int
        /// Without what is another in each answer.
        var fields: [String]
        /// Not of a problem: its request's id is another each time.
        var body: String
    }

    /// Asks every question with both keys again and again, and in a spelling that was never used, until the search
    /// index has caught up and everything was the same throughout.
    func settle(_ step: String = "") async throws {
        var isQuiet = false
        while !isQuiet {
            isQuiet = bench.store.statistics.searchBacklog == 0
            for key in ["all", "narrow"] {
                for question in AnswerCacheTests.questions {
                    let before = fresh(question, key)
                    let answers = (0..<3).map { _ in ask(question, key: key) }
                    guard before == fresh(question, key) else {
                        isQuiet = false
                        continue
                    }
                    for answer in answers { #expect(answer == before, "\(step): \(key) \(question)") }
                }
            }
        }
        #expect(keptBytes > 0)
    }

    /// The same question in a spelling of its own: no answer to it can be kept.
    private func fresh(_ question: String, _ key: String) -> Seen {
        let count = asked.withLock { count in
            count += 1
            return count
        }
        return ask((question.isEmpty ? "?" : question) + String(repeating: "&", count: count % 6000 + 2), key: key)
    }

    func ask(_ question: String, key: String, method: String = "GET", fields: String = "") -> Seen {
        pipeline([(method, question)], key: key, fields: fields).first ?? Seen(status: 0, fields: [], body: "")
    }

    /// Sends all at once, the last with `Connection: close`.
    func pipeline(_ questions: [(method: String, question: String)], key: String, fields: String = "") -> [Seen] {
        let head = "Host: a\r\nAuthorization: Bearer \(key)\r\n\(fields)"
        let requests = questions.enumerated().map { place, asked in
            let end = place == questions.count - 1 ? "Connection: close\r\n\r\n" : "\r\n"
            return "\(asked.method) /v1/contacts\(asked.question) HTTP/1.1\r\n\(head)\(end)"
        }
        var rest = (UnixExchange.send(requests.joined(), to: path) ?? "")[...]
        return questions.map { Self.take(&rest, isHead: $0.method == "HEAD") }
    }

    private static func take(_ rest: inout Substring, isHead: Bool) -> Seen {
        let parts = rest.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = (parts.first ?? "").split(separator: "\r\n").map { line in
            line.split(separator: " ").joined(separator: " ")
        }
        let length = lines.first { $0.hasPrefix("Content-Length:") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        let body = parts.count < 2 || isHead ? "" : String(decoding: parts[1].utf8.prefix(length), as: UTF8.self)
        rest = parts.count < 2 ? "" : parts[1].dropFirst(body.count)
        let fresh = ["HTTP/", "Date:", "X-Request-Id:", "Connection:"]
        return Seen(
            status: Int(lines.first?.dropFirst(9).prefix(3) ?? "") ?? 0,
            fields: lines.filter { line in !fresh.contains { line.hasPrefix($0) } },
            body: lines.first?.contains(" 200 ") == true ? body : "no list"
        )
    }

    /// How many bytes of answers the loop keeps.
    var keptBytes: Int {
        let text = UnixExchange.send("GET /kept HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", to: path) ?? ""
        return Int(text.split(separator: "\r\n\r\n").last ?? "") ?? 0
    }
}
