//  The Custom Contact Source's lens: both laws with generated contacts, the fall-backs and the quarantine rules.

import Contacts
import JSON
import Testing

@testable import Vendors

struct ContactSourceMappingTests {
    let mapping = ContactSourceMapping()
    static let all = Set(ContactField.allCases)

    static func record(_ random: inout SeededRandom) -> ContactSourceRecord {
        var record = ContactSourceRecord()
        record.id = "100"
        record.firstName = random.pick(["Victor", "Mary Ann", "王", "-"])
        record.lastName = random.pick(["Donnelly", "de la Cruz", "-"])
        record.company = random.pick(["", "eos", "Ørsted"])
        record.type = random.pick(["lead", "customer", "", "Lead", "partner"])
        record.phones = (0..<Int.random(in: 0...4, using: &random)).map { _ in
            .init(text: Generated.number(&random), label: random.pick(["work", "Mobile", "fax", "pager", "", "home"]))
        }
        record.emails = (0..<Int.random(in: 0...3, using: &random)).map { index in
            .init(text: "a\(index)@example.com", label: random.pick(["business", "private", "other", "Work?", ""]))
        }
        return record
    }

    @Test(arguments: 0..<300)
    func `a record that says what we said changes nothing`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let content = Generated.content(&random)
        let projection = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all)
        let merged = try mapping.merge(projection.bytes[...], previous: projection.bytes, into: content)
        #expect(merged.content == content)
    }

    @Test(arguments: 0..<300)
    func `what the source says goes back as the source has it`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let content = Generated.content(&random)
        let before = mapping.project(content, vendorID: "100", previous: nil, touched: Self.all).bytes
        let now = Self.record(&random)
        let bytes = now.encoded()
        let merged = try mapping.merge(bytes[...], previous: before, into: content).content
        for touched in [[], Self.all] {
            let again = mapping.project(merged, vendorID: "100", previous: bytes, touched: touched).bytes
            var expected = now
            expected.normalise()
            #expect(try ContactSourceRecord(json: again[...]) == expected, "touched \(touched.count)")
        }
    }

    func merged(_ json: String) throws -> ContactContent {
        try mapping.merge(Array(json.utf8)[...], previous: nil, into: nil).content
    }

    @Test func `labels and type fall back, whatever their case`() throws {
        let content = try merged(
            #"""
            {"id":1,"first_name":"Victor","last_name":"Donnelly","type":"partner",
             "phones":[{"number":"1","label":"MOBILE"},{"number":"2","label":"pager"},{"number":"3"},{"number":44}],
             "emails":[{"email":"a@b","label":"Business"},{"email":"c@d","label":"private"},{"email":"e@f","label":"?"}]}
            """#
        )
        #expect(content.lifecycle == .customer)
        #expect(content.phones.map(\.label) == [.mobile, .other, .other, .other])
        #expect(content.phones.map(\.number) == ["1", "2", "3", "44"])
        #expect(content.emails.map(\.label) == [.work, .home, .other])
        #expect(content.name == ContactName(full: "Victor Donnelly", given: "Victor", surname: "Donnelly"))
    }

    @Test func `the source's spelling of a label goes back unchanged`() throws {
        let json = #"{"id":"1","first_name":"A","last_name":"B","phones":[{"number":"1","label":"Pager"}]}"#
        var content = try merged(json)
        content.phones.append(ContactPhone(number: "2", label: .workFax))
        let bytes = mapping.project(content, vendorID: "1", previous: Array(json.utf8), touched: [.phones]).bytes
        #expect(try ContactSourceRecord(json: bytes[...]).phones.map(\.label) == ["Pager", "fax"])
        // And a fax that went out as `fax` stays the work fax that it is.
        #expect(try mapping.merge(bytes[...], previous: bytes, into: content).content == content)
    }

    @Test(arguments: [
        #"{"id":"1","last_name":"B"}"#, #"{"id":"1","first_name":null,"last_name":"B"}"#,
        #"{"id":"1","first_name":"A"}"#, #"{"id":"1","first_name":"A","last_name":["B"]}"#,
        #"{"id":"1","first_name":7,"last_name":"B"}"#, #"{"id":"1","first_name":"A","last_name":"B","phones":"1"}"#,
        #"{"id":"1","first_name":"A","last_name":"B","emails":[{"email":{}}]}"#,
    ])
    func `a required name that is absent and a wrong type have no meaning`(json: String) {
        #expect(throws: RecordError.self) { _ = try merged(json) }
    }

    @Test func `an empty required name is data`() throws {
        let content = try merged(#"{"id":"1","first_name":"","last_name":"","company":"eos"}"#)
        #expect(content.name == ContactName())
        #expect(content.organization == "eos")
    }

    @Test func `the last of repeated members counts`() throws {
        #expect(try merged(#"{"id":"1","first_name":"A","first_name":"Z","last_name":"B"}"#).name.given == "Z")
    }

    @Test func `one word gets the filler and loses it on the way back`() throws {
        var content = ContactContent()
        content.name.full = "Madonna"
        let bytes = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all).bytes
        let record = try ContactSourceRecord(json: bytes[...])
        #expect(record.firstName == "Madonna")
        #expect(record.lastName == "-")
        #expect(try mapping.merge(bytes[...], previous: nil, into: nil).content.name.full == "Madonna")
    }

    @Test func `the page's own contact is understood`() throws {
        let content = try mapping.merge(Fixture.bytes("contact-source/contact.json")[...], previous: nil, into: nil)
            .content
        #expect(content.name.full == "Victor Donnelly")
        #expect(content.organization == "eos")
        #expect(content.lifecycle == .lead)
        #expect(content.phones == [ContactPhone(number: "+836985101472", label: .work)])
        #expect(content.emails == [ContactEmail(address: "0uXIVbM@CEYlhly.edu", label: .work)])
    }
}
