//  Who comes in, through the whole program: failed keys, limits, other sites' pages, the second listener.

import Glibc
import HTTPClient
import HTTPCore
import JSON
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct DoorTests {
    @Test func `failed keys are slowed, told once, and hurt no good key`() async throws {
        let gateway = try await RunningGateway()
        for _ in 0..<20 { #expect(try await gateway.call(.get, "/v1/contacts", key: "wrong-key").status == 401) }
        for _ in 0..<3 {
            let slowed = try await gateway.call(.get, "/v1/contacts", key: "wrong-key")
            #expect(slowed.status == 429)
            #expect(slowed.json["code"]?.stringValue == "too_many_failed_keys")
            #expect(slowed.fields["Retry-After"] == "1")
            #expect(try await gateway.call(.get, "/v1/contacts", key: "read-key").status == 200)
        }
        // No key at all is no attempt.
        #expect(try await gateway.call(.get, "/v1/contacts", key: nil).status == 401)
        let line = await gateway.process.line("keys.slowed")
        #expect(line?["address"]?.stringValue == "127.0.0.1")
        #expect(gateway.process.lines.count { $0["event"]?.stringValue == "keys.slowed" } == 1)
        #expect(!gateway.process.lines.contains { "\($0)".contains("wrong-key") })
        #expect(await gateway.stop() == 0)
    }

    @Test func `a limited key is told its quota on every answer, and a reload changes it`() async throws {
        func config(_ limits: String) -> String {
            RunningGateway.config().replacing(
                #""secret": "read-key","#,
                with: #""secret": "read-key", "limits": \#(limits),"#
            )
        }
        let gateway = try await RunningGateway(config(#"{"requests_per_second": 0.01, "burst": 3}"#))
        let targets = [("/v1/contacts", 200), ("/v1/contacts/none", 404), ("/v1/config", 403)]
        for (left, (target, status)) in targets.enumerated() {
            let answer = try await gateway.call(.get, target, key: "read-key")
            #expect(answer.status == status)
            #expect(answer.fields["RateLimit-Policy"] == #""default";q=3;w=300"#)
            #expect(answer.fields["RateLimit"]?.hasPrefix(#""default";r=\#(2 - left);t="#) == true)
        }
        let refused = try await gateway.call(.get, "/v1/contacts", key: "read-key")
        #expect(refused.status == 429)
        #expect(refused.json["code"]?.stringValue == "rate_limited")
        let wait = try #require(refused.fields["Retry-After"].flatMap { Int($0) })
        #expect(refused.fields["RateLimit"] == #""default";r=0;t=\#(wait)"#)
        let other = try await gateway.call(.get, "/v1/contacts")
        #expect(other.status == 200 && other.fields["RateLimit"] == nil)

        // An edit elsewhere gives no new quota; another limit does.
        let edited = config(#"{"requests_per_second": 0.01, "burst": 3}"#)
        try gateway.configure(edited.replacing(#""region": "US""#, with: #""region": "DE""#))
        #expect(try await gateway.call(.post, "/v1/config/reload").status == 200)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "read-key").status == 429)
        try gateway.configure(config(#"{"requests_per_second": 1000}"#))
        #expect(try await gateway.call(.post, "/v1/config/reload").status == 200)
        let again = try await gateway.call(.get, "/v1/contacts", key: "read-key")
        #expect(again.status == 200)
        #expect(again.fields["RateLimit-Policy"] == #""default";q=1000;w=1"#)
        try gateway.configure(RunningGateway.config())
        #expect(try await gateway.call(.post, "/v1/config/reload").status == 200)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "read-key").fields["RateLimit"] == nil)
        #expect(await gateway.stop() == 0)
    }

    @Test func `a page of another site changes nothing`() async throws {
        let gateway = try await RunningGateway()
        let body = #"{"connection": "book", "name": {"full": "Ada Lovelace"}}"#
        for fields: HeaderFields in [
            ["Sec-Fetch-Site": "cross-site"], ["Origin": "https://evil.example"], ["Origin": "null"],
        ] {
            let refused = try await gateway.call(.post, "/v1/contacts", body, fields: fields)
            #expect(refused.status == 403)
            #expect(refused.json["code"]?.stringValue == "cross_site_refused")
            #expect(refused.fields["Access-Control-Allow-Origin"] == nil)
            #expect(try await gateway.call(.get, "/v1/contacts", fields: fields).status == 200)
        }
        let own: HeaderFields = ["Sec-Fetch-Site": "same-origin", "Origin": gateway.base]
        #expect(try await gateway.call(.post, "/v1/contacts", body, fields: own).status == 201)
        #expect(try await gateway.call(.post, "/v1/contacts", body, fields: ["Origin": gateway.base]).status == 201)
        #expect(await gateway.stop() == 0)
    }

    @Test func `with a second listener the first one answers no admin`() async throws {
        let config = RunningGateway.config(more: #", "server": { "admin_listen": "127.0.0.1:0" }"#)
        let gateway = try await RunningGateway(config)
        let line = await gateway.process.line("server.admin_listening")
        let address = try #require(line?["address"]?.stringValue)
        for (method, target) in [
            (HTTPCore.Method.get, "/v1/config"), (.post, "/v1/connections/book/sync"), (.get, "/v1/webhooks"),
            (.get, "/v1/runs"), (.get, "/v1/runs/1"),
        ] {
            // Whoever asks learns the same.
            for key in ["all-key", "read-key", "nobody", nil] {
                let refused = try await gateway.call(method, target, key: key)
                #expect(refused.status == 403)
                #expect(refused.json["code"]?.stringValue == "admin_listener_only")
            }
        }
        #expect(try await gateway.call(.get, "/v1/contacts").status == 200)
        func admin(_ target: String, _ key: String) async throws -> Int {
            let fields: HeaderFields = ["Authorization": "Bearer \(key)"]
            let request = ClientRequest(method: .get, url: "http://\(address)\(target)", fields: fields)
            return try await gateway.client.send(request).status
        }
        #expect(try await admin("/v1/config", "all-key") == 200)
        #expect(try await admin("/v1/contacts", "read-key") == 200)
        #expect(try await admin("/v1/config", "read-key") == 403)
        #expect(try await admin("/v1/config", "nobody") == 401)
        #expect(await gateway.stop() == 0)
    }

    @Test func `the second listener is a private unix socket that goes with a drain`() async throws {
        let config = RunningGateway.config(more: #", "server": { "admin_listen": "unix:DIRECTORY/admin.sock" }"#)
        let gateway = try await RunningGateway(config)
        let path = gateway.directory + "/admin.sock"
        let line = await gateway.process.line("server.admin_listening")
        #expect(line?["address"]?.stringValue == "unix:\(path)")
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        func ask(_ key: String) -> String {
            let fields = "Host: localhost\r\nAuthorization: Bearer \(key)\r\nConnection: close\r\n"
            return UnixExchange.send("GET /v1/config HTTP/1.1\r\n\(fields)\r\n", to: path) ?? ""
        }
        let answer = ask("all-key")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
        #expect(answer.contains(#""admin_listen":"unix:\#(path)""#))
        for _ in 0..<20 { #expect(ask("wrong").hasPrefix("HTTP/1.1 401")) }
        #expect(ask("wrong").hasPrefix("HTTP/1.1 429"))
        #expect(await gateway.process.line("keys.slowed")?["address"]?.stringValue == "unix")
        #expect(try await gateway.call(.get, "/v1/contacts", key: "wrong").status == 401)

        // A change waits for a restart.
        try gateway.configure(RunningGateway.config())
        let reload = UnixExchange.send(
            "POST /v1/config/reload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer all-key\r\nConnection: close\r\n\r\n",
            to: path
        )
        #expect(reload?.contains(#""path":"/server/admin_listen","change":"changed","needs_restart":true"#) == true)
        #expect(try await gateway.call(.get, "/v1/config").status == 403)
        #expect(await gateway.stop() == 0)
        #expect(access(path, F_OK) != 0)
    }
}
