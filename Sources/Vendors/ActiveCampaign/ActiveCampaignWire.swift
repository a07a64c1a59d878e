//  ActiveCampaign's JSON (API v3 reference, "Contact", "Sync a contact's data", "Custom field values"), read leniently:
//  almost every scalar is a string, but not reliably, and values come as objects here and as ids there.

import JSON
import Platform

/// One value of a custom field.
struct ActiveCampaignValue: Equatable, Sendable {
    /// The custom field's id.
    var field: String
    /// Its text; in a request an empty one clears the field.
    var value: String
}

/// One contact with its custom field values, reduced to the members that mean something, in a fixed order, so that its
/// bytes change only when the contact does. Links, hashes, bounce counters and `adate` stay out.
struct ActiveCampaignRecord: Equatable, Sendable {
    /// Empty in a projection that was not written yet.
    var id = ""
    var email = ""
    var firstName = ""
    var lastName = ""
    var phone = ""
    /// At most one for each field, by ascending field id.
    var values: [ActiveCampaignValue] = []
    /// As the vendor writes it, with the account's offset.
    var cdate: String?
    /// As the vendor writes it, with the account's offset.
    var udate: String?

    /// The value of a custom field; empty for none.
    func value(of field: String) -> String { values.first { $0.field == field }?.value ?? "" }

    /// Puts a value in its place; an empty one stays as an order to clear.
    mutating func set(_ field: String, _ value: String) {
        if let index = values.firstIndex(where: { $0.field == field }) {
            values[index].value = value
        } else {
            let entry = ActiveCampaignValue(field: field, value: value)
            let place = values.firstIndex { ActiveCampaignID.comesBefore(field, $0.field) } ?? values.count
            values.insert(entry, at: place)
        }
    }

    /// Drops the orders to clear: what the vendor holds once it has obeyed.
    mutating func dropClears() { values.removeAll { $0.value.isEmpty } }
}

// MARK: - Our canonical form

extension ActiveCampaignRecord {
    /// Reads the canonical form back.
    init(canonical bytes: some Sequence<UInt8>) throws(RecordError) {
        guard let json = try? JSONValue(parsing: Array(bytes), repeated: .lastCounts), json.objectValue != nil
        else { throw RecordError(reason: "the record is no JSON object") }
        try self.init(contact: json, values: ActiveCampaignSideLoad.inline(json["fieldValues"]) ?? [])
    }

    /// The canonical form.
    func encoded() -> [UInt8] {
        var members: [JSONMember] = []
        if !id.isEmpty { members.append(JSONMember("id", .string(id))) }
        members += settable(values)
        if let cdate { members.append(JSONMember("cdate", .string(cdate))) }
        if let udate { members.append(JSONMember("udate", .string(udate))) }
        return JSONValue.object(members).encoded()
    }

    /// `{"contact": {…}}`, the body of a write. Fields left out keep their value; one sent empty is cleared.
    /// An empty e-mail can be left out, so that it is kept.
    func writeBody(creating: Bool, keepsAbsentEmail: Bool = false) -> [UInt8] {
        var members = settable(creating ? values.filter { !$0.value.isEmpty } : values)
        if keepsAbsentEmail, email.isEmpty { members.removeAll { $0.name == "email" } }
        if creating { members.removeAll { $0.value == .string("") || $0.value == .array([]) } }
        return JSONValue.object([JSONMember("contact", .object(members))]).encoded()
    }

    private func settable(_ values: [ActiveCampaignValue]) -> [JSONMember] {
        [
            JSONMember("email", .string(email)), JSONMember("firstName", .string(firstName)),
            JSONMember("lastName", .string(lastName)), JSONMember("phone", .string(phone)),
            JSONMember(
                "fieldValues",
                .array(values.map { ["field": .string($0.field), "value": .string($0.value)] })
            ),
        ]
    }
}

// MARK: - The vendor's form

extension ActiveCampaignRecord {
    /// Reads a `contact` object with its custom field values, from wherever they came. One of a list always has an
    /// `email`; answers to writes are often shorter.
    init(contact: JSONValue, values: [ActiveCampaignValue], listed: Bool = false) throws(RecordError) {
        func text(_ name: String) throws(RecordError) -> String {
            guard let member = contact[name] else { return "" }
            guard let text = ActiveCampaignWire.text(member) else {
                throw RecordError(reason: "`\(name)` is neither a text nor null")
            }
            return text
        }
        if listed, contact["email"] == nil { throw RecordError(reason: "`email` is absent") }
        id = try text("id")
        email = try text("email")
        firstName = try text("firstName")
        lastName = try text("lastName")
        phone = try text("phone")
        cdate = ActiveCampaignWire.date(contact["cdate"])
        udate = ActiveCampaignWire.date(contact["udate"])
        for value in values { set(value.field, value.value) }
    }

    /// When the vendor last changed it; `nil` where it does not say so with an offset.
    var updated: Timestamp? { udate.flatMap { Timestamp(rfc3339: $0) } }
}

