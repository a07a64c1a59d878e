//  The configuration file: what is accepted, what it means, and every complaint with its place.

import Config
import Crypto
import JSON
import Log
import Testing

/// Surroundings with one variable and one secret file.
let surroundings = ConfigSurroundings(
    environment: { ["CRM_TOKEN": "crm-secret", "GATEWAY_KEY": "key-secret", "EMPTY": ""][$0] },
    file: { path in
        switch path {
        case "/run/secret": .success(Array("file-secret\n".utf8))
        case "PATH", "OLD", "WRONG": .success(Array("PEM of \(path)".utf8))
        case "DER": .success([0x30, 0x82, 0xFF])
        default: .failure(.init(reason: "No such file or directory"))
        }
    },
    judge: { tls in
        if tls.key.text.revealed.hasSuffix("WRONG") { return [.init(member: "key", message: "is not the key")] }
        if tls.certificate.path != "OLD" { return [] }
        return [.init(member: "certificate", message: "has expired", isWarning: true)]
    }
)

func decode(_ text: String) throws(InvalidConfig) -> GatewayConfig {
    try GatewayConfig.decode(Array(text.utf8), surroundings: surroundings).config
}

/// The complaints as `line:column: pointer: message`.
func complaints(_ text: String) -> [String] {
    do {
        _ = try decode(text)
        return []
    } catch {
        return error.errors.map(\.description)
    }
}

@Suite struct ConfigDecodingTests {
    static let contract = """
        {
          "server":   { "listen": "127.0.0.1:8080", "tls": { "certificate": "PATH", "key": "PATH" }, "workers": 2 },
          "database": { "path": "data/contacts.db", "key": { "file": "/run/secret" } },
          "keys": [ { "name": "app", "secret": { "env": "GATEWAY_KEY" }, "scopes": ["read", "write", "admin"], "connections": ["*"] } ],
          "connections": [
            { "id": "pbx",  "vendor": "portsip", "base_url": "https://pbx.example:8887",
              "credentials": { "token": "t1" }, "sync": { "every": "60s", "full_every": "24h" }, "region": "US" },
            { "id": "chat", "vendor": "taptalk", "base_url": "https://taptalk.example/",
              "credentials": { "key_id": "k", "key_secret": "s" }, "owner": "1" },
            { "id": "erp",  "vendor": "contact-source", "base_url": "https://erp.example:5555",
              "credentials": { "client_id": "i", "client_secret": "s" }, "sync": { "every": "5m", "page_size": 500 } },
            { "id": "crm",  "vendor": "activecampaign", "base_url": "https://acme.api-us1.com",
              "credentials": { "api_token": { "env": "CRM_TOKEN" } }, "limits": { "requests_per_second": 5 },
              "fields": { "organization": "4", "title": "5" },
              "deletes": { "sweep_every": "24h", "hold_above_percent": 20, "hold_above_count": 1000 } },
            { "id": "book", "vendor": "local" }
          ],
          "facades": [ { "name": "desk", "protocol": "portsip", "connection": "crm", "credentials": { "token": "f1" } } ],
          "bridges": [ { "id": "crm-to-pbx", "from": "crm", "to": "pbx", "deletes": true, "filter": { "tag": "vip" } } ],
          "webhooks": { "timeout": "15s", "allow_networks": ["127.0.0.0/8", "::1/128"], "retain": "30d" },
          "changes": { "retain": "30d" }
        }
        """

    @Test func `the whole example is read, references resolved`() throws {
        let config = try decode(Self.contract)
        #expect(config.connections.map(\.id) == ["pbx", "chat", "erp", "crm", "book"])
        #expect(config.database.key?.revealed == "file-secret")
        #expect(config.keys.first?.digest == SHA256.digest(of: Array("key-secret".utf8)))
        #expect(config.keys.first?.connections == nil)
        #expect(config.connection("crm")?.credentials["api_token"]?.revealed == "crm-secret")
        #expect(config.connection("chat")?.baseURL == "https://taptalk.example")
        #expect(config.connection("erp")?.sync.every == .seconds(300))
        #expect(config.connection("erp")?.sync.pageSize == 500)
        #expect(config.bridges.first?.tag == "vip")
    }

