//  Writes a contact in the source's words and notes what it has no words for. Pure.

import Contacts

/// One projection under way.
struct ContactSourceProjection {
    typealias Record = ContactSourceRecord

    private let content: ContactContent
    private let touched: Set<ContactField>
    private let before: Record
    /// What the source would hold.
    var record: Record
    /// What it cannot carry.
    private(set) var notes: [TranslationNote] = []

    /// Starts from what the source holds; without it every member is written.
    init(content: ContactContent, before: Record?, touched: Set<ContactField>) {
        self.content = content
        self.touched = before == nil ? Set(ContactField.allCases) : touched
        self.before = before ?? Record()
        record = self.before
    }

    /// Writes every touched member; the others only get what the protocol requires.
    mutating func writeAll() {
        if touched.contains(.organization) { record.company = WireText.normalised(content.organization) }
        if touched.contains(.lifecycle) { writeType() }
        if touched.contains(.phones) { writePhones() }
        if touched.contains(.emails) { writeEmails() }
        if touched.contains(.name) { writeName() }
        record.normalise()
        noteWhatHasNoPlace()
    }

    private mutating func writeName() {
        let name = NameRule.completed(content.name)
        record.firstName = name.given ?? ""
        record.lastName = name.surname ?? ""
        if name.given == nil, name.surname == nil { record.firstName = name.full ?? "" }
        if name.prefix != nil || name.middle != nil || name.suffix != nil {
            note(.name, .dropped, "the source holds a first and a last name only")
        } else if record.firstName.isEmpty || record.lastName.isEmpty {
            note(.name, .defaulted, "both parts are required; the missing one is \"\(Record.filler)\"")
        }
    }

    private mutating func writeType() {
        record.type = (content.lifecycle ?? .customer).rawValue
        if content.lifecycle == nil { note(.lifecycle, .defaulted, "the source knows customer and lead only") }
    }

    private mutating func writePhones() {
        var spoken = before.phones
        record.phones = content.phones.compactMap { phone in
            let entry = Record.Entry(text: phone.number, label: phone.label.contactSourceWord)
            return WireText.isBlank(entry.text) ? nil : spelled(entry, as: &spoken) { $0.phoneLabel.contactSourceWord }
        }
        if content.phones.contains(where: { $0.label == .workFax || $0.label == .homeFax }) {
            note(.phones, .renamed, "the source has one label for every fax")
        }
    }

    private mutating func writeEmails() {
        var spoken = before.emails
        record.emails = content.emails.compactMap { email in
            let entry = Record.Entry(text: email.address, label: email.label.contactSourceWord)
            return WireText.isBlank(entry.text) ? nil : spelled(entry, as: &spoken) { $0.placeLabel.contactSourceWord }
        }
    }

    /// The source's own spelling of a label goes back to it unchanged.
    private func spelled(
        _ entry: Record.Entry,
        as spoken: inout [Record.Entry],
        word: (Record.Entry) -> String
    ) -> Record.Entry {
        let index = spoken.firstIndex { WireText.same($0.text, entry.text) && word($0) == entry.label }
        return index.map { spoken.remove(at: $0) } ?? entry
    }

    private mutating func noteWhatHasNoPlace() {
        let lost: [(field: ContactField, isGiven: Bool)] = [
            (.title, content.title != nil), (.addresses, !content.addresses.isEmpty), (.notes, content.notes != nil),
            (.tags, !content.tags.isEmpty), (.customFields, !content.customFields.isEmpty),
            (.owner, content.owner != nil), (.favorite, content.favorite),
        ]
        for (field, isGiven) in lost where isGiven && touched.contains(field) {
            note(field, .dropped, "the source has no place for it")
        }
    }

    private mutating func note(_ field: ContactField, _ action: TranslationNote.Action, _ detail: String) {
        notes.append(TranslationNote(field: field.rawValue, action: action, detail: detail))
    }
}

extension ContactSourceRecord {
    /// Puts the record into the form that we send: both names filled, a known type, no blank entries.
    mutating func normalise() {
        let says = { (part: String) in !WireText.isBlank(part) && part != Self.filler }
        if !says(firstName), !says(lastName) {
            firstName = company.isEmpty ? emails.first?.text ?? phones.first?.text ?? "" : company
        }
        if WireText.isBlank(firstName) { firstName = Self.filler }
        if WireText.isBlank(lastName) { lastName = Self.filler }
        type = lifecycle.rawValue
    }
}
