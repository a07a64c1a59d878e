//  However much others have, a page looks through a bounded part of it, and pages together lose nothing.

import Contacts
import Platform
import TestSupport
import Testing

@testable import Store

@Suite struct LookThroughTests {
    /// A store with fifty contacts in `book` and, in the middle of them, two in `desk`.
    private static func filled() async throws -> (store: Store, book: Int64, desk: Int64, keys: [Int64]) {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let (desk, keys) = try await store.write { transaction in
            let rows = try transaction.connections.register([("desk", "local")], at: Timestamp(milliseconds: 0))
            let desk = rows[0].key
            let keys = try (0..<52).map { place in
                let connection = place == 25 || place == 26 ? desk : book
                return try transaction.contacts.create(.named("Person \(place)", in: connection)).key
            }
            return (desk, keys)
        }
        return (store, book, desk, keys)
    }

    @Test func `a walk ends after so many contacts of other connections, and goes on from there`() async throws {
        let (store, _, desk, keys) = try await Self.filled()
        try await store.read { snapshot in
            var shown: [Int64] = []
            var pages: [Int] = []
            var (last, hasMore) = (Int64(0), true)
            while hasMore {
                let before = shown.count
                (last, hasMore) = try snapshot.contacts.walk(
                    afterRevision: last,
                    limit: 10,
                    connections: [desk],
                    passingOver: 10
                ) { row, _ in shown.append(row.key) }
                pages.append(shown.count - before)
            }
            #expect(shown == [keys[25], keys[26]])
            #expect(pages == [0, 0, 2, 0, 0])
        }
        await store.close()
    }

    @Test func `deletes and the log end after so many of other connections, and go on from there`() async throws {
        let (store, book, desk, keys) = try await Self.filled()
        let start = store.lastSequence
        _ = try await store.write { transaction in
            for key in keys { try transaction.contacts.delete(key) }
        }
        let afterDesk = start + 27
        try await store.read { snapshot in
            let changes = snapshot.changes
            let readers: [(Int64) throws -> (changes: [Change], last: Int64, hasMore: Bool)] = [
                { try changes.deletes(after: $0, through: .max, limit: 10, connections: [desk], passingOver: 10) },
                { try changes.page(after: $0, limit: 10, connections: [desk], passingOver: 10) },
            ]
            for read in readers {
                var found: [Int64] = []
                var pages = 0
                var (position, hasMore) = (start, true)
                while hasMore {
                    let page = try read(position)
                    found += page.changes.map(\.contact)
                    pages += 1
                    (position, hasMore) = (page.last, page.hasMore)
                }
                #expect(found == [keys[25], keys[26]])
                #expect(pages == 5)
            }
            #expect(try changes.hasDeletes(of: desk, after: start))
            #expect(try !changes.hasDeletes(of: desk, after: afterDesk))
            #expect(try changes.hasDeletes(of: book, after: afterDesk))
        }
        await store.close()
    }

    @Test func `only the deletes of a stretch are read, by an index`() async throws {
        let (store, _, _, _) = try await Self.filled()
        try await store.read { snapshot in
            let plan = try snapshot.database.rows(Query("explain query plan \(ChangeSQL.deletes.text)")) { $0.text(3) }
            #expect(plan.first?.contains("tombstone_sequence_idx") == true, "\(plan)")
        }
        await store.close()
    }

    /// A number without E.164, then 1200 that have it and end alike, then one without it again.
    private static func alike(
        in directory: ScratchDirectory = ScratchDirectory()
    ) async throws -> (store: Store, keys: [Int64]) {
        let (store, book) = try await Store.opened(directory)
        var batch = store.batch(connection: book, named: "book")
        for number in 0..<1202 {
            var content = ContactContent()
            content.name = ContactName(full: "Person \(number)")
            let isPlaced = number > 0 && number < 1201
            content.phones = [
                ContactPhone(
                    number: isPlaced ? "+1 202 322-4241" : "322-4241",
                    label: .work,
                    e164: isPlaced ? "+12023224241" : nil
                )
            ]
            batch.add(vendorID: "\(number)", content: content, readOnly: false, contentHash: 1, raw: [0x7B, 0x7D])
        }
        batch.finish()
        let keys = try await store.write { [batch] in Array(try $0.contacts.create(batch)) }
        return (store, keys)
    }

    @Test func `a look-up finds numbers without E 164 behind any number of others that end alike`() async throws {
        let (store, keys) = try await Self.alike()
        try await store.read { snapshot in
            func found(_ key: LookupKey) throws -> [Int64] {
                try snapshot.contacts.matching([key], connections: nil, limit: 100).map(\.key)
            }
            #expect(try found(.unplacedDigits("3224241")) == [keys[0], keys[1201]])
            #expect(try found(.digits("3224241")) == Array(keys.prefix(100)))
            #expect(try found(.e164("+12023224241")) == Array(keys[1...100]))
            var shown = 0
            try snapshot.contacts.forEachMatch(
                .e164("+12023224241"),
                connections: [.max],
                limit: 100,
                passingOver: 10
            ) { _, _ in shown += 1 }
            #expect(shown == 0)
        }
        await store.close()
    }

    /// As many connections with as many regions make of one number.
    private static func filter(_ others: Int) -> ContactFilter {
        var filter = ContactFilter()
        filter.phones = (0..<others).map { .e164("+\(30 + $0)3224241") } + [.unplacedDigits("3224241")]
        return filter
    }

    @Test(arguments: [1, 3, 12]) func `a list by number passes over all that merely end alike`(others: Int) async throws
    {
        let (store, keys) = try await Self.alike()
        try await store.read { snapshot in
            let page = try snapshot.contacts.list(Self.filter(others), limit: 10)
            #expect(page.contacts.map(\.key) == [keys[0], keys[1201]])
            #expect(page.next == nil)
        }
        await store.close()
    }

    @Test(arguments: [1, 3, 12]) func `where an older file has no keys for that, its pages end early and lose nothing`(
        others: Int
    ) async throws {
        let directory = ScratchDirectory()
        let (store, keys) = try await Self.alike(in: directory)
        await store.close()
        let snapshot = try OlderFile(directory).snapshot()
        var listed: [Int64] = []
        var pages: [Int] = []
        var after: Int64? = 0
        while let start = after {
            let page = try snapshot.contacts.list(Self.filter(others), after: start, limit: 10)
            listed += page.contacts.map(\.key)
            pages.append(page.contacts.count)
            after = page.next
        }
        #expect(listed == [keys[0], keys[1201]])
        #expect(pages == [1, 0, 1])
    }
}
