//  How connections and servers end: time-outs, draining, streams, too many clients.

import Glibc
import HTTPCore
import HTTPServer
import Log
import Synchronization
import Testing

struct ServerLifeTests {
    private static func shortened() -> ServerSettings {
        var settings = ServerSettings()
        settings.timeouts.keepAlive = 60
        settings.timeouts.head = 60
        settings.timeouts.bodyProgress = 60
        settings.timeouts.bodyGrace = 10_000
        settings.timeouts.slowReader = 60
        settings.timeouts.linger = 60
        return settings
    }

    @Test func `an idle connection is closed, a slow head or body is told so`() async throws {
        try await withServer(Self.shortened(), routes: ServerTests.routes) { server in
            let idle = TestClient(server)
            #expect(idle.get("/now").status == 200)
            #expect(idle.readToEnd().isEmpty)
            let slow = TestClient(server)
            slow.send("GET /now HTT")
            #expect(slow.answer().status == 408)
            let stuck = TestClient(server)
            stuck.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
            #expect(stuck.answer().status == 408)
        }
    }

    @Test func `a body below its rate is given up`() async throws {
        var settings = Self.shortened()
        settings.timeouts.bodyProgress = 60_000
        settings.timeouts.bodyGrace = 60
        try await withServer(settings, routes: ServerTests.routes) { server in
            let client = TestClient(server)
            client.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nab")
            #expect(client.answer().status == 408)
        }
    }

