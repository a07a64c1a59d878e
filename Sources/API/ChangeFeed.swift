//  Reads the feed of changes from a snapshot: the walk over everything, the deletes it missed, and the log.

import Contacts
import JSON
import Platform
import Store

/// One change as clients see it, already written.
struct ChangeItem: Sendable {
    /// `{"sequence", "type", "contact_id", "connection", "changed_fields", "contact", "at"}`.
    var json: [UInt8]
    /// Where a reader stands once it has this one.
    var position: ChangePosition
}

/// Some changes, and where to go on.
struct ChangePage: Sendable {
    var items: [ChangeItem] = []
    var next: ChangePosition
    var hasMore: Bool
}

/// What one reader of changes may see.
struct ChangeFeed: Sendable {
    /// The names of the visible connections by their keys in the store.
    let names: [Int64: String]
    /// Whether several changes of one contact in a page become one.
    let folds: Bool

    /// One page.
    ///
    /// - Parameters:
    ///   - position: Where the reader stands.
    ///   - limit: At most so many items.
    ///   - snapshot: In one read transaction, so that the end of the walk and the log meet.
    /// - Returns: The items, never more than the limit, and the next position.
    /// - Throws: The store's failures.
    func page(at position: ChangePosition, limit: Int, in snapshot: Snapshot) throws -> ChangePage {
        switch position {
        case .walk(let revision, let start): try walk(after: revision, start: start, limit, snapshot)
        case .deletes(let after, let end): try deletes(after: after, end: end, limit, snapshot)
        case .log(let after): try log(after: after, limit, snapshot)
        }
    }

    private var visible: Set<Int64> { Set(names.keys) }

    /// Contacts by the age of their last change. One that changes during the walk moves ahead of it and is met there.
    private func walk(after revision: Int64, start: Int64, _ limit: Int, _ snapshot: Snapshot) throws -> ChangePage {
        let found = try snapshot.contacts.page(afterRevision: revision, limit: limit, connections: visible)
        let items = try found.contacts.map { stored in
            let contact = try Contact(document: stored.document)
            return ChangeItem(
                json: write(
                    sequence: stored.revision,
                    type: "created",
                    contactID: contact.id,
                    connection: stored.connection,
                    fields: [],
                    contact: stored.document,
                    at: contact.updatedAt
                ),
                position: .walk(afterRevision: stored.revision, start: start)
            )
        }
        if found.hasMore {
            return ChangePage(items: items, next: .walk(afterRevision: found.last, start: start), hasMore: true)
        }
        let end = try snapshot.changes.last()
        let next = end > start ? ChangePosition.deletes(after: start, end: end) : .log(after: end)
        guard end > start, items.count < limit else {
            return ChangePage(items: items, next: next, hasMore: end > start)
        }
        var page = try deletes(after: start, end: end, limit - items.count, snapshot)
        page.items = items + page.items
        return page
    }

    private func deletes(after: Int64, end: Int64, _ limit: Int, _ snapshot: Snapshot) throws -> ChangePage {
        let found = try snapshot.changes.deletes(after: after, through: end, limit: limit, connections: visible)
        let items = found.changes.map { change in
            ChangeItem(json: write(change, contact: nil), position: .deletes(after: change.sequence, end: end))
        }
        if found.hasMore {
            return ChangePage(items: items, next: .deletes(after: found.last, end: end), hasMore: true)
        }
        return ChangePage(items: items, next: .log(after: end), hasMore: try snapshot.changes.last() > end)
    }

    private func log(after: Int64, _ limit: Int, _ snapshot: Snapshot) throws -> ChangePage {
        let found = try snapshot.changes.page(after: after, limit: limit, connections: visible)
        let items = try (folds ? folded(found.changes) : found.changes).map { change in
            let contact = change.type == .deleted ? nil : try snapshot.changes.document(of: change)
            return ChangeItem(json: write(change, contact: contact), position: .log(after: change.sequence))
        }
        return ChangePage(items: items, next: .log(after: found.last), hasMore: found.hasMore)
    }

    /// One change a contact, where its last one stands: what was created stays `created`, what is gone is `deleted`,
    /// and the changed members are those of all.
    private func folded(_ changes: [Change]) -> [Change] {
        var first: [Int64: ChangeType] = [:]
        var fields: [Int64: Set<ContactField>] = [:]
        var last: [Int64: Int64] = [:]
        for change in changes {
            first[change.contact] = first[change.contact] ?? change.type
            fields[change.contact, default: []].formUnion(change.fields)
            last[change.contact] = change.sequence
        }
        return changes.filter { last[$0.contact] == $0.sequence }.map { change in
            var change = change
            if change.type == .updated, first[change.contact] == .created { change.type = .created }
            let all = fields[change.contact] ?? []
            change.fields = change.type == .updated ? ContactField.allCases.filter(all.contains) : []
            return change
        }
    }

    private func write(_ change: Change, contact: [UInt8]?) -> [UInt8] {
        write(
            sequence: change.sequence,
            type: change.type.name,
            contactID: change.contactID,
            connection: change.connection,
            fields: change.fields,
            contact: contact,
            at: change.at
        )
    }

    private func write(
        sequence: Int64,
        type: String,
        contactID: String,
        connection: Int64,
        fields: [ContactField],
        contact: [UInt8]?,
        at moment: Timestamp
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + (contact?.count ?? 0))
        writer.beginObject()
        writer.name("sequence")
        writer.int(sequence)
        writer.name("type")
        writer.string(type)
        writer.name("contact_id")
        writer.string(contactID)
        writer.name("connection")
        writer.string(names[connection])
        writer.name("changed_fields")
        writer.beginArray()
        for field in fields { writer.string(field.rawValue) }
        writer.endArray()
        writer.name("contact")
        if let contact { writer.raw(contact) } else { writer.null() }
        writer.name("at")
        writer.string(moment.rfc3339)
        writer.endObject()
        return writer.bytes
    }
}