    @Test func `a key's limits and the second listener are read and shown`() throws {
        let config = try decode(
            """
            { "server": { "listen": "127.0.0.1:8080", "admin_listen": "unix:/run/gateway.sock" },
              "keys": [
                { "name": "a", "secret": "sa", "limits": { "requests_per_second": 2.5 } },
                { "name": "b", "secret": "sb", "limits": { "requests_per_second": 5, "burst": 20 } },
                { "name": "c", "secret": "sc" } ] }
            """
        )
        #expect(config.server.adminListen == "unix:/run/gateway.sock")
        #expect(config.keys.map { $0.limits?.burst } == [3, 20, nil])
        let shown = config.redacted
        #expect(shown["server"]?["admin_listen"]?.stringValue == "unix:/run/gateway.sock")
        #expect(shown["keys"]?.arrayValue?[1]["limits"]?["burst"]?.intValue == 20)
        #expect(shown["keys"]?.arrayValue?[2]["limits"] == .null)

        var other = config
        other.keys[0].limits = KeyLimits(requestsPerSecond: 3)
        other.server.adminListen = nil
        let changes = GatewayConfig.changes(from: config, to: other)
        #expect(changes.map(\.path) == ["/server/admin_listen", "/keys/a"])
        #expect(changes.map(\.needsRestart) == [true, false])
        #expect(try decode(#"{"server": {"admin_listen": "[::1]:0"}}"#).server.adminListen == "[::1]:0")
    }

    @Test func `an empty object is a configuration of defaults`() throws {
        #expect(try decode("{}") == GatewayConfig())
    }

    @Test func `no secret is in the redacted rendering, and it is whole`() throws {
        let config = try decode(Self.contract)
        let text = String(decoding: config.redacted.encoded(), as: UTF8.self)
        for secret in ["file-secret", "key-secret", "crm-secret", "\"t1\"", "\"f1\"", "\"s\"", "\"k\""] {
            #expect(!text.contains(secret))
        }
        #expect(text.contains(#""api_token":"<redacted>""#))
        #expect(text.contains(#""full_every":"24h""#))
    }

    @Test func `the files of server tls are read, watched and judged, and a renewed one is a change`() throws {
        let text = #"{"server": {"tls": {"certificate": "OLD", "key": "PATH", "client_ca": "PATH"}}}"#
        let decoded = try GatewayConfig.decode(Array(text.utf8), surroundings: surroundings)
        #expect(decoded.files == ["OLD", "PATH", "PATH"])
        #expect(decoded.config.server.tls?.clientCA?.text.revealed == "PEM of PATH")
        let warning = #"1:36: /server/tls/certificate: the file "OLD" has expired"#
        #expect(decoded.warnings.map(\.description) == [warning])
        var renewed = decoded.config
        renewed.server.tls?.certificate.text = Secret("PEM, renewed")
        let changes = GatewayConfig.changes(from: decoded.config, to: renewed)
        #expect(changes == [ConfigChange(path: "/server/tls", kind: .changed)])
        #expect(!changes[0].needsRestart)
        let shown = String(decoding: decoded.config.redacted.encoded(), as: UTF8.self)
        #expect(shown.contains(#""tls":{"certificate":"OLD","key":"PATH","client_ca":"PATH"}"#))
        #expect(!shown.contains("PEM of"))
    }

