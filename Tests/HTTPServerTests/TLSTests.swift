//  TLS, judged by curl and openssl from outside.

import FoundationEssentials
import Glibc
import HTTPCore
import HTTPServer
import Log
import Platform
import Synchronization
import Testing

/// Certificates made for one test, in a folder of their own.
final class TestCertificates: Sendable {
    let folder: String

    init() async throws {
        folder = "/tmp/contact-gateway-tls-\(RandomSource.shared.hex(8))"
        mkdir(folder, 0o700)
        for name in ["one", "two"] {
            let made = await Shell.run(
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(name) "
                    + "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout \(folder)/\(name).key -out \(folder)/\(name).pem"
            )
            #expect(made.status == 0, "\(made.output)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func identity(_ name: String, clientCA: Bool = false) -> TLSIdentity {
        TLSIdentity(
            certificate: "\(folder)/\(name).pem",
            key: "\(folder)/\(name).key",
            clientCA: clientCA ? "\(folder)/two.pem" : nil
        )
    }
}

/// Commands, run on a thread of their own.
enum Shell {
    static func run(_ command: String) async -> (status: Int32, output: String) {
        await withCheckedContinuation { done in
            PosixThread.start(name: "shell") {
                guard let pipe = popen("( \(command) ) 2>&1 </dev/null", "r") else {
                    return done.resume(returning: (-1, ""))
                }
                var output: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
                let status = pclose(pipe)
                done.resume(returning: (status >> 8, String(decoding: output, as: UTF8.self)))
            }
        }
    }
}

struct TLSTests {
    private func withTLSServer(
        _ identity: TLSIdentity,
        _ change: (inout ServerSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (Server) async throws -> Void
    ) async throws {
        var settings = ServerSettings()
        settings.tls = try TLSContext(identity)
        change(&settings)
        try await withServer(settings, routes: ServerTests.routes, body)
    }

    @Test func `curl is answered, over both versions, on one connection, small and large`() async throws {
        let certificates = try await TestCertificates()
        try await withTLSServer(certificates.identity("one")) { server in
            let base = "https://127.0.0.1:\(server.port)"
            let curl = "curl -sS --max-time 20 --cacert \(certificates.folder)/one.pem"
            for version in ["--tls-max 1.2", "--tlsv1.3"] {
                let answer = await Shell.run("\(curl) \(version) \(base)/echo/a \(base)/later?b")
                #expect(answer.output == "alater b")
            }
            let large = await Shell.run("\(curl) \(base)/large | wc -c")
            #expect(large.output.filter { $0 != "\n" && $0 != " " } == "\(8 << 20)")
            let slow = await Shell.run("\(curl) --limit-rate 6M \(base)/large | wc -c")
            #expect(slow.output.filter { $0 != "\n" && $0 != " " } == "\(8 << 20)")
            let posted = await Shell.run("head -c 3000000 /dev/zero | \(curl) -T - \(base)/big")
            #expect(posted.output == "3000000")
            let refused = await Shell.run("\(curl) --tls-max 1.1 --tlsv1.0 --ciphers DEFAULT@SECLEVEL=0 \(base)/now")
            #expect(refused.status != 0)
        }
    }

    @Test func `only HTTP 1 1 is negotiated, and the end is announced`() async throws {
        let certificates = try await TestCertificates()
        try await withTLSServer(certificates.identity("one")) { server in
            let client = "openssl s_client -connect 127.0.0.1:\(server.port)"
            let chosen = await Shell.run("\(client) -alpn h2,http/1.1")
            #expect(chosen.output.contains("ALPN protocol: http/1.1"))
            let refused = await Shell.run("\(client) -alpn h2")
            #expect(refused.output.contains("no application protocol"))
            let request = "printf 'GET /now HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'"
            let closed = await Shell.run(
                "\(request) | openssl s_client -quiet -ign_eof -connect 127.0.0.1:\(server.port)"
            )
            #expect(closed.output.hasSuffix("now"))
        }
    }

    @Test func `a new certificate serves new connections and keeps the old ones`() async throws {
        let certificates = try await TestCertificates()
        let answered = Gate()
        let hooks: @Sendable () -> RouterHooks = {
            var hooks = RouterHooks()
            hooks.observe = { _ in answered.open() }
            return hooks
        }
        var settings = ServerSettings()
        settings.tls = try TLSContext(certificates.identity("one"))
        try await withServer(settings, hooks: hooks, routes: ServerTests.routes) { server in
            let subject = "openssl s_client -connect 127.0.0.1:\(server.port) | grep subject"
            #expect(await Shell.run(subject).output.contains("one"))
            let output = "\(certificates.folder)/output"
            let client = "openssl s_client -quiet -ign_eof -connect 127.0.0.1:\(server.port) >\(output) 2>&1"
            let held = try #require(popen(client, "w"))
            fputs("GET /now HTTP/1.1\r\nHost: a\r\n\r\n", held)
            fflush(held)
            await answered.pass()
            server.replaceIdentity(try TLSContext(certificates.identity("two")))
            #expect(await Shell.run(subject).output.contains("two"))
            fputs("GET /echo/still HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", held)
            pclose(held)
            let answers = String(decoding: try FileDescriptor.contents(ofFile: output), as: UTF8.self)
            #expect(answers.hasSuffix("still"))
        }
    }

    @Test func `a client certificate is required where an authority is named`() async throws {
        let certificates = try await TestCertificates()
        try await withTLSServer(certificates.identity("one", clientCA: true)) { server in
            let folder = certificates.folder
            let curl = "curl -sS --max-time 20 --cacert \(folder)/one.pem https://127.0.0.1:\(server.port)/now"
            #expect(await Shell.run(curl).status != 0)
            #expect(await Shell.run("\(curl) --cert \(folder)/two.pem --key \(folder)/two.key").output == "now")
        }
    }

    @Test func `who does not finish the handshake, or speaks no TLS, is cut off`() async throws {
        let certificates = try await TestCertificates()
        try await withTLSServer(certificates.identity("one"), { $0.timeouts.handshake = 60 }) { server in
            #expect(TestClient(server).readToEnd().isEmpty)
            let plain = TestClient(server)
            plain.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(!plain.readToEnd().contains("HTTP/1.1 200"))
        }
    }

    @Test func `files that do not fit are named`() async throws {
        let certificates = try await TestCertificates()
        var identity = certificates.identity("one")
        identity.key = certificates.identity("two").key
        #expect(throws: TLSError.self) { try TLSContext(identity) }
        identity.certificate = "/no/such/file"
        #expect {
            try TLSContext(identity)
        } throws: { error in
            (error as? TLSError)?.message.contains("/no/such/file") == true
        }
    }
}
