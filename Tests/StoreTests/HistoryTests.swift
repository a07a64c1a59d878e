//  The log tells every past state exactly, and the search index holds exactly the words of the present one.

import Contacts
import Platform
import Store
import TestSupport
import Testing

@Suite struct HistoryTests {
    static let words = ["ada", "grace", "alan", "edsger", "barbara", "donald", "tony", "leslie"]

    static func edit(_ content: inout ContactContent, _ generator: inout SeededGenerator) {
        func word() -> String { words.randomElement(using: &generator) ?? "" }
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: content.name = ContactName(full: "\(word()) \(word())")
        case 1: content.organization = Bool.random(using: &generator) ? nil : word()
        case 2:
            content.emails = (0..<Int.random(in: 0..<3, using: &generator)).map { _ in
                ContactEmail(address: "\(word())@\(word()).example", label: .work)
            }
        case 3:
            content.phones = [ContactPhone(number: "\(Int.random(in: 1000..<9999, using: &generator))", label: .home)]
        case 4: content.notes = "\(word()) \u{1F600} \"\(word())\"\n\(word())"
        case 5: content.tags = [word()]
        case 6: content.customFields = [CustomField(id: "1", value: word())]
        case 7: content.favorite.toggle()
        default: content.lifecycle = Lifecycle.allCases.randomElement(using: &generator)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6])
    func `document(of:at:) gives back every state that ever was`(seed: UInt64) async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        var generator = SeededGenerator(state: seed)
        var states: [Int64: [Int64: [UInt8]?]] = [:]
        var living: [Int64] = []
        for _ in 0..<200 {
            let key = living.randomElement(using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<3:
                let stored = try await store.createOne("New", in: book, vendorID: "v\(store.lastSequence)")
                living.append(stored.key)
                states[stored.key, default: [:]][stored.contact.revision] = stored.contact.encodedDocument()
            case 3 where key != nil:
                guard let key else { continue }
                _ = try await store.write { try $0.contacts.delete(key) }
                living.removeAll { $0 == key }
                states[key, default: [:]][store.lastSequence] = .some(nil)
            default:
                guard let key, let stored = try await store.read({ try $0.contacts.find(key: key) }) else { continue }
                var update = ContactUpdate(stored) { Self.edit(&$0, &generator) }
                if Bool.random(using: &generator) { update.vendorID = "w\(store.lastSequence)" }
                if Bool.random(using: &generator) { update.readOnly.toggle() }
                let wanted = update
                let outcome = try await store.write { try $0.contacts.update(key, wanted) }
                if case .changed(let stored) = outcome {
                    states[key, default: [:]][stored.contact.revision] = stored.contact.encodedDocument()
                }
            }
        }
        let last = store.lastSequence
        for (key, known) in states {
            var expected: [UInt8]?
            for sequence in 0...last {
                if let state = known[sequence] { expected = state }
                let actual = try await store.read { try $0.changes.document(of: key, at: sequence) }
                #expect(actual == expected, "contact \(key) at \(sequence)")
            }
        }
        await store.close()
    }

    @Test(arguments: [(1, 1), (2, 40), (3, 700)])
    func `search finds exactly the words that contacts have`(seed: UInt64, group: Int) async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        var generator = SeededGenerator(state: seed)
        var contents: [Int64: ContactContent] = [:]
        for _ in 0..<6 {
            let start = contents
            let state = generator.next()
            contents = try await store.write { transaction in
                var generator = SeededGenerator(state: state)
                var contents = start
                for _ in 0..<group {
                    switch Int.random(in: 0..<6, using: &generator) {
                    case 0..<2:
                        let stored = try transaction.contacts.create(.named("Start", in: book))
                        contents[stored.key] = stored.contact.content
                    case 2:
                        guard let key = contents.keys.sorted().randomElement(using: &generator) else { continue }
                        try transaction.contacts.delete(key)
                        contents[key] = nil
                    default:
                        guard let key = contents.keys.sorted().randomElement(using: &generator),
                            let stored = try transaction.contacts.find(key: key)
                        else { continue }
                        let outcome = try transaction.contacts.update(
                            key,
                            ContactUpdate(stored) { Self.edit(&$0, &generator) }
                        )
                        contents[key] = outcome.contact?.contact.content
                    }
                }
                return contents
            }
            // At every second round the index is left behind, if it is, to meet several changes at once.
            if generator.next() % 2 == 0 { continue }
            try await store.waitForIndex()
        }
        try await store.waitForIndex()
        for query in Self.words + ["start", "a", "al", "12", "ada grace", "xyz"] {
            let found = try await store.read { snapshot in
                try snapshot.contacts.list(ContactFilter(text: query), limit: 10_000).contacts.map(\.key)
            }
            let parts = query.split(separator: " ")
            let expected = contents.filter { _, content in
                let present = content.searchText.lowercased().split { !$0.isLetter && !$0.isNumber }
                return parts.allSatisfy { part in present.contains { $0.hasPrefix(part) } }
            }
            #expect(found == expected.keys.sorted(), "\(query)")
        }
        #expect(try await store.write { try $0.search.check() } == nil)
        await store.close()
    }

    static let queries = [
        "", " ", "*", "\"", "'", "a\"b", "AND", "OR NOT", "NEAR(a b)", "(", ")", "a AND", "words:x", "-", "^a", "+a",
        "\u{0}",
        "%", "é", "日本", "😀", "a*b", "{a b}", "\\", String(repeating: "x", count: 5000),
        String(repeating: "x y ", count: 500),
    ]

    @Test(arguments: queries)
    func `any text is a valid query`(text: String) async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        _ = try await store.createOne("and or not near ábc 日本語", in: book)
        _ = try await store.found(text)
        await store.close()
    }

    @Test func `search knows neither case nor accents, and takes prefixes of every word`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        _ = try await store.createOne("José Ångström-Straße Łódź", in: book)
        _ = try await store.createOne("Jose\u{301} Other 日本語", in: book)
        #expect(try await store.found("JOSE angs strasse").count == 1)
        #expect(try await store.found("jos").count == 2)
        #expect(try await store.found("José").count == 2)
        #expect(try await store.found("lodz JO").count == 1)
        #expect(try await store.found("日本").count == 1)
        #expect(try await store.found("ose").isEmpty)
        await store.close()
    }

    @Test func `a reader who begins at the beginning gets everything once, then the deletes`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let keys = try await store.write { transaction in
            try (0..<30).map { try transaction.contacts.create(.named("Person \($0)", in: book)).key }
        }
        let start = store.lastSequence
        let first = try await store.read { try $0.walked(afterRevision: 0, limit: 10, connections: nil) }
        #expect(first.hasMore)
        // While the walk is under way one contact moves ahead of it, and one that it has shown goes.
        let moved = try #require(try await store.read { try $0.contacts.find(key: keys[25]) })
        _ = try await store.write { try $0.contacts.update(keys[25], ContactUpdate(moved) { $0.title = "Moved" }) }
        _ = try await store.write { try $0.contacts.delete(keys[0]) }
        var seen = first.keys
        var position = first.last
        var hasMore = true
        while hasMore {
            let from = position
            let page = try await store.read {
                try $0.walked(afterRevision: from, limit: 10, connections: [book])
            }
            seen += page.keys
            position = page.last
            hasMore = page.hasMore
        }
        #expect(seen.sorted() == keys)
        let deletes = try await store.read { try $0.changes.deletes(after: start, through: .max, limit: 10) }
        #expect(deletes.changes.map(\.contact) == [keys[0]])
        #expect(deletes.changes.first?.type == .deleted)
        await store.close()
    }

    @Test func `a page of told changes ends with its bytes, and the next goes on behind it`() async throws {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        let large = String(repeating: "n", count: 600_000)
        try await store.write { transaction in
            for index in 0..<3 {
                var content = ContactContent()
                content.notes = large
                let new = NewContact(connection: book, vendorID: nil, content: content)
                let stored = try transaction.contacts.create(new)
                if index == 0 {
                    _ = try transaction.contacts.update(stored.key, ContactUpdate(stored) { $0.favorite = true })
                }
            }
        }
        let (pages, everything) = try await store.read { snapshot in
            var pages: [[Int64]] = []
            var everything: [ToldChange] = []
            var last: Int64 = 0
            var hasMore = true
            while hasMore {
                let page = try snapshot.changes.told(after: last, limit: 512, withDocuments: true) { _ in true }
                #expect(page.last == page.changes.last?.change.sequence ?? last)
                pages.append(page.changes.map(\.change.sequence))
                everything += page.changes
                (last, hasMore) = (page.last, page.hasMore)
            }
            for told in everything {
                let document = try snapshot.changes.document(of: told.change)
                #expect(document != nil && told.document == document)
            }
            return (pages, everything)
        }
        #expect(pages.map(\.count) == [2, 2, 0] && everything.count == 4)
        await store.close()
    }
}

extension Snapshot {
    /// One step of the walk, by the keys that it shows.
    fileprivate func walked(
        afterRevision revision: Int64,
        limit: Int,
        connections: Set<Int64>?
    ) throws -> (keys: [Int64], last: Int64, hasMore: Bool) {
        var keys: [Int64] = []
        let end = try contacts.walk(afterRevision: revision, limit: limit, connections: connections) { row, _ in
            keys.append(row.key)
        }
        return (keys, end.last, end.hasMore)
    }
}
