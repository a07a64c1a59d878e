//  ActiveCampaign's lens: both laws with generated contacts, and what single slots mean.

import Contacts
import JSON
import Testing

@testable import Vendors

@Suite struct ActiveCampaignMappingTests {
    static let mapping = ActiveCampaignMapping(
        fields: ActiveCampaignFields(["organization": "4", "title": "5", "lifecycle": "6", "tags": "7"]),
        catalogue: ActiveCampaignCatalogue()
    )
    private var mapping: ActiveCampaignMapping { Self.mapping }
    private static let all = Set(ContactField.allCases)

    private func generated(_ seed: Int) -> ContactContent {
        var random = SeededRandom(seed: seed)
        var content = Generated.content(&random)
        if random.chance(50) { content.customFields.append(CustomField(id: "1", value: Generated.text(&random))) }
        if random.chance(50) { content.customFields.append(CustomField(id: "12", value: "2026-01-02T03:04:05Z")) }
        return content
    }

    /// A record as the vendor may send it, with edits of the one it held.
    private func edited(_ record: ActiveCampaignRecord, _ seed: Int) -> ActiveCampaignRecord {
        var random = SeededRandom(seed: seed &+ 99_991)
        var record = record
        if random.chance(50) { record.firstName = random.pick(["Eve", ""]) }
        if random.chance(50) { record.email = "eve\(seed)@example.com" }
        if random.chance(50) { record.phone = random.pick(["+1 555 0100", ""]) }
        for field in ["1", "4", "6", "30"] where random.chance(40) {
            record.set(field, random.pick(["customer", "x", ""]))
        }
        record.dropClears()
        return record
    }

    @Test(arguments: 0..<300)
    func `a record that says what we sent changes nothing`(seed: Int) throws {
        let content = generated(seed)
        let held = mapping.project(content, vendorID: "1", previous: nil, touched: Self.all).bytes
        #expect(try mapping.merge(held[...], previous: held, into: content).content == content)
        #expect(try mapping.merge(held[...], previous: nil, into: content).content == content)
    }

    @Test(arguments: 0..<300)
    func `what a record changes goes back as that record`(seed: Int) throws {
        let content = generated(seed)
        var held = try ActiveCampaignRecord(
            canonical: mapping.project(content, vendorID: "1", previous: nil, touched: Self.all).bytes
        )
        held.dropClears()
        let now = edited(held, seed)
        let merged = try mapping.merge(now.encoded()[...], previous: held.encoded(), into: content).content
        #expect(mapping.project(merged, vendorID: "1", previous: now.encoded(), touched: []).bytes == now.encoded())
        let again = try mapping.merge(now.encoded()[...], previous: now.encoded(), into: merged).content
        #expect(again == merged)
        // The overflow that the vendor never saw is still there.
        #expect(merged.addresses == content.addresses)
        #expect(merged.notes == content.notes)
        #expect(merged.emails.count >= content.emails.count)
    }

    @Test func `the vendor's example is the contract's example`() throws {
        let answer = try JSONValue(parsing: Fixture.bytes("activecampaign/contact-sync-response.json"))
        let contact = try #require(answer["contact"])
        let record = try ActiveCampaignRecord(contact: contact, values: ActiveCampaignSideLoad(of: answer).all)
        let content = try mapping.merge(record.encoded()[...], previous: nil, into: nil).content
        #expect(record.id == "115")
        #expect(content.name == ContactName(full: "John Doe", given: "John", surname: "Doe"))
        #expect(content.emails == [ContactEmail(address: "jondoe@example.com", label: .work)])
        #expect(content.phones == [ContactPhone(number: "7223224241", label: .mobile)])
        #expect(content.customFields == [CustomField(id: "1", value: "The Value for First Field")])
        #expect(content.lifecycle == nil)  // field 6 holds a date, which is neither of ours
        let request = try JSONValue(parsing: Fixture.bytes("activecampaign/contact-sync-request.json"))
        var sent = record
        (sent.id, sent.cdate, sent.udate) = ("", nil, nil)
        #expect(try JSONValue(parsing: sent.writeBody(creating: true)) == request)
    }

