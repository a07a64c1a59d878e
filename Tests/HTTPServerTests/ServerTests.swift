//  The server over real sockets: what a client sees.

import HTTPCore
import HTTPServer
import Platform
import Synchronization
import Testing

struct ServerTests {
    static func routes() -> [Route] {
        [
            .get("/now", .now { _, writer in writer.write(Response.text(200, "now")) }),
            .get(
                "/echo/{word}",
                .now { view, writer in
                    writer.begin(200)
                    writer.end(view.parameter(0))
                }
            ),
            .get("/later", .later { request in .text(200, "later \(request.query ?? "")") }),
            .post("/body", maxBody: 1000, .later { request in Response(status: 200, body: request.body) }),
            .post(
                "/body/now",
                .now { view, writer in
                    writer.begin(200)
                    writer.end(view.body)
                }
            ),
            .put("/big", maxBody: 8 << 20, .later { request in .text(200, "\(request.body.count)") }),
            .get(
                "/large",
                .now { _, writer in writer.write(Response.text(200, String(repeating: "x", count: 8 << 20))) }
            ),
            .get("/forgets", .now { _, _ in }),
            .get(
                "/either/{which}",
                .nowOrLater(
                    { view, writer in
                        guard view.parameter(0).text == "now" else { return false }
                        writer.write(Response.text(200, "at once"))
                        return true
                    },
                    { _ in .text(200, "after a while") }
                )
            ),
            .get(
                "/handed/{to}",
                .handedOver(
                    { view, place in
                        guard view.parameter(0).text == "thread" else { return false }
                        PosixThread.start(name: "answers") {
                            place.answer { $0.write(Response.text(201, "from another thread")) }
                        }
                        return true
                    },
                    { _ in .text(200, "by a task") }
                )
            ),
            .get("/rest/{all*}", .later { request in .text(200, request.parameters[0]) }),
            .get("/person/{name}", .later { request in .text(200, request.parameters[0]) }),
        ]
    }

