//  TLS at its edges: what peers do wrong, do slowly, or do only half.

import HTTPCore
import HTTPServer
import Log
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct TLSEdgesTests {
    private func withTLSServer(
        clientCA: Bool = false,
        log: Log = .silent,
        _ change: (inout ServerSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (Server, TestCertificates) async throws -> Void
    ) async throws {
        let certificates = try await TestCertificates()
        var settings = ServerSettings()
        settings.tls = try TLSContext(certificates.identity("one", clientCA: clientCA))
        change(&settings)
        try await withServer(settings, log: log, routes: ServerTests.routes) { try await body($0, certificates) }
    }

    /// `openssl s_client`, quiet, with these bytes as its input.
    private func client(_ server: Server, _ input: String, _ options: String = "-ign_eof") async -> String {
        await Shell.run(
            "printf '\(input)' | timeout 20 openssl s_client -quiet \(options) -connect 127.0.0.1:\(server.port) 2>/dev/null"
        ).output
    }

    @Test func `a peer that sends close notify after its requests is answered, at once, later and in order`()
        async throws
    {
        try await withTLSServer { server, _ in
            let script = """
                import socket, ssl, sys
                context = ssl.create_default_context(); context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                context.maximum_version = ssl.TLSVersion.TLSv1_2 if sys.argv[2] == "1.2" else ssl.TLSVersion.TLSv1_3
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context.wrap_bio(incoming, outgoing)
                plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
                def step(action):
                    while True:
                        try:
                            result = action()
                            plain.sendall(outgoing.read())
                            return result
                        except ssl.SSLWantReadError:
                            plain.sendall(outgoing.read())
                            data = plain.recv(65536)
                            if not data: return b""
                            incoming.write(data)
                step(tls.do_handshake)
                for path in sys.argv[3].split(","):
                    tls.write(b"GET /" + path.encode() + b" HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                try: tls.unwrap()
                except ssl.SSLWantReadError: pass
                plain.sendall(outgoing.read())
                if sys.argv[4] == "fin": plain.shutdown(socket.SHUT_WR)
                raw = b""
                while True:
                    data = plain.recv(65536)
                    if not data: break
                    raw += data
                print(len(raw), raw[-100:].find(b"HTTP"))
                """
            for version in ["1.2", "1.3"] {
                for (paths, least) in [("now", 100), ("later", 100), ("large,later,now", 8 << 20)] {
                    for end in ["fin", "-"] {
                        let result = await Shell.run(
                            "cat <<'END' | timeout 20 python3 - \(server.port) \(version) \(paths) \(end)\n\(script)\nEND\n"
                        )
                        let words = result.output.split(separator: " ").map(String.init)
                        #expect(Int(words.first ?? "") ?? 0 > least, "\(version) \(paths) \(end): \(result.output)")
                        #expect(words.last?.hasPrefix("-1") == true, "nothing is sent in clear")
                    }
                }
            }
        }
    }

    @Test func `a session is resumed from its ticket in both versions, and no client may renegotiate`() async throws {
        try await withTLSServer { server, certificates in
            let connect = "-connect 127.0.0.1:\(server.port)"
            let session = "\(certificates.folder)/session"
            for version in ["-tls1_2", "-tls1_3"] {
                let request = #"printf 'GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'"#
                let first = await Shell.run(
                    "\(request) | openssl s_client -ign_eof \(version) -sess_out \(session) \(connect)"
                )
                #expect(first.output.contains("New, TLS"), "\(first.output)")
                let second = await Shell.run(
                    "\(request) | openssl s_client -ign_eof \(version) -sess_in \(session) \(connect)"
                )
                #expect(second.output.contains("Reused, TLS"), "\(second.output)")
                #expect(second.output.contains("HTTP/1.1 200"))
            }
            let again = await Shell.run(
                "(sleep 0.3; echo R; sleep 0.3) | timeout 10 openssl s_client -tls1_2 \(connect)"
            )
            #expect(again.output.contains("no renegotiation"), "\(again.output)")
        }
    }

    @Test func `a large answer reaches a reader that takes it in small pieces`() async throws {
        try await withTLSServer { server, _ in
            let script = """
                import socket, ssl, sys, time
                context = ssl.create_default_context(); context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                plain = socket.socket(); plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.connect(("127.0.0.1", int(sys.argv[1])))
                tls = context.wrap_socket(plain)
                tls.sendall(b"GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nGET /later HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
                total, last = 0, b""
                while True:
                    data = tls.recv(3000)
                    if not data: break
                    total += len(data); last = (last + data)[-6:]
                print(total, last)
                """
            let result = await Shell.run("cat <<'END' | timeout 60 python3 - \(server.port)\n\(script)\nEND\n")
            #expect((Int(result.output.split(separator: " ").first ?? "") ?? 0) > 8 << 20, "\(result.output)")
            #expect(result.output.contains("b'later '"))
        }
    }

    @Test func `a reader that takes nothing of an encrypted answer is cut off`() async throws {
        try await withTLSServer({
            $0.timeouts.slowReader = 100
            $0.timeouts.keepAlive = 1500
        }) { server, _ in
            let script = """
                import socket, ssl, sys, time
                context = ssl.create_default_context(); context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                plain = socket.socket(); plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.connect(("127.0.0.1", int(sys.argv[1]))); plain.settimeout(20)
                tls = context.wrap_socket(plain)
                tls.sendall(b"GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" * 4)
                other = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); other.settimeout(20)
                second = context.wrap_socket(other)
                second.sendall(b"GET /now HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"); second.recv(4096)
                # The server's keep-alive of this idle one is longer than the other's patience.
                while second.recv(4096): pass
                total = 0
                try:
                    while True:
                        data = tls.recv(65536)
                        if not data: break
                        total += len(data)
                except (ssl.SSLError, OSError) as error: pass
                print(total)
                """
            let result = await Shell.run("cat <<'END' | timeout 60 python3 - \(server.port)\n\(script)\nEND\n")
            let total = Int(result.output.filter { $0.isNumber }) ?? .max
            #expect(total < 4 * (8 << 20), "\(result.output)")
        }
    }

    @Test func `a broken record ends the connection with an alert, and the others go on`() async throws {
        try await withTLSServer { server, _ in
            let script = """
                import socket, ssl, sys
                context = ssl.create_default_context(); context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context.wrap_bio(incoming, outgoing)
                plain = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); plain.settimeout(20)
                def send(data):
                    if data: plain.sendall(data)
                def step(action):
                    while True:
                        try:
                            result = action(); send(outgoing.read()); return result
                        except ssl.SSLWantReadError:
                            send(outgoing.read())
                            data = plain.recv(65536)
                            if not data: raise ssl.SSLError("end")
                            incoming.write(data)
                step(tls.do_handshake)
                tls.write(b"GET /now HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                record = bytearray(outgoing.read())
                if sys.argv[2] == "flip": record[-1] ^= 1
                if sys.argv[2] == "cut": record = record[:-5]
                if sys.argv[2] == "long": record[3:5] = b"\\xff\\xff"
                if sys.argv[2] == "plain": record = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
                plain.sendall(record); plain.shutdown(socket.SHUT_WR)
                try: print(step(lambda: tls.read(100)))
                except ssl.SSLError as error: print(error)
                """
            for (damage, outcome) in [
                ("flip", "BAD_RECORD_MAC"), ("long", "RECORD_OVERFLOW"),
                ("plain", "PROTOCOL_VERSION|RECORD_OVERFLOW|WRONG_VERSION|UNEXPECTED|BAD_RECORD"),
                ("cut", "B''"),
            ] {
                let result = await Shell.run(
                    "cat <<'END' | timeout 20 python3 - \(server.port) \(damage)\n\(script)\nEND\n"
                )
                let output = result.output.uppercased().replacing(" ", with: "_")
                let isExpected = outcome.uppercased().split(separator: "|").contains { output.contains($0) }
                #expect(isExpected, "\(damage): \(result.output)")
            }
            #expect(
                await client(server, "GET /now HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n").hasSuffix(
                    "now"
                )
            )
        }
    }

    @Test func `a handshake that fails is logged with its reason`() async throws {
        let lines = LoggedLines()
        try await withTLSServer(clientCA: true, log: lines.log) { server, certificates in
            let connect = "timeout 20 openssl s_client -connect 127.0.0.1:\(server.port)"
            let folder = certificates.folder
            for version in ["-tls1_2", "-tls1_3"] {
                let bare = await Shell.run("(sleep 0.2; echo Q) | \(connect) -ign_eof \(version)")
                #expect(bare.output.contains("alert"), "\(bare.output)")
                let stranger = await Shell.run(
                    "(sleep 0.2; echo Q) | \(connect) -ign_eof \(version) -cert \(folder)/one.pem -key \(folder)/one.key"
                )
                #expect(stranger.output.contains("alert"), "\(stranger.output)")
            }
            _ = await Shell.run("\(connect) -tls1_1 -cipher DEFAULT@SECLEVEL=0")
        }
        let text = lines.text
        #expect(text.contains("peer did not return a certificate"), "\(text)")
        #expect(text.contains("client certificate: self-signed certificate"), "\(text)")
        #expect(text.contains("unsupported protocol"), "\(text)")
        #expect(text.contains("\"peer\":\"127.0.0.1\""), "\(text)")
    }

    @Test func `an idle connection is closed with close notify`() async throws {
        try await withTLSServer({ $0.timeouts.keepAlive = 60 }) { server, _ in
            let trace = await Shell.run(
                "(sleep 1) | timeout 20 openssl s_client -tls1_2 -msg -ign_eof -connect 127.0.0.1:\(server.port)"
            )
            #expect(trace.output.contains("warning close_notify"), "\(trace.output)")
        }
    }

    @Test func `many handshakes at once keep no other connection waiting for long`() async throws {
        try await withTLSServer { server, certificates in
            let result = await Shell.run(
                "seq 60 | xargs -P 20 -I@ curl -sS -o /dev/null -w '%{http_code}\\n' --max-time 20 "
                    + "--cacert \(certificates.folder)/one.pem https://127.0.0.1:\(server.port)/now | sort | uniq -c"
            )
            #expect(result.output.split(separator: " ") == ["60", "200\n"], "\(result.output)")
        }
    }
}
