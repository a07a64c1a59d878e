//  The feed of changes: from the beginning, from a token, held, streamed, and refused.

import HTTPCore
import JSON
import Log
import Platform
import Store
import Synchronization
import Testing

@testable import API

@Suite struct ChangesTests {
    private func api(_ bench: ReadingBench) -> ChangesAPI {
        ChangesAPI(live: bench.live, store: bench.store, log: .silent, stop: bench.stop)
    }

    private func read(_ bench: ReadingBench, _ query: String?, seeing connections: Set<String>? = nil) async throws
        -> JSONValue
    {
        try await api(bench).changes(bench.request(.get, "/v1/changes", query, seeing: connections)).tree
    }

    /// Type and name of each item.
    private func told(_ page: JSONValue) -> [String] {
        (page["items"]?.arrayValue ?? []).map {
            "\($0["type"]?.stringValue ?? "-") \($0["contact"]?["name"]?["full"]?.stringValue ?? "-")"
        }
    }

    @Test func `from the beginning everything is created, and the token after it brings what comes`() async throws {
        try await withReadingBench { bench in
            let ann = try await bench.create("Ann")
            let bob = try await bench.create("Bob")
            try await bench.rename(ann, "Anna")
            var page = try await read(bench, "limit=1")
            #expect(told(page) == ["created Bob"])
            #expect(page["has_more"] == true)
            page = try await read(bench, "limit=1&since=\(page["next"]?.stringValue ?? "")")
            #expect(told(page) == ["created Anna"])
            let end = try await read(bench, "since=\(page["next"]?.stringValue ?? "")")
            #expect(told(end).isEmpty)
            #expect(end["has_more"] == false)
            try await bench.delete(bob)
            let next = try await read(bench, "since=\(end["next"]?.stringValue ?? "")")
            #expect(told(next) == ["deleted -"])
            #expect(next["items"]?.arrayValue?.first?["contact"] == .null)
            #expect(next["items"]?.arrayValue?.first?["connection"] == "book")
        }
    }

    @Test func `a walk meets what changed ahead of it and hears of what was deleted behind it`() async throws {
        try await withReadingBench { bench in
            let ann = try await bench.create("Ann")
            let bob = try await bench.create("Bob")
            try await bench.create("Cid")
            var names: [String] = []
            var page = try await read(bench, "limit=1")
            names += told(page)
            try await bench.delete(ann)
            try await bench.rename(bob, "Bobby")
            while page["has_more"] == true {
                page = try await read(bench, "limit=1&since=\(page["next"]?.stringValue ?? "")")
                names += told(page)
            }
            #expect(names == ["created Ann", "created Cid", "created Bobby", "deleted -"])
        }
    }

    @Test func `a page that passes over much of other connections ends early, and the next ones find the rest`()
        async throws
    {
        try await withReadingBench { bench in
            for number in 0..<30 { try await bench.create("Other \(number)") }
            let ann = try await bench.create("Ann", in: bench.desk)
            let start = bench.store.lastSequence
            for number in 0..<30 { try await bench.create("Later \(number)") }
            try await bench.delete(ann)
            let feed = ChangeFeed(names: [bench.desk: "desk"], folds: true)
            // The log still tells that Ann came, in an earlier page than that she went.
            let readers: [(first: ChangePosition, found: Int)] = [
                (.walk(afterRevision: 0, start: start), 1), (.log(after: 0), 2),
            ]
            for (first, wanted) in readers {
                try await bench.store.read { snapshot in
                    var page = try feed.page(at: first, limit: 5, passingOver: 10, in: snapshot)
                    #expect(page.isCutShort && page.hasMore && page.items.isEmpty)
                    var found = 0
                    var cutShort = 0
                    while page.hasMore {
                        page = try feed.page(at: page.next, limit: 5, passingOver: 10, in: snapshot)
                        found += page.items.count
                        cutShort += page.isCutShort ? 1 : 0
                    }
                    #expect(found == wanted)
                    #expect(cutShort > 1)
                }
            }
            let whole = try await read(bench, "since=latest&connection=desk")
            #expect(whole["has_more"] == false)
        }
    }

    @Test func `several changes of one contact become one, where its last one stands`() async throws {
        try await withReadingBench { bench in
            let start = try await read(bench, "since=latest")["next"]?.stringValue ?? ""
            let ann = try await bench.create("Ann")
            let bob = try await bench.create("Bob")
            try await bench.rename(ann, "Anna")
            let page = try await read(bench, "since=\(start)")
            #expect(told(page) == ["created Bob", "created Anna"])
            let token = page["next"]?.stringValue ?? ""
            try await bench.rename(bob, "Bobby")
            try await bench.rename(bob, "Rob")
            let later = try await read(bench, "since=\(token)")
            #expect(told(later) == ["updated Rob"])
            #expect(later["items"]?.arrayValue?.first?["changed_fields"] == ["name"])
            // A page that ends between the two shows the state in between.
            #expect(told(try await read(bench, "since=\(token)&limit=1")) == ["updated Bobby"])
        }
    }

    @Test func `connections that a key does not see are not there, also as a filter`() async throws {
        try await withReadingBench { bench in
            try await bench.create("Ann")
            try await bench.create("Dora", in: bench.desk)
            #expect(told(try await read(bench, nil)).count == 2)
            #expect(told(try await read(bench, nil, seeing: ["desk"])) == ["created Dora"])
            #expect(told(try await read(bench, "connection=book")) == ["created Ann"])
            let hidden = await problem {
                try await api(bench).changes(bench.request(.get, "/v1/changes", "connection=book", seeing: ["desk"]))
            }
            #expect(hidden?.status == 404)
        }
    }

