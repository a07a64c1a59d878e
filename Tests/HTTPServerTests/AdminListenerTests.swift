//  The second listener: over TCP and over a unix socket, its file, and who is told apart by it.

import Glibc
import HTTPCore
import HTTPServer
import Log
import Platform
import TestSupport
import Testing

@Suite struct AdminListenerTests {
    static func routes() -> [Route] {
        [
            .get(
                "/which",
                .now { view, writer in
                    writer.write(Response.text(200, "\(view.listener) \(view.peer)"))
                }
            ),
            .get("/later", .later { _ in .text(200, "later") }),
        ]
    }

    private static func path() -> String { "/tmp/admin-\(RandomSource.shared.hex(8)).sock" }
    private static let request = "GET /which HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    private static func settings(_ target: ListenTarget) -> ServerSettings {
        var settings = ServerSettings()
        settings.workers = 2
        settings.admin = target
        return settings
    }

    @Test func `requests tell which TCP listener they came to`() async throws {
        try await withServer(Self.settings(.tcp(host: "127.0.0.1", port: 0)), routes: Self.routes) { server in
            #expect(TestClient(server).get("/which").body == "main 127.0.0.1")
            let port = try #require(server.adminAddress?.split(separator: ":").last.flatMap { Int($0) })
            #expect(port != server.port)
            for _ in 0..<8 { #expect(TestClient(port: port).get("/which").body == "admin 127.0.0.1") }
        }
    }

    @Test func `a unix socket is its owner's alone, serves on every loop, and goes with the server`() async throws {
        let path = Self.path()
        try await withServer(Self.settings(.unix(path: path)), routes: Self.routes) { server in
            #expect(server.adminAddress == "unix:\(path)")
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
            for _ in 0..<20 {
                #expect(UnixExchange.send(Self.request, to: path)?.hasSuffix("admin unix") == true)
            }
            let later = Self.request.replacing("/which", with: "/later")
            #expect(UnixExchange.send(later, to: path)?.hasSuffix("\r\n\r\nlater") == true)
            #expect(TestClient(server).get("/which").body == "main 127.0.0.1")
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `a file left by a killed process is replaced, what is served or no socket is not`() async throws {
        let path = Self.path()
        Self.abandon(path)
        try await withServer(Self.settings(.unix(path: path)), routes: Self.routes) { _ in
            #expect(UnixExchange.send(Self.request, to: path)?.hasSuffix("admin unix") == true)
            let error = #expect(throws: ListenError.self) {
                try Server(settings: Self.settings(.unix(path: path)), log: .silent) { _ in Router([]) }
            }
            #expect(error?.role == .admin && error?.cause.errno == EADDRINUSE)
            #expect(UnixExchange.send(Self.request, to: path)?.hasSuffix("admin unix") == true)
        }
        let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY).take()
        close(file)
        let error = #expect(throws: ListenError.self) {
            try Server(settings: Self.settings(.unix(path: path)), log: .silent) { _ in Router([]) }
        }
        #expect(error?.cause.errno == EEXIST)
        #expect(unlink(path) == 0)
    }

    @Test func `a successor's socket is not removed`() async throws {
        let path = Self.path()
        try await withServer(Self.settings(.unix(path: path)), routes: Self.routes) { _ in
            unlink(path)
            Self.abandon(path)
        }
        #expect(unlink(path) == 0)
    }

    @Test func `the second listener has room when the first is full`() async throws {
        var settings = Self.settings(.tcp(host: "127.0.0.1", port: 0))
        settings.workers = 1
        settings.maxConnections = 2
        try await withServer(settings, routes: Self.routes) { server in
            let port = try #require(server.adminAddress?.split(separator: ":").last.flatMap { Int($0) })
            let clients = (0..<2).map { _ in TestClient(server) }
            for client in clients { #expect(client.get("/which").status == 200) }
            let third = TestClient(server)
            third.send(Self.request)
            #expect(TestClient(port: port).get("/which").body == "admin 127.0.0.1")
            clients[0].disconnect()
            #expect(third.answer().body == "main 127.0.0.1")
        }
    }

    @Test func `with TLS the second TCP listener speaks TLS too, and a unix socket does not`() async throws {
        let certificates = try await TestCertificates()
        let curl = "curl -sS --max-time 20 --cacert \(certificates.folder)/one.pem"
        var settings = Self.settings(.tcp(host: "127.0.0.1", port: 0))
        settings.tls = try TLSContext(certificates.identity("one"))
        try await withServer(settings, routes: Self.routes) { server in
            let address = try #require(server.adminAddress)
            #expect(await Shell.run("\(curl) https://\(address)/which").output == "admin 127.0.0.1")
            #expect(await Shell.run("\(curl) http://\(address)/which").output.contains("tls_required"))
        }
        let path = Self.path()
        settings.admin = .unix(path: path)
        try await withServer(settings, routes: Self.routes) { server in
            #expect(await Shell.run("\(curl) --unix-socket \(path) http://gateway/which").output == "admin unix")
            #expect(await Shell.run("\(curl) https://\(server.address)/which").output == "main 127.0.0.1")
        }
    }

    @Test func `fields of the authorize hook are in every answer`() async throws {
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            let lines = Array("X-Left: 5\r\n".utf8)
            hooks.authorize = { view, _ in
                view.has(.authorization) ? .admitted(fields: lines) : .refused(Problem(401, "no", "no"), fields: lines)
            }
            return hooks
        }
        try await withServer(
            hooks: hooks,
            routes: { Self.routes() + [.post("/body", maxBody: 3, .later { _ in .text(200, "") })] }
        ) { server in
            let client = TestClient(server)
            for target in ["/which", "/later"] {
                client.send("GET \(target) HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\n")
                #expect(client.answer().head.contains("\r\nX-Left: 5\r\n"))
            }
            let refused = client.get("/which")
            #expect(refused.status == 401 && refused.head.contains("\r\nX-Left: 5\r\n"))
            #expect(!client.get("/nothing").head.contains("X-Left"))
            client.send("POST /body HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 9\r\n\r\n")
            let large = client.answer()
            #expect(large.status == 413 && large.head.contains("\r\nX-Left: 5\r\n"))
        }
    }

    @Test func `a refusal that waits holds up its own connection, in order, and nothing else`() async throws {
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            hooks.authorize = { view, _ in
                view.has(.authorization)
                    ? .admitted() : .refusedLater(Problem(429, "slow", "slow"), after: .seconds(1))
            }
            return hooks
        }
        let routes: @Sendable () -> [Route] = { Self.routes() + [.post("/body", .later { _ in .text(200, "") })] }
        try await withServer(hooks: hooks, routes: routes) { server in
            let start = Monotonic.milliseconds()
            let slowed = TestClient(server)
            let good = "GET /which HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\n"
            slowed.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + good)
            let other = TestClient(server)
            other.send(good)
            #expect(other.answer().status == 200)
            #expect(slowed.isWaiting)
            #expect(slowed.answer().status == 429)
            #expect(Monotonic.milliseconds() - start >= 1000)
            #expect(slowed.answer().status == 200)
            #expect(server.statistics.rejections[.rateLimited] == 1)
            // A body that is not here ends the connection, whole answer first.
            slowed.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\nabc")
            let refused = slowed.answer()
            #expect(refused.status == 429 && refused.head.contains("Connection: close\r\n"))
            slowed.send(String(repeating: "x", count: 297))
            slowed.finishSending()
            #expect(slowed.readToEnd().isEmpty)
            // Who leaves meanwhile is no trouble.
            let gone = TestClient(server)
            gone.send("GET /which HTTP/1.1\r\nHost: a\r\n\r\n")
            gone.disconnect()
            #expect(other.get("/which").status == 429)
        }
    }

    @Test(arguments: [
        ("127.0.0.1:80", ListenTarget.tcp(host: "127.0.0.1", port: 80)), ("[::1]:0", .tcp(host: "::1", port: 0)),
        ("unix:/run/a.sock", .unix(path: "/run/a.sock")), ("unix:a", .unix(path: "a")), ("unix:", nil), ("", nil),
        ("unix:/" + String(repeating: "a", count: 107), nil),
    ])
    func `targets are read`(text: String, target: ListenTarget?) {
        #expect(ListenTarget(text) == target)
    }

    /// Leaves a socket file that nobody listens at, as a killed process does.
    private static func abandon(_ path: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
    }
}
