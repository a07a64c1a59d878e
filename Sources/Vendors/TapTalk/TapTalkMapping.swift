//  The lens between TapTalk's pair of user ids, with the user behind the second one, and our contact. Pure.

import Contacts

/// TapTalk's lens: `owner` and `vendor_id` are the pair; name, first e-mail and first phone are the user's.
struct TapTalkMapping: ContactMapping {
    /// Whose book a contact without an owner goes to.
    let defaultOwner: String?

    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent {
        let now = try TapTalkRecord(canonical: record)
        let before = try known(previous, of: content)
        var merged = content ?? ContactContent()
        if now.owner != before.owner { merged.owner = now.owner.isEmpty ? nil : now.owner }
        if now.fullName != before.fullName {
            merged.name = ContactName(full: now.fullName.isEmpty ? nil : now.fullName)
        }
        if now.email != before.email {
            let index = merged.emails.firstIndex { $0.address == before.email }
            let label = index.map { merged.emails[$0].label } ?? .work
            merged.emails.putSlot(now.email.isEmpty ? nil : ContactEmail(address: now.email, label: label), at: index)
        }
        if now.phone != before.phone {
            let index = merged.phones.firstIndex { ($0.e164 ?? $0.number) == before.phone }
            let label = index.map { merged.phones[$0].label } ?? .mobile
            merged.phones.putSlot(now.phone.isEmpty ? nil : ContactPhone(number: now.phone, label: label), at: index)
        }
        return MergedContent(content: merged)
    }

    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection {
        // What cannot be read any more counts as not known: then every member is written.
        let before = previous.flatMap { try? TapTalkRecord(canonical: $0) }
        let touched = before == nil ? Set(ContactField.allCases) : touched
        var record = before ?? TapTalkRecord()
        record.contact = vendorID ?? record.contact
        if touched.contains(.owner) {
            record.owner = content.owner ?? defaultOwner ?? ""
            if let before, before.owner != record.owner { record.formerOwner = before.owner }
        }
        if touched.contains(.name) { record.fullName = content.name.full ?? NameRule.full(of: content.name) ?? "" }
        if touched.contains(.emails) { record.email = content.emails.first?.address ?? "" }
        if touched.contains(.phones) { record.phone = content.phones.first.map { $0.e164 ?? $0.number } ?? "" }
        return Projection(bytes: record.encoded(), translation: losses(of: content, touched))
    }

    /// What the vendor was last known to hold; without a record, what it would hold of the contact.
    private func known(_ previous: [UInt8]?, of content: ContactContent?) throws(RecordError) -> TapTalkRecord {
        if let previous { return try TapTalkRecord(canonical: previous) }
        guard let content else { return TapTalkRecord() }
        return try TapTalkRecord(canonical: project(content, vendorID: nil, previous: nil, touched: []).bytes)
    }

    private func losses(of content: ContactContent, _ touched: Set<ContactField>) -> [TranslationNote] {
        var notes: [TranslationNote] = []
        func drop(_ field: ContactField, _ isLost: Bool, _ detail: String = "TapTalk has no place for it") {
            guard isLost, touched.contains(field) else { return }
            notes.append(TranslationNote(field: field.rawValue, action: .dropped, detail: detail))
        }
        if touched.contains(.owner), content.owner == nil, let defaultOwner {
            let detail = "the connection's owner \(defaultOwner)"
            notes.append(TranslationNote(field: "owner", action: .defaulted, detail: detail))
        }
        let name = content.name
        let hasMore = name.prefix != nil || name.middle != nil || name.suffix != nil
        let differs =
            name.full != nil && (name.given != nil || name.surname != nil) && name.full != NameRule.full(of: name)
        drop(.kind, content.kind != .individual)
        drop(.name, hasMore || differs, "TapTalk holds one full name without parts")
        drop(.organization, content.organization != nil)
        drop(.title, content.title != nil)
        drop(.emails, content.emails.count > 1, "TapTalk holds one e-mail, the first")
        drop(.phones, content.phones.count > 1, "TapTalk holds one phone, the first")
        drop(.addresses, !content.addresses.isEmpty)
        drop(.notes, content.notes != nil)
        drop(.tags, !content.tags.isEmpty)
        drop(.lifecycle, content.lifecycle != nil)
        drop(.favorite, content.favorite)
        drop(.customFields, !content.customFields.isEmpty)
        return notes
    }
}
