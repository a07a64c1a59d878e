//  The lens between PortSIP's flat record and our contact. Pure; both laws are tested with generated contacts.

import Contacts

/// PortSIP's lens: only slots that differ from what the vendor was last known to hold reach the contact, and only
/// members that a write touches reach the record.
struct PortSIPMapping: ContactMapping {
    typealias Slot = PortSIPRecord.Slot

    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent {
        let now = try PortSIPRecord(json: record)
        let before = try known(previous, of: content)
        var merged = content ?? ContactContent()
        for slot in Slot.allCases where !WireText.same(now[slot], before[slot]) {
            apply(now[slot], of: slot, before: before[slot], to: &merged)
        }
        // A contact that goes by its organization or e-mail goes by the new one.
        if now[.name].isEmpty, !now.holdsTheSame(as: before) { merged.name = ContactName() }
        let phonesDiffer = Slot.phones.contains { !WireText.same(now[$0], before[$0]) }
        if phonesDiffer { merged.phones = phones(merged.phones, before: before, now: now) }
        if let favorite = now.favorite, favorite != before.favorite { merged.favorite = favorite }
        // Items of a diff have no `sync_type`: they leave open what the list has said.
        return MergedContent(content: merged, readOnly: now.saysSyncType ? now.syncType != nil : nil)
    }

    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection {
        // What cannot be read any more counts as not known: then every member is written.
        let before = previous.flatMap { try? PortSIPRecord(json: $0[...]) }
        let touched = before == nil ? Set(ContactField.allCases) : touched
        var writer = PortSIPProjection(content: content, before: before ?? PortSIPRecord(), touched: touched)
        writer.writeAll()
        writer.record.id = vendorID ?? before?.id
        return Projection(bytes: writer.record.encoded(), translation: writer.notes)
    }

    /// What the vendor was last known to hold; without a record, what it would hold of the contact.
    private func known(_ previous: [UInt8]?, of content: ContactContent?) throws(RecordError) -> PortSIPRecord {
        if let previous { return try PortSIPRecord(json: previous[...]) }
        guard let content else { return PortSIPRecord() }
        var writer = PortSIPProjection(content: content, before: PortSIPRecord(), touched: Set(ContactField.allCases))
        writer.writeAll()
        return writer.record
    }

    private func apply(_ text: String, of slot: Slot, before: String, to content: inout ContactContent) {
        let value = text.isEmpty ? nil : text
        switch slot {
        case .name: content.name = ContactName(full: value)
        case .company: content.organization = value
        case .title: content.title = value
        case .notes: content.notes = value
        case .email:
            let index = content.emails.firstIndex { slot.holds($0.address, as: before) }
            content.emails.putFirst(
                value.map { ContactEmail(address: $0, label: index.map { content.emails[$0].label } ?? .work) },
                inPlaceOf: index
            )
        case .address:
            let index = content.addresses.firstIndex { slot.holds($0.full, as: before) }
            content.addresses.putFirst(
                value.map { ContactAddress(full: $0, label: index.map { content.addresses[$0].label } ?? .work) },
                inPlaceOf: index
            )
        default: break  // phones: all nine at once, since they share one list
        }
    }

    /// Carries the slots that differ into the list of phones. Edits and clears hit the phone that sits in the slot;
    /// phones without a slot stay.
    private func phones(
        _ phones: [ContactPhone],
        before: PortSIPRecord,
        now: PortSIPRecord
    ) -> [ContactPhone] {
        let seating = PortSIPPhoneSlots(recognising: phones, in: before)
        var seats = seating.seats
        var spare = seating.unseated
        var entries: [ContactPhone?] = phones
        for slot in Slot.phones where !WireText.same(now[slot], before[slot]) {
            let number = now[slot]
            if number.isEmpty {
                if let index = seats.removeValue(forKey: slot) { entries[index] = nil }
            } else if let index = seats[slot] {
                entries[index]?.number = number
                entries[index]?.e164 = nil
            } else if let index = spare.first(where: { slot.fits(phones[$0].label) && phones[$0].number == number }) {
                seats[slot] = index
                spare.removeAll { $0 == index }
            } else {
                seats[slot] = entries.count
                entries.append(ContactPhone(number: number, label: slot.label))
            }
        }
        // In a full pair the first slot is the preferred number, so it comes first with us.
        for (first, second) in Slot.phonePairs {
            guard let left = seats[first], let right = seats[second], left > right else { continue }
            entries.swapAt(left, right)
        }
        return entries.compactMap { $0 }
    }
}

extension PortSIPRecord.Slot {
    /// Whether a text of ours is what the slot held.
    func holds(_ text: String, as held: String) -> Bool {
        !held.isEmpty && WireText.same(WireText.clipped(text, to: limit), held)
    }
}

extension Array {
    /// Puts the vendor's one entry in the place of the one that it stood for, or first where there was none;
    /// `nil` removes.
    fileprivate mutating func putFirst(_ entry: Element?, inPlaceOf index: Int?) {
        switch (entry, index) {
        case (let entry?, let index?): self[index] = entry
        case (let entry?, nil): insert(entry, at: 0)
        case (nil, let index?): remove(at: index)
        case (nil, nil): break
        }
    }
}