    static let single: [(text: String, complaint: String)] = [
        ("[]", "1:1: /: must be an object, not an array"),
        (#"{"sever": {}}"#, #"1:2: /sever: unknown key "sever"; did you mean "server"?"#),
        (
            #"{"server": {"listen": "8080"}}"#,
            #"1:23: /server/listen: must be HOST:PORT, such as "127.0.0.1:8080" or "[::1]:8080""#
        ),
        (
            #"{"server": {"admin_listen": "8081"}}"#,
            #"1:29: /server/admin_listen: must be HOST:PORT, such as "127.0.0.1:8081", or "unix:PATH""#
        ),
        (
            #"{"server": {"admin_listen": "unix:"}}"#,
            "1:29: /server/admin_listen: the path of a unix socket has 1 to 107 bytes"
        ),
        (
            #"{"server": {"admin_listen": "127.0.0.1:8080"}}"#,
            #"1:29: /server/admin_listen: must not be the address of "listen""#
        ),
        (
            #"{"server": {"admin_lisen": "127.0.0.1:8081"}}"#,
            #"1:13: /server/admin_lisen: unknown key "admin_lisen"; did you mean "admin_listen"?"#
        ),
        (
            #"{"keys": [{"name": "k", "secret": "s", "limits": {"request_per_second": 5, "requests_per_second": 5}}]}"#,
            #"1:51: /keys/0/limits/request_per_second: unknown key "request_per_second"; did you mean "requests_per_second"?"#
        ),
        (
            #"{"keys": [{"name": "k", "secret": "s", "limits": {"requests_per_second": 0}}]}"#,
            "1:74: /keys/0/limits/requests_per_second: must be a number from 0.001 to 1000000"
        ),
        (
            #"{"keys": [{"name": "k", "secret": "s", "limits": {"burst": 5}}]}"#,
            "1:50: /keys/0/limits/requests_per_second: is missing; it must be a number"
        ),
        (
            #"{"keys": [{"name": "k", "secret": "s", "limits": {"requests_per_second": 1, "burst": 0}}]}"#,
            "1:86: /keys/0/limits/burst: must be a whole number from 1 to 1000000"
        ),
        (
            #"{"server": {"tls": {"certificate": "PATH", "key": "/nope"}}}"#,
            #"1:51: /server/tls/key: the file "/nope" cannot be read: No such file or directory"#
        ),
        (
            #"{"server": {"tls": {"certificate": "DER", "key": "PATH"}}}"#,
            #"1:36: /server/tls/certificate: the file "DER" is not PEM, which is text"#
        ),
        (
            #"{"server": {"tls": {"certificate": "PATH", "key": "WRONG"}}}"#,
            #"1:51: /server/tls/key: the file "WRONG" is not the key"#
        ),
        (
            #"{"server": {"tls": {"certificate": "PATH"}}}"#,
            "1:20: /server/tls/key: is missing; it must be the path of a PEM file"
        ),
        (
            #"{"server": {"tls": {"certificate": "PATH", "key": "PATH", "clientca": "PATH"}}}"#,
            #"1:59: /server/tls/clientca: unknown key "clientca"; did you mean "client_ca"?"#
        ),
        (#"{"webhooks": {"timeout": "500ms"}}"#, #"1:26: /webhooks/timeout: is too short: at least "1s""#),
        (
            #"{"webhooks": {"timeout": 15}}"#,
            #"1:26: /webhooks/timeout: must be a duration such as "15s", "5m", "24h" or "30d""#
        ),
        (
            #"{"webhooks": {"allow_networks": ["10.0.0.0/33"]}}"#,
            #"1:34: /webhooks/allow_networks/0: must be a network such as "10.0.0.0/8" or "fd00::/8""#
        ),
        (
            #"{"database": {"key": {"env": "NOPE"}}}"#,
            #"1:30: /database/key/env: the environment has no variable "NOPE", or it is empty"#
        ),
        (
            #"{"database": {"key": {"file": "/nope"}}}"#,
            #"1:31: /database/key/file: the file "/nope" cannot be read: No such file or directory"#
        ),
        (
            #"{"database": {"key": {"env": "A", "file": "b"}}}"#,
            #"1:22: /database/key: must name exactly one of "env" and "file""#
        ),
        (
            #"{"connections": [{"id": "a", "vendor": "port-sip"}]}"#,
            #"1:40: /connections/0/vendor: "port-sip" is none of them; did you mean "portsip"? possible: portsip, taptalk, activecampaign, local, contact-source"#
        ),
        (
            #"{"connections": [{"id": "a b", "vendor": "local"}]}"#,
            "1:25: /connections/0/id: must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -"
        ),
        (
            #"{"connections": [{"id": "a", "vendor": "local"}, {"id": "a", "vendor": "local"}]}"#,
            #"1:57: /connections/1/id: "a" is already used by /connections/0"#
        ),
        (
            #"{"connections": [{"id": "a", "vendor": "local", "region": "us"}]}"#,
            #"1:59: /connections/0/region: must be a country code of ISO 3166-1 in capitals, such as "US""#
        ),
        (
            #"{"connections": [{"id": "a", "vendor": "taptalk", "base_url": "https://t.example", "credentials": {"key_id": "1"}}]}"#,
            "1:99: /connections/0/credentials/key_secret: is missing"
        ),
        (
            #"{"connections": [{"id": "a", "vendor": "taptalk", "credentials": {"key_id": "1", "key_secret": "2"}}]}"#,
            "1:18: /connections/0/base_url: is missing; it must be a string"
        ),
        (
            #"{"connections": [{"id": "book", "vendor": "local"}], "keys": [{"name": "k", "secret": "s", "connections": ["bok"]}]}"#,
            #"1:108: /keys/0/connections/0: there is no connection "bok"; did you mean "book"?"#
        ),
        (
            "{\n  \"changes\": {},\n  \"changes\": {}\n}",
            #"3:3: /changes: "changes" is repeated; it first stands at line 2, column 3"#
        ),
    ]
    @Test(arguments: single)
    func `a mistake is named with its pointer, line and column`(text: String, complaint: String) {
        #expect(complaints(text) == [complaint])
    }

    @Test func `every mistake is named at once, in the order of the file`() {
        let text = """
            {
              "keys": [{ "name": "a", "secret": "", "scopes": ["reed"] }],
              "connections": [{ "id": "x", "vendor": "portsip", "base_url": "ftp://x", "credentials": { "tokn": "secret-text" } }],
              "bridges": [{ "id": "b", "from": "x", "to": "x" }]
            }
            """
        let found = complaints(text)
        #expect(found.count == 6)
        #expect(
            found.map { String($0.split(separator: " ")[1]) } == [
                "/keys/0/secret:", "/keys/0/scopes/0:", "/connections/0/base_url:", "/connections/0/credentials:",
                "/connections/0/credentials/tokn:", "/bridges/0/to:",
            ]
        )
        #expect(!found.joined().contains("secret-text"))
    }

    @Test func `a connection of an unknown vendor is judged in the rest`() {
        let text = #"{"connections": [{"id": "a", "vendor": "portsid", "sync": {"every": "1x"}, "region": "us"}]}"#
        #expect(
            complaints(text).map { String($0.split(separator: " ")[1]) } == [
                "/connections/0/vendor:", "/connections/0/sync/every:", "/connections/0/region:",
            ]
        )
    }

