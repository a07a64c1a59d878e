//  What a failed fsync leaves behind for the next process: pages that the kernel shows and the disk does not have.

import CSQLite
import Glibc

/// After a failed fsync Linux takes the pages for written: it shows them to whoever reads, and no later fsync writes
/// them (fsync(2); Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020, for whom starting again
/// on the same page cache was what lost data). A start that trusted the log would acknowledge writes behind a hole.
///
/// So the process that saw it leaves a mark, which has to live no longer than the page cache does; the next one writes
/// the log anew, byte for byte, and syncs it before it believes a word of it.
enum FailedSync {
    /// Leaves the mark beside the database. Where even that is impossible nothing can be written by a next start.
    static func mark(_ path: String) {
        let descriptor = open(path + suffix, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Makes what the page cache shows true on the disk, where there is a mark, and takes the mark away.
    static func settle(_ path: String, on disk: DiskAccess) throws(StoreError) {
        guard access(path + suffix, F_OK) == 0 else { return }
        // The file's first page too: until the first checkpoint a new database has nothing else.
        try rewrite(path, atMost: 65_536, on: disk)
        try rewrite(path + "-wal", atMost: .max, on: disk)
        unlink(path + suffix)
    }

    private static let suffix = "-unsynced"

    /// Writes a file's bytes where they are and syncs it, through SQLite's VFS.
    private static func rewrite(_ path: String, atMost limit: Int64, on disk: DiskAccess) throws(StoreError) {
        guard let vfs = sqlite3_vfs_find(disk.vfs), let xOpen = vfs.pointee.xOpen else { return }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Int(vfs.pointee.szOsFile), alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: Int(vfs.pointee.szOsFile))
        let file = memory.bindMemory(to: sqlite3_file.self, capacity: 1)
        // A file that is not there needs nothing.
        guard xOpen(vfs, path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, nil) == SQLITE_OK else { return }
        guard let methods = file.pointee.pMethods?.pointee else { return }
        defer { _ = methods.xClose?(file) }
        var size: Int64 = 0
        try check(methods.xFileSize?(file, &size), path)
        size = min(size, limit)
        // SQLite's VFS takes less than 128 KiB at once (os_unix.c, `seekAndWriteFd`): of more it writes nothing at all.
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var offset: Int64 = 0
        while offset < size {
            let count = Int32(min(size - offset, Int64(chunk.count)))
            try check(methods.xRead?(file, &chunk, count, offset), path)
            try check(methods.xWrite?(file, &chunk, count, offset), path)
            offset += Int64(count)
        }
        try check(methods.xSync?(file, SQLITE_SYNC_NORMAL), path)
    }

    private static func check(_ result: Int32?, _ path: String) throws(StoreError) {
        guard result != SQLITE_OK else { return }
        throw StoreError(.io, "after a failed sync \(path) cannot be written anew (SQLite \(result ?? SQLITE_ERROR))")
    }
}
