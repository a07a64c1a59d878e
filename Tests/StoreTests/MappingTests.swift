//  A reader's mapping of the database, beside somebody who commits.

import CSQLite
import Glibc
import Log
import Platform
import TestSupport
import Testing

@testable import Store

@Suite struct MappingTests {
    private let directory = ScratchDirectory()
    private let writer: RawConnection
    private let reader: RawConnection

    init() async throws {
        // The first store of the process registers the VFS.
        try await Store.opened(ScratchDirectory()).store.close()
        writer = try RawConnection(directory.database)
        reader = try RawConnection(directory.database)
        try reader.run("pragma mmap_size = 2147418112")
        try writer.run("pragma journal_mode = wal; create table item (id integer primary key, bytes blob)")
        try fill(1...60_000)
    }

    /// Rows of an eighth of a page, moved into the file.
    private func fill(_ rows: ClosedRange<Int>) throws {
        try writer.run(
            """
            with recursive row (id) as (
                select \(rows.lowerBound) union all select id + 1 from row where id < \(rows.upperBound)
            )
            insert into item select id, zeroblob(450) from row;
            pragma wal_checkpoint(truncate)
            """
        )
    }

    /// Looks at every page.
    private func readAll() throws -> Int { try reader.number("select count(*) from item") }

    @Test func `a commit of another does not have every page faulted in anew`() throws {
        #expect(try readAll() == 60_000)
        try writer.run("update item set bytes = x'00' where id = 1")
        // One row, a few pages of the mapping, had it been made anew.
        #expect(try reader.number("select length(bytes) from item where id = 1") == 1)
        #expect(try resident() > fileSize() / 2)
        #expect(try readAll() == 60_000)
    }

    @Test func `what comes behind the mapping is read without it, and much is mapped`() throws {
        #expect(try readAll() == 60_000)
        let size = try fileSize()
        #expect(try mapped() == size)
        try fill(60_001...63_000)
        #expect(try readAll() == 63_000)
        #expect(try mapped() == size)
        try fill(63_001...90_000)
        #expect(try readAll() == 90_000)
        #expect(try mapped() == fileSize())
        #expect(try fileSize() > size)
        #expect(try reader.number("select integrity_check = 'ok' from pragma_integrity_check") == 1)
    }

    @Test func `nothing stays mapped that the file has no more`() throws {
        #expect(try readAll() == 60_000)
        try writer.run("delete from item where id > 15000; vacuum; pragma wal_checkpoint(truncate)")
        #expect(try readAll() == 15_000)
        #expect(try mapped() == fileSize())
    }

    @Test func `the store's connections have it`() throws {
        for role in [Database.Role.writer, .reader] {
            let database = try Database(path: directory.database, role: role)
            var vfs: UnsafeMutablePointer<sqlite3_vfs>?
            try #require(sqlite3_file_control(database.handle, nil, SQLITE_FCNTL_VFS_POINTER, &vfs) == SQLITE_OK)
            #expect(String(cString: try #require(vfs?.pointee.zName)) == "contact-gateway")
        }
    }

    private func fileSize() throws -> Int {
        var status = stat()
        try #require(stat(directory.database, &status) == 0)
        return Int(status.st_size)
    }

    /// Bytes of the database that this process has mapped; the writer of this test maps nothing.
    private func mapped() throws -> Int { try kilobytes("Size:") * 1024 }

    /// Bytes of the mapping that a look takes no page fault for.
    private func resident() throws -> Int { try kilobytes("Rss:") * 1024 }

    /// A figure of the database's mappings, proc(5): `/proc/[pid]/smaps`.
    private func kilobytes(_ name: Substring) throws -> Int {
        let maps = String(decoding: try FileDescriptor.contents(ofFile: "/proc/self/smaps"), as: UTF8.self)
        var sum = 0
        var isOurs = false
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            // The head of a mapping begins with its addresses; the lines of figures with a name and a colon.
            if words.first?.hasSuffix(":") != true {
                isOurs = line.hasSuffix(" " + directory.database)
            } else if isOurs, words.first == name {
                sum += try #require(Int(words[1]))
            }
        }
        return sum
    }
}

/// A connection without the store, under the store's VFS.
private final class RawConnection {
    struct Failure: Error { let message: String }

    private var handle: OpaquePointer?

    init(_ path: String) throws {
        let vfs = try #require(csqlite_mapped_vfs())
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        try check(sqlite3_open_v2(path, &handle, flags, vfs))
    }

    deinit { sqlite3_close(handle) }

    func run(_ sql: String) throws { try check(sqlite3_exec(handle, sql, nil, nil, nil)) }

    func number(_ sql: String) throws -> Int {
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v2(handle, sql, -1, &statement, nil))
        defer { sqlite3_finalize(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)))
        }
        return Int(sqlite3_column_int64(statement, 0))
    }

    private func check(_ code: Int32) throws {
        if code != SQLITE_OK { throw Failure(message: String(cString: sqlite3_errmsg(handle))) }
    }
}
