//  A contact as it was: walking back from the latest state over what each change replaced.

import Contacts
import JSON
import Platform

/// Past states of contacts, out of the log.
struct ContactHistory {
    let database: Database

    /// The document right after a sequence; `nil` when there was none, or the log no longer reaches back.
    func document(of key: Int64, at sequence: Int64) throws(StoreError) -> [UInt8]? {
        guard let latest = try latest(key, after: sequence) else { return nil }
        if latest.revision <= sequence { return latest.document }
        var contact = try Documents.decode(latest.document, key: key)
        while contact.revision > sequence {
            guard let step = try step(contact.revision), step.prior > 0, let previous = step.previous else {
                return nil
            }
            do { try contact.restore(previous) } catch {
                throw StoreError(.corrupt, "change \(contact.revision) cannot be read at byte \(error.offset)")
            }
            contact.revision = step.prior
        }
        // A change that is no longer kept leaves the time of the next best: that of the creation.
        contact.updatedAt = try step(contact.revision)?.at ?? contact.createdAt
        return contact.encodedDocument()
    }

    /// The newest state there is: that of the table, or for a contact deleted after the sequence the last before.
    private func latest(
        _ key: Int64,
        after sequence: Int64
    ) throws(StoreError) -> (revision: Int64, document: [UInt8])? {
        if let row = try database.row(ContactSQL.byKey, key, map: { (revision: $0.int(1), document: $0.bytes(2)) }) {
            return row
        }
        guard let deleted = try database.row(ContactSQL.tombstone, key, map: { $0.int(1) }), deleted > sequence,
            let step = try step(deleted), let document = step.previous
        else { return nil }
        return (step.prior, document)
    }

    private struct Step {
        var at: Timestamp
        var prior: Int64
        var previous: [UInt8]?
    }

    private func step(_ sequence: Int64) throws(StoreError) -> Step? {
        try database.row(ChangeSQL.step, sequence) { row in
            Step(at: row.time(1), prior: row.int(2), previous: row.optionalBytes(3))
        }
    }
}
