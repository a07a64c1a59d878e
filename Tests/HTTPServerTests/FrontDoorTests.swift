//  What the corpora lack, over real sockets: half-closed peers, bodies that nobody reads, errors amid others, the cap.

import Glibc
import HTTPCore
import HTTPServer
import Platform
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct FrontDoorTests {
    @Test func `a peer that stopped sending gets every answer, large, later and at once`() async throws {
        try await withServer(routes: ServerTests.routes) { server in
            let client = TestClient(server, receiveBuffer: 4096)
            for path in ["large", "later", "now", "large", "now"] {
                client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            client.finishSending()
            #expect(client.answer().body.utf8.count == 8 << 20)
            #expect(client.answer().body == "later ")
            #expect(client.answer().body == "now")
            #expect(client.answer().body.utf8.count == 8 << 20)
            #expect(client.answer().body == "now")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func `a peer that stopped sending in the middle of a request is let go`() async throws {
        try await withServer(routes: ServerTests.routes) { server in
            for part in ["GET /now HT", "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", "\r\n"] {
                let client = TestClient(server)
                client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + part)
                client.finishSending()
                #expect(client.answer().body == "later ")
                #expect(client.readToEnd().isEmpty)
            }
        }
    }

    @Test func `a peer that stopped sending reads a stream to its end`() async throws {
        let gate = Gate()
        try await withServer(
            routes: {
                [
                    .get(
                        "/stream",
                        .later { _ in
                            var response = Response(status: 200)
                            response.stream = { writer in
                                try await writer.write("one")
                                await gate.pass()
                                try await writer.write("two")
                            }
                            return response
                        }
                    )
                ]
            }
        ) { server in
            let client = TestClient(server)
            client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            await gate.waitForArrival()
            // The loop has seen the end of the input before another connection is answered.
            #expect(TestClient(server).get("/nothing").status == 404)
            gate.open()
            #expect(client.readToEnd().hasSuffix("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
        }
    }

    @Test func `the answer to a body that nobody reads arrives, however long the body`() async throws {
        try await withServer(routes: ServerTests.routes) { server in
            let body = [UInt8](repeating: 65, count: 20 << 20)
            for head in [
                "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n",
                "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n",
                "POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1400000\r\n",
                "GET / HTTP/1.1\r\nno request\r\n\r\n",
            ] {
                let client = TestClient(server)
                client.send(head)
                #expect(client.send(body), "taken to its end, or a reset could overtake the answer")
                let answer = client.answer()
                #expect([400, 404, 413].contains(answer.status), "\(head)")
                #expect(answer.head.contains("Connection: close\r\n") && !answer.body.isEmpty)
                #expect(client.readToEnd().isEmpty)
            }
        }
    }

    @Test func `who goes on sending after the last answer is cut off`() async throws {
        var settings = ServerSettings()
        settings.timeouts.linger = 10_000
        settings.timeouts.lingerInAll = 100
        try await withServer(settings, routes: ServerTests.routes) { server in
            let client = TestClient(server)
            client.send("POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(client.answer().status == 404)
            var pieces = 0
            while client.isTaking([UInt8](repeating: 65, count: 1000)) { pieces += 1 }
            #expect(pieces > 0)
        }
    }

    @Test func `after an error amid pipelined requests the ones before are answered and the ones behind are not`()
        async throws
    {
        let seen = Mutex<[String]>([])
        let routes: @Sendable () -> [Route] = {
            [
                .get(
                    "/{name}",
                    .later { request in
                        seen.withLock { $0.append(request.parameters[0]) }
                        return .text(200, request.parameters[0])
                    }
                )
            ]
        }
        try await withServer(routes: routes) { server in
            for error in [
                "GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", "\0",
                "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ] {
                seen.withLock { $0 = [] }
                let client = TestClient(server)
                func get(_ name: String) -> String { "GET /\(name) HTTP/1.1\r\nHost: a\r\n\r\n" }
                client.send(get("a") + get("b") + error + "\r\n" + get("c"))
                #expect(client.answer().body == "a")
                #expect(client.answer().body == "b")
                let refused = client.answer()
                #expect(refused.status == 400 && refused.head.contains("Connection: close\r\n"), "\(error)")
                client.send(get("d"))
                #expect(client.readToEnd().isEmpty)
                #expect(seen.withLock { $0 } == ["a", "b"])
            }
        }
    }

    @Test func `the cap counts over all loops, and one that leaves makes room on any`() async throws {
        var settings = ServerSettings()
        settings.workers = 3
        settings.maxConnections = 6
        try await withServer(settings, routes: ServerTests.routes) { server in
            for _ in 0..<5 {
                var clients: [TestClient] = []
                // As many as the cap are let in, however the kernel deals them to the loops.
                for _ in 0..<6 {
                    let client = TestClient(server)
                    #expect(client.get("/now").status == 200)
                    clients.append(client)
                }
                let late = (0..<3).map { _ in TestClient(server) }
                for client in late { client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n") }
                #expect(clients[5].get("/now").status == 200)
                for client in clients { client.disconnect() }
                for client in late { #expect(client.answer().status == 200) }
                for client in late { client.disconnect() }
            }
        }
    }

    @Test func `a length beyond the route's limit is refused before 100 Continue, and so is an unknown expectation`()
        async throws
    {
        try await withServer(routes: ServerTests.routes) { server in
            for (fields, status) in [
                ("Content-Length: 1001\r\nExpect: 100-continue\r\n", 413),
                ("Content-Length: 3\r\nExpect: wonders\r\n", 417),
                ("Content-Length: 3\r\nExpect: 100-continue, wonders\r\n", 417),
            ] {
                let client = TestClient(server)
                client.send("POST /body HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
                #expect(client.answer().status == status)
                client.finishSending()
                #expect(client.readToEnd().isEmpty)
            }
            let old = TestClient(server)
            old.send("POST /body HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            old.send("abc")
            #expect(old.answer().body == "abc")
        }
    }

    @Test func `a client that was promised a connection and is told to close may still be sending`() async throws {
        let gate = Gate()
        let routes: @Sendable () -> [Route] = {
            [
                .get(
                    "/wait",
                    .later { _ in
                        await gate.pass()
                        return .text(200, String(repeating: "x", count: 100_000))
                    }
                )
            ]
        }
        try await withServer(stops: false, routes: routes) { server in
            let idle = TestClient(server)
            #expect(idle.get("/nothing").status == 404)
            let client = TestClient(server)
            client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await gate.waitForArrival()
            server.drain()
            #expect(idle.readToEnd().isEmpty, "draining has begun")
            client.send(String(repeating: "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000))
            gate.open()
            let answer = client.answer()
            #expect(answer.status == 200 && answer.body.utf8.count == 100_000)
            #expect(client.readToEnd().isEmpty)
        }
    }
}
