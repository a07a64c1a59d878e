//  One process at a time: a lock beside the database.

import Glibc
import Synchronization

/// Holds an exclusive `flock` on `PATH-lock`. SQLite's own locks would let a second gateway in between commits.
final class FileLock: Sendable {
    private let descriptor: Mutex<Int32>

    init(beside path: String) throws(StoreError) {
        try Self.makeDirectory(of: path)
        let lockPath = path + "-lock"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw StoreError(
                errno == ENOSPC ? .full : .readOnly,
                "cannot write beside the database: \(lockPath): \(reason)"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw StoreError(.locked, "another process has the database open: \(path)")
        }
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Lets another process in.
    func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    private static func makeDirectory(of path: String) throws(StoreError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).dropLast()
        var directory = path.hasPrefix("/") ? "" : "."
        for part in parts {
            directory += "/" + part
            if mkdir(directory, 0o700) != 0, errno != EEXIST {
                var status = stat()
                if stat(directory, &status) == 0 { continue }
                throw StoreError(
                    .readOnly,
                    "cannot make the directory \(directory): \(String(cString: strerror(errno)))"
                )
            }
        }
    }
}
