//  What clients write: every fault at once, with its pointer; and patches.

import Contacts
import JSON
import Platform
import Testing

@Suite struct ContactInputTests {
    static func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    static let faults: [(body: String, pointers: [String])] = [
        ("[]", [""]),
        (#"{"nme":1}"#, ["/nme"]),
        (
            #"{"title":1,"emails":{},"kind":"x","lifecycle":"y","favorite":"true"}"#,
            ["/title", "/emails", "/kind", "/lifecycle", "/favorite"]
        ),
        (#"{"name":"Jo"}"#, ["/name"]),
        (#"{"name":{"ful":"Jo"}}"#, ["/name/ful"]),
        (
            #"{"phones":[{"number":"1"},{"label":"work"},7,{"number":"2","x/y":1}]}"#,
            ["/phones/1/number", "/phones/2", "/phones/3/x~1y"]
        ),
        (#"{"notes":"a\nb","title":"a\nb"}"#, ["/title"]),
        (#"{"notes":"a\u0000b"}"#, ["/notes"]),
        (#"{"custom_fields":{"1":2}}"#, ["/custom_fields/1"]),
        (#"{"phones":[{"number":"7223224241","e164":"+49123456789"}]}"#, ["/phones/0/e164"]),
        (#"{"phones":[{"number":"7223224241","e164":"+17223224241","label":"pager"}]}"#, []),
    ]
    @Test(arguments: faults) func `every fault is named at once by its pointer`(body: String, pointers: [String]) throws
    {
        let json = try Self.parse(body)
        do throws(InvalidContact) {
            _ = try ContactInput(whole: json)
            #expect(pointers.isEmpty)
        } catch {
            #expect(error.faults.map(\.pointer) == pointers)
        }
    }

    @Test func `a name of ten thousand characters is refused with the limit`() {
        let long = JSONValue.object([JSONMember("name", ["full": .string(String(repeating: "x", count: 10_000))])])
        let error = #expect(throws: InvalidContact.self) { try ContactInput(whole: long) }
        #expect(error?.faults.first?.pointer == "/name/full")
        #expect(error?.faults.first?.detail.contains("1000") == true)
    }

    @Test func `an unknown label becomes other, absent and null mean the same`() throws {
        let input = try ContactInput(
            whole: Self.parse(#"{"emails":[{"address":"a@b","label":"Pager"}],"title":null,"tags":null}"#)
        )
        #expect(input.content.emails == [ContactEmail(address: "a@b", label: .other)])
        #expect(input.content.title == nil)
        #expect(input.given == [.emails, .title, .tags])
    }

    static let patches: [(patch: String, name: ContactName)] = [
        (#"{"name":{"full":"Jane Roe"}}"#, ContactName(full: "Jane Roe", given: "Jane", surname: "Roe")),
        (
            #"{"name":{"surname":"Roe"}}"#,
            ContactName(full: "Dr. John Roe", given: "John", surname: "Roe", prefix: "Dr.")
        ),
        (#"{"name":{"prefix":null}}"#, ContactName(full: "John Doe", given: "John", surname: "Doe")),
        (#"{"name":{"full":"X","surname":"Y"}}"#, ContactName(full: "X", given: "John", surname: "Y", prefix: "Dr.")),
        (#"{"name":null}"#, ContactName()),
        (#"{"title":"CTO"}"#, ContactName(full: "Dr. John Doe", given: "John", surname: "Doe", prefix: "Dr.")),
    ]
    @Test(arguments: patches) func `a patch that touches the whole or the parts derives the other anew`(
        patch: String,
        name: ContactName
    ) throws {
        var base = ContactContent()
        base.name = ContactName(full: "Dr. John Doe", given: "John", surname: "Doe", prefix: "Dr.")
        #expect(try ContactInput(patch: Self.parse(patch), onto: base).content.name == name)
    }

    @Test func `a patch merges objects, replaces arrays and removes what is null`() throws {
        var base = ContactContent()
        base.customFields = [CustomField(id: "1", value: "a"), CustomField(id: "2", value: "b")]
        base.tags = ["x"]
        base.notes = "n"
        let patched = try ContactInput(
            patch: Self.parse(#"{"custom_fields":{"1":null,"3":"c"},"tags":["y","z"],"notes":null}"#),
            onto: base
        ).content
        #expect(patched.customFields == [CustomField(id: "2", value: "b"), CustomField(id: "3", value: "c")])
        #expect(patched.tags == ["y", "z"])
        #expect(patched.notes == nil)
    }

    @Test func `read-only members may be echoed as stored, and nothing else`() throws {
        let stored = ContactValueTests.sample()
        let echo = try ContactInput(whole: try JSONValue(parsing: stored.encodedDocument()))
        #expect(echo.refutedClaims(against: stored).isEmpty)
        let forged = try ContactInput(whole: Self.parse(#"{"id":"x","revision":1,"created_at":null}"#))
        #expect(forged.refutedClaims(against: stored).map(\.pointer) == ["/id", "/revision"])
        #expect(forged.refutedClaims(against: nil).map(\.pointer) == ["/id", "/revision"])
    }

    @Test func `a stored document written back whole means the same`() throws {
        let stored = ContactValueTests.sample()
        let input = try ContactInput(whole: try JSONValue(parsing: stored.encodedDocument()))
        let content = input.content.normalised(vendorID: stored.vendorID, region: "US")
        #expect(ContactDifference(from: stored.content, to: content).fields.isEmpty)
    }
}