    @Test func `values beside a list find their contact by id, then by owner`() throws {
        let list: JSONValue = [
            "fieldValues": [
                ["id": "14", "contact": "113", "owner": "115", "field": "2", "value": "Albany"],
                ["id": 15, "contact": 7, "field": 3, "value": ["A", "B"]],
            ]
        ]
        let values = ActiveCampaignSideLoad(of: list)
        #expect(values.values(of: ["id": "115"], id: "115") == [ActiveCampaignValue(field: "2", value: "Albany")])
        #expect(
            values.values(of: ["fieldValues": ["15"]], id: "9") == [ActiveCampaignValue(field: "3", value: "||A||B||")]
        )
        #expect(values.values(of: ["fieldValues": ["99"]], id: "9") == nil)
        #expect(values.values(of: ["fieldValues": []], id: "9") == [])
        let inline: JSONValue = ["fieldValues": [["field": "2", "value": "Rome"]]]
        #expect(ActiveCampaignSideLoad(of: [:]).values(of: inline, id: "1")?.first?.value == "Rome")
        #expect(ActiveCampaignSideLoad(of: [:]).values(of: ["id": "1"], id: "1") == nil)
    }

    @Test func `a moment in another zone and an address in another case are no edits`() throws {
        var content = ContactContent()
        content.emails = [ContactEmail(address: "Jon@Example.com", label: .home)]
        content.customFields = [CustomField(id: "1", value: "2026-01-02T03:04:05Z")]
        let held = mapping.project(content, vendorID: nil, previous: nil, touched: Self.all).bytes
        var now = try ActiveCampaignRecord(canonical: held)
        now.email = "jon@example.com"
        now.set("1", "2026-01-01T22:04:05-05:00")
        #expect(try mapping.merge(now.encoded()[...], previous: held, into: content).content == content)
    }

    @Test func `a write leaves untouched slots alone and clears what is gone`() throws {
        var held = ActiveCampaignRecord()
        (held.id, held.email, held.phone, held.lastName) = ("9", "a@example.com", "1", "Doe")
        held.set("1", "one")
        held.set("4", "eos")
        held.set("6", "Hot Prospect")
        var content = try mapping.merge(held.encoded()[...], previous: nil, into: nil).content
        #expect(content.organization == "eos")
        content.organization = nil
        content.customFields = []
        content.phones = []
        let bytes = mapping.project(
            content,
            vendorID: "9",
            previous: held.encoded(),
            touched: [.organization, .customFields, .lifecycle]
        ).bytes
        let projected = try ActiveCampaignRecord(canonical: bytes)
        #expect(projected.phone == "1")
        #expect(
            projected.values == [
                ActiveCampaignValue(field: "1", value: ""), ActiveCampaignValue(field: "4", value: ""),
                ActiveCampaignValue(field: "6", value: "Hot Prospect"),
            ]
        )
        let body = try JSONValue(parsing: projected.writeBody(creating: false))
        #expect(body["contact"]?["fieldValues"]?.arrayValue?.first == ["field": "1", "value": ""])
    }

    @Test func `losses are told for touched members only`() {
        var content = ContactContent()
        content.name = ContactName(full: "Dr. Ann Lee", given: "Ann", surname: "Lee", prefix: "Dr.")
        content.emails = [ContactEmail(address: "a@x", label: .work), ContactEmail(address: "b@x", label: .work)]
        content.notes = "n"
        content.organization = "o"
        func lost(_ touched: Set<ContactField>) -> [String] {
            mapping.project(content, vendorID: nil, previous: [UInt8]("{}".utf8), touched: touched).translation.map(
                \.field
            )
        }
        #expect(lost(Self.all) == ["name", "emails", "notes"])
        #expect(lost([.notes]) == ["notes"])
        #expect(lost([.organization]).isEmpty)
        Self.mapping.catalogue.replace(with: [], whole: false)
    }

    @Test func `a record with a wrong type is rejected with its member`() {
        #expect(throws: RecordError(reason: "`phone` is neither a text nor null")) {
            try ActiveCampaignRecord(contact: ["id": "1", "phone": ["a": 1]], values: [])
        }
        #expect(throws: RecordError(reason: "`email` is absent")) {
            try ActiveCampaignRecord(contact: ["id": "1"], values: [], listed: true)
        }
    }
}
