//  TLS, judged by curl and openssl from outside.

import Glibc
import HTTPCore
import HTTPServer
import Log
import Platform
import Synchronization
import TestSupport
import Testing

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
            hooks.batchEnded = { answered.open() }
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
            let garbage = TestClient(server)
            garbage.send([0x16, 0x03, 0x01, 0xFF, 0xFF] + [UInt8](repeating: 7, count: 300))
            #expect(!garbage.readToEnd().contains("HTTP"))
            let plain = TestClient(server)
            plain.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = plain.answer()
            #expect(answer.status == 400 && answer.body.contains("\"code\":\"tls_required\""))
            plain.finishSending()
            #expect(plain.readToEnd().isEmpty)
        }
    }

    @Test func `files that do not fit are named`() async throws {
        let certificates = try await TestCertificates()
        let good = try certificates.identity("one", clientCA: true)
        var other = good
        other.key = try certificates.identity("two").key
        func part(_ change: (inout TLSIdentity) -> Void) -> TLSError.Part? {
            var identity = good
            change(&identity)
            do throws(TLSError) {
                _ = try TLSContext(identity)
                return nil
            } catch {
                return error.part
            }
        }
        #expect(part { _ in } == nil)
        #expect(part { $0 = other } == .key)
        #expect(part { $0.certificate = "no PEM" } == .certificate)
        #expect(
            part { $0.certificate += "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n" }
                == .certificate
        )
        #expect(part { $0.certificate = "" } == .certificate)
        #expect(part { $0.key = Secret("no PEM") } == .key)
        #expect(part { $0.clientCA = "no PEM" } == .clientCA)
        let locked = await Shell.run(
            "openssl pkey -in \(certificates.folder)/one.key -aes256 -passout pass:x -out \(certificates.folder)/locked.key"
        )
        #expect(locked.status == 0)
        let lockedKey = try certificates.text("locked.key")
        #expect(part { $0.key = Secret(lockedKey) } == .key)
        let now = Timestamp.now().seconds
        let context = try TLSContext(good)
        #expect(context.validFrom <= now && now < context.validUntil)
    }
}
