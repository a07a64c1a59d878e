//  Contacts as they are now: reads by id and by walk. Filters are in ContactList, changes in ContactEdits.

public import Contacts
import Platform

/// The contacts. The document of a row is, byte for byte, what `GET /v1/contacts/{id}` sends.
public struct ContactTable<Access> {
    let database: Database
    let shared: SharedState
    var transaction: Transaction?
}

/// One stored contact, decoded.
public struct StoredContact: Equatable, Sendable {
    /// The row's key.
    public var key: Int64
    /// The key of its connection.
    public var connection: Int64
    /// The contact.
    public var contact: Contact
}

/// One stored contact as bytes.
public struct StoredDocument: Equatable, Sendable {
    /// The row's key.
    public var key: Int64
    /// The key of its connection.
    public var connection: Int64
    /// The sequence of its last change.
    public var revision: Int64
    /// The JSON, as `GET` sends it.
    public var document: [UInt8]
}

/// What a borrowed row shows besides its document.
public struct ContactRow: Sendable {
    /// The row's key.
    public let key: Int64
    /// The key of its connection.
    public let connection: Int64
    /// The sequence of its last change; the entity tag.
    public let revision: Int64
}

/// The record that a vendor was last known to hold.
public struct StoredProjection: Equatable, Sendable {
    /// The record as last received, or as last written.
    public var raw: [UInt8]
    /// What we last projected, where that is not `raw`.
    public var projected: [UInt8]?
}

extension ContactTable {
    /// Looks a contact up by its public id: one prepared step, nothing copied.
    ///
    /// - Parameters:
    ///   - id: The public id.
    ///   - body: Gets the row and its document; the bytes are SQLite's own and gone when it returns.
    /// - Returns: False when there is no such contact; then the body was not called.
    /// - Throws: ``StoreError``, and what the body throws.
    public func withDocument(_ id: ContactID, _ body: (ContactRow, Span<UInt8>) throws -> Void) throws -> Bool {
        let statement = try database.statement(ContactSQL.byKey)
        statement.bind(1, id.key)
        defer { statement.reset() }
        guard try statement.step() else { return false }
        let row = ContactRow(key: id.key, connection: statement.int(0), revision: statement.int(1))
        return try statement.withBytes(2) { bytes in
            let document = bytes.assumingMemoryBound(to: UInt8.self).span
            guard ContactID.nonce(ofDocument: document) == id.nonce else { return false }
            try body(row, document)
            return true
        }
    }

    /// The contact of that public id, decoded; `nil` when there is none.
    public func find(_ id: ContactID) throws(StoreError) -> StoredContact? {
        guard let stored = try document(id.key), ContactID.nonce(ofDocument: stored.document.span) == id.nonce else {
            return nil
        }
        return try Documents.decode(stored)
    }

    /// The contact of that key, decoded; `nil` when there is none.
    public func find(key: Int64) throws(StoreError) -> StoredContact? {
        guard let stored = try document(key) else { return nil }
        return try Documents.decode(stored)
    }

    /// The document of that key; `nil` when there is none.
    public func document(_ key: Int64) throws(StoreError) -> StoredDocument? {
        try database.row(ContactSQL.byKey, key) { row in
            StoredDocument(key: key, connection: row.int(0), revision: row.int(1), document: row.bytes(2))
        }
    }

    /// What the vendor was last known to hold of a contact; `nil` when it never held it.
    public func projection(_ key: Int64) throws(StoreError) -> StoredProjection? {
        try database.row(ContactSQL.projection, key) { row in
            StoredProjection(raw: row.bytes(0), projected: row.optionalBytes(1))
        }
    }

    /// How many contacts a connection has.
    public func count(connection: Int64) throws(StoreError) -> Int {
        Int(try database.number(ContactSQL.count, connection))
    }