    @Test func `tokens that are not ours are refused, and old ones are gone`() async throws {
        try await withReadingBench(retain: .zero) { bench in
            let token = try await read(bench, "since=latest")["next"]?.stringValue ?? ""
            try await bench.create("Ann")
            let other = SyncTokens(key: [1, 2, 3]).token(.log(after: 1))
            for bad in ["x", "AAAA", "\(token)A", other, ""] {
                let refused = await problem {
                    try await api(bench).changes(bench.request(.get, "/v1/changes", "since=\(bad)"))
                }
                #expect(refused?.status == 400, "\(bad)")
                #expect(refused?.code == "sync_token_invalid")
            }
            let later = ChangesAPI(live: bench.live, store: bench.store, log: .silent, stop: bench.stop) {
                Timestamp.now().advanced(byMilliseconds: 1000)
            }
            let expired = await problem {
                try await later.changes(bench.request(.get, "/v1/changes", "since=\(token)"))
            }
            #expect(expired?.status == 410)
            #expect(expired?.code == "sync_token_expired")
            let future = SyncTokens(key: bench.store.tokenKey).token(.log(after: 99))
            let ahead = await problem {
                try await later.changes(bench.request(.get, "/v1/changes", "since=\(future)"))
            }
            #expect(ahead?.status == 410)
        }
    }

    @Test func `a held answer comes with the next change, or empty when the server drains`() async throws {
        try await withReadingBench { bench in
            let token = try await read(bench, "since=latest")["next"]?.stringValue ?? ""
            let api = api(bench)
            let request = bench.request(.get, "/v1/changes", "since=\(token)", fields: ["Prefer": "wait=60"])
            async let held = api.changes(request)
            try await bench.create("Ann")
            let answer = try await held
            #expect(told(answer.tree) == ["created Ann"])
            #expect(answer.fields["Preference-Applied"] == "wait=60")
            let next = answer.tree["next"]?.stringValue ?? ""
            async let empty = api.changes(
                bench.request(.get, "/v1/changes", "since=\(next)", fields: ["Prefer": "wait=60"])
            )
            bench.stop.stop()
            #expect(told(try await empty.tree).isEmpty)
        }
    }

    @Test func `a stream tells each change with the token after it`() async throws {
        try await withReadingBench { bench in
            let ann = try await bench.create("Ann")
            try await bench.rename(ann, "Anna")
            let response = try await api(bench).stream(bench.request(.get, "/v1/changes/stream"))
            #expect(response.fields["Content-Type"] == "text/event-stream")
            let (texts, continuation) = AsyncStream.makeStream(of: String.self)
            let stream = try #require(response.stream)
            let reader = Task {
                try await stream(BodyWriter { continuation.yield(String(decoding: $0, as: UTF8.self)) })
                continuation.finish()
            }
            var events: [String] = []
            for await text in texts where text.hasPrefix("id:") {
                events.append(text)
                if events.count == 1 { try await bench.rename(ann, "Annie") }
                if events.count == 2 { bench.stop.stop() }
            }
            try await reader.value
            #expect(events[0].contains("\"type\":\"created\"") && events[0].contains("Anna"))
            #expect(events[1].contains("\"type\":\"updated\"") && events[1].contains("Annie"))
            let id = events[0].dropFirst("id: ".count).prefix { $0 != "\n" }
            let resumed = try await read(bench, "since=\(id)")
            #expect(told(resumed) == ["updated Annie"] || told(resumed) == ["created Annie"])
        }
    }

    /// The same configuration, loaded once more.
    private func reloaded(_ bench: ReadingBench) -> GatewayState {
        let state = bench.live.current
        return GatewayState(config: state.config, keys: state.keys, connections: state.connections)
    }

    @Test(.timeLimit(.minutes(1))) func `a stream ends when another configuration is in force`() async throws {
        try await withReadingBench { bench in
            let response = try await api(bench).stream(bench.request(.get, "/v1/changes/stream", "since=latest"))
            let stream = try #require(response.stream)
            let (texts, continuation) = AsyncStream.makeStream(of: String.self)
            let reader = Task {
                try await stream(BodyWriter { continuation.yield(String(decoding: $0, as: UTF8.self)) })
                continuation.finish()
            }
            var iterator = texts.makeAsyncIterator()
            #expect(await iterator.next() == ": changes follow\n\n")
            bench.live.replace(with: reloaded(bench))
            try await bench.create("Ann")
            try await reader.value
            while let text = await iterator.next() { #expect(!text.contains("Ann")) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a held answer ends empty when another configuration is in force`() async throws
    {
        try await withReadingBench { bench in
            let api = api(bench)
            let request = bench.request(.get, "/v1/changes", "since=latest", fields: ["Prefer": "wait=600"])
            let answer = Task { try await api.changes(request) }
            // Until it is there to be told of one.
            let reloads = Task {
                while !Task.isCancelled {
                    bench.live.replace(with: reloaded(bench))
                    await Task.yield()
                }
            }
            let page = try await answer.value.tree
            #expect(told(page).isEmpty)
            reloads.cancel()
            await reloads.value
        }
    }

    @Test(arguments: [
        ChangePosition.log(after: 0), .log(after: .max), .walk(afterRevision: 300, start: 1),
        .deletes(after: 5, end: 700),
    ])
    func `a token says its position and nothing else`(position: ChangePosition) {
        let tokens = SyncTokens(key: [9])
        let token = tokens.token(position)
        #expect(tokens.position(token) == position)
        #expect(token.utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "=") })
        for index in token.indices {
            var broken = token
            broken.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
            #expect(tokens.position(broken) == nil)
        }
    }
}
