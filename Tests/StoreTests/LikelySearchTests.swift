//  Searches that look where most rows are to be shown first find what the index alone would find.

import Contacts
import JSON
import Platform
import TestSupport
import Testing

@testable import Store

@Suite struct LikelySearchTests {
    static let texts = [
        "Joana Virtanen", "JOANNA", "joe\u{301}", "Jo\u{E9}l", "straße 7", "Müller-Lüdenscheidt", "a\tb", "quote\"d",
        "back\\slash", "日本 語", "ﬁne", "o'neil", "x1y2z3", "", " ", "0012", "ЖЖЖ жук", "İstanbul",
        String(repeating: "w", count: 80),
    ]
    static let queries = [
        "j", "jo", "joa", "joan", "joana v", "joana virt", "joe", "joel", "strass", "stra", "müll", "luden", "quote",
        "d",
        "back slash", "日", "日本", "ﬁn", "o neil", "x1y2z3", "12", "001", "ж", "жук", "i", "ist", "7223224241", "322",
        "4241",
        "1722", "+1 (722)", String(repeating: "w", count: 64), "w w w", "nobody", "example", "jon.doe",
    ]

    @Test(arguments: queries)
    func `a document has the words in place that it has decoded`(query: String) throws {
        let words = SearchWords.words(of: query)
        let prefixes = try #require(WordPrefixes(words))
        for text in Self.texts {
            for (number, email) in [
                ("(722) 322-4241", "Jon.Doe@Example.com"), ("+1 722 322 4241", "ü@x.y"), ("12", ""),
            ] {
                var content = ContactContent()
                content.name.full = text
                content.name.surname = "Sur\(text)"
                content.organization = "Org \(text)"
                content.notes = "\(text)\n\(text)"
                content.tags = ["nobody"]
                content.phones = [
                    ContactPhone(number: number, label: .mobile, e164: PhoneNumber.e164(of: number, region: "US"))
                ]
                content.emails = [ContactEmail(address: email, label: .work)]
                let present = SearchWords.words(of: content.searchText)
                let expected = words.allSatisfy { word in present.contains { $0.hasPrefix(word) } }
                let found = try prefixes.hold(in: document(content).span)
                #expect(found == expected, "\(query) in \(text), \(number)")
            }
        }
    }

    @Test func `every page of every search holds what the words say, common or rare`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let names = (0..<600).map { number in
            ["Joana", "Joanna", "Joaquim", "Virtanen", "Virt", "Zed"][number % 6]
                + (number % 97 == 0 ? " Rarity" : " Common")
        }
        // Groups so small that the index follows at once.
        for start in stride(from: 0, to: names.count, by: 200) {
            _ = try await store.write { transaction in
                for name in names[start..<(start + 200)] { try transaction.contacts.create(.named(name, in: book)) }
            }
        }
        for query in [
            "j", "jo", "joan", "joana", "virt", "virtan", "rari", "common", "common joan", "zed rar", "joax", "j r",
        ] {
            let words = SearchWords.words(of: query)
            let expected = names.filter { name in
                let present = SearchWords.words(of: name)
                return words.allSatisfy { word in present.contains { $0.hasPrefix(word) } }
            }
            for connections in [nil, [book], [book, book + 1]] as [Set<Int64>?] {
                var filter = ContactFilter()
                filter.text = query
                filter.connections = connections
                let pages = filter
                let found = try await store.read { snapshot in
                    var found: [String] = []
                    var after: Int64? = 0
                    while let key = after {
                        let page = try snapshot.contacts.list(pages, after: key, limit: 7)
                        found += page.contacts.map { $0.contact.content.name.full ?? "" }
                        #expect(page.next == nil || page.contacts.count == 7)
                        after = page.next
                    }
                    return found
                }
                #expect(found == expected, "\(query)")
            }
        }
        await store.close()
    }

    @Test func `one connection's contacts among many of another's are found by every page`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let other = try await store.write { transaction in
            try transaction.connections.register(
                [(name: "book", vendor: "local"), (name: "other", vendor: "local")],
                at: transaction.now
            )[1].key
        }
        let keys = try await store.write { transaction in
            try (0..<400).compactMap { number in
                let isOurs = number < 20 || number % 50 == 0
                let key = try transaction.contacts.create(.named("N \(number)", in: isOurs ? book : other)).key
                return isOurs ? key : nil
            }
        }
        var filter = ContactFilter()
        filter.connections = [book]
        let ours = filter
        for limit in [1, 5, 19, 100] {
            let found = try await store.read { snapshot in
                var found: [Int64] = []
                var after: Int64? = 0
                while let key = after {
                    let page = try snapshot.contacts.list(ours, after: key, limit: limit)
                    found += page.contacts.map(\.key)
                    after = page.next
                }
                return found
            }
            #expect(found == keys)
        }
        await store.close()
    }

    private func document(_ content: ContactContent) -> [UInt8] {
        Contact(
            id: "000000000000000100000000000000aa",
            connection: "book",
            vendorID: nil,
            content: content,
            readOnly: false,
            createdAt: Timestamp(milliseconds: 0),
            updatedAt: Timestamp(milliseconds: 0),
            revision: 1
        ).encodedDocument()
    }
}
