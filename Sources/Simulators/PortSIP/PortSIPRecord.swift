//  One personal contact of the PBX, as it stands on the wire.

import Contacts
import JSON

/// Fifteen flat texts, the two read-only members and the id.
struct PortSIPRecord: Equatable, Sendable {
    /// Never parsed by anybody.
    var id: String
    /// The texts in the order of ``fields``; blank is `nil`.
    var values: [String?]
    /// Set for contacts that another system keeps.
    var syncType: String?
    /// Set by its own endpoints only.
    var favorite = false

    /// The writable fields with the most characters each may have.
    static let fields: [(name: StaticString, max: Int)] = [
        ("name", 64), ("email", 128), ("company", 128), ("title", 128), ("business", 128), ("business2", 128),
        ("mobile_phone", 128), ("mobile_phone2", 128), ("home_phone", 128), ("home_phone2", 128), ("other", 128),
        ("business_fax", 128), ("home_fax", 128), ("address", 128), ("notes", 1024),
    ]

    /// A record with every field blank.
    init(id: String) {
        self.id = id
        values = Array(repeating: nil, count: Self.fields.count)
    }

    /// What the PBX can hold of a contact; what is too long is cut, what has no place is left out.
    init(id: String, _ contact: SimulatedContact) {
        self.init(id: id)
        let content = contact.content
        let faxes = contact.numbers(.workFax) + contact.numbers(.fax)
        let given: [String?] = [
            contact.fullName, content.emails.first?.address, content.organization, content.title,
            contact.numbers(.work).first, contact.numbers(.work).dropFirst().first,
            contact.numbers(.mobile).first, contact.numbers(.mobile).dropFirst().first,
            contact.numbers(.home).first, contact.numbers(.home).dropFirst().first,
            contact.numbers(.other).first, faxes.first, contact.numbers(.homeFax).first,
            content.addresses.first?.full, content.notes,
        ]
        values = zip(given, Self.fields).map { text, field in
            text.flatMap { $0.isEmpty ? nil : String(String.UnicodeScalarView($0.unicodeScalars.prefix(field.max))) }
        }
        syncType = contact.readOnly ? "Microsoft 365" : nil
        favorite = content.favorite
    }

    /// Changes what a merge patch in the wire's words says; read-only members too, for this is the vendor's side.
    mutating func apply(_ patch: [JSONMember]) throws(Refusal) {
        for member in patch {
            switch (member.name, member.value) {
            case ("favorite", .bool(let truth)): favorite = truth
            case ("sync_type", .null): syncType = nil
            case ("sync_type", .string(let type)): syncType = type
            case (let name, let value):
                guard let slot = Self.fields.firstIndex(where: { "\($0.name)" == name }) else {
                    throw Refusal(422, "a contact has no field \(name)")
                }
                guard value == .null || value.stringValue != nil else {
                    throw Refusal(422, "\(name) takes a string or null")
                }
                values[slot] = value.stringValue.flatMap { $0.isEmpty ? nil : $0 }
            }
        }
    }

    /// The record as an object; with a change type it is an item of a difference, which has no `sync_type`.
    func write(to writer: inout JSONWriter, blank: String, changeType: String? = nil) {
        writer.beginObject()
        writer.name("id")
        writer.string(id)
        for (field, value) in zip(Self.fields, values) {
            writer.name(field.name)
            if let value {
                writer.string(value)
            } else if blank == "null" {
                writer.null()
            } else {
                writer.string("")
            }
        }
        if let changeType {
            writer.name("favorite")
            writer.bool(favorite)
            writer.name("change_type")
            writer.string(changeType)
        } else {
            writer.name("sync_type")
            if let syncType { writer.string(syncType) } else { writer.null() }
            writer.name("favorite")
            writer.bool(favorite)
        }
        writer.endObject()
    }

    /// The record as a tree.
    func json(blank: String) -> JSONValue {
        let empty: JSONValue = blank == "null" ? .null : ""
        var members = [JSONMember("id", .string(id))]
        for (field, value) in zip(Self.fields, values) {
            members.append(JSONMember("\(field.name)", value.map { .string($0) } ?? empty))
        }
        members.append(JSONMember("sync_type", .optional(syncType)))
        members.append(JSONMember("favorite", .bool(favorite)))
        return .object(members)
    }
}
