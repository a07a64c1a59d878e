//  Laws that hold for every contact, tried with generated ones.

import Contacts
import JSON
import Platform
import Testing

@Suite struct ContactPropertyTests {
    @Test(arguments: 0..<200) func `a document reads back the same`(seed: UInt64) throws {
        let contact = Generator.contact(seed)
        #expect(try Contact(document: contact.encodedDocument()) == contact)
        #expect(try Contact(document: contact.encodedDocument()).encodedDocument() == contact.encodedDocument())
    }

    @Test(arguments: 0..<200) func `the one stored form is its own stored form`(seed: UInt64) {
        let once = Generator.contact(seed).content.normalised(vendorID: "9", region: "US")
        let twice = once.normalised(vendorID: "9", region: "US")
        #expect(ContactDifference(from: once, to: twice).fields.isEmpty)
        #expect(once.name.full != nil)
    }

    @Test(arguments: 0..<200) func `what a difference remembers brings the former state back`(seed: UInt64) throws {
        let old = Generator.contact(seed)
        let new = Generator.contact(seed + 1000)
        var restored = old
        restored.content = new.content
        restored.vendorID = new.vendorID
        restored.readOnly = new.readOnly
        let difference = ContactDifference(
            from: old.content,
            to: new.content,
            oldVendorID: old.vendorID,
            newVendorID: new.vendorID,
            oldReadOnly: old.readOnly,
            newReadOnly: new.readOnly
        )
        try restored.restore(difference.previous)
        #expect(restored.encodedDocument() == old.encodedDocument())
        let names = try JSONValue(parsing: difference.previous).objectValue?.map(\.name) ?? []
        #expect(Set(names) == Set(difference.fields.map(\.rawValue)))
    }

    @Test(arguments: 0..<200) func `a stored contact written back whole, or as a patch, changes nothing`(
        seed: UInt64
    ) throws {
        var stored = Generator.contact(seed)
        stored.content = stored.content.normalised(vendorID: stored.vendorID, region: "DE")
        let document = try JSONValue(parsing: stored.encodedDocument())
        for input in [
            try ContactInput(whole: document, replacing: stored.content),
            try ContactInput(patch: document, onto: stored.content), try ContactInput(patch: [:], onto: stored.content),
        ] {
            let content = input.content.normalised(vendorID: stored.vendorID, region: "DE")
            #expect(ContactDifference(from: stored.content, to: content).fields.isEmpty)
            #expect(input.refutedClaims(against: stored).isEmpty)
        }
    }

    @Test(arguments: 0..<200) func `a whole contact as a patch makes any other the same`(seed: UInt64) throws {
        let base = Generator.contact(seed).content.normalised(vendorID: "9", region: nil)
        let goal = Generator.contact(seed + 1000).content.normalised(vendorID: "9", region: nil)
        var contact = Generator.contact(seed)
        contact.content = goal
        var members = try JSONValue(parsing: contact.encodedDocument()).objectValue ?? []
        members.removeAll { ["id", "created_at", "updated_at", "revision", "read_only"].contains($0.name) }
        // A merge patch removes only what it names.
        for index in members.indices where members[index].name == "custom_fields" {
            var fields = members[index].value.objectValue ?? []
            for field in base.customFields where !fields.contains(where: { $0.name == field.id }) {
                fields.append(JSONMember(field.id, .null))
            }
            members[index].value = .object(fields)
        }
        let patched = try ContactInput(patch: .object(members), onto: base).content
        #expect(
            ContactDifference(from: goal, to: patched.normalised(vendorID: "9", region: nil)).fields.isEmpty
        )
    }

    @Test(arguments: PhoneNumber.supportedRegions) func `E.164 of a number in E.164 is the number, from anywhere`(
        region: String
    ) {
        var random = Generator(seed: UInt64(region.utf8.reduce(7) { $0 * 31 + Int($1) }))
        var found = 0
        for _ in 0..<3000 {
            var digits = ""
            for _ in 0..<random.next(6...13) { digits += String(random.next(0...9)) }
            guard let e164 = PhoneNumber.e164(of: digits, region: region) else { continue }
            found += 1
            #expect((8...16).contains(e164.utf8.count) && e164.hasPrefix("+"))
            for other in [region, "US", "DE", nil] { #expect(PhoneNumber.e164(of: e164, region: other) == e164) }
        }
        #expect(found > 0)
    }

    /// Real numbers of public bodies, in national form. `nil`: not to be guessed.
    static let national: [(region: String, number: String, e164: String?)] = [
        ("US", "202-456-1414", "+12024561414"), ("CA", "(613) 992-4211", "+16139924211"),
        ("JM", "876 926 1590", "+18769261590"), ("GB", "020 7219 3000", "+442072193000"),
        ("DE", "030 227-0", "+49302270"), ("FR", "01 40 63 60 00", "+33140636000"),
        ("ES", "913 90 60 00", "+34913906000"), ("IT", "06 67601", "+390667601"),
        ("NL", "070 318 2211", "+31703182211"),
        ("BE", "02 549 81 11", "+3225498111"), ("CH", "058 322 99 11", "+41583229911"),
        ("AT", "01 40110", "+43140110"), ("IE", "01 618 3000", "+35316183000"), ("PT", "213 919 000", "+351213919000"),
        ("SE", "08-786 40 00", "+4687864000"), ("NO", "23 31 30 50", "+4723313050"),
        ("DK", "33 37 55 00", "+4533375500"),
        ("FI", "09 310 1691", "+35893101691"), ("PL", "22 694 25 00", "+48226942500"),
        ("CZ", "257 171 111", "+420257171111"),
        ("AU", "(02) 6277 7111", "+61262777111"), ("NZ", "04 817 9999", "+6448179999"),
        ("JP", "03-3581-5111", "+81335815111"), ("IN", "011 2303 4581", "+911123034581"),
        ("BR", "(61) 3216-0000", "+556132160000"), ("MX", "55 5036 0000", "+525550360000"),
        ("ZA", "021 403 2911", "+27214032911"), ("BA", "033 284 400", "+38733284400"),
        ("RS", "011 3026-100", "+381113026100"), ("HR", "01 4569 222", "+38514569222"),
        ("SI", "01 478 94 00", "+38614789400"), ("GB", "7219 3000", nil), ("DE", "227-0", nil), ("US", "911", nil),
        ("XX", "202-456-1414", nil), ("US", "202-456-1414 ext. 5", nil),
    ]
    @Test(arguments: national) func `numbers as people write them at home`(
        region: String,
        number: String,
        e164: String?
    ) {
        #expect(PhoneNumber.e164(of: number, region: region) == e164)
    }
}

