//  Owns one open file descriptor.

public import Glibc

/// An open descriptor, closed when it goes out of life. A copy would close it twice, so it is `~Copyable`.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number; valid while this value lives.
    public let raw: Int32

    /// Takes ownership of an open descriptor.
    public init(owning raw: Int32) {
        precondition(raw >= 0, "an open descriptor is not negative")
        self.raw = raw
    }

    deinit { close(raw) }

    /// Gives up ownership: the caller closes it.
    public consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// Opens a file.
    public static func open(
        _ path: String,
        _ flags: Int32,
        mode: mode_t = 0o600
    ) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try SystemError.check("open") { Glibc.open(path, flags | O_CLOEXEC, mode) })
    }

    /// Opens whatever is there for reading, without waiting for anybody: a FIFO may have nobody at its other end.
    public static func openToRead(_ path: String) throws(SystemError) -> FileDescriptor {
        try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }

    /// Whether it is of a file with bytes of its own, no device, directory, socket or FIFO.
    public var isRegularFile: Bool {
        get throws(SystemError) {
            var status = stat()
            _ = try SystemError.check("fstat") { fstat(raw, &status) }
            return status.st_mode & S_IFMT == S_IFREG
        }
    }

    /// Reads a whole file.
    public static func contents(ofFile path: String) throws(SystemError) -> [UInt8] {
        try open(path, O_RDONLY).contents(atMost: .max) ?? []
    }

    /// Reads up to the end; `nil` when there are more bytes than that.
    public borrowing func contents(atMost limit: Int) throws(SystemError) -> [UInt8]? {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = try SystemError.check("read") {
                chunk.withUnsafeMutableBytes { read(raw, $0.baseAddress, $0.count) }
            }
            if count == 0 { return all }
            guard all.count + count <= limit else { return nil }
            all += chunk[..<count]
        }
    }
}
