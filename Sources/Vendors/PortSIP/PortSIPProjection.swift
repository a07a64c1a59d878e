//  Writes a contact into PortSIP's fifteen slots and notes what does not fit. Pure.

import Contacts

/// One projection under way: the record so far and the notes on what it cannot carry.
struct PortSIPProjection {
    typealias Slot = PortSIPRecord.Slot

    private let content: ContactContent
    private let touched: Set<ContactField>
    /// What the vendor would hold.
    private(set) var notes: [TranslationNote] = []
    var record: PortSIPRecord
    private let before: PortSIPRecord

    /// Starts from what the vendor holds; members that are not touched stay as they are.
    init(content: ContactContent, before: PortSIPRecord, touched: Set<ContactField>) {
        self.content = content
        self.touched = touched
        self.before = before
        record = before
        record.favorite = nil
        record.syncType = nil
        record.saysSyncType = false
    }

    /// Writes every touched member.
    mutating func writeAll() {
        if touched.contains(.name) { writeName() }
        if touched.contains(.organization) { put(content.organization, in: .company, field: .organization) }
        if touched.contains(.title) { put(content.title, in: .title, field: .title) }
        if touched.contains(.notes) { put(content.notes, in: .notes, field: .notes) }
        if touched.contains(.emails) { writeEmails() }
        if touched.contains(.addresses) { writeAddresses() }
        if touched.contains(.phones) { writePhones() }
        if touched.contains(.favorite) { record.favorite = content.favorite }
        noteWhatHasNoPlace()
    }

    private mutating func writeName() {
        let name = WireText.normalised(content.name.full ?? NameRule.full(of: content.name))
        if name.isEmpty {
            // The page asks for at least one character of name.
            let standIn = content.organization ?? content.emails.first?.address ?? content.phones.first?.number
            put(standIn, in: .name, field: .name)
            if standIn != nil { note(.name, .defaulted, "PortSIP wants a name; it gets the next best text") }
            return
        }
        put(name, in: .name, field: .name)
        if NameRule.completed(ContactName(full: name)) != NameRule.completed(content.name) {
            note(.name, .dropped, "PortSIP holds one name without parts")
        }
    }

    private mutating func writeEmails() {
        put(content.emails.first?.address, in: .email, field: .emails)
        if content.emails.count > 1 {
            note(.emails, .dropped, "PortSIP holds one e-mail; \(content.emails.count - 1) stay with us")
        }
        if let label = content.emails.first?.label, label != .work {
            note(.emails, .renamed, "PortSIP keeps no label for the e-mail")
        }
    }

    private mutating func writeAddresses() {
        put(content.addresses.first?.full, in: .address, field: .addresses)
        if content.addresses.count > 1 {
            note(.addresses, .dropped, "PortSIP holds one address; \(content.addresses.count - 1) stay with us")
        }
        if let label = content.addresses.first?.label, label != .work {
            note(.addresses, .renamed, "PortSIP keeps no label for the address")
        }
    }

    private mutating func writePhones() {
        var seating = PortSIPPhoneSlots(recognising: content.phones, in: before)
        seating.seatRemaining()
        for slot in Slot.phones {
            put(seating.seats[slot].map { content.phones[$0].number }, in: slot, field: .phones)
            if let index = seating.seats[slot], content.phones[index].label != slot.label {
                note(.phones, .renamed, "PortSIP has no slot for \(content.phones[index].label.rawValue)")
            }
        }
        if !seating.unseated.isEmpty {
            note(.phones, .dropped, "PortSIP has no free slot for \(seating.unseated.count) of the phones")
        }
    }

    private mutating func noteWhatHasNoPlace() {
        let lost: [(field: ContactField, isGiven: Bool)] = [
            (.tags, !content.tags.isEmpty), (.lifecycle, content.lifecycle != nil),
            (.customFields, !content.customFields.isEmpty), (.owner, content.owner != nil),
            (.kind, content.kind != .individual),
        ]
        for (field, isGiven) in lost where isGiven && touched.contains(field) {
            note(field, .dropped, "PortSIP has no place for it")
        }
    }

    private mutating func put(_ text: String?, in slot: Slot, field: ContactField) {
        let whole = WireText.normalised(text)
        record[slot] = WireText.clipped(whole, to: slot.limit)
        if record[slot] != whole { note(field, .truncated, "cut to \(slot.limit) characters") }
    }

    private mutating func note(_ field: ContactField, _ action: TranslationNote.Action, _ detail: String) {
        notes.append(TranslationNote(field: field.rawValue, action: action, detail: detail))
    }
}
