//  The lens between ActiveCampaign's contact (one e-mail, two names, one phone, custom fields) and ours. Pure.

import Contacts

/// ActiveCampaign's lens. Its one e-mail is the contact's first, labelled `work` when it comes from there; its one phone
/// the first, labelled `mobile`; organization, title, notes and the like live in custom fields where the configuration
/// says which; every other custom field is one of ours, by its id.
struct ActiveCampaignMapping: ContactMapping {
    /// Our members in custom fields.
    let fields: ActiveCampaignFields
    /// The account's custom fields as far as known.
    let catalogue: ActiveCampaignCatalogue

    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent {
        let now = try ActiveCampaignRecord(canonical: record)
        let before = try known(previous, of: content)
        var merged = content ?? ContactContent()
        mergeName(now, before, into: &merged)
        mergeEmail(now.email, before.email, into: &merged)
        mergePhone(now.phone, before.phone, into: &merged)
        for id in Set(now.values.map(\.field) + before.values.map(\.field)) {
            let value = now.value(of: id)
            guard !ActiveCampaignWire.same(value, before.value(of: id)) else { continue }
            if let member = fields.member(in: id) {
                member.apply(value, before: before.value(of: id), to: &merged)
            } else {
                merged.customFields.set(id, value)
            }
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
        let before = previous.flatMap { try? ActiveCampaignRecord(canonical: $0) }
        let touched = before == nil ? Set(ContactField.allCases) : touched
        var record = before ?? ActiveCampaignRecord()
        record.id = vendorID ?? record.id
        if touched.contains(.name) {
            let (first, last) = ActiveCampaignName.parts(of: content)
            put(first, into: &record.firstName)
            put(last, into: &record.lastName)
        }
        if touched.contains(.emails) { put(content.emails.first?.address, into: &record.email) }
        if touched.contains(.phones) { put(content.phones.first?.number, into: &record.phone) }
        projectFields(content, touched: touched, into: &record)
        return Projection(bytes: record.encoded(), translation: ActiveCampaignLosses(self, content, touched).notes)
    }

    /// What the vendor was last known to hold; without a record, what it would hold of the contact.
    private func known(_ previous: [UInt8]?, of content: ContactContent?) throws(RecordError) -> ActiveCampaignRecord {
        if let previous { return try ActiveCampaignRecord(canonical: previous) }
        guard let content else { return ActiveCampaignRecord() }
        return try ActiveCampaignRecord(
            canonical: project(content, vendorID: nil, previous: nil, touched: []).bytes
        )
    }

    // MARK: From the vendor

    private func mergeName(
        _ now: ActiveCampaignRecord,
        _ before: ActiveCampaignRecord,
        into content: inout ContactContent
    ) {
        let firstDiffers = !ActiveCampaignWire.same(now.firstName, before.firstName)
        let lastDiffers = !ActiveCampaignWire.same(now.lastName, before.lastName)
        guard firstDiffers || lastDiffers else { return }
        content.name = ActiveCampaignName.replacing(in: content.name, given: now.firstName, surname: now.lastName)
    }

    private func mergeEmail(_ now: String, _ before: String, into content: inout ContactContent) {
        // The vendor matches addresses without case and may store them in lower case: that is no edit.
        guard !ActiveCampaignWire.sameAddress(now, before) else { return }
        let index = content.emails.firstIndex { ActiveCampaignWire.sameAddress($0.address, before) }
        let label = index.map { content.emails[$0].label } ?? .work
        let known = content.emails.firstIndex { ActiveCampaignWire.sameAddress($0.address, now) }
        if let known {
            // One of our overflow became the vendor's: it moves to the front as it is.
            let entry = content.emails.remove(at: known)
            content.emails.insert(entry, at: 0)
            if let index { content.emails.remove(at: index < known ? index + 1 : index) }
        } else {
            content.emails.putSlot(now.isEmpty ? nil : ContactEmail(address: now, label: label), at: index)
        }
    }

    private func mergePhone(_ now: String, _ before: String, into content: inout ContactContent) {
        guard !ActiveCampaignWire.same(now, before) else { return }
        let index = content.phones.firstIndex { ActiveCampaignWire.same($0.number, before) }
        let label = index.map { content.phones[$0].label } ?? .mobile
        let known = content.phones.firstIndex { ActiveCampaignWire.same($0.number, now) }
        if let known {
            let entry = content.phones.remove(at: known)
            content.phones.insert(entry, at: 0)
            if let index { content.phones.remove(at: index < known ? index + 1 : index) }
        } else {
            content.phones.putSlot(now.isEmpty ? nil : ContactPhone(number: now, label: label), at: index)
        }
    }

    // MARK: To the vendor

    private func projectFields(
        _ content: ContactContent,
        touched: Set<ContactField>,
        into record: inout ActiveCampaignRecord
    ) {
        for (member, id) in fields.ids where touched.contains(member.field) {
            let held = record.value(of: id)
            let text = member.text(of: content, held: held)
            if text != held { record.set(id, text) }
        }
        guard touched.contains(.customFields) else { return }
        for value in record.values where fields.member(in: value.field) == nil {
            if !content.customFields.contains(where: { $0.id == value.field }) { record.set(value.field, "") }
        }
        for field in content.customFields where fields.member(in: field.id) == nil && catalogue.mayHold(field.id) {
            if !ActiveCampaignWire.same(record.value(of: field.id), field.value) { record.set(field.id, field.value) }
        }
    }

    /// A slot keeps the vendor's spelling where the meaning is the same.
    private func put(_ text: String?, into slot: inout String) {
        let text = text ?? ""
        if !ActiveCampaignWire.same(text, slot) { slot = text }
    }
}

/// What a write cannot carry to this vendor.
struct ActiveCampaignLosses {
    /// In the order of the contact's members.
    private(set) var notes: [TranslationNote] = []

