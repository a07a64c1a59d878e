//  Contacts in and out: documents, look-ups, lists, links.

import Contacts
import Platform
import Store
import TestSupport
import Testing

@Suite struct ContactTests {
    @Test func `the stored document is the contact's JSON and begins with its id`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let stored = try await store.createOne("Ada Lovelace", in: book)
        let id = try #require(ContactID(stored.contact.id))
        #expect(id.key == stored.key)
        let reader = try store.reader()
        var document: [UInt8] = []
        let isFound = try reader.contacts.withDocument(id) { row, bytes in
            #expect(row.revision == 1)
            #expect(row.connection == book)
            document = bytes.withUnsafeBufferPointer { Array($0) }
        }
        #expect(isFound)
        #expect(document == stored.contact.encodedDocument())
        #expect(String(decoding: document.prefix(39), as: UTF8.self) == "{\"id\":\"\(id)")
        let other = ContactID(key: id.key, nonce: id.nonce ^ 1)
        var isShown = false
        let isOtherFound = try reader.contacts.withDocument(other) { _, _ in isShown = true }
        #expect(!isOtherFound && !isShown)
        #expect(try reader.contacts.find(other) == nil)
        await store.close()
    }

    @Test func `an id takes lower-case hexadecimal digits and no other byte, in every place`() {
        let text = Array("0123456789abcdef0fedcba987654321".utf8)
        #expect(ContactID(text.span) == ContactID(key: 0x0123_4567_89ab_cdef, nonce: 0x0fed_cba9_8765_4321))
        let digits = Set("0123456789abcdef".utf8)
        for place in 1..<32 {  // the first digit also decides whether the key is one of a row
            for byte in UInt8.min...UInt8.max {
                var other = text
                other[place] = byte
                #expect((ContactID(other.span) != nil) == digits.contains(byte), "\(byte) at \(place)")
            }
        }
    }

    @Test(arguments: [
        "", "0", "0199f3c4d7a87c0e9d41b1f0a3a5c7eg", "0199F3C4D7A87C0E9D41B1F0A3A5C7E2",
        "ffffffffffffffffffffffffffffffff",
    ])
    func `an id that is not ours is refused without the database`(text: String) {
        #expect(ContactID(text) == nil)
    }

    @Test func `an update with the same content is no change`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let stored = try await store.createOne("Ada", in: book)
        let same = try await store.write { try $0.contacts.update(stored.key, ContactUpdate(stored) { _ in }) }
        #expect(same == .unchanged(stored))
        #expect(store.lastSequence == 1)
        let changed = try await store.write {
            try $0.contacts.update(stored.key, ContactUpdate(stored) { $0.title = "Countess" })
        }
        #expect(changed.contact?.contact.revision == 2)
        let stale = try await store.write { transaction in
            var update = ContactUpdate(stored) { $0.title = "Duchess" }
            update.expectedRevision = 1
            return try transaction.contacts.update(stored.key, update)
        }
        #expect(!stale.isChange)
        #expect(stale.contact?.contact.content.title == "Countess")
        #expect(try await store.write { try $0.contacts.delete(stored.key, expectedRevision: 1) } == stale)
        #expect(try await store.write { try $0.contacts.delete(stored.key) }.isChange)
        #expect(try await store.write { try $0.contacts.delete(stored.key) } == .gone)
        await store.close()
    }

    @Test func `e-mails, numbers, owners and tags find their contacts until they change`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let stored = try await store.write { transaction in
            var new = NewContact.named("John Doe", in: book)
            new.content.emails = [ContactEmail(address: "JonDoe@Example.com", label: .work)]
            new.content.phones = [ContactPhone(number: "(722) 322-4241", label: .mobile, e164: "+17223224241")]
            new.content.owner = "7"
            new.content.tags = ["vip"]
            return try transaction.contacts.create(new)
        }
        func find(_ edit: @escaping @Sendable (inout ContactFilter) -> Void) async throws -> [Int64] {
            try await store.read { snapshot in
                var filter = ContactFilter()
                edit(&filter)
                return try snapshot.contacts.list(filter, limit: 10).contacts.map(\.key)
            }
        }
        #expect(try await find { $0.email = "jondoe@example.COM" } == [stored.key])
        #expect(
            try await find { $0.phones = LookupKey.candidates(for: "722.322.4241", regions: ["US"]) } == [stored.key]
        )
        #expect(
            try await find { $0.phones = LookupKey.candidates(for: "+1 722 322 4241", regions: [nil]) } == [stored.key]
        )
        #expect(try await find { $0.owner = "7" } == [stored.key])
        #expect(try await find { $0.tag = "vip" } == [stored.key])
        #expect(try await find { $0.tag = "VIP" } == [])
        #expect(
            try await find {
                $0.tag = "vip"
                $0.text = "doe"
                $0.email = "jondoe@example.com"
            } == [stored.key]
        )
        #expect(
            try await find {
                $0.tag = "vip"
                $0.text = "roe"
            } == []
        )
        _ = try await store.write { transaction in
            try transaction.contacts.update(
                stored.key,
                ContactUpdate(stored) {
                    $0.emails = [ContactEmail(address: "john@example.com", label: .work)]
                    $0.tags = []
                }
            )
        }
        #expect(try await find { $0.email = "jondoe@example.com" } == [])
        #expect(try await find { $0.email = "john@example.com" } == [stored.key])
        #expect(try await find { $0.tag = "vip" } == [])
        let matching = try await store.read { snapshot in
            try snapshot.contacts.matching(
                [.email("john@example.com"), .e164("+17223224241")],
                connections: nil,
                limit: 5
            )
        }
        #expect(matching.map(\.key) == [stored.key])
        _ = try await store.write { try $0.contacts.delete(stored.key) }
        #expect(try await find { $0.email = "john@example.com" } == [])
        await store.close()
    }

    @Test func `pages by key skip and repeat nothing while others are deleted and added`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let all = try await store.write { transaction in
            try (0..<95).map { try transaction.contacts.create(.named("Person \($0)", in: book)).key }
        }
        for filter in [ContactFilter(), ContactFilter(connections: [book]), ContactFilter(text: "person")] {
            var seen: [Int64] = []
            var after: Int64? = 0
            while let key = after {
                let page = try await store.read { try $0.contacts.list(filter, after: key, limit: 10) }
                #expect(page.contacts.count <= 10)
                seen += page.contacts.map(\.key)
                after = page.next
            }
            #expect(seen == all)
        }
        let none = try await store.read { try $0.contacts.list(ContactFilter(connections: []), limit: 10) }
        #expect(none.contacts.isEmpty)
        #expect(none.next == nil)
        await store.close()
    }

    @Test func `updated_since shows what changed at that moment or later`() async throws {
        let clock = TestClock()
        let (store, book) = try await Store.opened(ScratchDirectory(), clock: { clock.now })
        for number in 1...20 {
            clock.set(Int64(number) * 1000)
            _ = try await store.createOne("Person \(number)", in: book)
        }
        for (moment, count) in [(0, 20), (1000, 20), (1001, 19), (20_000, 1), (20_001, 0)] {
            let page = try await store.read { snapshot in
                try snapshot.contacts.list(
                    ContactFilter(updatedSince: Timestamp(milliseconds: Int64(moment))),
                    limit: 100
                )
            }
            #expect(page.contacts.count == count)
        }
        await store.close()
    }

    @Test func `a page of records is resolved in any order, with near and far neighbours`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        var generator = SeededGenerator(state: 11)
        let known = Set((0..<400).map { _ in "id-\(Int.random(in: 0..<5000, using: &generator))é" })
        let contacts = try await store.write { transaction in
            var contacts: [String: Int64] = [:]
            for id in known {
                var new = NewContact.named("Person", in: book, vendorID: id)
                new.vendorState = VendorState(contentHash: UInt64(id.utf8.count), raw: Array("{}".utf8))
                contacts[id] = try transaction.contacts.create(new).key
            }
            return contacts
        }
        let asked = (0..<600).map { _ in "id-\(Int.random(in: 0..<5000, using: &generator))é" } + known.prefix(100)
        let probes = asked.map { id in
            LinkProbe(vendorID: id, contentHash: id.hasSuffix("7é") ? 0 : UInt64(id.utf8.count))
        }
        let sorted = probes.sorted { Array($0.vendorID.utf8).lexicographicallyPrecedes(Array($1.vendorID.utf8)) }
        for page in [probes, sorted] {
            let matches = try await store.read { try $0.links.resolve(connection: book, page) }
            for (probe, match) in zip(page, matches) {
                switch contacts[probe.vendorID] {
                case nil: #expect(match == .new)
                case let contact?:
                    #expect(
                        match == (probe.contentHash == 0 ? .changed(contact: contact) : .unchanged(contact: contact))
                    )
                }
            }
        }
        let seen = Set(contacts.values.prefix(300))
        let unseen = try await store.read { try $0.links.unseen(connection: book, seen: KeySet(seen)) }
        #expect(Set(unseen.map(\.contact)) == Set(contacts.values).subtracting(seen))
        await store.close()
    }

    @Test func `a removed connection keeps its contacts, comes back with its key, and can be purged`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let stored = try await store.createOne("Ada", in: book, vendorID: "1")
        let now = Timestamp(milliseconds: 5)
        _ = try await store.write { try $0.connections.register([("other", "local")], at: now) }
        #expect(try await store.read { try $0.connections.find("book")?.removedAt } == now)
        let back = try await store.write { try $0.connections.register([("book", "local")], at: now) }
        #expect(back.first?.key == book)
        #expect(back.first?.removedAt == nil)
        _ = try await store.createOne("Grace", in: back[0].key, vendorID: "2")
        while try await !store.write({ try $0.connections.purge(book, limit: 1) }) {}
        #expect(try await store.read { try $0.contacts.find(key: stored.key) } == nil)
        #expect(try await store.read { try $0.connections.find("book") } == nil)
        #expect(try await store.found("ada") == [])
        #expect(try await store.read { try $0.changes.page(after: 0, limit: 10) }.changes.isEmpty)
        await store.close()
    }
}

extension ContactFilter {
    init(connections: Set<Int64>? = nil, text: String? = nil, updatedSince: Timestamp? = nil) {
        self.init()
        self.connections = connections
        self.text = text
        self.updatedSince = updatedSince
    }
}