    @Test func `what is no JSON is one complaint with its place`() {
        let found = complaints("{\n  \"server\": {,\n}")
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("2:14: /: not JSON: "))
    }

    @Test func `a change shows by its path, a secret without its text`() throws {
        let old = try decode(Self.contract)
        var new = old
        new.keys[0].digest = SHA256.digest(of: Array("other".utf8))
        new.connections[0].sync.every = .seconds(5)
        new.connections.removeLast()
        new.connections.append(ConnectionConfig(id: "notes", vendor: .local))
        new.server.listen = "127.0.0.1:1"
        let changes = GatewayConfig.changes(from: old, to: new)
        #expect(
            changes.map { "\($0.kind) \($0.path)" } == [
                "changed /server/listen", "changed /keys/app", "removed /connections/book",
                "changed /connections/pbx/sync",
                "added /connections/notes",
            ]
        )
        #expect(changes.map(\.needsRestart) == [true, false, false, false, false])
        #expect(GatewayConfig.changes(from: old, to: old).isEmpty)
    }
}

@Suite struct ConfigValuesTests {
    @Test(arguments: [
        ("1500ms", Duration.milliseconds(1500)), ("15s", .seconds(15)), ("5m", .seconds(300)),
        ("24h", .seconds(86_400)), ("30d", .seconds(2_592_000)),
    ])
    func `a duration is read and written alike`(text: String, duration: Duration) {
        #expect(Duration(configured: text) == duration)
        #expect(duration.configured == text)
    }

    @Test(arguments: ["", "5", "s", "-5s", "5 s", "1.5s", "5S", "9999999999999d"])
    func `what is no duration is refused`(text: String) {
        #expect(Duration(configured: text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("::1/128", "::1", true),
        ("2000::/3", "2001:db8::1", true), ("2000::/3", "fd00::1", false), ("127.0.0.1", "127.0.0.1", true),
        ("::ffff:0:0/96", "::ffff:1.2.3.4", true), ("0.0.0.0/0", "9.9.9.9", true), ("0.0.0.0/0", "::1", false),
    ])
    func `a network holds its addresses`(network: String, address: String, isInside: Bool) throws {
        let range = try #require(NetworkRange(network))
        let bytes = try #require(NetworkRange.address(address))
        #expect(range.contains(bytes) == isInside)
    }

    @Test(arguments: [
        "", "10.0.0.0/", "10.0.0.0/33", "010.0.0.1", "127.1", "0x7f.1", "1:2:3", ":::", "1::2::3", "::1/129",
        "fe80::1%eth0", "12345::",
    ])
    func `what is no network is refused`(text: String) {
        #expect(NetworkRange(text) == nil)
    }
}
