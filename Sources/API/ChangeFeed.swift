//  Reads the feed of changes from a snapshot: the walk over everything, the deletes it missed, and the log.

import Contacts
import HTTPCore
import JSON
import Platform
import Store

/// Some changes as clients see them, already written, and where to go on.
struct ChangePage: Sendable {
    /// `{"sequence", "type", "contact_id", "connection", "changed_fields", "contact", "at"}`, with commas between them.
    private(set) var json: [UInt8] = []
    /// The place of each item in ``json``, and where a reader stands once it has that one.
    private(set) var items: [(place: Range<Int>, position: ChangePosition)] = []
    /// Where to go on.
    var next: ChangePosition
    var hasMore = false
    /// Whether the page ended because it had passed over enough of what the reader may not see.
    var isCutShort = false

    init(next: ChangePosition) {
        self.next = next
    }

    /// Adds an item that the closure appends.
    mutating func add(_ position: ChangePosition, _ write: (inout [UInt8]) throws -> Void) rethrows {
        if !items.isEmpty { json.append(UInt8(ascii: ",")) }
        let start = json.count
        try write(&json)
        items.append((start..<json.count, position))
    }
}

/// What one reader of changes may see.
struct ChangeFeed: Sendable {
    /// The visible connections, by their keys in the store.
    let visible: Set<Int64>
    /// Whether several changes of one contact in a page become one.
    let folds: Bool
    /// The names of the visible connections as JSON.
    private let names: [Int64: [UInt8]]

    init(names: [Int64: String], folds: Bool) {
        visible = Set(names.keys)
        self.folds = folds
        self.names = names.mapValues { JSONValue.string($0).encoded() }
    }

    /// One page.
    ///
    /// - Parameters:
    ///   - position: Where the reader stands.
    ///   - limit: At most so many items.
    ///   - most: So many rows of other connections are passed over at most.
    ///   - snapshot: In one read transaction, so that the end of the walk and the log meet.
    /// - Returns: The items, never more than the limit, and the next position.
    /// - Throws: The store's failures.
    func page(
        at position: ChangePosition,
        limit: Int,
        passingOver most: Int = PassedOver.inBackground,
        in snapshot: Snapshot
    ) throws -> ChangePage {
        var page = ChangePage(next: position)
        switch position {
        case .walk(let revision, let start): try walk(after: revision, start: start, limit, most, snapshot, &page)
        case .deletes(let after, let end): try deletes(after: after, end: end, limit, most, snapshot, &page)
        case .log(let after): try log(after: after, limit, most, snapshot, &page)
        }
        return page
    }

    /// Contacts by the age of their last change. One that changes during the walk moves ahead of it and is met there.
    private func walk(
        after revision: Int64,
        start: Int64,
        _ limit: Int,
        _ most: Int,
        _ snapshot: Snapshot,
        _ page: inout ChangePage
    ) throws {
        let found = try snapshot.contacts.walk(
            afterRevision: revision,
            limit: limit,
            connections: visible,
            passingOver: most
        ) { row, document in
            try page.add(.walk(afterRevision: row.revision, start: start)) { json in
                let stored = ContactDocument(document)
                begin(row.revision, .created, stored.id, row.connection, &json)
                json += "[],\"contact\":".utf8
                json.append(copying: document)
                json += ",\"at\":\"".utf8
                json.append(copying: try stored.text(of: "updated_at"))
                json += "\"}".utf8
            }
        }
        if found.hasMore {
            page.next = .walk(afterRevision: found.last, start: start)
            page.hasMore = true
            page.isCutShort = page.items.count < limit
            return
        }
        let end = try snapshot.changes.last()
        page.next = end > start ? .deletes(after: start, end: end) : .log(after: end)
        page.hasMore = end > start
        if end > start, page.items.count < limit {
            try deletes(after: start, end: end, limit - page.items.count, most, snapshot, &page)
        }
    }

    private func deletes(
        after: Int64,
        end: Int64,
        _ limit: Int,
        _ most: Int,
        _ snapshot: Snapshot,
        _ page: inout ChangePage
    ) throws {
        let found = try snapshot.changes.deletes(
            after: after,
            through: end,
            limit: limit,
            connections: visible,
            passingOver: most
        )
        page.isCutShort = found.hasMore && found.changes.count < limit
        for change in found.changes { add(change, nil, .deletes(after: change.sequence, end: end), &page) }
        page.next = found.hasMore ? .deletes(after: found.last, end: end) : .log(after: end)
        page.hasMore = try found.hasMore || snapshot.changes.last() > end
    }

    private func log(
        after: Int64,
        _ limit: Int,
        _ most: Int,
        _ snapshot: Snapshot,
        _ page: inout ChangePage
    ) throws {
        let found = try snapshot.changes.page(after: after, limit: limit, connections: visible, passingOver: most)
        page.isCutShort = found.hasMore && found.changes.count < limit
        for change in folds ? folded(found.changes) : found.changes {
            let contact = change.type == .deleted ? nil : try snapshot.changes.document(of: change)
            add(change, contact, .log(after: change.sequence), &page)
        }
        page.next = .log(after: found.last)
        page.hasMore = found.hasMore
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

    private func add(_ change: Change, _ contact: [UInt8]?, _ position: ChangePosition, _ page: inout ChangePage) {
        page.add(position) { json in
            begin(change.sequence, change.type, change.contactID.utf8.span, change.connection, &json)
            json += JSONValue.array(change.fields.map { .string($0.rawValue) }).encoded()
            json += ",\"contact\":".utf8
            if let contact { json += contact } else { json += "null".utf8 }
            json += ",\"at\":\"\(change.at.rfc3339)\"}".utf8
        }
    }

    /// Writes an item up to the value of `changed_fields`.
    private func begin(
        _ sequence: Int64,
        _ type: ChangeType,
        _ id: Span<UInt8>,
        _ connection: Int64,
        _ json: inout [UInt8]
    ) {
        json += "{\"sequence\":".utf8
        json += String(sequence).utf8
        json += ",\"type\":\"".utf8
        json += type.name.utf8
        json += "\",\"contact_id\":\"".utf8
        json.append(copying: id)
        json += "\",\"connection\":".utf8
        if let name = names[connection] { json += name } else { json += "null".utf8 }
        json += ",\"changed_fields\":".utf8
    }
}
