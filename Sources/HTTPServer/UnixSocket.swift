//  A listening unix socket: its file, who may connect to it, and when it is removed.

import Glibc
import Platform
import Synchronization

/// A bound unix socket and its file.
final class UnixSocket: Sendable {
    let path: String
    private let file: FileIdentity
    private let isRemoved = Atomic(false)

    private struct FileIdentity: Equatable {
        var device: dev_t
        var inode: ino_t
    }

    /// Whether the path fits into `sockaddr_un` with its final zero (unix(7): 108 bytes).
    static func fits(_ path: String) -> Bool { (1...107).contains(path.utf8.count) && !path.utf8.contains(0) }

    private init(path: String, file: FileIdentity) {
        self.path = path
        self.file = file
    }

    /// Binds and listens. Only this user may connect, from the moment the file is there.
    ///
    /// A socket file that nobody answers on is what a killed process left behind, and is replaced. Anything else at
    /// that path stays and is an error: a file that is no socket, or a socket that somebody serves.
    static func open(_ path: String) throws(SystemError) -> (socket: Int32, file: UnixSocket) {
        guard fits(path) else { throw SystemError(errno: ENAMETOOLONG, operation: "bind") }
        if let mode = mode(of: path) {
            guard mode & S_IFMT == S_IFSOCK else { throw SystemError(errno: EEXIST, operation: "bind") }
            guard try isStale(path) else { throw SystemError(errno: EADDRINUSE, operation: "bind") }
            _ = try SystemError.check("unlink") { unlink(path) }
        }
        let descriptor = try make()
        // Linux takes the file's mode from the socket (unix_bind in net/unix/af_unix.c): no moment in which the file
        // is open to others, and no umask that every thread would share.
        _ = try SystemError.check("fchmod") { fchmod(descriptor.raw, 0o600) }
        _ = try SystemError.check("bind") { call(path) { bind(descriptor.raw, $0, $1) } }
        var status = stat()
        _ = try SystemError.check("lstat") { lstat(path, &status) }
        let file = UnixSocket(path: path, file: FileIdentity(device: status.st_dev, inode: status.st_ino))
        _ = try SystemError.check("listen") { listen(descriptor.raw, 1024) }
        return (descriptor.take(), file)
    }

    /// Removes the file, once, unless another process has put its own in its place.
    func remove() {
        guard !isRemoved.exchange(true, ordering: .relaxed) else { return }
        var status = stat()
        guard lstat(path, &status) == 0, FileIdentity(device: status.st_dev, inode: status.st_ino) == file else {
            return
        }
        unlink(path)
    }

    private static func mode(of path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode : nil
    }

    /// Whether nobody listens any more: connect(2) is refused.
    private static func isStale(_ path: String) throws(SystemError) -> Bool {
        let probe = try make()
        while call(path, { connect(probe.raw, $0, $1) }) != 0 {
            switch errno {
            case EINTR: continue
            case ECONNREFUSED: return true
            case EAGAIN: return false  // somebody listens, with a full backlog
            default: throw SystemError(errno: errno, operation: "connect")
            }
        }
        return false
    }

    private static func make() throws(SystemError) -> FileDescriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        return FileDescriptor(owning: try SystemError.check("socket") { socket(AF_UNIX, kind, 0) })
    }

    private static func call(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The rest of the array is zero already.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
