//  Reading the members of a contact from a client's JSON, one rule a shape, collecting faults.

import JSON

/// Reads values and remembers what was wrong with them.
struct InputReading {
    /// True for a merge patch: objects merge member by member.
    let merging: Bool
    let knownNumbers: Set<String>
    /// False to leave all places empty, which is enough to learn whether there are faults.
    let knowsPlaces: Bool
    var faults: [ContactFault] = []

    mutating func fault(_ pointer: String, _ detail: String) {
        faults.append(ContactFault(pointer: pointer, detail: detail))
    }

    /// The pointer of a member, or of an element by its number.
    func place(of name: String, in place: String) -> String {
        knowsPlaces ? JSONPointer.appending(name, to: place) : ""
    }

    mutating func read(_ field: ContactField, _ json: JSONValue, _ place: String, into content: inout ContactContent) {
        switch field {
        case .owner: content.owner = line(json, place, ContactLimits.word)
        case .organization: content.organization = line(json, place, ContactLimits.line)
        case .title: content.title = line(json, place, ContactLimits.line)
        case .notes: content.notes = text(json, place, ContactLimits.text)
        case .kind: content.kind = word(json, place) ?? .individual
        case .lifecycle: content.lifecycle = word(json, place)
        case .favorite: content.favorite = flag(json, place)
        case .name: name(json, place, &content.name)
        case .emails:
            content.emails = entries(json, place, key: "address").map { entry in
                ContactEmail(
                    address: line(entry.value, entry.place, ContactLimits.line) ?? "",
                    label: PlaceLabel(rawValue: entry.label) ?? .other
                )
            }
        case .addresses:
            content.addresses = entries(json, place, key: "full").map { entry in
                ContactAddress(
                    full: text(entry.value, entry.place, ContactLimits.address) ?? "",
                    label: PlaceLabel(rawValue: entry.label) ?? .other
                )
            }
        case .phones:
            content.phones = entries(json, place, key: "number").map { entry in
                ContactPhone(
                    number: line(entry.value, entry.place, ContactLimits.word) ?? "",
                    label: PhoneLabel(rawValue: entry.label) ?? .other,
                    e164: entry.e164
                )
            }
        case .tags:
            content.tags = elements(json, place).map { line($0.value, $0.place, ContactLimits.word) ?? "" }
        case .customFields: customFields(json, place, &content.customFields)
        case .vendorID, .readOnly: break
        }
    }

    /// One line of text; null and "" are absent.
    mutating func line(_ json: JSONValue, _ place: String, _ limit: Int) -> String? {
        text(json, place, limit, allowsLines: false)
    }