    /// How many contacts each connection has, by its key; it walks an index of them all.
    public func counts() throws(StoreError) -> [Int64: Int] {
        let rows = try database.rows(ContactSQL.counts) { ($0.int(0), Int($0.int(1))) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    /// The keys of a connection's contacts in ascending order, for walks.
    public func keys(connection: Int64, after key: Int64, limit: Int) throws(StoreError) -> [Int64] {
        try database.rows(ContactSQL.keys, connection, key, limit) { $0.int(0) }
    }

    /// The keys of all contacts of a connection.
    public func keys(connection: Int64) throws(StoreError) -> KeySet {
        let statement = try database.statement(ContactSQL.allKeys)
        statement.bind(1, connection)
        defer { statement.reset() }
        var keys = KeySet()
        while try statement.step() { keys.insert(statement.int(0)) }
        return keys
    }

    /// Which contacts of a connection were created or changed, and which deleted, after a sequence.
    ///
    /// - Parameters:
    ///   - sequence: The last one seen.
    ///   - connection: The connection's key.
    ///   - most: How many of all connections are worth going through.
    /// - Returns: `nil` where there are more, or where it is no longer known what was deleted since.
    /// - Throws: ``StoreError``.
    public func touched(
        after sequence: Int64,
        connection: Int64,
        most: Int
    ) throws(StoreError) -> (changed: KeySet, deleted: KeySet)? {
        guard try sequence >= ChangeTable<Reading>(database: database, shared: shared).horizon() else { return nil }
        var passed = 0
        func keys(_ query: Query) throws(StoreError) -> KeySet? {
            let statement = try database.statement(query)
            statement.bind(1, sequence)
            defer { statement.reset() }
            var keys = KeySet()
            while try statement.step() {
                passed += 1
                if passed > most { return nil }
                if statement.int(1) == connection { keys.insert(statement.int(0)) }
            }
            return keys
        }
        guard let changed = try keys(ContactSQL.changedAfter), let deleted = try keys(ContactSQL.deletedAfter) else {
            return nil
        }
        return (changed, deleted)
    }

    /// Contacts by the age of their last change, oldest first: what a reader of changes who begins at the beginning
    /// gets as `created`. A contact that changes during the walk moves ahead of it and is met there.
    ///
    /// - Parameters:
    ///   - revision: The last revision seen; zero to begin.
    ///   - limit: At most so many.
    ///   - connections: Only these; `nil` for all.
    ///   - most: After passing over so many contacts of other connections the walk ends, even with nothing shown.
    ///   - body: Gets each row with its document, SQLite's own bytes, gone when it returns. It must not walk.
    /// - Returns: The revision to go on from, the last looked at, shown or not; and whether more may follow.
    /// - Throws: ``StoreError``, and what the body throws.
    public func walk(
        afterRevision revision: Int64,
        limit: Int,
        connections: Set<Int64>?,
        passingOver most: Int = PassedOver.inBackground,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws -> (last: Int64, hasMore: Bool) {
        let statement = try database.statement(ContactSQL.byRevision)
        statement.bind(1, revision)
        defer { statement.reset() }
        var shown = 0
        var passedOver = 0
        var last = revision
        while try statement.step() {
            let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
            if connections?.contains(row.connection) != false {
                if shown == limit { return (last, true) }
                shown += 1
                try statement.withBytes(3) { try body(row, $0.assumingMemoryBound(to: UInt8.self).span) }
            } else {
                passedOver += 1
                if passedOver > most { return (last, true) }
            }
            last = row.revision
        }
        return (last, false)
    }
}

/// The statements of `contact` and `projection`.
enum ContactSQL {
    static let byKey = Query("select connection, revision, doc from contact where id = ?")
    static let projection = Query("select raw, projected from projection where contact = ?")
    static let count = Query("select count(*) from contact where connection = ?")
    static let counts = Query("select connection, count(*) from contact group by connection")
    static let keys = Query("select id from contact where connection = ? and id > ? order by id limit ?")
    static let allKeys = Query("select id from contact where connection = ?")
    static let changedAfter = Query("select id, connection from contact where revision > ?")
    static let deletedAfter = Query("select contact, connection from tombstone where sequence > ?")
    static let byRevision = Query(
        """
        select id, connection, revision, doc
        from   contact
        where  revision > ?
        order  by revision
        """
    )
    static let insert = Query("insert into contact (id, connection, revision, doc) values (?, ?, ?, ?)")
    static let update = Query("update contact set revision = ?2, doc = ?3 where id = ?1")
    static let delete = Query("delete from contact where id = ?")
    static let insertProjection = Query("insert into projection (contact, raw, projected) values (?, ?, ?)")
    static let putProjection = Query(
        "insert or replace into projection (contact, raw, projected) values (?, ?, ?)"
    )
    static let deleteProjection = Query("delete from projection where contact = ?")
    static let insertTombstone = Query(
        "insert into tombstone (contact, connection, sequence, nonce) values (?, ?, ?, ?)"
    )
    static let tombstone = Query("select connection, sequence, nonce from tombstone where contact = ?")
    static let insertChange = Query(
        """
        insert into change (sequence, contact, connection, type, at_ms, prior, fields, previous, trace)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    )
}
