//  `server.tls` of the running program: renewals without a dropped connection, bad files, client certificates.

import Glibc
import JSON
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct TLSReloadTests {
    private static let config = RunningGateway.config(
        more: #", "server": {"tls": {"certificate": "DIRECTORY/live.pem", "key": "DIRECTORY/live.key"}}"#
    )

    /// A gateway whose certificate and key are symbolic links, as certbot leaves them.
    private func gateway(_ certificates: TestCertificates) async throws -> RunningGateway {
        try await RunningGateway(Self.config) { directory in
            for end in ["pem", "key"] {
                symlink("\(certificates.folder)/one.\(end)", "\(directory)/live.\(end)")
            }
        }
    }

    private func point(_ gateway: RunningGateway, _ file: String, to target: String) {
        symlink(target, "\(gateway.directory)/new-link")
        rename("\(gateway.directory)/new-link", "\(gateway.directory)/\(file)")
    }

    private func subject(_ gateway: RunningGateway) async -> String {
        await Shell.run("timeout 20 openssl s_client -connect \(gateway.address) | grep subject").output
    }

    private func curl(_ gateway: RunningGateway, _ path: String, _ options: String = "") async -> String {
        await Shell.run(
            "curl -sSk --max-time 20 \(options) -H 'Authorization: Bearer all-key' https://\(gateway.address)\(path)"
        ).output
    }

    @Test func `a renewed certificate serves new connections, and an open connection goes on`() async throws {
        let certificates = try await TestCertificates()
        let gateway = try await gateway(certificates)
        #expect(await subject(gateway).contains("one"))
        let output = "\(gateway.directory)/held"
        let client = "openssl s_client -quiet -ign_eof -connect \(gateway.address) >\(output) 2>/dev/null"
        let held = try #require(popen(client, "w"))
        fputs("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", held)
        fflush(held)
        #expect(await gateway.process.line("http.request") != nil)

        point(gateway, "live.pem", to: "\(certificates.folder)/two.pem")
        point(gateway, "live.key", to: "\(certificates.folder)/two.key")
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(await subject(gateway).contains("two"))
        let status = try JSONValue(parsing: Array(await curl(gateway, "/v1/config").utf8))
        #expect(status["last_error"] == .null)
        #expect(status["config"]?["server"]?["tls"]?["certificate"]?.stringValue?.hasSuffix("/live.pem") == true)

        fputs("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", held)
        pclose(held)
        let answers = String(decoding: try FileDescriptor.contents(ofFile: output), as: UTF8.self)
        #expect(answers.split(separator: "HTTP/1.1 200 OK").count == 2, "\(answers)")
        #expect(await gateway.stop() == 0)
    }

    @Test func `a pair that does not fit leaves the old one in force and is told with its pointer`() async throws {
        let certificates = try await TestCertificates()
        let gateway = try await gateway(certificates)
        point(gateway, "live.key", to: "\(certificates.folder)/two.key")
        let rejected = await gateway.process.line("config.rejected")
        #expect(rejected?["pointer"]?.stringValue == "/server/tls/key")
        #expect(rejected?["error"]?.stringValue?.hasSuffix("is not the key of the certificate") == true)
        #expect(await subject(gateway).contains("one"))
        let refused = try JSONValue(parsing: Array(await curl(gateway, "/v1/config/reload", "-X POST").utf8))
        #expect(refused["status"]?.intValue == 422)
        #expect(refused["errors"]?.arrayValue?.first?["pointer"]?.stringValue == "/server/tls/key")

        // The other half of the renewal.
        point(gateway, "live.pem", to: "\(certificates.folder)/two.pem")
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(await subject(gateway).contains("two"))

        unlink("\(gateway.directory)/live.pem")
        gateway.process.signal(SIGHUP)
        var isMissing = false
        for number in 1... {
            guard let line = await gateway.process.line("config.rejected", number) else { break }
            isMissing = line["pointer"]?.stringValue == "/server/tls/certificate"
            if isMissing { break }
        }
        #expect(isMissing)
        #expect(await subject(gateway).contains("two"))
        #expect(await gateway.stop() == 0)
    }

    @Test func `client certificates are required from the next connection on`() async throws {
        let certificates = try await TestCertificates()
        let gateway = try await gateway(certificates)
        #expect(await curl(gateway, "/v1/contacts").contains("items"))
        let folder = certificates.folder
        try gateway.configure(
            Self.config.replacing(#"live.key""#, with: #"live.key", "client_ca": "\#(folder)/two.pem""#)
        )
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(!(await curl(gateway, "/v1/contacts").contains("items")))
        let failed = await gateway.process.line("tls.handshake_failed")
        #expect(failed?["reason"]?.stringValue == "peer did not return a certificate")
        let own = "--cert \(folder)/two.pem --key \(folder)/two.key"
        #expect(await curl(gateway, "/v1/contacts", own).contains("items"))
        #expect(await gateway.stop() == 0)
    }

    @Test func `check judges certificate and key`() async throws {
        let certificates = try await TestCertificates()
        let path = "\(certificates.folder)/gateway.json"
        func check(_ certificate: String, _ key: String) async throws -> (code: Int32, output: String) {
            let tls =
                #"{"certificate": "\#(certificates.folder)/\#(certificate)", "key": "\#(certificates.folder)/\#(key)"}"#
            try RunningGateway.write(#"{"server": {"tls": \#(tls)}}"#, to: path)
            let process = try Running(["check", path])
            return (await process.exitCode(), process.output)
        }
        let soon = try await check("one.pem", "one.key")
        #expect(soon.code == 0 && soon.output.contains("/server/tls/certificate: warning: "), "\(soon)")
        #expect(soon.output.contains("one.pem\" expires at "))
        let other = try await check("one.pem", "two.key")
        #expect(other.code == 1 && other.output.contains("/server/tls/key: the file "), "\(other)")
        let swapped = try await check("one.key", "one.pem")
        #expect(swapped.code == 1 && swapped.output.contains("/server/tls/certificate: the file "), "\(swapped)")
        let made = await Shell.run(
            """
            cd \(certificates.folder) && openssl req -new -key one.key -subj /CN=old -out old.csr && \
            openssl x509 -req -in old.csr -signkey one.key -days -1 -out old.pem
            """
        )
        #expect(made.status == 0, "\(made.output)")
        let expired = try await check("old.pem", "one.key")
        #expect(expired.code == 0 && expired.output.contains("old.pem\" expired at "), "\(expired)")
    }
}
