//  What is on the disk after the process stopped, and what the store says when the disk will not have it.

import CSQLite
import Contacts
import Glibc
import Log
import Platform
@_spi(Testing) import Store
import Synchronization
import TestSupport
import Testing

@Suite struct DurabilityTests {
    @Test func `what was answered is there after the file is opened again, deliveries to be made included`()
        async throws
    {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        let stored = try await store.write { transaction in
            let stored = try transaction.contacts.create(.named("Ada", in: book, vendorID: "1"))
            let webhook = WebhookRow(
                url: "https://receiver.example/",
                events: ["*"],
                connections: ["*"],
                fields: [],
                payload: "full",
                description: nil,
                headers: "{}",
                isEnabled: true,
                secret: [1, 2, 3],
                cursor: 0,
                createdAt: transaction.now
            )
            let id = try transaction.webhooks.insert(webhook)
            var delivery = DeliveryRow(
                webhook: id,
                sequence: stored.contact.revision,
                event: nil,
                contact: stored.key,
                state: .pending,
                createdAt: transaction.now
            )
            delivery.dueAt = transaction.now
            try transaction.deliveries.record(delivery, attempt: nil)
            return stored
        }
        // The second store stands for the next process: it reads what the first one left in the log.
        await store.close()
        let (again, sameBook) = try await Store.opened(directory)
        #expect(sameBook == book)
        #expect(again.lastSequence == 1)
        #expect(again.tokenKey == store.tokenKey)
        #expect(try await again.read { try $0.contacts.find(key: stored.key) } == stored)
        let due = try await again.read { try $0.deliveries.due(webhook: 1, now: Timestamp.now(), limit: 10) }
        #expect(due.map(\.sequence) == [1])
        #expect(try await again.createOne("Grace", in: book).contact.revision == 2)
        await again.close()
    }