    /// Looks through the touched members.
    init(_ mapping: ActiveCampaignMapping, _ content: ContactContent, _ touched: Set<ContactField>) {
        func drop(_ field: ContactField, _ lost: Bool, _ detail: String) {
            guard lost, touched.contains(field) else { return }
            notes.append(TranslationNote(field: field.rawValue, action: .dropped, detail: detail))
        }
        let unmapped = Set(ActiveCampaignFields.Member.allCases).subtracting(mapping.fields.ids.keys)
        let hint = "ActiveCampaign has no place for it; `fields` of the connection can name a custom field"
        drop(.owner, content.owner != nil, "ActiveCampaign's contacts have no owner")
        drop(.kind, unmapped.contains(.kind) && content.kind != .individual, hint)
        drop(.name, !ActiveCampaignName.isCarried(content), "ActiveCampaign holds a first and a last name")
        drop(.organization, unmapped.contains(.organization) && content.organization != nil, hint)
        drop(.title, unmapped.contains(.title) && content.title != nil, hint)
        drop(.emails, content.emails.count > 1, "ActiveCampaign holds one e-mail, the first")
        drop(.phones, content.phones.count > 1, "ActiveCampaign holds one phone, the first")
        drop(.addresses, unmapped.contains(.addresses) && !content.addresses.isEmpty, hint)
        drop(.addresses, !unmapped.contains(.addresses) && content.addresses.count > 1, "its field holds the first")
        drop(.notes, unmapped.contains(.notes) && content.notes != nil, hint)
        drop(.tags, unmapped.contains(.tags) && !content.tags.isEmpty, hint)
        drop(.lifecycle, unmapped.contains(.lifecycle) && content.lifecycle != nil, hint)
        drop(.favorite, unmapped.contains(.favorite) && content.favorite, hint)
        for field in content.customFields {
            if let member = mapping.fields.member(in: field.id) {
                drop(.customFields, true, "field \(field.id) holds our `\(member.rawValue)`")
            } else {
                drop(.customFields, !mapping.catalogue.mayHold(field.id), "the account has no field \(field.id)")
            }
        }
    }
}

extension [CustomField] {
    /// Sets, adds in the order of ids, or with an empty value removes.
    fileprivate mutating func set(_ id: String, _ value: String) {
        let index = firstIndex { $0.id == id }
        switch (index, value.isEmpty) {
        case (let index?, true): remove(at: index)
        case (let index?, false): self[index].value = value
        case (nil, true): break
        case (nil, false):
            let place = firstIndex { ActiveCampaignID.comesBefore(id, $0.id) } ?? count
            insert(CustomField(id: id, value: value), at: place)
        }
    }
}
