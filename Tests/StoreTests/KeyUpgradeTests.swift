//  A file that an earlier program wrote: its contacts are found before, while and after they get today's keys.

import Contacts
import Log
import Platform
import TestSupport
import Testing

@_spi(Testing) @testable import Store

@Suite(.timeLimit(.minutes(1))) struct KeyUpgradeTests {
    /// Every third number has no E.164. Most contacts come in one batch, which leaves a run of keys, the others singly.
    private static func filled(_ directory: ScratchDirectory, inBatch count: Int = 2200) async throws -> Store {
        let (store, book) = try await Store.opened(directory)
        var batch = store.batch(connection: book, named: "book")
        for number in 0..<count {
            batch.add(
                vendorID: "\(number)",
                content: content(number),
                readOnly: false,
                contentHash: 1,
                raw: [0x7B, 0x7D]
            )
        }
        batch.finish()
        try await store.write { [batch] transaction in
            _ = try transaction.contacts.create(batch)
            for number in count..<count + 100 {
                let new = NewContact(connection: book, vendorID: "\(number)", content: content(number))
                try transaction.contacts.create(new)
            }
        }
        return store
    }

    private static func content(_ number: Int) -> ContactContent {
        var content = ContactContent()
        content.name = ContactName(full: "Person \(number)")
        let tail = "555\(1000 + number % 700)"
        content.phones = [
            ContactPhone(number: "+1 202 \(tail)", label: .work, e164: number % 3 == 0 ? nil : "+1202\(tail)"),
            ContactPhone(number: tail, label: .home, e164: nil),
            // Written with other digits at its end than E.164 has.
            ContactPhone(number: "+1 202 \(tail) ext. 12", label: .other, e164: "+1202\(tail)"),
        ]
        content.phones.removeLast(number % 3)
        return content
    }

    /// Whom numbers of every kind find.
    private static func found(_ snapshot: Snapshot) throws -> [[Int64]] {
        try (1000..<1030).flatMap { tail in
            let keys: [LookupKey] = [.e164("+1202555\(tail)"), .unplacedDigits("555\(tail)"), .digits("555\(tail)")]
            var inOrder: [Int64] = []
            try snapshot.contacts.forEachMatch(of: Array(keys.prefix(2)), connections: nil, limit: 100) { row, _ in
                inOrder.append(row.key)
            }
            let each = try keys.map { try snapshot.contacts.matching([$0], connections: nil, limit: 100).map(\.key) }
            #expect(inOrder == each[0] + each[1])
            return each
        }
    }

    @Test(arguments: [3, 4]) func `the same is found in every state of it, and it goes on where it was`(
        version: Int
    ) async throws {
        let directory = ScratchDirectory()
        let store = try await Self.filled(directory)
        let wanted = try await store.read { try Self.found($0) }
        #expect(wanted.allSatisfy { !$0.isEmpty })
        await store.close()
        let older = OlderFile(directory, version: version)
        var snapshot = try older.snapshot()
        #expect(try Self.found(snapshot) == wanted)
        var steps = 0
        var isDone = false
        while !isDone {
            let transaction = try Transaction(database: snapshot.database, shared: snapshot.shared)
            try snapshot.database.execute("begin")
            isDone = try KeyUpgrade(transaction: transaction, database: snapshot.database, shared: snapshot.shared)
                .advance(contacts: 300)
            // A process that ends before the commit has done nothing.
            try snapshot.database.execute(steps == 3 && !isDone ? "rollback" : "commit")
            steps += 1
            if steps % 3 == 0 { snapshot = try older.opened() }
            #expect(try Self.found(snapshot) == wanted)
        }
        #expect(steps == 9)
        #expect(try MetaTable(database: snapshot.database).keysBehind() == 0)
        #expect(try StoreAudit(path: directory.database, vfs: nil).problems() == [])
    }

    @Test func `a store does it by itself, whatever changes meanwhile, and once`() async throws {
        let directory = ScratchDirectory()
        await (try Self.filled(directory)).close()
        try OlderFile(directory).make()
        let (store, book) = try await Store.opened(directory)
        try await store.write { transaction in
            let contacts = transaction.contacts
            try contacts.create(NewContact(connection: book, vendorID: nil, content: Self.content(0)))
            for key: Int64 in [1, 4, 2290] { try contacts.delete(key) }
            for key: Int64 in [2, 7, 10, 2281] {
                guard let stored = try contacts.find(key: key) else { continue }
                try contacts.update(key, ContactUpdate(stored) { $0.phones[0].number = "777 7777" })
                try contacts.update(key, ContactUpdate(stored) { $0.phones[0].e164 = nil })
            }
        }
        while try await store.read({ try MetaTable(database: $0.database).keysBehind() }) > 0 {}
        await store.close()
        #expect(try StoreAudit(path: directory.database, vfs: nil).problems() == [])
        let (again, _) = try await Store.opened(directory)
        #expect(try await again.read { $0.shared.mayHaveFormerKeys } == false)
        await again.close()
    }

    @Test func `runs that it leaves are merged while nobody writes`() async throws {
        let directory = ScratchDirectory()
        let contacts = 7000
        await (try Self.filled(directory, inBatch: contacts)).close()
        do {
            let database = try Database(path: directory.database, role: .writer)
            try database.execute("delete from lookup; delete from lookup_run; delete from lookup_block")
            try MetaTable(database: database).setKeysBehind(Int64(contacts))
        }
        var disk = DiskAccess()
        disk.largestTree = 40
        let store = try Store(path: directory.database, on: disk, log: .silent, clock: Timestamp.now) { _ in }
        while try await store.read({ try MetaTable(database: $0.database).keysBehind() }) > 0 {}
        // Fourteen passes have left one each.
        let runs = try await store.read { try LookupTable(database: $0.database).runs().count }
        #expect((1...LookupTable.mostRuns).contains(runs))
        await store.close()
    }

    @Test func `a number that changes in the middle of it is found by every key of what it has become`() async throws {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        var content = ContactContent()
        content.phones = [ContactPhone(number: "+49 (0)301234", label: .work, e164: "+49301234")]
        try await store.write { [content] transaction in
            for _ in 0..<3 {
                try transaction.contacts.create(NewContact(connection: book, vendorID: nil, content: content))
            }
        }
        await store.close()
        let snapshot = try OlderFile(directory).snapshot()
        let transaction = try Transaction(database: snapshot.database, shared: snapshot.shared)
        try snapshot.database.execute("begin")
        let again = ContactPhone(number: "+49 301234", label: .home, e164: "+49301234")
        let changes: [@Sendable (inout ContactContent) -> Void] = [
            { $0.phones[0].number = again.number }, { $0.phones.append(again) }, { $0.phones = [] },
        ]
        for (key, change) in zip(Int64(1)..., changes) {
            guard let stored = try snapshot.contacts.find(key: key) else { continue }
            try transaction.contacts.update(key, ContactUpdate(stored, change))
        }
        try transaction.flushLookups()
        try snapshot.database.execute("commit")
        func found(_ key: LookupKey) throws -> [Int64] {
            try snapshot.contacts.matching([key], connections: nil, limit: 10).map(\.key)
        }
        #expect(try found(.digits("9301234")) == [1, 2])
        #expect(try found(.digits("0301234")) == [2])
        #expect(try found(.e164("+49301234")) == [1, 2])
        #expect(try MetaTable(database: snapshot.database).keysBehind() == 3)
    }

    @Test func `a new file lacks nothing`() async throws {
        let (store, _) = try await Store.opened(ScratchDirectory())
        #expect(try await store.read { $0.shared.mayHaveFormerKeys } == false)
        await store.close()
    }
}

