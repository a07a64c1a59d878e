//  The one log of changes: webhooks, feeds, facades and the search index are all readers of it.

public import Contacts
public import Platform

/// The log of changes, in the order of their sequence.
public struct ChangeTable<Access> {
    let database: Database
    let shared: SharedState
    var transaction: Transaction?
}

/// How many rows of other connections one page passes over before it ends, so that no page holds up the others.
public enum PassedOver {
    /// On an event loop: less than a millisecond's worth.
    public static let onLoop = 1000
    /// On a thread that only reads.
    public static let inBackground = 20_000
}

/// What a change did.
public enum ChangeType: Int64, Sendable {
    case created = 1
    case updated = 2
    case deleted = 3

    /// The word that feeds and events use.
    public var name: String {
        switch self {
        case .created: "created"
        case .updated: "updated"
        case .deleted: "deleted"
        }
    }
}

/// One committed change of one contact.
public struct Change: Equatable, Sendable {
    /// Its place in the log; grows by one for each change and never repeats.
    public var sequence: Int64
    /// The contact's key.
    public var contact: Int64
    /// The contact's public id.
    public var contactID: String
    /// The key of its connection.
    public var connection: Int64
    /// What it did.
    public var type: ChangeType
    /// When.
    public var at: Timestamp
    /// The contact's change before this one; zero for a create.
    public var prior: Int64
    /// The members that differ, for an update; empty otherwise.
    public var fields: [ContactField]
    /// For an update, a JSON object of the changed members' old values; for a delete, the whole last document.
    public var previous: [UInt8]?
    /// The trace of the request or run that made it.
    public var trace: String?
}

extension ChangeTable {
    /// The last sequence; zero before the first change.
    public func last() throws(StoreError) -> Int64 {
        if let transaction { return transaction.sequence }
        return try database.number(ChangeSQL.last)
    }

    /// A reader that has seen everything up to this sequence has lost nothing; one that stands before it has to begin
    /// anew, since older changes are no longer kept.
    public func horizon() throws(StoreError) -> Int64 {
        let first = try database.number(ChangeSQL.first)
        return max(0, first - 1)
    }

    /// Changes after a sequence, in order, one for each row.
    ///
    /// - Parameters:
    ///   - sequence: The last one seen; zero for all that are kept.
    ///   - limit: At most so many.
    ///   - connections: Only these; `nil` for all. Changes of purged connections are never shown.
    ///   - most: After passing over so many changes of other connections the page ends, even empty.
    /// - Returns: The changes, the sequence to go on from (the last looked at, shown or not), and whether there may be
    ///   more.
    /// - Throws: ``StoreError``.
    public func page(
        after sequence: Int64,
        limit: Int,
        connections: Set<Int64>? = nil,
        passingOver most: Int = PassedOver.inBackground
    ) throws(StoreError) -> (changes: [Change], last: Int64, hasMore: Bool) {
        let statement = try database.statement(ChangeSQL.page)
        statement.bind(1, sequence)
        defer { statement.reset() }
        var changes: [Change] = []
        var last = sequence
        var passedOver = 0
        while try statement.step() {
            if connections?.contains(statement.int(2)) != false, let change = Self.change(statement) {
                if changes.count == limit { return (changes, last, true) }
                changes.append(change)
            } else {
                passedOver += 1
                if passedOver > most { return (changes, last, true) }
            }
            last = statement.int(0)
        }
        return (changes, last, false)
    }

    /// Deletes within a stretch of the log, in order: what a walk from the beginning tells at its end. The limits are
    /// those of ``page(after:limit:connections:passingOver:)``.
    public func deletes(
        after sequence: Int64,
        through end: Int64,
        limit: Int,
        connections: Set<Int64>? = nil,
        passingOver most: Int = PassedOver.inBackground
    ) throws(StoreError) -> (changes: [Change], last: Int64, hasMore: Bool) {
        let statement = try database.statement(ChangeSQL.deletes)
        statement.bind(1, sequence)
        statement.bind(2, end)
        defer { statement.reset() }
        var changes: [Change] = []
        var last = sequence
        var passedOver = 0
        while try statement.step() {
            if connections?.contains(statement.int(2)) != false, let change = Self.change(statement) {
                if changes.count == limit { return (changes, last, true) }
                changes.append(change)
            } else {
                passedOver += 1
                if passedOver > most { return (changes, last, true) }
            }
            last = statement.int(0)
        }
        return (changes, max(last, end), false)
    }

    /// Whether a contact of a connection was deleted after a sequence.
    public func hasDeletes(of connection: Int64, after sequence: Int64) throws(StoreError) -> Bool {
        try database.number(ChangeSQL.anyDelete, sequence, connection) != 0
    }

    /// The change of that sequence; `nil` when it is not kept.
    public func find(_ sequence: Int64) throws(StoreError) -> Change? {
        guard let change = try database.row(ChangeSQL.find, sequence, map: { Self.change($0) }) else { return nil }
        return change
    }

