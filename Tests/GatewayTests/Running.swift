//  The built program as a user runs it: spawned, its log lines read, called over HTTP, told to stop by signals.

import FoundationEssentials
import Glibc
import HTTPClient
import HTTPCore
import JSON
import Log
import Platform
import Synchronization
import TestSupport
import Testing

/// One process of the built program.
final class Running: Sendable {
    private struct State {
        var lines: [JSONValue] = []
        var standardOutput: [UInt8] = []
        var status: Int32?
        var isOutputWhole = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Known once all that the program wrote was read too.
        var exitCode: Int32? { isOutputWhole ? status : nil }
    }

    let pid: pid_t
    private let state = Mutex(State())
    /// Whether the log is left unread.
    private let unread = Mutex(false)
    private let readAgain = Condition()

    /// The program beside the test bundle.
    static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + "contact-gateway"
    }()

    /// Those that run now. A test that only needs one to be there need not end it: it ends with the tests.
    private static let running: Mutex<Set<pid_t>> = {
        atexit {
            for pid in Running.running.withLock({ $0 }) { kill(pid, SIGKILL) }
        }
        return Mutex([])
    }()

    /// Spawns the program, or with a wrapper another, such as `setpriv`, that becomes it.
    init(_ arguments: [String], environment: [String: String] = [:], through wrapper: [String] = []) throws {
        let command = wrapper + [Self.program] + arguments
        let output = try Self.pipe()
        let errors = try Self.pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, output.1, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.1, 2)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = command.map { strdup($0) as UnsafeMutablePointer<CChar>? } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") as UnsafeMutablePointer<CChar>? } + [nil]
        defer { for pointer in all + variables { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, command[0], &actions, &attributes, &all, &variables)
        close(output.1)
        close(errors.1)
        try #require(code == 0, "cannot start \(command)")
        let pid = child
        self.pid = pid
        Self.running.withLock { _ = $0.insert(pid) }
        PosixThread.start(name: "output") { [self] in
            Self.drain(output.0) { bytes in state.withLock { $0.standardOutput += bytes } }
            note { $0.isOutputWhole = true }
        }
        PosixThread.start(name: "log") { [self] in
            var pending: [UInt8] = []
            Self.drain(errors.0) { bytes in
                while unread.withLock({ $0 }) { readAgain.wait() }
                pending += bytes
                while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(pending[..<end])
                    pending.removeFirst(end + 1)
                    let value = (try? JSONValue(parsing: line)) ?? .string(String(decoding: line, as: UTF8.self))
                    note { $0.lines.append(value) }
                }
            }
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            Self.running.withLock { _ = $0.remove(pid) }
            // wait(2): the low seven bits name the signal, the next byte is the exit status.
            note { $0.status = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F) }
        }
    }

    /// Everything on stdout so far.
    var output: String { String(decoding: state.withLock { $0.standardOutput }, as: UTF8.self) }

    /// Every log line so far; what is no JSON is a string.
    var lines: [JSONValue] { state.withLock { $0.lines } }

    func signal(_ signal: Int32) { kill(pid, signal) }

    /// Leaves what the program logs in its pipe, or takes it again.
    func leaveLogUnread(_ isUnread: Bool) {
        unread.withLock { $0 = isUnread }
        readAgain.signal()
    }

    /// Waits for the end and returns the exit code.
    func exitCode() async -> Int32 {
        while true {
            if let code = state.withLock({ $0.exitCode }) { return code }
            await news { $0.exitCode != nil }
        }
    }

    /// Waits for the n-th log line of that event; `nil` when the program ends before.
    func line(_ event: String, _ number: Int = 1) async -> JSONValue? {
        func found(_ state: borrowing State) -> [JSONValue] {
            state.lines.filter { $0["event"]?.stringValue == event }
        }
        while true {
            let (lines, hasEnded) = state.withLock { (found($0), $0.exitCode != nil) }
            if lines.count >= number { return lines[number - 1] }
            if hasEnded { return nil }
            await news { found($0).count >= number || $0.exitCode != nil }
        }
    }

    private func note(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func news(unless ready: (borrowing State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if ready(state) { return true }
                state.waiting.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    private static func pipe() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func drain(_ descriptor: Int32, _ take: ([UInt8]) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            take(Array(buffer[..<count]))
        }
        close(descriptor)
    }
}

/// A running gateway with a directory of its own, and a client for it.
final class RunningGateway: Sendable {
    let process: Running
    let directory: String
    let address: String
    let base: String
    let client: Client
    private let described = Mutex<APIDescription?>(nil)

    /// Connections of a test, with what stands in their places; `KEYS` are four keys of different rights.
    static func config(connections: String = #"{"id": "book", "vendor": "local", "region": "US"}"#, more: String = "")
        -> String
    {
        """
        { "database": { "path": "DIRECTORY/contacts.db" },
          "keys": [
            { "name": "all", "secret": "all-key", "scopes": ["read", "write", "admin"], "connections": ["*"] },
            { "name": "reader", "secret": "read-key", "scopes": ["read"] },
            { "name": "blind", "secret": "blind-key", "scopes": ["read", "write"], "connections": [] } ],
          "webhooks": { "allow_networks": ["127.0.0.0/8"] },
          "connections": [\(connections)]\(more) }
        """
    }

    init(
        _ config: String = RunningGateway.config(),
        through wrapper: [String] = [],
        prepare: (String) throws -> Void = { _ in }
    ) async throws {
        directory = "/tmp/gateway-test-\(RandomSource.shared.hex(8))"
        try #require(mkdir(directory, 0o700) == 0)
        try prepare(directory)
        try Self.write(config.replacing("DIRECTORY", with: directory), to: directory + "/gateway.json")
        let arguments = ["serve", "--config", directory + "/gateway.json", "--listen", "127.0.0.1:0"]
        process = try Running(arguments, through: wrapper)
        let line = await process.line("server.listening")
        address = try #require(line?["address"]?.stringValue, "\(process.lines)")
        base = "http://\(address)"
        client = Client(log: .silent)
    }

    deinit {
        process.signal(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Replaces the configuration by an atomic rename, as an editor or a deployment does.
    func configure(_ config: String) throws {
        let path = directory + "/gateway.json"
        try Self.write(config.replacing("DIRECTORY", with: directory), to: path + ".new")
        try #require(rename(path + ".new", path) == 0)
    }

    static func write(_ text: String, to path: String) throws {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        let bytes = Array(text.utf8)
        try #require(Glibc.write(file.raw, bytes, bytes.count) == bytes.count)
    }

    /// Calls the API with a key and a body.
    func call(
        _ method: HTTPCore.Method,
        _ path: String,
        _ body: String? = nil,
        key: String? = "all-key",
        fields: HeaderFields = HeaderFields()
    ) async throws -> (status: Int, json: JSONValue, fields: HeaderFields) {
        var fields = fields
        if let key { fields.add("Authorization", "Bearer \(key)") }
        if body != nil { fields.add("Content-Type", "application/json") }
        let request = ClientRequest(method: method, url: base + path, fields: fields, body: Array((body ?? "").utf8))
        let response = try await client.send(request)
        let json = response.body.isEmpty ? JSONValue.null : (try? JSONValue(parsing: response.body)) ?? .null
        try await judge(method, path, body, response)
        return (response.status, json, response.fields)
    }

    /// Holds every answer against what the program says of itself.
    private func judge(
        _ method: HTTPCore.Method,
        _ path: String,
        _ body: String?,
        _ response: ClientResponse
    ) async throws {
        let exchange = Exchange(
            method: method.rawValue,
            path: String(path.prefix { $0 != "?" }),
            sent: body.flatMap { try? JSONValue(parsing: Array($0.utf8)) },
            status: response.status,
            body: response.body,
            field: { [fields = response.fields] in fields[$0] }
        )
        for complaint in try await description().complaints(exchange) { Issue.record("\(complaint)") }
    }

    /// `/openapi.json`, asked for once.
    func description() async throws -> APIDescription {
        if let known = described.withLock({ $0 }) { return known }
        let request = ClientRequest(
            method: .get,
            url: base + "/openapi.json",
            fields: ["Authorization": "Bearer all-key"]
        )
        let description = APIDescription(try JSONValue(parsing: try await client.send(request).body))
        described.withLock { $0 = description }
        return description
    }

    /// Asks again until the answer is as wanted, or the time is up.
    func eventually(
        _ path: String,
        within seconds: Int64 = 20,
        key: String = "all-key",
        _ isWanted: ((status: Int, json: JSONValue, fields: HeaderFields)) -> Bool
    ) async throws -> Bool {
        let end = Monotonic.milliseconds() + seconds * 1000
        while Monotonic.milliseconds() < end {
            if isWanted(try await call(.get, path, key: key)) { return true }
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
        return false
    }

    /// SIGTERM, and the exit code.
    func stop() async -> Int32 {
        process.signal(SIGTERM)
        let code = await process.exitCode()
        await client.close()
        return code
    }
}
