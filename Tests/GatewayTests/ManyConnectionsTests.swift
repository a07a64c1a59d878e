//  Ten thousand connections to the running program.

import Glibc
import JSON
import Platform
import Testing

@Suite(.timeLimit(.minutes(2))) struct ManyConnectionsTests {
    private static let count = 10_000

    /// This process holds one end of each connection, the gateway the other.
    private static let openFiles = ProcessLimits.raiseOpenFiles()

    @Test(.enabled(if: openFiles >= count + 500, "RLIMIT_NOFILE is too low for ten thousand sockets"))
    func `ten thousand connections stay, and every one is answered again`() async throws {
        let gateway = try await RunningGateway()
        let port = try #require(UInt16(gateway.address.split(separator: ":").last ?? ""))
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<Self.count { sockets.append(try connected(to: port)) }
        let request = Array("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for _ in 0..<2 {
            for socket in sockets { try #require(send(socket, request, request.count, 0) == request.count) }
            var buffer = [UInt8](repeating: 0, count: 4096)
            var answered = 0
            for socket in sockets {
                let count = recv(socket, &buffer, buffer.count, 0)
                if count > 12, String(decoding: buffer[9..<12], as: UTF8.self) == "200" { answered += 1 }
            }
            #expect(answered == Self.count)
        }
        let memory = try String(
            decoding: FileDescriptor.contents(ofFile: "/proc/\(gateway.process.pid)/status"),
            as: UTF8.self
        )
        let resident = memory.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }.flatMap {
            Int($0.filter(\.isNumber))
        }
        // Under a kilobyte each, beside what the program is.
        #expect((resident ?? .max) < 120_000, "\(resident ?? 0) kB resident")
        #expect(gateway.process.lines.allSatisfy { $0["event"]?.stringValue != "server.accept_failed" })
        #expect(await gateway.stop() == 0)
    }

    private func connected(to port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0)
        return descriptor
    }
}
