//  A peer on a real socket that answers with whatever bytes a test wants.

import Glibc
import Synchronization

/// Accepts connections on 127.0.0.1 and gives each to the test's function, on a thread of its own.
final class RawServer: Sendable {
    /// One accepted connection.
    struct Peer {
        let socket: Int32

        /// The next request, head and body; `nil` when the client has closed.
        func request() -> String? {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while !Self.isWhole(bytes) {
                let count = recv(socket, &chunk, chunk.count, 0)
                guard count > 0 else { return nil }
                bytes += chunk[..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        func send(_ text: String) {
            let bytes = Array(text.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }

        private static func isWhole(_ bytes: [UInt8]) -> Bool {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { return false }
            let length = text[..<end.lowerBound].split(separator: "\r\n")
                .first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].filter { $0 != " " }) }
            return text[end.upperBound...].utf8.count >= length ?? 0
        }
    }

    let port: UInt16
    var url: String { "http://127.0.0.1:\(port)" }
    var accepted: Int { count.withLock { $0 } }
    private let listener: Int32
    private let count = Mutex(0)
    private let answer: @Sendable (Peer) -> Void

    init(_ answer: @escaping @Sendable (Peer) -> Void) {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = listener
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                precondition(bind(socket, generic, size) == 0 && listen(socket, 64) == 0, "no listening socket")
                getsockname(socket, generic, &size)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        spawn { [self] in
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                count.withLock { $0 += 1 }
                spawn { [answer] in
                    answer(Peer(socket: socket))
                    close(socket)
                }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private func spawn(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            },
            Unmanaged.passRetained(Work(body)).toOpaque()
        )
        pthread_detach(thread)
    }
}

extension String {
    /// Where a text first stands.
    fileprivate func range(of text: String) -> Range<String.UTF8View.Index>? {
        let wanted = Array(text.utf8)
        let bytes = utf8
        var start = bytes.startIndex
        while start != bytes.endIndex {
            if bytes[start...].starts(with: wanted) {
                return start..<bytes.index(start, offsetBy: wanted.count)
            }
            bytes.formIndex(after: &start)
        }
        return nil
    }
}