/// Reading single scalars of this vendor.
enum ActiveCampaignWire {
    /// The text of a scalar: strings as they are, numbers by their digits, null as empty; `nil` for anything else.
    static func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let digits): digits
        case .null: ""
        case .bool(let truth): truth ? "1" : "0"
        case .array, .object: nil
        }
    }

    /// The value of a custom field; several are spelled `||A||B||`.
    static func fieldText(_ value: JSONValue) -> String? {
        guard case .array(let elements) = value else { return text(value) }
        let texts = elements.compactMap(text)
        return texts.isEmpty ? "" : "||" + texts.joined(separator: "||") + "||"
    }

    /// A date; null, an empty text and all zeros mean that there is none.
    static func date(_ value: JSONValue?) -> String? {
        guard let text = value?.stringValue, !text.isEmpty, !text.hasPrefix("0000-00-00") else { return nil }
        return text
    }

    /// A count, from digits with or without quotes.
    static func count(_ value: JSONValue?) -> Int? { value.flatMap(text).flatMap { Int($0) } }

    /// Whether the record says that it is deleted: `"1"`, 1 or true.
    static func isDeleted(_ contact: JSONValue) -> Bool { contact["deleted"].flatMap(text) == "1" }

    /// Equal in meaning: white space around does not count, and moments compare as instants, because the vendor
    /// converts them to the account's zone.
    static func same(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        let left = trimmed(left)
        let right = trimmed(right)
        if left == right { return true }
        guard let first = Timestamp(rfc3339: left), let second = Timestamp(rfc3339: right) else { return false }
        return first == second
    }

    /// The text without white space at both ends.
    static func trimmed(_ text: String) -> String {
        guard let start = text.firstIndex(where: { !$0.isWhitespace }),
            let end = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[start...end])
    }

    /// Equal as addresses, which the vendor matches without regard to case.
    static func sameAddress(_ left: String, _ right: String) -> Bool {
        trimmed(left).lowercased() == trimmed(right).lowercased()
    }
}

/// Ids: ascending numbers, written as strings or as numbers.
enum ActiveCampaignID {
    /// The id of an object, when it is readable.
    static func of(_ object: JSONValue) -> String? {
        switch object["id"] {
        case .string(let text): text.isEmpty ? nil : text
        case .number(let digits): digits
        default: nil
        }
    }

    /// By number where both are numbers, else by text.
    static func comesBefore(_ left: String, _ right: String) -> Bool {
        if let first = UInt64(left), let second = UInt64(right) { return first < second }
        return left < right
    }
}

/// The `fieldValues` that came beside one or more contacts.
struct ActiveCampaignSideLoad: Sendable {
    /// Every value, without regard to whose it is: for answers about one contact.
    private(set) var all: [ActiveCampaignValue] = []
    /// Whether the answer has the side-load at all.
    let isPresent: Bool
    private var byID: [String: ActiveCampaignValue] = [:]
    private var byOwner: [String: [ActiveCampaignValue]] = [:]
    private var byContact: [String: [ActiveCampaignValue]] = [:]

    /// Reads the top-level `fieldValues` of an answer.
    init(of answer: JSONValue) {
        let elements = answer["fieldValues"]?.arrayValue
        isPresent = elements != nil
        for element in elements ?? [] {
            guard let value = Self.value(element) else { continue }
            all.append(value)
            if let id = ActiveCampaignID.of(element) { byID[id] = value }
            if let owner = element["owner"].flatMap(ActiveCampaignWire.text) {
                byOwner[owner, default: []].append(value)
            }
            if let contact = element["contact"].flatMap(ActiveCampaignWire.text) {
                byContact[contact, default: []].append(value)
            }
        }
    }

    /// The values of one of several contacts; `nil` when the answer does not tell and the contact has to be asked for.
    ///
    /// A contact names its values by id. `owner` goes before `contact`: in the vendor's own example they differ, and
    /// `owner` is the one that agrees with the contact's id.
    func values(of contact: JSONValue, id: String) -> [ActiveCampaignValue]? {
        if let inline = Self.inline(contact["fieldValues"]), !inline.isEmpty { return inline }
        let named = contact["fieldValues"]?.arrayValue?.compactMap(ActiveCampaignWire.text)
        if let named, !named.isEmpty {
            let found = named.compactMap { byID[$0] }
            if found.count == named.count { return found }
        }
        if let owned = byOwner[id] ?? byContact[id] { return owned }
        if let named { return named.isEmpty ? [] : nil }
        return isPresent ? [] : nil
    }

    /// Values written as objects inside the contact; `nil` when there is no such list.
    static func inline(_ list: JSONValue?) -> [ActiveCampaignValue]? { list?.arrayValue?.compactMap(value) }

    private static func value(_ element: JSONValue) -> ActiveCampaignValue? {
        guard let field = element["field"].flatMap(ActiveCampaignWire.text), !field.isEmpty else { return nil }
        return ActiveCampaignValue(field: field, value: element["value"].flatMap(ActiveCampaignWire.fieldText) ?? "")
    }
}
