//  Bytes that are sent from where they lie.

import Glibc
import Platform
import Testing

struct MemoryFileTests {
    private static func bytes(_ count: Int, from first: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: first &+ $0 &* 7) }
    }

    @Test func `parts are what was added, and stay so while the file grows`() throws {
        var file = try MemoryFile()
        var parts: [FilePart] = []
        var added: [[UInt8]] = []
        for number in 0..<5 {
            let bytes = Self.bytes(number * 3001, from: number)
            parts.append(try file.append(bytes.span))
            added.append(bytes)
        }
        let count = file.count
        #expect(count == 30_010)
        for (part, bytes) in zip(parts, added) {
            #expect(part.count == bytes.count)
            var buffer = ByteBuffer()
            buffer.append("before ")
            try part.append(to: &buffer)
            let read = buffer.withUnsafeBytes { Array($0) }
            #expect(read == Array("before ".utf8) + bytes)
        }
    }

    @Test func `a socket takes what it has room for, and the rest can be read`() throws {
        var file = try MemoryFile()
        let bytes = Self.bytes(4 << 20, from: 1)
        _ = try file.append([1, 2, 3].span)
        var part = try file.append(bytes.span)
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        part.send(to: ends[0])
        #expect(part.count > 0 && part.count < bytes.count)
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(ends[1], &chunk, chunk.count, 0), count > 0 { received += chunk[..<count] }
        var rest = ByteBuffer()
        try part.append(to: &rest)
        received += rest.withUnsafeBytes { Array($0) }
        #expect(received == bytes)
    }
}
