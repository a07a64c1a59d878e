//  Connections, with what synchronisation remembers of them between runs.

import Contacts
public import Platform

/// The connections that ever were in the configuration.
public struct ConnectionTable<Access> {
    let database: Database
    var transaction: Transaction?
}

/// One connection's memory.
public struct ConnectionRow: Equatable, Sendable {
    /// Its key: what rows refer to.
    public var key: Int64
    /// Its id in the configuration.
    public var name: String
    /// Its vendor's name.
    public var vendor: String
    /// Where the next delta starts; `nil` when only a full run will do.
    public var mark: String?
    /// Whatever else the features want to remember, as JSON.
    public var state: String?
    /// The end of the last good run.
    public var lastGoodRunAt: Timestamp?
    /// The end of the last good full run.
    public var lastFullAt: Timestamp?
    /// The end of the last good sweep.
    public var lastSweepAt: Timestamp?
    /// When it left the configuration; its contacts are kept and invisible from then on.
    public var removedAt: Timestamp?
}

extension ConnectionTable {
    /// Every connection, removed ones too, in the order of their keys.
    public func all() throws(StoreError) -> [ConnectionRow] {
        try database.rows(ConnectionSQL.all, map: Self.connection)
    }

    /// The connection of that id; `nil` when it never was in the configuration, or was purged.
    public func find(_ name: String) throws(StoreError) -> ConnectionRow? {
        try database.row(ConnectionSQL.byName, name, map: Self.connection)
    }

    /// The connection of that key.
    public func find(key: Int64) throws(StoreError) -> ConnectionRow? {
        try database.row(ConnectionSQL.byKey, key, map: Self.connection)
    }

    private static func connection(_ row: Statement) -> ConnectionRow {
        ConnectionRow(
            key: row.int(0),
            name: row.text(1),
            vendor: row.text(2),
            mark: row.optionalText(3),
            state: row.optionalText(4),
            lastGoodRunAt: row.optionalTime(5),
            lastFullAt: row.optionalTime(6),
            lastSweepAt: row.optionalTime(7),
            removedAt: row.optionalTime(8)
        )
    }
}

extension ConnectionTable where Access == Writing {
    /// Makes the table follow the configuration: new connections get a key, returning ones their old one with their
    /// contacts, and those that are not named are marked as removed.
    ///
    /// A connection whose vendor changed keeps its contacts and loses its mark. What is so already is not written, so
    /// that a full disk stops no start and no reload.
    ///
    /// - Returns: The named connections, in the order given.
    public func register(
        _ connections: [(name: String, vendor: String)],
        at now: Timestamp
    ) throws(StoreError) -> [ConnectionRow] {
        transaction?.knownConnections = [:]
        let names = Set(connections.map(\.name))
        for row in try all() where row.removedAt == nil && !names.contains(row.name) {
            try database.run(ConnectionSQL.remove, row.key, now)
        }
        var rows: [ConnectionRow] = []
        for connection in connections {
            try database.run(ConnectionSQL.register, connection.name, connection.vendor)
            if let row = try find(connection.name) { rows.append(row) }
        }
        return rows
    }

    /// Stores everything but key, name and vendor.
    public func update(_ row: ConnectionRow) throws(StoreError) {
        transaction?.knownConnections[row.key] = nil
        try database.run(
            ConnectionSQL.update,
            row.key,
            row.mark,
            row.state,
            row.lastGoodRunAt,
            row.lastFullAt,
            row.lastSweepAt
        )
    }

    /// Deletes some contacts of a removed connection for good, without changes; at the end the connection itself.
    /// Call it in transactions of its own until it answers true.
    ///
    /// - Returns: True when nothing is left.
    public func purge(_ key: Int64, limit: Int = 500) throws(StoreError) -> Bool {
        guard let transaction else { throw StoreError(.other, "a change outside a transaction") }
        // The index must hold exactly the words that are taken out of it.
        while transaction.searchPosition < transaction.sequence { try transaction.search.follow(changes: 5000) }
        let contacts = transaction.contacts
        let keys = try contacts.keys(connection: key, after: 0, limit: limit)
        try MetaTable(database: database).setContactFloor(transaction.lastContact)
        for contact in keys {
            guard let stored = try contacts.find(key: contact) else { continue }
            try contacts.remove(stored)
            try transaction.search.remove(contact, Documents.searchWords(stored.contact.content))
        }
        guard keys.count < limit else { return false }
        for query in ConnectionSQL.purge { try database.run(query, key) }
        transaction.knownConnections[key] = nil
        return true
    }
}

private enum ConnectionSQL {
    private static let columns = """
        select id, name, vendor, mark, state, last_good_run_ms, last_full_ms, last_sweep_ms, removed_at_ms
        from   connection
        """
    static let all = Query("\(columns) order by id")
    static let byName = Query("\(columns) where name = ?")
    static let byKey = Query("\(columns) where id = ?")
    static let remove = Query("update connection set removed_at_ms = ?2 where id = ?1")
    static let register = Query(
        """
        insert into connection (name, vendor) values (?, ?)
        on conflict (name) do update
        set    removed_at_ms = null,
               mark = case when vendor = excluded.vendor then mark end,
               vendor = excluded.vendor
        where  removed_at_ms is not null or vendor <> excluded.vendor
        """
    )
    static let update = Query(
        """
        update connection
        set    mark = ?2, state = ?3, last_good_run_ms = ?4, last_full_ms = ?5, last_sweep_ms = ?6
        where  id = ?1
        """
    )
    static let purge = [
        Query("delete from link where connection = ?"),
        Query("delete from tombstone where connection = ?"),
        Query("delete from quarantine where connection = ?"),
        Query("delete from write where connection = ?"),
        Query("delete from run_seen where run in (select id from run where connection = ?)"),
        Query("delete from run_delete where run in (select id from run where connection = ?)"),
        Query("delete from run_change where run in (select id from run where connection = ?)"),
        Query("delete from run where connection = ?"),
        Query("delete from connection where id = ?"),
    ]
}
