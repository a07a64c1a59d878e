//  Questions to a stored document have the answers of the decoded contact.

import Contacts
import JSON
import Testing

@Suite struct ContactDocumentTests {
    /// Addresses and numbers with case, escapes, high bits and too few digits.
    private static let addresses = [
        "jon@example.com", "JON@EXAMPLE.COM", "Jon@Example.com", "jon@example.co", "xjon@example.com", "É@b.fr",
        "é@b.fr",
        "e\u{301}@b.fr", "ÀB", "àb", "\"q\\\"@x", "\"Q\\\"@X", "K@x", "\u{212A}@x", "ß@x", "İ@x", "@", "",
    ]
    private static let numbers = [
        "7223224241", "+17223224241", "(722) 322-4241", "3224241", "322-4241", "224241", "1\u{A0}722 322 4241", "12",
        "١٢٣٤", "123", "0123", "4241\t722", "\"3224241\"", "",
    ]

    private static var keys: [LookupKey] {
        addresses.flatMap { [LookupKey.email(of: $0), .email($0)].compactMap(\.self) }
            + numbers.flatMap {
                LookupKey.candidates(for: $0, regions: ["US"]) + [.e164($0), .digits($0), .unplacedDigits($0)]
            }
    }

    @Test(arguments: addresses) func `an address in the document is found by the same keys as in the contact`(
        address: String
    ) throws {
        var contact = ContactValueTests.sample()
        contact.content.phones = []
        contact.content.emails = [ContactEmail(address: address, label: .work)]
        try expectSameAnswers(contact)
        contact.content.emails.insert(ContactEmail(address: "else@example.com", label: .home), at: 0)
        try expectSameAnswers(contact)
    }

    @Test(arguments: numbers) func `a number in the document is found by the same keys as in the contact`(
        number: String
    ) throws {
        var contact = ContactValueTests.sample()
        contact.content.emails = []
        contact.content.phones = [ContactPhone(number: number, label: .work)]
        try expectSameAnswers(contact)
        contact.content = contact.content.normalised(vendorID: "1", region: "US")
        contact.content.phones.append(ContactPhone(number: "999", label: .home, e164: "+999"))
        try expectSameAnswers(contact)
    }

    @Test(arguments: 0..<200) func `generated contacts are found by their own keys, and not by others'`(
        seed: UInt64
    ) throws {
        var contact = Generator.contact(seed)
        contact.content = contact.content.normalised(vendorID: "1", region: "US")
        try expectSameAnswers(contact, Self.keys + contact.content.lookupKeys)
        let bytes = contact.encodedDocument()
        for tag in contact.content.tags + ["Jon", "Anne", "vip"] {
            let isFound = try ContactDocument(bytes.span).has(tag: tag)
            #expect(isFound == contact.content.tags.contains { Array($0.utf8) == Array(tag.utf8) })
        }
        for owner in [contact.content.owner ?? "-", "Jon", "é"] {
            let isFound = try ContactDocument(bytes.span).has(owner: owner)
            #expect(isFound == (contact.content.owner.map { Array($0.utf8) } == Array(owner.utf8)))
        }
    }

    @Test func `a document cut short gives an error or the answer, never another one`() throws {
        var contact = ContactValueTests.sample()
        contact.content.emails = [
            ContactEmail(address: "first@example.com", label: .work), ContactEmail(address: "jon@x", label: .work),
        ]
        let bytes = contact.encodedDocument()
        for key in Self.keys + [LookupKey.email("jon@x")] {
            let whole = try ContactDocument(bytes.span).matches(key)
            for count in 0..<bytes.count {
                let part = Array(bytes.prefix(count))
                do throws(JSONError) {
                    let answer = try ContactDocument(part.span).matches(key)
                    #expect(answer == whole)
                } catch {
                    #expect(error.offset <= count)
                }
            }
        }
    }

    private func expectSameAnswers(_ contact: Contact, _ keys: [LookupKey] = keys) throws {
        let bytes = contact.encodedDocument()
        for key in keys {
            let answer = try ContactDocument(bytes.span).matches(key)
            #expect(answer == contact.content.matches(key), "\(key)")
        }
    }
}
