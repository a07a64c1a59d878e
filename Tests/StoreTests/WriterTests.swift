//  Group commit, and what a failing job means for its neighbours.

import Contacts
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@Suite struct WriterTests {
    struct Refusal: Error {}

    @Test func `writes that wait together share commits, and each gets its own answer`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let before = store.statistics.commits
        let contacts = try await withThrowingTaskGroup(of: StoredContact.self) { group in
            for number in 0..<500 { group.addTask { try await store.createOne("Contact \(number)", in: book) } }
            return try await group.reduce(into: [StoredContact]()) { $0.append($1) }
        }
        #expect(Set(contacts.map(\.key)).count == 500)
        #expect(contacts.map(\.contact.revision).sorted() == Array(1...500))
        #expect(store.statistics.commits - before < 500)
        #expect(store.lastSequence == 500)
        await store.close()
    }

    @Test func `a job that fails takes nothing of its neighbours, and leaves no hole in the sequence`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let outcomes = await withTaskGroup(of: Int64?.self) { group in
            for number in 0..<300 {
                group.addTask {
                    try? await store.write { transaction in
                        let stored = try transaction.contacts.create(.named("Contact \(number)", in: book))
                        if number % 3 == 0 { throw Refusal() }
                        return stored.contact.revision
                    }
                }
            }
            return await group.reduce(into: [Int64?]()) { $0.append($1) }
        }
        let kept = outcomes.compactMap(\.self).sorted()
        #expect(kept == Array(1...200))
        let page = try await store.read { try $0.changes.page(after: 0, limit: 1000) }
        #expect(page.changes.map(\.sequence) == Array(1...200))
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 200)
        #expect(try await store.found("contact").count == 200)
        await store.close()
    }

    @Test func `contacts made ready beside the writer are stored as others are, and fail alone`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let outcomes = await withTaskGroup(of: CreatedContact?.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let content = NewContact.named("Contact \(number)", in: book).content
                    switch number % 3 {
                    case 0:
                        return try? await store.created(
                            store.ready(content, connection: book + 1, named: "none", trace: nil)
                        )
                    case 1:
                        _ = try? await store.write { transaction in
                            try transaction.contacts.create(.named("Other \(number)", in: book))
                            throw Refusal()
                        }
                        return nil
                    default:
                        return try? await store.created(
                            store.ready(content, connection: book, named: "book", trace: nil)
                        )
                    }
                }
            }
            return await group.reduce(into: [CreatedContact]()) { list, created in created.map { list.append($0) } }
        }
        #expect(outcomes.count == 100)
        for created in outcomes {
            let id = ContactID(created.id.span)
            let key = try #require(id?.key)
            let document = try await store.read { try $0.contacts.document(key) }
            #expect(document?.document == created.document && document?.revision == created.revision)
        }
        let page = try await store.read { try $0.changes.page(after: 0, limit: 1000) }
        #expect(page.changes.map(\.sequence) == Array(1...100))
        #expect(try await store.found("contact").count == 100)
        let alike = try await store.createOne("Contact 1", in: book)
        #expect(
            try await store.read { try $0.contacts.document(alike.key) }?.document == alike.contact.encodedDocument()
        )
        await store.close()
    }

    @Test func `a job that breaks a rule of the schema fails alone`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        _ = try await store.createOne("First", in: book, vendorID: "1")
        let error = await #expect(throws: StoreError.self) {
            try await store.createOne("Second", in: book, vendorID: "1")
        }
        #expect(error?.code == .constraint)
        #expect(try await store.createOne("Third", in: book, vendorID: "3").contact.revision == 2)
        await store.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a long read at leisure stands before no other`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        _ = try await store.createOne("Ada", in: book)
        let release = Condition()
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        async let long = store.readAtLeisure { snapshot in
            beginning.finish()
            release.wait()
            return try snapshot.contacts.count(connection: book)
        }
        for await _ in begun {}
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 1)
        release.signal()
        #expect(try await long == 1)
        await store.close()
    }

    @Test func `a reader in a batch reads what was written and answered`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let reader = try store.reader()
        try reader.begin()
        #expect(try reader.changes.last() == 0)
        let stored = try await store.createOne("Ada Lovelace", in: book)
        let id = try #require(ContactID(stored.contact.id))
        #expect(try reader.contacts.find(id) == nil, "the batch still sees the state it began with")
        try reader.refresh()
        #expect(try reader.contacts.find(id) == stored)
        reader.end()
        await store.close()
    }

    @Test func `the stream of commits tells the newest sequence and ends with the store`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        var stream = store.changesCommitted().makeAsyncIterator()
        #expect(await stream.next() == 0)
        _ = try await store.createOne("One", in: book)
        #expect(await stream.next() == 1)
        _ = try await store.createOne("Two", in: book)
        _ = try await store.createOne("Three", in: book)
        var last: Int64? = 0
        while last != 3 { last = await stream.next() }
        await store.close()
        #expect(await stream.next() == nil)
    }

    @Test func `a closed store refuses in words`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        await store.close()
        let written = await #expect(throws: StoreError.self) { try await store.createOne("Late", in: book) }
        #expect(written?.code == .closed)
        let read = await #expect(throws: StoreError.self) { try await store.read { try $0.changes.last() } }
        #expect(read?.code == .closed)
        await store.close()
    }

    @Test func `after a failed sync nothing more is acknowledged, and reads go on`() async throws {
        let directory = ScratchDirectory()
        let failures = AsyncStream.makeStream(of: StoreError.self)
        let (store, book) = try await Store.opened(directory, onFailure: { failures.continuation.yield($0) })
        _ = try await store.createOne("Kept", in: book)
        // What the writer sees of a failed fsync is this error; the disk itself cannot be made to fail here.
        let failed = StoreError(.io, "disk I/O error", isFatal: true)
        let first = await #expect(throws: StoreError.self) {
            try await store.write { transaction in
                try transaction.contacts.create(.named("Lost", in: book))
                throw failed
            }
        }
        #expect(first == failed)
        var reports = failures.stream.makeAsyncIterator()
        #expect(await reports.next() == failed)
        let second = await #expect(throws: StoreError.self) { try await store.createOne("Refused", in: book) }
        #expect(second?.isFatal == true)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 1)
        await store.close()
        let (again, _) = try await Store.opened(directory)
        #expect(try await again.createOne("Next", in: book).contact.revision == 2)
        await again.close()
    }

    @Test func `a write that fails alone is answered once, whatever follows`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        for number in 0..<20 {
            _ = try? await store.write { transaction in
                try transaction.contacts.create(.named("Never", in: book))
                throw Refusal()
            }
            #expect(try await store.createOne("Contact \(number)", in: book).contact.revision == Int64(number + 1))
        }
        await store.close()
    }
}