    @Test func `a process that is killed between commit and answer has kept what it committed`() async throws {
        let directory = ScratchDirectory()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.database as String] in
            let store = try Store(path: path, log: .silent)
            let book = try await store.write { transaction in
                try transaction.connections.register([("book", "local")], at: transaction.now)[0].key
            }
            for number in 0..<50 { _ = try await store.write { try $0.contacts.create(.named("\(number)", in: book)) } }
            // Committed, and never answered.
            _ = try await store.write { transaction in
                _ = try transaction.contacts.create(.named("unfinished", in: book))
                kill(getpid(), SIGKILL)
            }
        }
        let (store, book) = try await Store.opened(directory)
        #expect(store.lastSequence == 50)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 50)
        try await store.waitForIndex()
        #expect(try await store.found("49").count == 1)
        #expect(try await store.found("unfinished").isEmpty)
        await store.close()
    }

    @Test func `a second process is refused while the first has the file`() async throws {
        let directory = ScratchDirectory()
        let (store, _) = try await Store.opened(directory)
        let error = #expect(throws: StoreError.self) { try Store(path: directory.database, log: .silent) }
        #expect(error?.code == .locked)
        await store.close()
        try await Store.opened(directory).store.close()
    }

    @Test func `a file that somebody else keeps locked refuses writes in words, and takes them again`() async throws {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        var other: OpaquePointer?
        #expect(sqlite3_open(directory.database, &other) == SQLITE_OK)
        #expect(sqlite3_exec(other, "begin immediate", nil, nil, nil) == SQLITE_OK)
        let error = await #expect(throws: StoreError.self) { try await store.createOne("Ada", in: book) }
        #expect(error?.code == .locked)
        #expect(try await store.read { try $0.changes.last() } == 0, "reads go on")
        #expect(sqlite3_exec(other, "commit", nil, nil, nil) == SQLITE_OK)
        sqlite3_close(other)
        #expect(try await store.createOne("Ada", in: book).contact.revision == 1)
        await store.close()
    }

    @Test func `a file from a newer program is refused and left as it is`() async throws {
        let directory = ScratchDirectory()
        try await Store.opened(directory).store.close()
        var other: OpaquePointer?
        #expect(sqlite3_open(directory.database, &other) == SQLITE_OK)
        #expect(sqlite3_exec(other, "pragma user_version = 1000", nil, nil, nil) == SQLITE_OK)
        sqlite3_close(other)
        for _ in 0..<2 {
            let error = #expect(throws: StoreError.self) { try Store(path: directory.database, log: .silent) }
            #expect(error?.code == .newer)
            #expect(error?.message.contains("1000") == true)
        }
    }

    @Test func `a file that is no database is refused`() throws {
        let directory = ScratchDirectory()
        let file = open(directory.database, O_CREAT | O_WRONLY, 0o600)
        let text = "This is a letter to somebody, and certainly not the first page of a database."
        let long = String(repeating: text, count: 20)
        _ = long.withCString { write(file, $0, strlen($0)) }
        close(file)
        let error = #expect(throws: StoreError.self) { try Store(path: directory.database, log: .silent) }
        #expect(error?.code == .corrupt)
    }

    @Test(arguments: ["/sys/contacts.db", "/proc/nowhere/contacts.db"])
    func `a directory that cannot be written is named`(path: String) {
        let error = #expect(throws: StoreError.self) { try Store(path: path, log: .silent) }
        #expect(error?.code == .readOnly)
        #expect(error?.message.contains(path.dropLast("/contacts.db".count)) == true)
    }

    @Test func `without room writes fail alone and in words, reads go on, and writes resume with room`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        _ = try await store.createOne("Ada", in: book)
        // A limit of pages is to SQLite what a full disk is, and needs no mount.
        try await store.write { try $0.limitPages(true) }
        let notes = String(repeating: "lorem ipsum ", count: 4000)
        let error = await #expect(throws: StoreError.self) {
            try await store.write { transaction in
                for number in 0..<200 {
                    var new = NewContact.named("Big \(number)", in: book)
                    new.content.notes = notes
                    try transaction.contacts.create(new)
                }
            }
        }
        #expect(error?.code == .full)
        #expect(error?.isFatal == false)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 1)
        #expect(store.lastSequence == 1)
        try await store.write { try $0.limitPages(false) }
        #expect(try await store.createOne("Grace", in: book).contact.revision == 2)
        #expect(try await store.found("ada").count == 1)
        await store.close()
    }

    @Test func `of writes that wait together, those that fit are kept although one is too large`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        try await store.write { try $0.limitPages(true) }
        let notes = String(repeating: "x", count: 3_000_000)
        let (kept, refused) = await withTaskGroup(of: Result<Int64, any Error>.self) { group in
            for number in 0..<40 {
                group.addTask {
                    do {
                        return .success(
                            try await store.write { transaction in
                                var new = NewContact.named("Contact \(number)", in: book)
                                if number == 20 { new.content.notes = notes }
                                return try transaction.contacts.create(new).key
                            }
                        )
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: ([Int64](), [any Error]())) { result, outcome in
                switch outcome {
                case .success(let key): result.0.append(key)
                case .failure(let error): result.1.append(error)
                }
            }
        }
        #expect(kept.count == 39)
        #expect(refused.compactMap { ($0 as? StoreError)?.code } == [.full])
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 39)
        await store.close()
    }

    @Test func `a file size limit is a full disk too, and a start after it is whole`() async throws {
        let directory = ScratchDirectory()
        await #expect(processExitsWith: .success) { [path = directory.database as String] in
            signal(SIGXFSZ, SIG_IGN)
            let store = try Store(path: path, log: .silent)
            let book = try await store.write { transaction in
                try transaction.connections.register([("book", "local")], at: transaction.now)[0].key
            }
            var limit = rlimit(rlim_cur: 2 << 20, rlim_max: 1 << 40)
            guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(3) }
            var refused: StoreError?
            for number in 0..<2000 where refused == nil {
                do {
                    _ = try await store.write { transaction in
                        var new = NewContact.named("Contact \(number)", in: book)
                        new.content.notes = String(repeating: "x", count: 10_000)
                        try transaction.contacts.create(new)
                    }
                } catch let error as StoreError {
                    refused = error
                }
            }
            guard refused?.code == .full, refused?.isFatal == false else { exit(4) }
            let count = try await store.read { try $0.contacts.count(connection: book) }
            guard Int64(count) == store.lastSequence else { exit(5) }
            guard count > 5 else { exit(7) }
            limit.rlim_cur = 1 << 40
            guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(6) }
            _ = try await store.write { try $0.contacts.create(.named("Last", in: book)) }
            await store.close()
        }
        let (store, book) = try await Store.opened(directory)
        #expect(try await store.read { try Int64($0.contacts.count(connection: book)) } == store.lastSequence)
        await store.close()
    }
}
