//  A contact as given to a simulator: the shape of the unified contact, read leniently.

import Contacts
import JSON

/// One contact to be taken in by a simulated vendor.
struct SimulatedContact: Sendable {
    /// The id to keep, where the vendor's id form allows it.
    var vendorID: String?
    /// True for a record that the vendor lets nobody change.
    var readOnly = false
    /// Everything else.
    var content = ContactContent()

    /// An empty contact, to be filled.
    init() {}

    /// Reads a contact in the shape that the REST API answers; unknown members are passed over.
    init(_ json: JSONValue) throws(Refusal) {
        guard json.objectValue != nil else { throw Refusal(422, "a contact is a JSON object") }
        vendorID = json["vendor_id"]?.stringValue
        readOnly = json["read_only"]?.boolValue ?? false
        content.owner = json["owner"]?.stringValue
        content.kind = json["kind"]?.stringValue.flatMap(ContactKind.init) ?? .individual
        let name = json["name"]
        content.name = ContactName(
            full: name?["full"]?.stringValue,
            given: name?["given"]?.stringValue,
            surname: name?["surname"]?.stringValue,
            prefix: name?["prefix"]?.stringValue,
            middle: name?["middle"]?.stringValue,
            suffix: name?["suffix"]?.stringValue
        )
        content.organization = json["organization"]?.stringValue
        content.title = json["title"]?.stringValue
        content.notes = json["notes"]?.stringValue
        for entry in json["emails"]?.arrayValue ?? [] {
            guard let address = entry["address"]?.stringValue else { continue }
            content.emails.append(ContactEmail(address: address, label: Self.place(entry)))
        }
        for entry in json["phones"]?.arrayValue ?? [] {
            guard let number = entry["number"]?.stringValue else { continue }
            let label = entry["label"]?.stringValue.flatMap(PhoneLabel.init) ?? .other
            content.phones.append(ContactPhone(number: number, label: label))
        }
        for entry in json["addresses"]?.arrayValue ?? [] {
            guard let full = entry["full"]?.stringValue else { continue }
            content.addresses.append(ContactAddress(full: full, label: Self.place(entry)))
        }
        content.tags = (json["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
        content.lifecycle = json["lifecycle"]?.stringValue.flatMap(Lifecycle.init)
        content.favorite = json["favorite"]?.boolValue ?? false
        for member in json["custom_fields"]?.objectValue ?? [] {
            guard let value = member.value.stringValue else { continue }
            content.customFields.append(CustomField(id: member.name, value: value))
        }
    }

    private static func place(_ entry: JSONValue) -> PlaceLabel {
        entry["label"]?.stringValue.flatMap(PlaceLabel.init) ?? .other
    }

    /// The whole name, put together from its parts where only they are given.
    var fullName: String? {
        let name = content.name
        if let full = name.full, !full.isEmpty { return full }
        let parts = [name.prefix, name.given, name.middle, name.surname, name.suffix].compactMap(\.self)
        return parts.isEmpty ? content.organization : parts.joined(separator: " ")
    }

    /// Given name and surname for vendors that know these two: the last word of a whole name is the surname.
    var twoNames: (first: String, last: String)? {
        let name = content.name
        if name.given != nil || name.surname != nil { return (name.given ?? "", name.surname ?? "") }
        guard let full = fullName else { return nil }
        guard let space = full.lastIndex(of: " ") else { return (full, "") }
        return (String(full[..<space]), String(full[full.index(after: space)...]))
    }

    /// The numbers of that label, in order of preference.
    func numbers(_ label: PhoneLabel) -> [String] {
        content.phones.filter { $0.label == label }.map(\.number)
    }
}
