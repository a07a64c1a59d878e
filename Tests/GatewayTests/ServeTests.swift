//  The running gateway: keys, reload, signals.

import Glibc
import HTTPCore
import JSON
import Platform
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct ServeTests {
    @Test func `the first line at info is server.listening, and the key file is private`() async throws {
        let gateway = try await RunningGateway()
        let first = gateway.process.lines.first { $0["level"]?.stringValue == "info" }
        #expect(first?["event"]?.stringValue == "server.listening")
        var status = stat()
        #expect(stat(gateway.directory + "/contacts.db.key", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(await gateway.stop() == 0)
    }

    @Test func `a log that nobody reads stops nobody`() async throws {
        let gateway = try await RunningGateway()
        gateway.process.leaveLogUnread(true)
        // A pipe has room for 64 KiB; a line has about 200 bytes.
        for _ in 0..<1000 { #expect(try await gateway.call(.get, "/livez", key: nil).status == 200) }
        gateway.process.leaveLogUnread(false)
        #expect(await gateway.stop() == 0)
        #expect(gateway.process.lines.count { $0["event"]?.stringValue == "http.request" } >= 1000)
    }

    @Test func `a wrong key is 401, a missing scope 403, another's connection 404`() async throws {
        let gateway = try await RunningGateway()
        #expect(try await gateway.call(.get, "/v1/contacts", key: nil).status == 401)
        let wrong = try await gateway.call(.get, "/v1/contacts", key: "nope")
        #expect(wrong.status == 401)
        #expect(wrong.fields["WWW-Authenticate"] != nil)
        #expect(wrong.json["code"]?.stringValue == "unauthorized")
        #expect(wrong.json["request_id"]?.stringValue == wrong.fields["X-Request-Id"])
        #expect(try await gateway.call(.get, "/v1/config", key: "read-key").status == 403)
        #expect(try await gateway.call(.get, "/v1/contacts?connection=book", key: "blind-key").status == 404)
        #expect(try await gateway.call(.get, "/v1/contacts?connection=book", key: "read-key").status == 200)
        #expect(try await gateway.call(.get, "/livez", key: nil).status == 200)
        #expect(try await gateway.call(.get, "/readyz", key: nil).status == 200)
        #expect(await gateway.stop() == 0)
    }

    @Test func `an edit is in force within two seconds, a bad one leaves the old in force and is told`() async throws {
        let gateway = try await RunningGateway()
        let start = Monotonic.milliseconds()
        let two = #"{"id": "book", "vendor": "local"}, {"id": "notes", "vendor": "local"}"#
        try gateway.configure(RunningGateway.config(connections: two))
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(Monotonic.milliseconds() - start < 2000)
        #expect(try await gateway.call(.get, "/v1/contacts?connection=notes").status == 200)

        try gateway.configure(RunningGateway.config(connections: #"{"id": "book", "vendor": "locl"}"#))
        let rejected = await gateway.process.line("config.rejected")
        #expect(rejected?["pointer"]?.stringValue == "/connections/0/vendor")
        let config = try await gateway.call(.get, "/v1/config")
        #expect(config.json["generation"]?.intValue == 2)
        #expect(config.json["last_error"]?["errors"]?.arrayValue?.count == 1)
        #expect(try await gateway.call(.get, "/v1/contacts?connection=notes").status == 200)

        let refused = try await gateway.call(.post, "/v1/config/reload")
        #expect(refused.status == 422)
        #expect(refused.json["errors"]?.arrayValue?.first?["pointer"]?.stringValue == "/connections/0/vendor")
        #expect(await gateway.stop() == 0)
    }

    @Test func `SIGHUP and the API reload, keys are hot, and a listener waits for a restart`() async throws {
        let gateway = try await RunningGateway()
        let config = RunningGateway.config().replacing("read-key", with: "new-read-key")
        try gateway.configure(config)
        gateway.process.signal(SIGHUP)
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "read-key").status == 401)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "new-read-key").status == 200)

        let checked = try await gateway.call(.post, "/v1/config/check", #"{"server": {"workers": 0}}"#)
        #expect(checked.status == 200)
        #expect(checked.json["valid"] == .bool(false))
        #expect(checked.json["errors"]?.arrayValue?.first?["pointer"]?.stringValue == "/server/workers")

        try gateway.configure(config.replacing(#""webhooks": {"#, with: #""server": { "workers": 3 }, "webhooks": {"#))
        let reloaded = try await gateway.call(.post, "/v1/config/reload")
        #expect(reloaded.status == 200)
        _ = await gateway.process.line("config.needs_restart")
        let shown = try await gateway.call(.get, "/v1/config")
        #expect(!"\(shown.json)".contains("all-key"))
        #expect(await gateway.stop() == 0)
    }

    @Test func `a secret file that comes late makes a refused configuration valid`() async throws {
        let gateway = try await RunningGateway()
        let late = RunningGateway.config().replacing(#""read-key""#, with: #"{"file": "DIRECTORY/secret"}"#)
        try gateway.configure(late)
        let rejected = await gateway.process.line("config.rejected")
        #expect(rejected?["pointer"]?.stringValue == "/keys/1/secret/file")
        try RunningGateway.write("file-key\n", to: gateway.directory + "/secret")
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "file-key").status == 200)
        #expect(await gateway.stop() == 0)
    }

    @Test func `a second SIGTERM does not wait for what the first one waits for`() async throws {
        let gateway = try await RunningGateway()
        let latest = try await gateway.call(.get, "/v1/changes?since=latest")
        #expect(latest.json["next"]?.stringValue != nil)
        gateway.process.signal(SIGTERM)
        gateway.process.signal(SIGTERM)
        let code = await gateway.process.exitCode()
        #expect([0, 143].contains(code))  // the drain may have been quicker than the second signal
    }

    @Test func `a reload under load fails no request and leaves unchanged connections alone`() async throws {
        let gateway = try await RunningGateway()
        let isDone = Flag()
        async let statuses = withTaskGroup(of: Set<Int>.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var seen: Set<Int> = []
                    while !isDone.isSet { seen.insert((try? await gateway.call(.get, "/v1/contacts").status) ?? 0) }
                    return seen
                }
            }
            return await group.reduce(into: Set<Int>()) { $0.formUnion($1) }
        }
        for count in 1...5 {
            let extra = (0..<count).map { #", {"id": "n\#($0)", "vendor": "local"}"# }.joined()
            try gateway.configure(
                RunningGateway.config(connections: #"{"id": "book", "vendor": "local", "region": "US"}"# + extra)
            )
            #expect(try await gateway.call(.post, "/v1/config/reload").status == 200)
        }
        isDone.set()
        #expect(await statuses == [200])
        #expect(await gateway.stop() == 0)
    }
}

/// A flag that is set once.
final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
