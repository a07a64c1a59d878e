//  Bytes that the kernel sends from where they lie, with no copy for each socket that they go to.

import CLinux
import Glibc

/// A file in memory, without a name, that only grows: what a socket has taken of it and not sent yet lies in the file's
/// own pages, also when the file is gone, and must not change under way.
public struct MemoryFile: ~Copyable, Sendable {
    private let descriptor: FileDescriptor
    /// How many bytes it holds.
    public private(set) var count = 0

    /// Makes an empty file.
    ///
    /// - Throws: ``SystemError`` when the process has no descriptor left.
    public init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try SystemError.check("memfd_create") { clinux_memory_file() })
    }

    /// Adds bytes at the end.
    ///
    /// - Throws: ``SystemError`` when there is no memory for them; then they are not added.
    public mutating func append(_ bytes: Span<UInt8>) throws(SystemError) -> FilePart {
        var written = 0
        while written < bytes.count {
            written += try SystemError.check("pwrite") {
                bytes.extracting(droppingFirst: written).withUnsafeBufferPointer {
                    pwrite(descriptor.raw, $0.baseAddress, $0.count, off_t(count + written))
                }
            }
        }
        defer { count += written }
        return FilePart(descriptor: descriptor.raw, offset: count, count: written)
    }
}

/// A stretch of a file's bytes; valid while the file is open.
public struct FilePart: Sendable {
    private let descriptor: Int32
    private var offset: Int
    /// How many bytes it has.
    public private(set) var count: Int

    fileprivate init(descriptor: Int32, offset: Int, count: Int) {
        self.descriptor = descriptor
        self.offset = offset
        self.count = count
    }

    /// Sends what a socket takes, and keeps the rest. Why it took no more shows at the next call that sends bytes.
    public mutating func send(to socket: Int32) {
        var place = off_t(offset)
        while count > 0 {
            let sent = sendfile(socket, descriptor, &place, count)
            if sent < 0, errno == EINTR { continue }
            if sent <= 0 { return }
            offset += sent
            count -= sent
        }
    }

    /// Copies the bytes to the end of a buffer.
    ///
    /// - Throws: ``SystemError`` when they cannot be read.
    public func append(to buffer: inout ByteBuffer) throws(SystemError) {
        var done = 0
        while done < count {
            done += try buffer.append(upTo: count - done) { (room) throws(SystemError) in
                let read = try SystemError.check("pread") {
                    pread(descriptor, room.baseAddress, room.count, off_t(offset + done))
                }
                if read == 0 { throw SystemError(errno: EIO, operation: "pread") }
                return read
            }
        }
    }
}
