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
}