    /// The first sequence that is kept and not older than a moment; one more than the last when all are older.
    /// Times never fall along the log, so this halves its way there.
    public func first(notBefore moment: Timestamp) throws(StoreError) -> Int64 {
        let statement = try database.statement(ChangeSQL.atOrAfter)
        defer { statement.reset() }
        var low = try database.number(ChangeSQL.first)
        var high = try last() + 1
        if low == 0 { return high }
        while low < high {
            let middle = low + (high - low) / 2
            statement.reset()
            statement.bind(1, middle)
            guard try statement.step() else {
                high = middle
                continue
            }
            if statement.int(1) < moment.milliseconds { low = statement.int(0) + 1 } else { high = middle }
        }
        return low
    }

    /// The contact's JSON as it was right after a sequence, exact to the byte in its content.
    ///
    /// - Returns: `nil` when it did not exist then, or when the log no longer reaches back.
    public func document(of contact: Int64, at sequence: Int64) throws(StoreError) -> [UInt8]? {
        try ContactHistory(database: database).document(of: contact, at: sequence)
    }

    /// The contact's JSON right after the change: of a delete, what it last was.
    public func document(of change: Change) throws(StoreError) -> [UInt8]? {
        if change.type == .deleted { return change.previous }
        return try document(of: change.contact, at: change.sequence)
    }

    static func change(_ row: Statement) -> Change? {
        let contact = row.int(1)
        let id: String
        if !row.isNull(9) {
            id = row.text(9)
        } else if !row.isNull(10) {
            id = ContactID(key: contact, nonce: UInt64(bitPattern: row.int(10))).description
        } else {
            return nil
        }
        guard let type = ChangeType(rawValue: row.int(3)) else { return nil }
        return Change(
            sequence: row.int(0),
            contact: contact,
            contactID: id,
            connection: row.int(2),
            type: type,
            at: row.time(4),
            prior: row.int(5),
            fields: FieldMask.fields(of: row.int(6)),
            previous: row.optionalBytes(7),
            trace: row.optionalText(8)
        )
    }
}

extension ChangeTable where Access == Writing {
    /// Forgets changes before a sequence, but never one that the search index, an enabled webhook or a waiting
    /// delivery still needs, nor the last one.
    ///
    /// - Returns: True when there is more to forget.
    func forget(before sequence: Int64, limit: Int) throws(StoreError) -> Bool {
        guard let transaction else { throw StoreError(.other, "a change outside a transaction") }
        let needed = try database.number(ChangeSQL.firstNeeded)
        let end = min(sequence, needed, transaction.searchPosition, transaction.sequence)
        try MetaTable(database: database).setContactFloor(transaction.lastContact)
        try database.run(ChangeSQL.forget, end, limit)
        let count = database.changedRows
        try database.run(ChangeSQL.forgetTombstones, try database.number(ChangeSQL.first))
        return count == limit
    }
}

/// Which members changed, as bits. The places are part of the file format: only ever add at the end.
enum FieldMask {
    private static let places: [ContactField] = [
        .owner, .kind, .name, .organization, .title, .emails, .phones, .addresses, .notes, .tags, .lifecycle, .favorite,
        .customFields, .vendorID, .readOnly,
    ]

    static func bits(of fields: [ContactField]) -> Int64 {
        var bits: Int64 = 0
        for (place, field) in places.enumerated() where fields.contains(field) { bits |= 1 << Int64(place) }
        return bits
    }

    static func fields(of bits: Int64) -> [ContactField] {
        guard bits != 0 else { return [] }
        return places.enumerated().filter { bits >> Int64($0.offset) & 1 == 1 }.map(\.element)
    }
}

enum ChangeSQL {
    private static let members =
        "c.sequence, c.contact, c.connection, c.type, c.at_ms, c.prior, c.fields, c.previous, c.trace"
    private static let columns = """
        select \(members), substr(k.doc, 8, 32), t.nonce
        from   change c
        left   join contact k on k.id = c.contact
        left   join tombstone t on t.contact = c.contact
        """
    static let last = Query("select max(coalesce((select max(sequence) from change), 0))")
    static let first = Query("select min(sequence) from change")
    static let page = Query("\(columns) where c.sequence > ? order by c.sequence")
    /// By the tombstones, one for each delete that the log keeps: the log itself has no index of its types.
    static let deletes = Query(
        """
        select \(members), null, t.nonce
        from   tombstone t
        cross  join change c on c.sequence = t.sequence
        where  t.sequence > ? and t.sequence <= ?
        order  by t.sequence
        """
    )
    static let anyDelete = Query("select exists (select 1 from tombstone where sequence > ? and connection = ?)")
    static let find = Query("\(columns) where c.sequence = ?")
    static let atOrAfter = Query(
        "select sequence, at_ms from change where sequence >= ? order by sequence limit 1"
    )
    static let step = Query("select type, at_ms, prior, previous from change where sequence = ?")
    static let firstNeeded = Query(
        """
        select min(
            coalesce((select min(cursor) + 1 from webhook where enabled = 1), 9223372036854775807),
            coalesce((select min(sequence) from delivery where state = 0 and sequence is not null),
                9223372036854775807))
        """
    )
    static let forget = Query(
        "delete from change where sequence in (select sequence from change where sequence < ? order by sequence limit ?)"
    )
    static let forgetTombstones = Query("delete from tombstone where sequence < ?")
}
