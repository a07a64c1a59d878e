//  PortSIP's lens: both laws with generated contacts, and the slots one by one.

import Contacts
import JSON
import Testing

@testable import Vendors

struct PortSIPMappingTests {
    typealias Slot = PortSIPRecord.Slot
    let mapping = PortSIPMapping()
    static let all = Set(ContactField.allCases)

    /// A record as some vendor-side user may have left it.
    static func record(_ random: inout SeededRandom, from start: PortSIPRecord) -> PortSIPRecord {
        var record = start
        for slot in Slot.allCases where random.chance(25) {
            record[slot] =
                random.chance(40)
                ? ""
                : Slot.phones.contains(slot)
                    ? Generated.number(&random) : WireText.clipped(Generated.text(&random), to: slot.limit)
        }
        if random.chance(20) { record.favorite = random.chance(50) }
        return record
    }

    @Test(arguments: 0..<400)
    func `a record that says what we said changes nothing`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let content = Generated.content(&random)
        let projection = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all)
        let merged = try mapping.merge(projection.bytes[...], previous: projection.bytes, into: content)
        #expect(merged.content == content)
    }

    @Test(arguments: 0..<400)
    func `what the vendor changed goes back as the vendor has it`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let content = Generated.content(&random)
        let before = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all)
        let now = Self.record(&random, from: try PortSIPRecord(json: before.bytes[...]))
        let bytes = now.encoded()
        let merged = try mapping.merge(bytes[...], previous: before.bytes, into: content)
        let again = try PortSIPRecord(
            json: mapping.project(merged.content, vendorID: "7", previous: bytes, touched: []).bytes[...]
        )
        #expect(again.holdsTheSame(as: now))
    }

    @Test(arguments: 0..<400)
    func `without overflow even a write of every member says what the vendor has`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let content = Generated.content(&random, overflow: false)
        let before = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all)
        let now = Self.record(&random, from: try PortSIPRecord(json: before.bytes[...]))
        let bytes = now.encoded()
        var merged = try mapping.merge(bytes[...], previous: before.bytes, into: content).content
        let again = try PortSIPRecord(
            json: mapping.project(merged, vendorID: "7", previous: bytes, touched: Self.all).bytes[...]
        )
        for slot in Slot.allCases where slot != .name || !now[.name].isEmpty {
            #expect(WireText.same(again[slot], now[slot]), "\(slot)")
        }
        #expect(again.favorite == merged.favorite)
        // And what goes out comes back as no change.
        merged = try mapping.merge(again.encoded()[...], previous: again.encoded(), into: merged).content
        #expect(
            try mapping.merge(again.encoded()[...], previous: bytes, into: merged).content == merged
                || now[.name].isEmpty
        )
    }

    static func phones(_ pairs: [(String, PhoneLabel)]) -> [ContactPhone] {
        pairs.map { ContactPhone(number: $0.0, label: $0.1) }
    }

    @Test func `the seats follow kind and preference, and the rest stays with us`() throws {
        var content = ContactContent()
        content.name.full = "Ann"
        content.phones = Self.phones([
            ("1", .work), ("2", .mobile), ("3", .work), ("4", .work), ("5", .fax), ("6", .workFax), ("7", .home),
        ])
        let projection = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all)
        let record = try PortSIPRecord(json: projection.bytes[...])
        #expect(record[.business] == "1")
        #expect(record[.business2] == "3")
        #expect(record[.mobilePhone] == "2")
        #expect(record[.homePhone] == "7")
        #expect(record[.businessFax] == "6")
        #expect(record[.homeFax] == "5")
        #expect(projection.translation.filter { $0.field == "phones" }.map(\.action) == [.renamed, .dropped])
    }

    @Test func `a vendor's edit, swap and clear hit the phone that sits in the slot`() throws {
        var content = ContactContent()
        content.name.full = "Ann"
        content.phones = Self.phones([("1", .work), ("2", .work), ("3", .work), ("9", .mobile)])
        let before = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all).bytes
        func merged(_ change: (inout PortSIPRecord) -> Void) throws -> [String] {
            var record = try PortSIPRecord(json: before[...])
            change(&record)
            return try mapping.merge(record.encoded()[...], previous: before, into: content).content.phones.map(
                \.number
            )
        }
        #expect(try merged { $0[.business2] = "22" } == ["1", "22", "3", "9"])
        #expect(try merged { ($0[.business], $0[.business2]) = ("2", "1") } == ["2", "1", "3", "9"])
        #expect(try merged { $0[.business] = "" } == ["2", "3", "9"])
        #expect(try merged { $0[.mobilePhone2] = "8" } == ["1", "2", "3", "9", "8"])
    }

    @Test func `a client's clear leaves the other number in its slot`() throws {
        var content = ContactContent()
        content.name.full = "Ann"
        content.phones = Self.phones([("1", .work), ("2", .work)])
        let before = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all).bytes
        content.phones.removeFirst()
        let after = mapping.project(content, vendorID: nil, previous: before, touched: [.phones])
        let record = try PortSIPRecord(json: after.bytes[...])
        #expect(record[.business] == "")
        #expect(record[.business2] == "2")
        #expect(record[.name] == "Ann")
    }

    @Test func `null, missing and blank are the same, and the favourite mark may be a text`() throws {
        let content = try mapping.merge(
            Array(#"{"id":7,"name":"Ann","email":null,"company":"","title":"  ","favorite":"true"}"#.utf8)[...],
            previous: nil,
            into: nil
        ).content
        #expect(content.emails.isEmpty)
        #expect(content.organization == nil)
        #expect(content.title == nil)
        #expect(content.favorite)
    }

    @Test func `a record that another system synchronises is read-only, and a diff leaves that open`() throws {
        func readOnly(_ json: String) throws -> Bool? {
            try mapping.merge(Array(json.utf8)[...], previous: nil, into: nil).readOnly
        }
        #expect(try readOnly(#"{"id":"1","name":"Ann","sync_type":"Microsoft 365"}"#) == true)
        #expect(try readOnly(#"{"id":"1","name":"Ann","sync_type":null}"#) == false)
        #expect(try readOnly(#"{"id":"1","name":"Ann","change_type":"UPDATED"}"#) == nil)
    }

    @Test func `a wrong type has no meaning`() {
        #expect(throws: RecordError.self) {
            _ = try mapping.merge(Array(#"{"id":"1","name":["Ann"]}"#.utf8)[...], previous: nil, into: nil)
        }
    }

    @Test func `texts are cut between characters and the cut is told`() throws {
        var content = ContactContent()
        content.name.full = String(repeating: "e\u{301}", count: 40)
        content.notes = String(repeating: "n", count: 1025)
        let projection = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all)
        let record = try PortSIPRecord(json: projection.bytes[...])
        #expect(record[.name] == String(repeating: "e\u{301}", count: 32))
        #expect(record[.notes].count == 1024)
        #expect(projection.translation.map(\.action) == [.truncated, .truncated])
    }
}
