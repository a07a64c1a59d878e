//  A batch stores what single creates would have stored, byte for byte, and is found like them.

import Contacts
import Platform
import TestSupport
import Testing

@testable import Store

@Suite struct BulkCreateTests {
    /// Contacts with every member, texts beyond ASCII, repeated words and keys, and ids out of order.
    static func contacts(_ count: Int) -> [NewContact] {
        var random = SeededGenerator(state: 7)
        return (0..<count).map { number in
            var new = NewContact(
                connection: 0,
                vendorID: "\(random.next() % 1000)-\(number)",
                content: ContactContent()
            )
            new.readOnly = number % 3 == 0
            new.content.name = ContactName(full: "Zoë\(number) O'Neil", given: "Zoë\(number)", surname: "O'Neil")
            new.content.owner = number % 5 == 0 ? "owner \(number % 2)" : nil
            new.content.organization = number % 2 == 0 ? "O'Neil & \"Söhne\"" : "Acme Acme acme"
            new.content.emails = [ContactEmail(address: "Z\(number)@Example.com", label: .work)]
            new.content.phones = [
                ContactPhone(number: "(202) 555-\(1000 + number)", label: .work, e164: "+1202555\(1000 + number)"),
                ContactPhone(number: "202555\(1000 + number)", label: .home, e164: "+1202555\(1000 + number)"),
            ]
            new.content.notes = number % 7 == 0 ? String(repeating: "word\(number % 3) and more ", count: 60) : nil
            new.content.tags = number % 4 == 0 ? ["vip", "tag \(number)"] : []
            let raw = Array(#"{"n":\#(number)}"#.utf8)
            new.vendorState = VendorState(contentHash: UInt64(number) &* 0x9E37_79B9_7F4A_7C15, raw: raw)
            return new
        }
    }

    static func batch(_ contacts: [NewContact], in book: Int64, of store: Store) -> ContactBatch {
        var batch = store.batch(connection: book, named: "book")
        for new in contacts {
            batch.add(
                vendorID: new.vendorID ?? "",
                content: new.content,
                readOnly: new.readOnly,
                contentHash: new.vendorState?.contentHash ?? 0,
                raw: (new.vendorState?.raw ?? [])[...]
            )
        }
        batch.finish()
        return batch
    }

    /// Every row of the tables that contacts stand in, ids and the documents' random halves aside.
    static func rows(of store: Store, _ book: Int64) async throws -> [String] {
        try await store.read { snapshot in
            var rows: [String] = []
            for key in try snapshot.contacts.keys(connection: book, after: 0, limit: 10_000) {
                let document = try snapshot.contacts.document(key)
                let text = String(decoding: document?.document ?? [], as: UTF8.self)
                rows.append("\(document?.revision ?? 0) \(text.prefix(23)) \(text.dropFirst(39))")
                let projection = try snapshot.contacts.projection(key)
                rows.append("\(projection?.raw ?? []) \(projection?.projected ?? [])")
                let vendorID = try snapshot.contacts.find(key: key)?.contact.vendorID ?? ""
                rows.append("\(String(describing: try snapshot.links.find(connection: book, vendorID: vendorID)))")
            }
            for change in try snapshot.changes.page(after: 0, limit: 10_000).changes {
                rows.append("\(change.sequence) \(change.contact) \(change.type) \(change.prior) \(change.at)")
            }
            // The keys themselves are hashes of each file's own seed.
            let lookups = Query("select count(*), count(distinct key) from lookup")
            rows += try snapshot.database.rows(lookups) { "\($0.int(0)) \($0.int(1))" }
            return rows
        }
    }

    @Test func `a batch leaves what single creates leave`() async throws {
        let time = Timestamp(milliseconds: 1_763_700_000_000)
        let (one, book) = try await Store.opened(ScratchDirectory(), clock: { time })
        let (other, same) = try await Store.opened(ScratchDirectory(), clock: { time })
        #expect(book == same)
        let contacts = Self.contacts(400)
        try await one.write { transaction in
            for var new in contacts {
                new.connection = book
                try transaction.contacts.create(new)
            }
        }
        let batch = Self.batch(contacts, in: book, of: other)
        let keys = try await other.write { try $0.contacts.create(batch) }
        #expect(keys == 1..<401)
        #expect(try await Self.rows(of: one, book) == Self.rows(of: other, book))
        #expect(try await other.read { try $0.search.position() } == 400)
        try await one.waitForIndex()
        for text in ["zoe17", "söhne", "acme", "word1", "2025551", "o neil", "z39"] {
            #expect(try await one.found(text) == other.found(text))
        }
        for key in ["z17@example.com", "Z399@EXAMPLE.COM"] {
            let found = try await other.read {
                try $0.contacts.matching([LookupKey.email(of: key)].compactMap(\.self), connections: nil, limit: 5)
            }
            #expect(found.count == 1)
        }
        await one.close()
        await other.close()
    }

    @Test func `what is left out of a batch leaves no gap`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let batch = Self.batch(Self.contacts(10), in: book, of: store)
        let keys = try await store.write { try $0.contacts.create(batch, without: [0, 4, 9]) }
        #expect(keys == 1..<8)
        #expect(store.lastSequence == 7)
        let left = try await store.read { snapshot in
            try snapshot.links.resolve(
                connection: book,
                batch.vendorIDs.map { LinkProbe(vendorID: $0, contentHash: 0) }
            ).enumerated().filter { $0.element == .new }.map(\.offset)
        }
        #expect(left == [0, 4, 9])
        #expect(try await store.found("zoe4").isEmpty)
        #expect(try await store.found("zoe5").count == 1)
        await store.close()
    }

