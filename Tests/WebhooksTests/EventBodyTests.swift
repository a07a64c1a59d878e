//  What a receiver gets, and what a webhook wants.

import Contacts
import JSON
import Platform
import Testing

@testable import Webhooks

@Suite struct EventBodyTests {
    private func event(_ type: String = "contact.updated") -> ContactEvent {
        ContactEvent(
            type: type,
            at: Timestamp(milliseconds: 0),
            sequence: 4711,
            previousSequence: 4702,
            connection: "crm",
            contactID: "0199",
            changed: [.phones],
            document: Array(#"{"id":"0199","phones":[{"number":"1"}],"notes":"a\"b"}"#.utf8),
            previous: Array(#"{"phones":[]}"#.utf8)
        )
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private let head =
        #"{"type":"contact.updated","timestamp":"1970-01-01T00:00:00.000Z","data":{"sequence":4711,"#
        + #""previous_sequence":4702,"connection":"crm","contact_id":"0199","changed_fields":["phones"]"#

    @Test func `the whole contact, the changed members, or neither`() {
        #expect(
            text(event().body(.full)) == head
                + #","contact":{"id":"0199","phones":[{"number":"1"}],"notes":"a\"b"},"previous":{"phones":[]}}}"#
        )
        #expect(
            text(event().body(.changes)) == head
                + #","contact":{"phones":[{"number":"1"}]},"previous":{"phones":[]}}}"#
        )
        #expect(text(event().body(.thin)) == head + "}}")
    }

    @Test func `a deleted contact is the last known state at any level that carries one`() throws {
        let value = try JSONValue(parsing: event("contact.deleted").body(.changes))
        #expect(value["data"]?["contact"]?["notes"]?.stringValue == "a\"b")
        #expect(value["data"]?["previous"] == .object([]))
    }
}

@Suite struct EventFilterTests {
    @Test func `patterns, connections and fields all have to fit`() {
        let all = EventFilter(events: ["contact.*"], connections: ["*"], fields: [])
        #expect(all.wants(type: "contact.created", connection: "crm", changed: []))
        #expect(!all.wants(type: "run.held"))
        let some = EventFilter(
            events: ["contact.updated", "run.*"],
            connections: ["crm"],
            fields: ["phones", "emails"]
        )
        #expect(some.wants(type: "contact.updated", connection: "crm", changed: [.notes, .phones]))
        #expect(!some.wants(type: "contact.updated", connection: "crm", changed: [.notes]))
        #expect(!some.wants(type: "contact.updated", connection: "pbx", changed: [.phones]))
        #expect(!some.wants(type: "contact.deleted", connection: "crm", changed: [.phones]))
        #expect(some.wants(type: "run.failed") && some.wants(connection: "crm") && !some.wants(connection: "pbx"))
    }

    @Test(arguments: [
        ("contact.*", true), ("*", true), ("run.held", true), ("contact", false), ("contact.x", false), ("x.*", false),
        ("", false), (".*", false),
    ])
    func `a pattern must name something`(pattern: String, isKnown: Bool) {
        #expect(EventFilter.isPattern(pattern) == isKnown)
    }
}
