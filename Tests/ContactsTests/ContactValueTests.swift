//  The document, the difference, the name rule, numbers and keys: pure values.

import Contacts
import JSON
import Platform
import Testing
import TestSupport

@Suite struct ContactValueTests {
    static func sample() -> Contact {
        var content = ContactContent()
        content.name = ContactName(full: "John \"Q\" Doe", given: "John", surname: "Doe")
        content.organization = "eos"
        content.emails = [ContactEmail(address: "Jon@Example.com", label: .work)]
        content.phones = [ContactPhone(number: "7223224241", label: .mobile, e164: "+17223224241")]
        content.addresses = [ContactAddress(full: "1 Main St", label: .home)]
        content.tags = ["vip"]
        content.lifecycle = .lead
        content.customFields = [CustomField(id: "1", value: "The Value for First Field")]
        return Contact(
            id: "0199f3c4d7a87c0e9d41b1f0a3a5c7e2",
            connection: "crm",
            vendorID: "113",
            content: content,
            readOnly: false,
            createdAt: Timestamp(milliseconds: 1_795_600_000_123),
            updatedAt: Timestamp(milliseconds: 1_795_600_000_999),
            revision: 4711
        )
    }

    @Test func `a document has every member in the order of the contract and reads back the same`() throws {
        let contact = Self.sample()
        let document = contact.encodedDocument()
        let names = try JSONValue(parsing: document).objectValue?.map(\.name)
        #expect(
            names == [
                "id", "connection", "vendor_id", "owner", "kind", "name", "organization", "title", "emails", "phones",
                "addresses", "notes", "tags", "lifecycle", "favorite", "read_only", "custom_fields", "created_at",
                "updated_at", "revision",
            ]
        )
        #expect(try Contact(document: document) == contact)
    }

    @Test func `a difference names what changed, and putting it back restores the former state`() throws {
        let old = Self.sample()
        var new = old
        new.content.phones = []
        new.content.title = "CTO"
        let difference = ContactDifference(from: old.content, to: new.content)
        #expect(difference.fields == [.title, .phones])
        var restored = new
        try restored.restore(difference.previous)
        #expect(restored == old)
        #expect(ContactDifference(from: old.content, to: old.content).fields.isEmpty)
    }

    static let names: [(full: String, given: String?, surname: String?)] = [
        ("John Doe", "John", "Doe"), ("Madonna", "Madonna", nil), ("Jean Claude Van Damme", "Jean Claude Van", "Damme"),
        ("A  B", "A ", "B"), ("", nil, nil),
    ]
    @Test(arguments: names) func `the last word is the surname, and joining gives the name back`(
        full: String,
        given: String?,
        surname: String?
    ) {
        let parts = NameRule.parts(of: full)
        #expect(parts.given == given)
        #expect(parts.surname == surname)
        #expect(NameRule.full(of: ContactName(given: given, surname: surname)) ?? "" == full)
    }

    static let numbers: [(number: String, region: String?, e164: String?)] = [
        ("7223224241", "US", "+17223224241"), ("(202) 224-3441", "US", "+12022243441"),
        ("1-202-224-3441", "US", "+12022243441"),
        ("202-224-3441", nil, nil), ("224-3441", "US", nil), ("202-224-3441 x12", "US", nil),
        ("1800FLOWERS", "US", nil),
        ("+44 (0)20 7946 0958", "US", "+442079460958"), ("020 7946 0958", "GB", "+442079460958"),
        ("20 7946 0958", "GB", nil), ("011 44 20 7946 0958", "US", "+442079460958"),
        ("00442079460958", "DE", "+442079460958"),
        ("+836985101472", "US", nil), ("030 901820", "DE", "+4930901820"), ("06 12345678", "IT", "+390612345678"),
        ("912 345 678", "ES", "+34912345678"), ("+1 122 224 3441", nil, nil),
        ("+380 44 123 4567", nil, "+380441234567"),
        ("", "US", nil), ("+", "US", nil), ("12", "XX", nil), ("064 1234567", "RS", "+381641234567"),
    ]
    @Test(arguments: numbers) func `a number becomes E.164 only where the plan says how`(
        number: String,
        region: String?,
        e164: String?
    ) {
        #expect(PhoneNumber.e164(of: number, region: region) == e164)
    }

    @Test func `a contact without a name goes by its organization, e-mail, phone or vendor's id`() {
        var content = ContactContent()
        #expect(content.normalised(vendorID: "9", region: nil).name.full == "9")
        content.phones = [ContactPhone(number: "1", label: .other)]
        #expect(content.normalised(vendorID: "9", region: nil).name.full == "1")
        content.organization = "eos"
        #expect(content.normalised(vendorID: "9", region: nil).name.full == "eos")
    }

    @Test func `a name that stands in for one follows the text it was taken from, and is never split`() throws {
        var phone = ContactContent()
        phone.phones = [ContactPhone(number: "+1 (202) 555-9999", label: .other)]
        let stored = phone.normalised(vendorID: nil, region: nil)
        let patch = try JSONValue(parsing: Array(#"{"phones": [{"number": "2025559999"}], "title": "CTO"}"#.utf8))
        let patched = try ContactInput(patch: patch, onto: stored).content.normalised(vendorID: nil, region: nil)
        #expect(patched.name == ContactName(full: "2025559999"))
        let named = try JSONValue(parsing: Array(#"{"name": {"full": "Ann Lee"}}"#.utf8))
        let known = try ContactInput(patch: named, onto: stored).content.normalised(vendorID: nil, region: nil)
        #expect(known.name == ContactName(full: "Ann Lee", given: "Ann", surname: "Lee"))
        let kept = try ContactInput(patch: patch, onto: known).content.normalised(vendorID: nil, region: nil)
        #expect(kept.name == known.name)
    }

    @Test func `keys ignore the case of e-mails and what surrounds the last digits`() {
        let content = Self.sample().content
        #expect(content.lookupKeys == [.email("jon@example.com"), .e164("+17223224241"), .digits("3224241")])
        var unplaced = ContactContent()
        unplaced.phones = [ContactPhone(number: "(722) 322-4241", label: .work)]
        #expect(unplaced.lookupKeys == [.unplacedDigits("3224241"), .digits("3224241")])
        #expect(LookupKey.digits(of: "0044 (722) 322-4241") == .digits("3224241"))
        #expect(LookupKey.digits(of: "12") == nil)
    }

    @Test func `many keys are each told once, in order, and soon`() {
        var content = ContactContent()
        content.emails = (0..<100_000).map { ContactEmail(address: "P\($0 % 50_000)@example.com", label: .work) }
        #expect(content.lookupKeys == (0..<50_000).map { .email("p\($0)@example.com") })
        #expect(content.overfullField == .emails)
        content.emails = Array(content.emails.prefix(ContactLimits.entries))
        #expect(content.overfullField == nil)
    }
}