    @Test func `answers, and keeps the connection`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            for _ in 0..<3 {
                let answer = client.get("/now")
                #expect(answer.status == 200 && answer.body == "now")
                #expect(answer.head.contains("\r\nX-Request-Id: ") && answer.head.contains("\r\nDate: "))
            }
            #expect(client.get("/later?a=b").body == "later a=b")
            #expect(client.get("/either/now").body == "at once")
            #expect(client.get("/either/x").body == "after a while")
            let handed = client.get("/handed/thread")
            #expect(handed.status == 201 && handed.body == "from another thread")
            #expect(client.get("/handed/x").body == "by a task")
            #expect(client.get("/rest/a/b%20c").body == "a/b c")
            #expect(client.get("/person/J%C3%B6rg").body == "Jörg")
            #expect(client.get("/person/%FF").status == 400)
            #expect(client.get("/forgets").status == 500)
        }
    }

    @Test func `unknown paths and methods are problems, and OPTIONS tells the methods`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            let missing = client.get("/nothing")
            #expect(missing.status == 404)
            #expect(missing.head.contains("application/problem+json"))
            #expect(missing.body.contains("\"code\":\"not_found\""))
            #expect(client.get("/nowhere/").status == 404)
            for method in ["DELETE", "TRACE"] {
                client.send("\(method) /now HTTP/1.1\r\nHost: a\r\n\r\n")
                let other = client.answer()
                #expect(other.status == 405 && other.head.contains("Allow: GET, HEAD\r\n"))
            }
            client.send("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n")
            #expect(client.answer().status == 405)
            client.send("OPTIONS /now HTTP/1.1\r\nHost: a\r\n\r\n")
            let options = client.answer()
            #expect(options.status == 204 && options.head.contains("Allow: GET, HEAD\r\n"))
            client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            let whole = client.answer()
            let allowed = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
            #expect(whole.status == 204 && whole.head.contains(allowed))
            #expect(client.get("/now").body == "now")
        }
    }

    @Test func `pipelined requests are answered in order, whether at once or later`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            var all = ""
            for number in 0..<200 {
                all += "GET /\(number % 3 == 0 ? "later?" : "echo/")\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
            }
            client.send(all)
            for number in 0..<200 {
                #expect(client.answer().body == (number % 3 == 0 ? "later \(number)" : "\(number)"))
            }
        }
    }

    @Test func `after an error nothing more is read`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\nGET /now\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.answer().status == 200)
            let refused = client.answer()
            #expect(refused.status == 400 && refused.head.contains("Connection: close\r\n"))
            client.finishSending()
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func `requests in single bytes`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            for byte
                in "GET /echo/abc HTTP/1.1\r\nHost: a\r\n\r\nPOST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
                .utf8
            {
                client.send([byte])
            }
            #expect(client.answer().body == "abc")
            #expect(client.answer().body == "xyz")
        }
    }

    @Test func `HEAD has the head of GET`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send("HEAD /now HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = client.answer(isHead: true)
            #expect(head.status == 200 && head.head.contains("Content-Length: 3\r\n"))
            #expect(client.get("/now").body == "now")
        }
    }

    @Test func `bodies come by length or in chunks`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send(
                "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST /body/now HTTP/1.1\r\nHost: a\r\n"
            )
            client.send("Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n")
            #expect(client.answer().body == "hello")
            #expect(client.answer().body == "abcde")
            client.send("GET /now HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz")
            #expect(client.answer().body == "now")
            let big = [UInt8](repeating: 65, count: 3_000_000)
            client.send("PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: \(big.count)\r\n\r\n")
            client.send(big)
            #expect(client.answer().body == "3000000")
        }
    }

    @Test func `a body beyond its limit is refused, by its length before it is read`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
            let refused = client.answer()
            #expect(refused.status == 413 && refused.head.contains("Connection: close\r\n"))
            let second = TestClient(server)
            second.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n")
            #expect(second.answer().status == 413)
        }
    }

    @Test func `100 Continue comes after the key was checked, and only then`() async throws {
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            hooks.authorize = { view, _ in
                view.field(.authorization).equals("Bearer k")
                    ? .admitted() : .refused(Problem(401, "unauthorized", "no key"))
            }
            return hooks
        }
        try await withServer(hooks: hooks, routes: Self.routes) { server in
            let client = TestClient(server)
            let head = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
            client.send(head + "Authorization: Bearer k\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("abc")
            #expect(client.answer().body == "abc")
            client.send(head + "\r\n")
            let refused = client.answer()
            #expect(refused.status == 401 && refused.head.contains("WWW-Authenticate: Bearer\r\n"))
            #expect(refused.head.contains("Connection: close\r\n"))
            // A refused request whose body is here already costs nobody the connection.
            let other = TestClient(server)
            other.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            #expect(other.answer().status == 401)
            other.send("GET /now HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n")
            #expect(other.answer().body == "now")
        }
    }

    @Test func `a client that only stops sending still gets its answers`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            #expect(client.answer().body == "now")
            #expect(client.answer().body == "later ")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func `a large answer reaches a slow reader whole`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server, receiveBuffer: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.answer().body.utf8.count == 8 << 20)
            #expect(client.answer().body == "now")
        }
    }

    @Test func `HTTP 1 0 closes unless asked to stay`() async throws {
        try await withServer(routes: Self.routes) { server in
            let client = TestClient(server)
            client.send("GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(client.answer().head.contains("Connection: keep-alive\r\n"))
            client.send("GET /now HTTP/1.0\r\n\r\n")
            #expect(client.readToEnd().hasSuffix("now"))
        }
    }

    @Test func `a batch begins before its handlers and ends after them`() async throws {
        let seen = Observed()
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            hooks.batchBegan = { seen.add("began") }
            hooks.batchEnded = { seen.add("ended") }
            return hooks
        }
        try await withServer(hooks: hooks, routes: Self.routes) { server in
            let client = TestClient(server)
            _ = client.get("/echo/a")
            _ = client.get("/nothing")
            #expect(seen.all == ["began", "ended"])
        }
    }

    @Test func `a loop rests once after its batches, whether or not somebody is still connected`() async throws {
        let seen = Observed()
        let rested = Gate()
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            hooks.batchBegan = { seen.add("began") }
            hooks.rested = {
                seen.add("rested")
                rested.open()
            }
            return hooks
        }
        var settings = ServerSettings()
        settings.timeouts.linger = 40
        try await withServer(settings, hooks: hooks, routes: Self.routes) { server in
            let client = TestClient(server)
            _ = client.get("/echo/a")
            await rested.pass()
            _ = client.get("/echo/a")
            client.disconnect()
            await rested.pass()
            #expect(seen.all == ["began", "rested", "began", "rested"])
        }
    }

    /// The same and one whose handler holds the loop up, a millisecond at least.
    private static func routes(
        blockingAt isBlocked: Condition,
        until goesOn: Condition,
        _ answer: String
    ) -> @Sendable () -> [Route] {
        {
            routes() + [
                .get(
                    "/block",
                    .now { _, writer in
                        isBlocked.signal()
                        goesOn.wait()
                        let end = Monotonic.nanoseconds() + 1_000_000
                        while Monotonic.nanoseconds() < end {}
                        writer.write(Response.text(200, answer))
                    }
                )
            ]
        }
    }

    @Test(arguments: [false, true]) func `who asks in the same turn of the loop is answered, although others have left`(
        drains: Bool
    ) async throws {
        let (isBlocked, goesOn) = (Condition(), Condition())
        let routes = Self.routes(blockingAt: isBlocked, until: goesOn, "unblocked")
        try await withServer(stops: !drains, routes: routes) { server in
            let clients = (0..<50).map { _ in TestClient(server) }
            for client in clients { #expect(client.get("/now").status == 200) }
            let blocker = TestClient(server)
            blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
            isBlocked.wait()
            for (number, client) in clients.enumerated() {
                // A large answer, two at once, and some who leave, among the small ones.
                var paths = ["/echo/\(number)"]
                if number % 7 == 0 { paths.append("/now") }
                if number == 10 { paths = ["/large"] }
                if number == 25 { paths = ["/block"] }
                client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
                if number % 9 == 5 { client.disconnect() }
            }
            goesOn.signal()
            isBlocked.wait()
            // In the middle of the turn that sees them all.
            if drains { server.drain() }
            goesOn.signal()
            #expect(blocker.answer().body == "unblocked")
            for (number, client) in clients.enumerated() where number % 9 != 5 {
                let body = client.answer().body
                switch number {
                case 10: #expect(body.utf8.count == 8 << 20)
                case 25: #expect(body == "unblocked")
                default: #expect(body == "\(number)")
                }
                if number % 7 == 0 { #expect(client.answer().body == "now") }
                if drains { #expect(client.readToEnd().isEmpty) } else { #expect(client.get("/now").body == "now") }
            }
        }
    }

    @Test func `an answer does not wait for more than one slow handler`() async throws {
        let (isBlocked, goesOn) = (Condition(), Condition())
        let routes = Self.routes(blockingAt: isBlocked, until: goesOn, String(repeating: "x", count: 10_000))
        try await withServer(routes: routes) { server in
            let clients = (0..<4).map { _ in TestClient(server) }
            for client in clients { #expect(client.get("/now").status == 200) }
            clients[0].send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
            isBlocked.wait()
            // These three come in one turn.
            clients[1].send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            for client in clients[2...] { client.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n") }
            for _ in 0..<2 {
                goesOn.signal()
                isBlocked.wait()
            }
            #expect(clients[1].answer().body == "now")
            goesOn.signal()
            for client in [clients[0], clients[2], clients[3]] { #expect(client.answer().body.utf8.count == 10_000) }
        }
    }

    @Test func `answers that another thread gives at once all arrive`() async throws {
        let places = Mutex<[AnswerPlace]>([])
        let handOver: @Sendable (borrowing RequestView, AnswerPlace) -> Bool = { _, place in
            places.withLock { places in
                places.append(place)
                guard places.count == 50 else { return }
                for (number, place) in places.enumerated() {
                    place.answer { $0.write(Response.text(201, "\(number)")) }
                }
            }
            return true
        }
        let routes: @Sendable () -> [Route] = {
            [.get("/handed", .handedOver(handOver, { _ in .text(200, "by a task") }))]
        }
        try await withServer(routes: routes) { server in
            let clients = (0..<50).map { _ in TestClient(server) }
            for client in clients { client.send("GET /handed HTTP/1.1\r\nHost: a\r\n\r\n") }
            #expect(Set(clients.map { $0.answer().body }) == Set((0..<50).map(String.init)))
        }
    }
}

/// What hooks saw.
final class Observed: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}
