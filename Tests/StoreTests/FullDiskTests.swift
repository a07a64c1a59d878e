//  A disk that is full when the store starts, or fills up in the one place where a commit is on the disk already.

import Contacts
import Log
import Platform
@_spi(Testing) import Store
import TestSupport
import Testing

@Suite struct FullDiskTests {
    private static func open(_ disk: TestDisk, in directory: ScratchDirectory) throws -> Store {
        var access = DiskAccess()
        access.vfs = disk.name
        return try Store(path: directory.database, on: access, log: .silent, clock: Timestamp.now) { _ in }
    }

    private static func book(of store: Store) async throws -> Int64 {
        try await store.write {
            try $0.connections.register([("book", "local")], at: Timestamp(milliseconds: 0))[0].key
        }
    }

    @Test func `a store starts on a full disk, reads, refuses writes as full, and writes again with room`() async throws
    {
        let (disk, directory) = (TestDisk(), ScratchDirectory())
        let first = try Self.open(disk, in: directory)
        let book = try await Self.book(of: first)
        _ = try await first.createOne("Ada", in: book)
        // A request that was at work when the process died.
        _ = try await first.write { transaction in
            try transaction.idempotency.begin(owner: "app", key: "1", fingerprint: [1], now: transaction.now)
        }
        disk.stop()
        await first.close()
        disk.disarm()

        disk.limit(disk.used)
        let store = try Self.open(disk, in: directory)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 1)
        let error = await #expect(throws: StoreError.self) { try await store.createOne("Grace", in: book) }
        #expect(error?.code == .full)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 1)
        disk.limit(nil)
        #expect(try await store.createOne("Grace", in: book).contact.revision == 2)
        await store.close()
    }

    @Test func `on a full disk connections that are known already are registered, and others are not`() async throws {
        let (disk, directory) = (TestDisk(), ScratchDirectory())
        let store = try Self.open(disk, in: directory)
        let book = try await Self.book(of: store)
        disk.limit(disk.used)
        #expect(try await Self.book(of: store) == book)
        let error = await #expect(throws: StoreError.self) {
            try await store.write { transaction in
                _ = try transaction.connections.register([("book", "local"), ("desk", "local")], at: transaction.now)
            }
        }
        #expect(error?.code == .full)
        disk.limit(nil)
        #expect(try await Self.book(of: store) == book)
        await store.close()
    }

    /// SQLite lengthens the index of its log, 32 KB for 4,096 pages, after it has synced the commit that needs it.
    @Test func `a write that is refused because the log's index finds no room does not come back after a crash`()
        async throws
    {
        let (disk, directory) = (TestDisk(), ScratchDirectory())
        let store = try Self.open(disk, in: directory)
        let book = try await Self.book(of: store)
        disk.arm(.noIndex, at: 1, forever: true)
        let notes = String(repeating: "x", count: 3_000_000)
        var kept = 0
        var refused: StoreError?
        while refused == nil, kept < 20 {
            do {
                _ = try await store.write { [kept] transaction in
                    var new = NewContact.named("Contact \(kept)", in: book)
                    new.content.notes = notes
                    try transaction.contacts.create(new)
                }
                kept += 1
            } catch {
                refused = error as? StoreError
            }
        }
        #expect(refused?.code == .full)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == kept)
        disk.stop()
        await store.close()
        disk.disarm()
        let next = try Self.open(disk, in: directory)
        #expect(try await next.read { try $0.contacts.count(connection: book) } == kept)
        #expect(try await next.createOne("Last", in: book).contact.revision == Int64(kept + 1))
        await next.close()
    }
}
