//  A server on a free port and a plain blocking client, for tests that need real sockets.

import Glibc
import HTTPCore
import HTTPServer
import Log
import Platform
import Synchronization
import TestSupport
import Testing

/// Runs a server for as long as the closure takes. Both have threads of their own: clients block, and while they wait the
/// server must not wait for other tests.
///
/// - Parameters:
///   - settings: Sizes and time-outs.
///   - stops: False when the closure itself ends the server; the call returns only when it has ended.
///   - log: Takes the server's lines.
///   - hooks: What is called around requests.
///   - routes: The table.
///   - body: Calls the server.
/// - Throws: What the server or the closure throws.
func withServer(
    _ settings: ServerSettings = ServerSettings(),
    stops: Bool = true,
    log: Log = .silent,
    hooks: @escaping @Sendable () -> RouterHooks = { RouterHooks() },
    routes: @escaping @Sendable () -> [Route],
    _ body: @escaping @Sendable (Server) async throws -> Void
) async throws {
    let server = try Server(settings: settings, log: log) { _ in Router(routes(), hooks: hooks()) }
    let serving = ThreadExecutor(name: "test-server")
    let asking = ThreadExecutor(name: "test-client")
    defer {
        serving.stop()
        asking.stop()
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask(executorPreference: serving) { try await server.run() }
        do {
            try await Task(executorPreference: asking) { try await body(server) }.value
        } catch {
            server.stop()
            throw error
        }
        if stops { server.stop() }
        // A connection that is never let go must not hold up everything: the test that left it is named.
        let watch = Task {
            try await Task.sleep(for: .seconds(30))
            Issue.record("the server has not ended by itself")
            server.stop()
        }
        try await group.waitForAll()
        watch.cancel()
    }
}

/// A blocking socket with a bound on every wait. It blocks its thread, which is a test's own.
final class TestClient: Sendable {
    private let descriptor: Int32
    private let port: Int
    private let rest = Mutex<[UInt8]>([])

    /// A client that is connected, or, with `connects` false, one that only has its socket.
    convenience init(_ server: Server, receiveBuffer: Int32? = nil, connects: Bool = true) {
        self.init(port: server.port, receiveBuffer: receiveBuffer, connects: connects)
    }

    /// The same, for a port of this machine.
    init(port: Int, receiveBuffer: Int32? = nil, connects: Bool = true) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.port = port
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        if connects { connect() }
    }

    /// Connects the socket.
    func connect() {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = Glibc.connect(descriptor, $0, length) }
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends everything; false when the other side stopped taking it.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Sends once; false when the other side no longer takes anything.
    func isTaking(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } > 0
    }

    /// Whether nothing has arrived, not even the end.
    var isWaiting: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) < 0 && errno == EAGAIN
    }

    /// Says that nothing more will be sent.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes both directions.
    func disconnect() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Bytes until the text has appeared, or the end.
    func read(until text: String) -> String {
        let mark = Array(text.utf8)
        return rest.withLock { rest in
            while true {
                if let end = rest.firstRange(of: mark)?.upperBound {
                    let part = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeFirst(end)
                    return part
                }
                guard receive(&rest) else {
                    let part = String(decoding: rest, as: UTF8.self)
                    rest = []
                    return part
                }
            }
        }
    }

    /// Everything until the server closes.
    func readToEnd() -> String {
        rest.withLock { rest in
            while receive(&rest) {}
            let part = String(decoding: rest, as: UTF8.self)
            rest = []
            return part
        }
    }

    /// One answer: its head, and its body by Content-Length.
    func answer(isHead: Bool = false) -> (status: Int, head: String, body: String) {
        let head = read(until: "\r\n\r\n")
        let status = Int(head.dropFirst(9).prefix(3)) ?? 0
        let lines = head.split(separator: "\r\n")
        let length = lines.first { $0.hasPrefix("Content-Length:") }.flatMap {
            Int($0.dropFirst(15).filter { $0 != " " })
        }
        let body = isHead ? "" : read(count: length ?? 0)
        return (status, head, body)
    }

    /// A GET on a connection that stays.
    func get(_ path: String) -> (status: Int, head: String, body: String) {
        send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        return answer()
    }

    private func read(count: Int) -> String {
        rest.withLock { rest in
            while rest.count < count, receive(&rest) {}
            let end = min(count, rest.count)
            let part = String(decoding: rest[..<end], as: UTF8.self)
            rest.removeFirst(end)
            return part
        }
    }

    private func receive(_ rest: inout [UInt8]) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        rest += chunk[..<count]
        return true
    }
}

extension [UInt8] {
    fileprivate func firstRange(of mark: [UInt8]) -> Range<Int>? {
        guard count >= mark.count else { return nil }
        for start in 0...(count - mark.count) where self[start..<(start + mark.count)].elementsEqual(mark) {
            return start..<(start + mark.count)
        }
        return nil
    }
}

/// The lines that a log was given.
final class LoggedLines: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    var log: Log { Log(sink: { line in self.bytes.withLock { $0 += line } }) }
}

/// A door that a handler waits at until the test opens it.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let opener: AsyncStream<Void>.Continuation
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation

    init() {
        (stream, opener) = AsyncStream.makeStream()
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    func pass() async {
        arrival.yield()
        for await _ in stream { return }
    }

    func open() { opener.yield() }

    /// Returns when somebody waits at the door.
    func waitForArrival() async {
        for await _ in arrivals { return }
    }
}

extension TestCertificates {
    func identity(_ name: String, clientCA: Bool = false) throws -> TLSIdentity {
        TLSIdentity(
            certificate: try text("\(name).pem"),
            key: Secret(try text("\(name).key")),
            clientCA: clientCA ? try text("two.pem") : nil
        )
    }
}
