//  Writes that wait for a vendor to come back.

public import Platform

/// The durable queue of asynchronous writes, in order for each connection.
public struct WriteTable<Access> {
    let database: Database
    var transaction: Transaction?
}

/// Where a queued write stands.
public enum WriteState: Int64, Sendable {
    case queued = 0
    case sent = 1
    case failed = 2

    /// The word that the API uses.
    public var name: String { "\(self)" }
}

/// One asynchronous write.
public struct WriteRow: Equatable, Sendable {
    /// Its key; zero until it is stored.
    public var id: Int64 = 0
    /// The key of the connection it goes to.
    public var connection: Int64
    /// Where it stands.
    public var state = WriteState.queued
    /// What is to be done, in the API's own JSON.
    public var operation: [UInt8]
    /// The contact it is about, or made.
    public var contact: Int64?
    /// What came of it, as JSON: the problem of a failed one.
    public var outcome: [UInt8]?
    /// How often it was tried.
    public var attempts = 0
    /// When it was queued.
    public var createdAt: Timestamp
    /// When it last moved.
    public var updatedAt: Timestamp

    /// A write to be queued.
    public init(connection: Int64, operation: [UInt8], contact: Int64?, createdAt: Timestamp) {
        self.connection = connection
        self.operation = operation
        self.contact = contact
        self.createdAt = createdAt
        updatedAt = createdAt
    }
}

extension WriteTable {
    /// The write of that key.
    public func find(_ id: Int64) throws(StoreError) -> WriteRow? {
        try database.row(WriteSQL.find, id, map: Self.write)
    }

    /// The oldest queued write of a connection.
    public func next(connection: Int64) throws(StoreError) -> WriteRow? {
        try database.row(WriteSQL.next, connection, map: Self.write)
    }

    /// The keys of the connections that have queued writes.
    public func waitingConnections() throws(StoreError) -> [Int64] {
        try database.rows(WriteSQL.waiting) { $0.int(0) }
    }

    /// How many writes of a connection are queued.
    public func queuedCount(connection: Int64) throws(StoreError) -> Int {
        Int(try database.number(WriteSQL.count, connection))
    }

    /// How many writes are queued, by the connection's key.
    public func queuedCounts() throws(StoreError) -> [Int64: Int] {
        let rows = try database.rows(WriteSQL.counts) { ($0.int(0), Int($0.int(1))) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    private static func write(_ row: Statement) -> WriteRow {
        var write = WriteRow(
            connection: row.int(1),
            operation: row.bytes(3),
            contact: row.optionalInt(4),
            createdAt: row.time(7)
        )
        write.id = row.int(0)
        write.state = WriteState(rawValue: row.int(2)) ?? .failed
        write.outcome = row.optionalBytes(5)
        write.attempts = Int(row.int(6))
        write.updatedAt = row.time(8)
        return write
    }
}

extension WriteTable where Access == Writing {
    /// Queues a write.
    ///
    /// - Returns: Its key.
    public func insert(_ write: WriteRow) throws(StoreError) -> Int64 {
        try database.run(
            WriteSQL.insert,
            write.connection,
            write.state.rawValue,
            TextBytes(write.operation),
            write.contact,
            write.outcome.map { TextBytes($0) },
            write.createdAt,
            write.updatedAt
        )
        transaction?.isNews = true
        return database.lastInsertedKey
    }

    /// Stores where a write stands.
    public func update(_ write: WriteRow) throws(StoreError) {
        try database.run(
            WriteSQL.update,
            write.id,
            write.state.rawValue,
            write.contact,
            write.outcome.map { TextBytes($0) },
            write.attempts,
            write.updatedAt
        )
    }
}

private enum WriteSQL {
    private static let columns = """
        select id, connection, state, operation, contact, outcome, attempts, created_at_ms, updated_at_ms
        from   write
        """
    static let find = Query("\(columns) where id = ?")
    static let next = Query("\(columns) where connection = ? and state = 0 order by id limit 1")
    static let waiting = Query("select distinct connection from write where state = 0")
    static let counts = Query("select connection, count(*) from write where state = 0 group by connection")
    static let count = Query("select count(*) from write where connection = ? and state = 0")
    static let insert = Query(
        """
        insert into write (connection, state, operation, contact, outcome, created_at_ms, updated_at_ms)
        values (?, ?, ?, ?, ?, ?, ?)
        """
    )
    static let update = Query(
        """
        update write
        set    state = ?2, contact = ?3, outcome = ?4, attempts = ?5, updated_at_ms = ?6
        where  id = ?1
        """
    )
}