    @Test func `a reader that takes nothing is cut off`() async throws {
        try await withServer(Self.shortened(), routes: ServerTests.routes) { server in
            let client = TestClient(server, receiveBuffer: 4096)
            client.send(String(repeating: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", count: 4))
            // Another client is answered until the first one is gone, which the count of what arrives will show.
            for _ in 0..<40 {
                let other = TestClient(server)
                #expect(other.get("/now").status == 200)
                #expect(other.readToEnd().isEmpty)
            }
            #expect(client.readToEnd().utf8.count < 4 * (8 << 20))
        }
    }

    @Test func `draining finishes what is under way and closes the rest`() async throws {
        let gate = Gate()
        try await withServer(
            stops: false,
            routes: {
                [
                    .get(
                        "/wait",
                        .later { _ in
                            await gate.pass()
                            return .text(200, "done")
                        }
                    ),
                    .get("/now", .now { _, writer in writer.write(Response.text(200, "now")) }),
                ]
            }
        ) { server in
            let idle = TestClient(server)
            #expect(idle.get("/now").status == 200)
            let busy = TestClient(server)
            busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await gate.waitForArrival()
            server.drain()
            #expect(idle.readToEnd().isEmpty)
            gate.open()
            let answer = busy.answer()
            #expect(answer.body == "done" && answer.head.contains("Connection: close\r\n"))
            #expect(busy.readToEnd().isEmpty)
        }
    }

    @Test func `a stream arrives in pieces, and is cancelled when the server drains`() async throws {
        let gate = Gate()
        try await withServer(
            stops: false,
            routes: {
                [
                    .get(
                        "/stream",
                        .later { _ in
                            var response = Response(status: 200, fields: ["Content-Type": "text/event-stream"])
                            response.stream = { writer in
                                try await writer.write("data: 1\n\n")
                                try await writer.write("data: 2\n\n")
                                await gate.pass()
                            }
                            return response
                        }
                    ),
                    .get("/now", .now { _, writer in writer.write(Response.text(200, "now")) }),
                ]
            }
        ) { server in
            let client = TestClient(server)
            client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n").contains("Transfer-Encoding: chunked\r\n"))
            #expect(client.read(until: "data: 2\n\n\r\n") == "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n")
            gate.open()
            #expect(client.read(until: "0\r\n\r\n") == "0\r\n\r\n")
            #expect(client.get("/now").body == "now")
            client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = client.read(until: "data: 2\n\n\r\n")
            server.drain()
            #expect(client.readToEnd() == "0\r\n\r\n")
        }
    }

    @Test func `a stream whose reader leaves throws`() async throws {
        let ended = Gate()
        try await withServer(routes: {
            [
                .get(
                    "/stream",
                    .later { _ in
                        var response = Response(status: 200)
                        response.stream = { writer in
                            let piece = [UInt8](repeating: 65, count: 65_536)
                            do {
                                while true { try await writer.write(piece) }
                            } catch {
                                ended.open()
                                throw error
                            }
                        }
                        return response
                    }
                )
            ]
        }) { server in
            let client = TestClient(server)
            client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            client.disconnect()
            await ended.pass()
        }
    }

    @Test func `HEAD of a stream tells no length, and the connection goes on`() async throws {
        let routes: @Sendable () -> [Route] = {
            let stream = Route.get(
                "/stream",
                .later { _ in
                    var response = Response(status: 200, fields: ["Content-Type": "text/event-stream"])
                    response.stream = { try await $0.write("data: 1\n\n") }
                    return response
                }
            )
            return ServerTests.routes() + [stream]
        }
        try await withServer(routes: routes) { server in
            let client = TestClient(server)
            client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = client.read(until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200") && head.contains("Content-Type: text/event-stream\r\n"))
            #expect(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"))
            #expect(client.get("/now").status == 200)
        }
    }

    @Test func `beyond the cap of connections the next one waits`() async throws {
        var settings = ServerSettings()
        settings.maxConnections = 2
        try await withServer(settings, routes: ServerTests.routes) { server in
            let first = TestClient(server)
            #expect(first.get("/now").status == 200)
            let second = TestClient(server)
            #expect(second.get("/now").status == 200)
            #expect(server.statistics.rejections[.connectionLimit] == 0)
            let third = TestClient(server)
            third.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            // The loop turns with each of these, and would have answered the third.
            for _ in 0..<5 { #expect(first.get("/now").status == 200) }
            #expect(third.isWaiting)
            #expect(server.statistics.rejections[.connectionLimit, default: 0] > 0)
            first.disconnect()
            #expect(third.answer().status == 200)
        }
    }

    @Test func `out of descriptors, the next client waits for one that leaves`() async {
        await #expect(processExitsWith: .success) {
            try await withServer(routes: ServerTests.routes) { server in
                // The clients have their sockets before the limit comes down: it is the server that runs out.
                var clients = (0..<8).map { _ in TestClient(server, connects: false) }
                let next = dup(0)
                close(next)
                var limit = rlimit(rlim_cur: rlim_t(next + 4), rlim_max: rlim_t(next + 4))
                setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit)
                for client in clients {
                    client.connect()
                    client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
                }
                while !clients.isEmpty {
                    let answered = clients.removeFirst().answer()
                    precondition(answered.status == 200, "everyone is answered")
                }
            }
            exit(0)
        }
    }

    @Test func `draining ends a connection once its answer is sent`() async throws {
        try await withServer(stops: false, routes: ServerTests.routes) { server in
            let client = TestClient(server, receiveBuffer: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = client.read(until: "\r\n\r\n")
            #expect(!head.contains("Connection: close"))
            server.drain()
            #expect(client.readToEnd().utf8.count == 8 << 20)
        }
    }

    @Test func `several loops share one address`() async throws {
        var settings = ServerSettings()
        settings.workers = 2
        try await withServer(settings, routes: ServerTests.routes) { server in
            for _ in 0..<20 { #expect(TestClient(server).get("/now").status == 200) }
        }
    }

    @Test func `an address that is taken is an error`() async throws {
        try await withServer(routes: ServerTests.routes) { server in
            var settings = ServerSettings(host: "127.0.0.1", port: server.port)
            settings.workers = 2
            #expect(throws: (any Error).self) {
                try Server(settings: settings, log: .silent) { _ in Router([]) }
            }
        }
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:0", "::1", 0), ("localhost:65535", "localhost", 65_535),
    ])
    func `listen addresses are read`(text: String, host: String, port: Int) {
        let settings = ServerSettings(listen: text)
        #expect(settings?.host == host && settings?.port == port)
    }

    @Test(arguments: ["", "127.0.0.1", ":80", "::1:80", "a:65536", "a:-1"])
    func `what is no listen address is refused`(text: String) {
        #expect(ServerSettings(listen: text) == nil)
    }
}
