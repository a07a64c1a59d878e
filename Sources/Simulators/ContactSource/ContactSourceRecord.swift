//  One contact of the source, kept as the bytes that pages are made of.

import Contacts
import JSON

/// A contact as JSON text: pages are put together by copying, so that large books list fast.
struct ContactSourceRecord: Equatable, Sendable {
    /// The contact as an object.
    let bytes: [UInt8]

    /// The members that may be changed behind the source's back.
    static let writable: Set = ["first_name", "last_name", "company", "type", "phones", "emails"]

    /// Takes an object as it is; also one that breaks the source's rules, to see what readers do.
    init(_ json: JSONValue) {
        bytes = json.encoded()
    }

    /// What the source holds of a contact; `nil` for one without any name.
    init?(id: String, _ contact: SimulatedContact) {
        guard let names = contact.twoNames else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("id")
        writer.string(id)
        writer.name("first_name")
        writer.string(names.first.isEmpty ? "-" : names.first)
        writer.name("last_name")
        writer.string(names.last.isEmpty ? "-" : names.last)
        if let company = contact.content.organization {
            writer.name("company")
            writer.string(company)
        }
        if let lifecycle = contact.content.lifecycle {
            writer.name("type")
            writer.string(lifecycle.rawValue)
        }
        writer.name("phones")
        writer.beginArray()
        for phone in contact.content.phones { Self.write(phone.number, as: "number", Self.label(phone), to: &writer) }
        writer.endArray()
        writer.name("emails")
        writer.beginArray()
        for email in contact.content.emails { Self.write(email.address, as: "email", Self.label(email), to: &writer) }
        writer.endArray()
        writer.endObject()
        bytes = writer.bytes
    }

    private static func write(_ text: String, as name: StaticString, _ label: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name(name)
        writer.string(text)
        writer.name("label")
        writer.string(label)
        writer.endObject()
    }

    private static func label(_ phone: ContactPhone) -> String {
        switch phone.label {
        case .workFax, .homeFax: PhoneLabel.fax.rawValue
        default: phone.label.rawValue
        }
    }

    private static func label(_ email: ContactEmail) -> String {
        switch email.label {
        case .work: "business"
        case .home: "private"
        case .other: "other"
        }
    }

    /// The record as a tree.
    var json: JSONValue { (try? JSONValue(parsing: bytes, repeated: .lastCounts)) ?? .null }

    /// The same contact with labels and type as a careless source might spell them.
    var withOddLabels: ContactSourceRecord {
        let spellings = [
            "mobile": "Mobile", "work": "WORK", "home": "home phone", "fax": "Telefax", "business": "Office",
            "private": "PRIVATE", "customer": "Client", "lead": "LEAD",
        ]
        func odd(_ value: JSONValue) -> JSONValue {
            switch value {
            case .array(let elements): .array(elements.map(odd))
            case .object(let members): .object(members.map { JSONMember($0.name, odd($0)) })
            default: value
            }
        }
        func odd(_ member: JSONMember) -> JSONValue {
            guard member.name == "label" || member.name == "type", let text = member.value.stringValue else {
                return odd(member.value)
            }
            return .string(spellings[text] ?? text)
        }
        return ContactSourceRecord(odd(json))
    }
}