    private mutating func text(
        _ json: JSONValue,
        _ place: String,
        _ limit: Int,
        allowsLines: Bool = true
    ) -> String? {
        if json == .null { return nil }
        guard case .string(let text) = json else {
            fault(place, "This is a string or null.")
            return nil
        }
        // Plain ASCII, which most texts are, has as many characters as bytes and no control character beyond it.
        if text.utf8.count <= limit, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return text.isEmpty ? nil : text
        }
        if text.unicodeScalars.count > limit {
            fault(place, "This holds at most \(limit) characters, not \(text.unicodeScalars.count).")
            return nil
        }
        for scalar in text.unicodeScalars where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
            if allowsLines, scalar == "\n" || scalar == "\r" || scalar == "\t" { continue }
            fault(place, "The control character U+\(Self.hex(scalar.value)) is not allowed here.")
            return nil
        }
        return text.isEmpty ? nil : text
    }

    private mutating func word<Value: RawRepresentable & CaseIterable>(
        _ json: JSONValue,
        _ place: String
    ) -> Value? where Value.RawValue == String {
        if json == .null { return nil }
        if case .string(let text) = json, let value = Value(rawValue: text) { return value }
        fault(place, "This is one of \(Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")), or null.")
        return nil
    }

    private mutating func flag(_ json: JSONValue, _ place: String) -> Bool {
        switch json {
        case .bool(let truth): return truth
        case .null: return false
        default:
            fault(place, "This is true or false.")
            return false
        }
    }

    /// A name; a patch that touches only the whole or only the parts derives the other anew.
    private mutating func name(_ json: JSONValue, _ place: String, _ name: inout ContactName) {
        guard json != .null else {
            name = ContactName()
            return
        }
        guard case .object(let members) = json else {
            fault(place, "A name is an object with `full`, `given`, `surname`, `prefix`, `middle` and `suffix`.")
            return
        }
        var result = merging ? name : ContactName()
        var (touchesFull, touchesParts) = (false, false)
        for member in members {
            let below = self.place(of: member.name, in: place)
            if member.name == "full" { touchesFull = true }
            if NameRule.partNames.contains(member.name) { touchesParts = true }
            switch member.name {
            case "full": result.full = line(member.value, below, ContactLimits.line)
            case "given": result.given = line(member.value, below, ContactLimits.line)
            case "surname": result.surname = line(member.value, below, ContactLimits.line)
            case "prefix": result.prefix = line(member.value, below, ContactLimits.line)
            case "middle": result.middle = line(member.value, below, ContactLimits.line)
            case "suffix": result.suffix = line(member.value, below, ContactLimits.line)
            default: fault(below, "A name has `full`, `given`, `surname`, `prefix`, `middle` and `suffix`.")
            }
        }
        if touchesFull, !touchesParts, let full = result.full {
            let parts = NameRule.parts(of: full)
            result = ContactName(full: full, given: parts.given, surname: parts.surname)
        } else if !touchesFull || result.full == nil {
            result.full = NameRule.full(of: result)
        }
        name = result
    }

    private mutating func customFields(_ json: JSONValue, _ place: String, _ fields: inout [CustomField]) {
        guard json != .null else {
            fields = []
            return
        }
        guard case .object(let members) = json else {
            fault(place, "Custom fields are an object of strings by field id.")
            return
        }
        if !merging { fields = [] }
        for member in members {
            let below = self.place(of: member.name, in: place)
            guard !member.name.isEmpty else {
                fault(below, "A custom field has an id.")
                continue
            }
            guard line(.string(member.name), below, ContactLimits.word) != nil else { continue }
            let value = text(member.value, below, ContactLimits.text)
            if let index = fields.firstIndex(where: { $0.id == member.name }) {
                if let value { fields[index].value = value } else { fields.remove(at: index) }
            } else if let value {
                fields.append(CustomField(id: member.name, value: value))
            }
        }
        if fields.count > ContactLimits.entries { fault(place, "At most \(ContactLimits.entries) entries.") }
    }

    private mutating func elements(_ json: JSONValue, _ place: String) -> [(value: JSONValue, place: String)] {
        switch json {
        case .null: return []
        case .array(let elements) where elements.count <= ContactLimits.entries:
            return elements.enumerated().map { ($0.element, knowsPlaces ? "\(place)/\($0.offset)" : "") }
        case .array:
            fault(place, "At most \(ContactLimits.entries) entries.")
            return []
        default:
            fault(place, "This is an array or null.")
            return []
        }
    }

    private struct Entry {
        var value: JSONValue
        var place: String
        var label = ""
        var e164: String?
    }

    /// Labelled entries: `[{key: text, "label": …}]`. An unknown label becomes `other`.
    private mutating func entries(_ json: JSONValue, _ place: String, key: String) -> [Entry] {
        var result: [Entry] = []
        for element in elements(json, place) {
            guard case .object(let members) = element.value else {
                fault(element.place, "An entry is an object with `\(key)` and `label`.")
                continue
            }
            guard let value = element.value[key], value != .null, value != "" else {
                fault(self.place(of: key, in: element.place), "An entry needs its `\(key)`.")
                continue
            }
            var entry = Entry(value: value, place: self.place(of: key, in: element.place))
            for member in members {
                let below = self.place(of: member.name, in: element.place)
                switch member.name {
                case key: break
                case "label": entry.label = line(member.value, below, ContactLimits.word)?.lowercased() ?? ""
                case "e164" where key == "number":
                    entry.e164 = line(member.value, below, ContactLimits.word)
                    check(entry, number: value.stringValue ?? "", below)
                default: fault(below, "An entry has `\(key)` and `label`.")
                }
            }
            result.append(entry)
        }
        return result
    }

    /// `e164` is derived: a client may echo what it was told, or what follows from the number anyway.
    private mutating func check(_ entry: Entry, number: String, _ place: String) {
        guard let claimed = entry.e164, !knownNumbers.contains(claimed) else { return }
        let derives = PhoneNumber.supportedRegions.contains { PhoneNumber.e164(of: number, region: $0) == claimed }
        if !derives { fault(place, "`e164` is derived from the number; leave it out.") }
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
