//  Records that were set aside with their reason.

public import Platform

/// Quarantined records: one for each identified record of a connection, the newest.
public struct QuarantineTable<Access> {
    let database: Database
}

/// One record that was set aside.
public struct QuarantineRow: Equatable, Sendable {
    /// Its key; zero until it is stored.
    public var id: Int64 = 0
    /// The key of its connection.
    public var connection: Int64
    /// The vendor's id, where that was readable.
    public var vendorID: String?
    /// Why.
    public var reason: String
    /// The record's text, as far as it goes.
    public var raw: [UInt8]
    /// The run that met it.
    public var run: Int64
    /// When.
    public var at: Timestamp

    /// Makes a row.
    public init(connection: Int64, vendorID: String?, reason: String, raw: [UInt8], run: Int64, at: Timestamp) {
        self.connection = connection
        self.vendorID = vendorID
        self.reason = reason
        self.raw = raw
        self.run = run
        self.at = at
    }
}

extension QuarantineTable {
    /// How many records of a connection are set aside.
    public func count(connection: Int64) throws(StoreError) -> Int {
        Int(try database.number(QuarantineSQL.count, connection))
    }

    /// Whether no record of a connection is set aside.
    public func isEmpty(connection: Int64) throws(StoreError) -> Bool {
        try database.number(QuarantineSQL.any, connection) == 0
    }

    /// Records of a connection that are set aside, oldest first.
    public func page(connection: Int64, after id: Int64, limit: Int) throws(StoreError) -> [QuarantineRow] {
        try database.rows(QuarantineSQL.page, connection, id, limit) { row in
            var record = QuarantineRow(
                connection: row.int(1),
                vendorID: row.optionalText(2),
                reason: row.text(3),
                raw: row.bytes(4),
                run: row.int(5),
                at: row.time(6)
            )
            record.id = row.int(0)
            return record
        }
    }

    /// The vendor ids of a connection that are set aside: exempt from the delete sweep.
    public func vendorIDs(connection: Int64) throws(StoreError) -> Set<String> {
        Set(try database.rows(QuarantineSQL.vendorIDs, connection) { $0.text(0) })
    }
}

extension QuarantineTable where Access == Writing {
    /// Sets a record aside; one of the same vendor id is replaced.
    public func put(_ row: QuarantineRow) throws(StoreError) {
        if let vendorID = row.vendorID { try remove(connection: row.connection, vendorID: vendorID) }
        // What is no UTF-8 would be no text to SQLite's shell either.
        let text = String(decoding: row.raw, as: UTF8.self)
        try database.run(QuarantineSQL.insert, row.connection, row.vendorID, row.reason, text, row.run, row.at)
    }

    /// Lets a record go: it was understood, or is gone.
    public func remove(connection: Int64, vendorID: String) throws(StoreError) {
        try database.run(QuarantineSQL.remove, connection, vendorID)
    }

    /// Lets go what runs before this one set aside: a complete list has met every record anew.
    public func removeAll(connection: Int64, beforeRun run: Int64) throws(StoreError) {
        try database.run(QuarantineSQL.removeBefore, connection, run)
    }
}

private enum QuarantineSQL {
    static let count = Query("select count(*) from quarantine where connection = ?")
    static let any = Query("select exists (select 1 from quarantine where connection = ?)")
    static let page = Query(
        """
        select id, connection, vendor_id, reason, raw, run, at_ms
        from   quarantine
        where  connection = ? and id > ?
        order  by id
        limit  ?
        """
    )
    static let vendorIDs = Query(
        "select vendor_id from quarantine where connection = ? and vendor_id is not null"
    )
    static let insert = Query(
        "insert into quarantine (connection, vendor_id, reason, raw, run, at_ms) values (?, ?, ?, ?, ?, ?)"
    )
    static let remove = Query("delete from quarantine where connection = ? and vendor_id = ?")
    static let removeBefore = Query("delete from quarantine where connection = ? and run < ?")
}
