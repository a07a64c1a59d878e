//  The lens between a Custom Contact Source's record and our contact. Pure; both laws are tested with generated
//  contacts. The source is read-only for us; the facade that answers in its name projects.

import Contacts

/// The source's lens.
struct ContactSourceMapping: ContactMapping {
    typealias Record = ContactSourceRecord

    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent {
        let now = try Record(json: record)
        let before = try known(previous, of: content)
        var merged = content ?? ContactContent()
        if content == nil || !WireText.same(now.firstName, before.firstName)
            || !WireText.same(now.lastName, before.lastName)
        {
            merged.name = name(of: now)
        }
        if !WireText.same(now.company, before.company) {
            merged.organization = now.company.isEmpty ? nil : now.company
        }
        if content == nil || now.lifecycle != before.lifecycle { merged.lifecycle = now.lifecycle }
        if !same(now.phones, before.phones) {
            merged.phones = carry(
                now.phones,
                over: merged.phones,
                make: { ContactPhone(number: $0.text, label: $0.phoneLabel) },
                isHeldAs: { $0.means(.init(text: $1.number, label: $1.label.contactSourceWord)) }
            )
        }
        if !same(now.emails, before.emails) {
            merged.emails = carry(
                now.emails,
                over: merged.emails,
                make: { ContactEmail(address: $0.text, label: $0.placeLabel) },
                isHeldAs: { $0.means(.init(text: $1.address, label: $1.label.contactSourceWord)) }
            )
        }
        return MergedContent(content: merged, readOnly: false)
    }

    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection {
        // What cannot be read any more counts as not known: then every member is written.
        let before = previous.flatMap { try? Record(json: $0[...]) }
        var projection = ContactSourceProjection(content: content, before: before, touched: touched)
        projection.writeAll()
        projection.record.id = vendorID ?? before?.id
        return Projection(bytes: projection.record.encoded(), translation: projection.notes)
    }

    private func known(_ previous: [UInt8]?, of content: ContactContent?) throws(RecordError) -> Record {
        if let previous { return try Record(json: previous[...]) }
        guard let content else { return Record() }
        var projection = ContactSourceProjection(content: content, before: nil, touched: [])
        projection.writeAll()
        return projection.record
    }

    /// An empty name is data; the filler is not.
    private func name(of record: Record) -> ContactName {
        let given = WireText.normalised(record.firstName)
        let surname = WireText.normalised(record.lastName)
        var name = ContactName()
        if !given.isEmpty, given != Record.filler { name.given = given }
        if !surname.isEmpty, surname != Record.filler { name.surname = surname }
        let full = [name.given, name.surname].compactMap { $0 }.joined(separator: " ")
        if !full.isEmpty { name.full = full }
        return name
    }

    private func same(_ left: [Record.Entry], _ right: [Record.Entry]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.means($1) }
    }

    /// The source's list in the source's order; an entry of ours that the source held as it is stays whole
    /// (a `work_fax` that went out as `fax` is no other number).
    private func carry<Ours>(
        _ entries: [Record.Entry],
        over ours: [Ours],
        make: (Record.Entry) -> Ours,
        isHeldAs: (Record.Entry, Ours) -> Bool
    ) -> [Ours] {
        // Whoever stores refuses so many, and comparing each with each would take long.
        guard entries.count <= ContactLimits.entries else { return entries.map(make) }
        var rest = ours
        return entries.map { entry in
            guard let index = rest.firstIndex(where: { isHeldAs(entry, $0) }) else { return make(entry) }
            return rest.remove(at: index)
        }
    }
}