    @Test func `a batch can be updated and deleted, and the index gives its words back`() async throws {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        let batch = Self.batch(Self.contacts(300), in: book, of: store)
        let keys = try await store.write { try $0.contacts.create(batch) }
        try await store.write { transaction in
            for key in keys where key % 2 == 0 {
                guard let stored = try transaction.contacts.find(key: key) else { continue }
                try transaction.contacts.update(key, ContactUpdate(stored) { $0.name.full = "Renamed\(key)" })
            }
            for key in keys where key % 2 == 1 { try transaction.contacts.delete(key) }
        }
        try await store.waitForIndex()
        #expect(try await store.found("renamed").count == 150)
        #expect(try await store.write { try $0.search.check() } == nil)
        try await store.write { transaction in
            for key in keys { try transaction.contacts.delete(key) }
        }
        try await store.waitForIndex()
        #expect(try await store.found("z").isEmpty)
        #expect(try await store.write { try $0.search.check() } == nil)
        await store.close()
    }

    @Test func `a batch whose vendor id is taken fails as a whole`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let contacts = Self.contacts(5)
        _ = try await store.createOne("Ada", in: book, vendorID: contacts[3].vendorID)
        let batch = Self.batch(contacts, in: book, of: store)
        await #expect(throws: StoreError.self) { try await store.write { try $0.contacts.create(batch) } }
        #expect(store.lastSequence == 1)
        #expect(try await store.found("zoe").isEmpty)
        #expect(try await store.createOne("Grace", in: book).key == 2)
        await store.close()
    }

    @Test func `the quick way to distinct words is the slow one`() {
        var texts = [
            "", " ", "a", "A a", "..", "x@y.example X-Y", String(repeating: "z", count: 100), "é E e", "a b\nç",
        ]
        texts.append((0..<70).map { "w\($0 % 66)" }.joined(separator: " "))
        for text in texts {
            var quick: [UInt8] = []
            SearchWords.appendDistinct(of: text, to: &quick)
            var seen = Set<String>()
            let slow = SearchWords.words(of: text).filter { seen.insert($0).inserted }.joined(separator: " ")
            #expect(String(decoding: quick, as: UTF8.self) == slow)
        }
    }
}