/// Contacts from a seed, with texts that break things.
struct Generator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    /// SplitMix64.
    mutating func next(_ range: ClosedRange<Int>) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return range.lowerBound + Int((mixed ^ (mixed >> 31)) % UInt64(range.count))
    }

    private static let texts = [
        "Jon", "Anne Marie", "é", "e\u{301}", "\"q\\", "  two  spaces ", "😀👨‍👩‍👧", "名前", "O'Neil", "a/b~c", "\u{202E}rtl",
        "-", "0",
    ]

    mutating func text() -> String { Self.texts[next(0...Self.texts.count - 1)] }

    mutating func optional() -> String? { next(0...2) == 0 ? nil : text() }

    mutating func digits() -> String {
        var digits = ""
        for _ in 0..<next(3...12) { digits.append("0123456789 "[next(0...10)]) }
        return digits
    }

    mutating func list<Element>(_ make: (inout Generator) -> Element) -> [Element] {
        var elements: [Element] = []
        for _ in 0..<next(0...3) { elements.append(make(&self)) }
        return elements
    }

    static func contact(_ seed: UInt64) -> Contact {
        var random = Generator(seed: seed)
        var content = ContactContent()
        content.owner = random.optional()
        content.kind = ContactKind.allCases[random.next(0...2)]
        content.name = ContactName(
            full: random.optional(),
            given: random.optional(),
            surname: random.optional(),
            prefix: random.optional(),
            middle: random.optional(),
            suffix: random.optional()
        )
        content.organization = random.optional()
        content.title = random.optional()
        content.emails = random.list { ContactEmail(address: $0.text(), label: PlaceLabel.allCases[$0.next(0...2)]) }
        content.phones = random.list {
            ContactPhone(number: "0\($0.digits())", label: PhoneLabel.allCases[$0.next(0...6)])
        }
        content.addresses = random.list { ContactAddress(full: $0.text(), label: PlaceLabel.allCases[$0.next(0...2)]) }
        content.notes = random.optional().map { "\($0)\n\t\($0)" }
        content.tags = random.list { $0.text() }
        content.lifecycle = [nil, .customer, .lead][random.next(0...2)]
        content.favorite = random.next(0...1) == 0
        for index in 0..<random.next(0...3) {
            content.customFields.append(CustomField(id: String(index), value: random.text()))
        }
        return Contact(
            id: "0199f3c4d7a87c0e9d41b1f0a3a5c7e2",
            connection: "crm",
            vendorID: random.optional(),
            content: content,
            readOnly: random.next(0...1) == 0,
            createdAt: Timestamp(milliseconds: Int64(random.next(0...1_900_000_000)) * 1000),
            updatedAt: Timestamp(milliseconds: Int64(random.next(0...1_900_000_000)) * 1000),
            revision: Int64(random.next(1...1_000_000))
        )
    }
}

extension String {
    fileprivate subscript(_ offset: Int) -> String { String(self[index(startIndex, offsetBy: offset)]) }
}
