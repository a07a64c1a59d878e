//  The client against real sockets: what goes out, what is taken in, and what is refused.

import Glibc
import HTTPClient
import HTTPCore
import Log
import Synchronization
import Testing

@Suite struct ClientTests {
    private static func ok(_ body: String, _ fields: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    /// Answers every request on every connection alike.
    private static func always(_ answer: String) -> RawServer {
        RawServer { peer in
            while peer.request() != nil { peer.send(answer) }
        }
    }

    /// The error of a request that must fail.
    private func failure(_ client: Client, _ request: ClientRequest) async -> TransportError? {
        do throws(TransportError) {
            _ = try await client.send(request)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a request arrives as given and its answer comes back whole`() async throws {
        let seen = Mutex("")
        let server = RawServer { peer in
            while let request = peer.request() {
                seen.withLock { $0 = request }
                peer.send("HTTP/1.1 201 Created\r\nX-One: 1\r\nx-one:  2 \r\nContent-Length: 2\r\n\r\nhi")
            }
        }
        let client = Client(log: .silent)
        let answer = try await client.send(
            ClientRequest(
                method: .patch,
                url: server.url + "/a/../b?c=%20",
                fields: ["Content-Type": "application/json", "X-Empty": ""],
                body: Array("{}".utf8)
            )
        )
        #expect(answer.status == 201)
        #expect(answer.fields.all("X-ONE") == ["1", "2"])
        #expect(answer.body == Array("hi".utf8))
        let text = seen.withLock { $0 }
        #expect(text.hasPrefix("PATCH /a/../b?c=%20 HTTP/1.1\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{}"))
        #expect(text.contains("Content-Length: 2\r\n"))
        #expect(text.contains("X-Empty:\r\n"))
        #expect(!text.lowercased().contains("expect:"))
        await client.close()
        server.stop()
    }

    @Test(arguments: [Method.get, .post, .put, .patch, .delete])
    func `an empty body invents no type, for every method`(method: Method) async throws {
        let seen = Mutex("")
        let server = RawServer { peer in
            while let request = peer.request() {
                seen.withLock { $0 = request }
                peer.send(Self.ok(""))
            }
        }
        let client = Client(log: .silent)
        _ = try await client.send(ClientRequest(method: method, url: server.url + "/"))
        let text = seen.withLock { $0 }
        #expect(text.hasPrefix("\(method.rawValue) / HTTP/1.1\r\n"))
        #expect(!text.lowercased().contains("content-type"))
        server.stop()
    }

    @Test func `connections are reused and many requests go at once`() async throws {
        let server = Self.always(Self.ok("x"))
        let client = Client(log: .silent, maxInFlight: 4)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<200 {
                group.addTask {
                    try await client.send(ClientRequest(method: .get, url: server.url + "/\(index)")).status
                }
            }
            for try await status in group { #expect(status == 200) }
        }
        #expect(server.accepted <= 8)
        server.stop()
    }

    @Test func `a redirect is an answer and is not followed`() async throws {
        let server = Self.always("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        let answer = try await Client(log: .silent).send(ClientRequest(method: .get, url: server.url))
        #expect(answer.status == 302)
        server.stop()
    }

    @Test func `an answer larger than its limit fails, or is cut when asked`() async throws {
        let server = Self.always(Self.ok(String(repeating: "a", count: 100_000)))
        let client = Client(log: .silent)
        var request = ClientRequest(method: .get, url: server.url, maxBody: 1000)
        #expect(await failure(client, request)?.kind == .tooLarge)
        request.truncatesBody = true
        let answer = try await client.send(request)
        #expect(answer.status == 200)
        #expect(answer.body.count == 1000)
        server.stop()
    }

    @Test func `a head larger than its limit fails`() async throws {
        let line = "X: \(String(repeating: "a", count: 8000))\r\n"
        let server = Self.always(Self.ok("", String(repeating: line, count: 20)))
        #expect(await failure(Client(log: .silent), ClientRequest(method: .get, url: server.url))?.kind == .tooLarge)
        server.stop()
    }

    @Test(arguments: [
        "ftp://127.0.0.1/", "file:///etc/passwd", "http://user:pass@127.0.0.1/", "http://a b/", "http://a/\u{0}",
        "nonsense:",
    ])
    func `a URL that is none of ours is refused`(url: String) async {
        let error = await failure(Client(log: .silent), ClientRequest(method: .get, url: url))
        #expect(error?.kind == .badURL)
        #expect(error?.mayHaveArrived == false)
    }

    @Test func `a header value cannot start a new line`() async {
        let request = ClientRequest(method: .get, url: "http://127.0.0.1:1/", fields: ["X": "a\r\nY: b"])
        #expect(await failure(Client(log: .silent), request)?.kind == .badURL)
    }

    @Test func `a request after one that failed is none the worse for it`() async throws {
        let server = Self.always(Self.ok("hi"))
        let client = Client(log: .silent)
        for url in ["http://127.0.0.1:1/", "http://me@127.0.0.1/", "http://127.0.0.1:99999/"] {
            #expect(await failure(client, ClientRequest(method: .get, url: url)) != nil)
            #expect(try await client.send(ClientRequest(method: .get, url: server.url)).status == 200)
        }
        await client.close()
        server.stop()
    }

    @Test func `a refused connection cannot have arrived`() async {
        let server = Self.always("")
        server.stop()
        let error = await failure(Client(log: .silent), ClientRequest(method: .post, url: "http://127.0.0.1:1/"))
        #expect(error?.kind == .connectFailed)
        #expect(error?.mayHaveArrived == false)
    }

    @Test func `no answer in time may have arrived`() async {
        let server = RawServer { peer in
            _ = peer.request()
            _ = peer.request()
        }
        let request = ClientRequest(method: .post, url: server.url, body: [1, 2, 3], timeout: .milliseconds(200))
        let error = await failure(Client(log: .silent), request)
        #expect(error?.kind == .timedOut)
        #expect(error?.mayHaveArrived == true)
        server.stop()
    }

    @Test func `a peer that breaks off early may have acted`() async {
        let server = RawServer { peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }
        let error = await failure(Client(log: .silent), ClientRequest(method: .get, url: server.url))
        #expect(error?.kind == .broken)
        #expect(error?.mayHaveArrived == true)
        server.stop()
    }

    @Test func `a POST is not sent twice when a reused connection breaks`() async throws {
        let requests = Mutex(0)
        let server = RawServer { peer in
            while peer.request() != nil {
                let count = requests.withLock { count in
                    count += 1
                    return count
                }
                if count == 2 { return }
                peer.send(Self.ok("x"))
            }
        }
        let client = Client(log: .silent)
        let request = ClientRequest(method: .post, url: server.url, body: [65])
        _ = try await client.send(request)
        let error = await failure(client, request)
        #expect(error?.kind == .broken)
        #expect(error?.mayHaveArrived == true)
        #expect(requests.withLock { $0 } == 2)
        server.stop()
    }

    @Test func `a forbidden address is refused before connecting and again on reuse`() async throws {
        let server = Self.always(Self.ok("x"))
        let client = Client(log: .silent)
        var request = ClientRequest(method: .post, url: "http://localhost:\(server.port)/", body: [65])
        request.allowsAddress = { _ in false }
        let first = await failure(client, request)
        #expect(first?.kind == .addressRefused)
        #expect(first?.mayHaveArrived == false)
        #expect(server.accepted == 0)

        request.allowsAddress = { $0 == "127.0.0.1" }
        #expect(try await client.send(request).status == 200)
        request.allowsAddress = { _ in false }
        let second = await failure(client, request)
        #expect(second?.kind == .addressRefused)
        #expect(second?.mayHaveArrived == false)
        server.stop()
    }

    @Test func `cancelling the task ends the exchange`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = RawServer { peer in
            _ = peer.request()
            arrived.yield()
            _ = peer.request()
        }
        let client = Client(log: .silent)
        let task = Task { await failure(client, ClientRequest(method: .get, url: server.url)) }
        var iterator = arrivals.makeAsyncIterator()
        await iterator.next()
        task.cancel()
        let error = await task.value
        #expect(error?.kind == .cancelled)
        #expect(error?.mayHaveArrived == true)
        server.stop()
    }

    @Test func `closing ends what is under way and refuses what comes after`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = RawServer { peer in
            _ = peer.request()
            arrived.yield()
            _ = peer.request()
        }
        let client = Client(log: .silent)
        let request = ClientRequest(method: .get, url: server.url)
        let task = Task { await failure(client, request) }
        var iterator = arrivals.makeAsyncIterator()
        await iterator.next()
        await client.close()
        #expect(await task.value?.kind == .cancelled)
        #expect(await failure(client, request)?.kind == .cancelled)
        await client.close()
        server.stop()
    }

    @Test func `requests started together each end once under their number, whatever becomes of them`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = RawServer { peer in
            while let request = peer.request() {
                guard request.hasPrefix("GET /fine") else {
                    arrived.yield()
                    continue
                }
                peer.send(Self.ok("x", "X-One: 1\r\n"))
            }
        }
        let (endings, ended) = AsyncStream.makeStream(of: NumberedEnding.self)
        let listener = EndingListener { for ending in $0 { ended.yield(ending) } }
        let client = Client(log: .silent, maxInFlight: 2)
        var plain = ClientRequest(method: .get, url: server.url + "/fine")
        plain.wantsFieldsOfSuccess = false
        let requests = [
            ClientRequest(method: .get, url: server.url + "/fine"), plain,
            ClientRequest(method: .get, url: "no url"),
            ClientRequest(method: .get, url: server.url + "/fine", fields: ["X": "a\r\nb"]),
            ClientRequest(method: .get, url: server.url + "/silent"),
            ClientRequest(method: .get, url: server.url + "/silent"),
            ClientRequest(method: .get, url: server.url + "/never started"),
            ClientRequest(method: .get, url: server.url + "/waits"),
        ]
        client.start(
            requests.enumerated().map { NumberedRequest(number: $0.offset, request: $0.element) },
            telling: listener
        )
        var iterator = arrivals.makeAsyncIterator()
        await iterator.next()
        await iterator.next()
        await client.close()
        client.start([NumberedRequest(number: 8, request: plain)], telling: listener)
        ended.finish()
        var results: [Int: Result<ClientResponse, TransportError>] = [:]
        for await ending in endings {
            #expect(results.updateValue(ending.result, forKey: ending.number) == nil)
        }
        #expect(results.count == 9)
        #expect(try results[0]?.get().fields["X-One"] == "1")
        #expect(try results[1]?.get().fields.lines.isEmpty == true)
        #expect(try results[1]?.get().body == Array("x".utf8))
        func kind(_ number: Int) -> TransportError.Kind? {
            guard case .failure(let error) = results[number] else { return nil }
            return error.kind
        }
        #expect([2, 3, 6].map(kind) == [.badURL, .badURL, .badURL])
        #expect([4, 5, 7, 8].map(kind) == [.cancelled, .cancelled, .cancelled, .cancelled])
        server.stop()
    }

    @Test func `what goes to the same place again carries nothing of the request before`() async throws {
        let seen = Mutex<[String]>([])
        let server = RawServer { peer in
            while let request = peer.request() {
                seen.withLock { $0.append(request) }
                peer.send(Self.ok(""))
            }
        }
        let client = Client(log: .silent, maxInFlight: 1)
        func send(_ method: Method, _ fields: HeaderFields = [:], _ body: String = "") async throws {
            let request = ClientRequest(method: method, url: server.url + "/", fields: fields, body: Array(body.utf8))
            #expect(try await client.send(request).status == 200)
        }
        try await send(.post, ["X-One": "1", "Content-Type": "text/plain"], "a long body")
        try await send(.post, ["X-Two": "2"], "short")
        try await send(.post)
        try await send(.get)
        try await send(.delete)
        try await send(.get, [:], "odd")
        let requests = seen.withLock { $0 }
        #expect(requests.map { $0.prefix { $0 != " " } } == ["POST", "POST", "POST", "GET", "DELETE", "GET"])
        #expect(requests.map { $0.hasSuffix("\r\n\r\n") } == [false, false, true, true, true, false])
        #expect(requests[0].hasSuffix("a long body") && requests[0].contains("X-One: 1"))
        #expect(requests[1].hasSuffix("\r\n\r\nshort") && requests[1].contains("X-Two: 2"))
        #expect(!requests[1...].contains { $0.contains("X-One") || $0.contains("text/plain") })
        #expect(!requests[2...].contains { $0.contains("X-Two") })
        #expect(requests[2].contains("Content-Length: 0"))
        #expect(!requests[3...4].contains { $0.contains("Content-Length") })
        await client.close()
        server.stop()
    }
}