/// A file made into what the program before wrote: the schema of then, and the keys of numbers of then.
struct OlderFile {
    let directory: ScratchDirectory
    /// Of the schema; with step 4 numbers without E.164 have had a key of their own for a while.
    let version: Int

    init(_ directory: ScratchDirectory, version: Int = 3) {
        self.directory = directory
        self.version = version
    }

    /// Puts into the file what the program before wrote in place of what this one does; nobody has it open.
    func make() throws {
        let database = try Database(path: directory.database, role: .writer)
        let hash = Hash64(seed: try MetaTable(database: database).hashSeed())
        try database.execute("begin; pragma user_version = \(version)")
        let table = LookupTable(database: database)
        var former: [LookupEntry] = []
        for row in try database.rows(Query("select id, doc from contact"), map: { ($0.int(0), $0.bytes(1)) }) {
            let content = try Documents.decode(row.1, key: row.0).content
            var keys: [Int64] = []
            Documents.appendNumberKeys(content, hash, to: &keys)
            for key in Set(keys) { try table.remove(LookupEntry(key: key, contact: row.0)) }
            var written = Documents.formerNumberKeys(content, hash)
            if version == 3 {
                for case .unplacedDigits(let digits) in content.lookupKeys {
                    written.remove(Documents.hash("u", digits, hash))
                }
            }
            former += written.map { LookupEntry(key: $0, contact: row.0) }
        }
        _ = try table.insert(former.sorted())
        try database.execute("commit")
    }

    /// Makes it and opens it as this program does, but for the thread that would bring its keys.
    func snapshot() throws -> Snapshot {
        try make()
        return try opened()
    }

    /// The same of a file that was opened so before.
    func opened() throws -> Snapshot {
        let database = try Database(path: directory.database, role: .writer)
        try Migrations.run(on: database)
        let shared = SharedState(
            clock: Timestamp.now,
            lookupHash: Hash64(seed: try MetaTable(database: database).hashSeed()),
            tokenKey: [],
            mayHaveFormerKeys: true
        )
        return Snapshot(database: database, shared: shared)
    }
}
