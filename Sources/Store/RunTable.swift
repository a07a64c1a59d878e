//  Synchronisation runs, with what lets an interrupted one go on.

public import Platform

/// Runs, the contacts they saw, the deletes they hold, and what a dry one would do.
public struct RunTable<Access> {
    let database: Database
}

/// Where a run stands.
public enum RunState: String, Sendable {
    case running, done, failed, held
}

/// What a run counted.
public struct RunCounts: Equatable, Sendable {
    /// Pages received.
    public var pages = 0
    /// Records received.
    public var seen = 0
    /// Contacts created.
    public var created = 0
    /// Contacts changed.
    public var updated = 0
    /// Contacts deleted.
    public var deleted = 0
    /// Records that changed nothing.
    public var unchanged = 0
    /// Records set aside.
    public var quarantined = 0

    /// Nothing counted yet.
    public init() {}

    /// Adds what a part of the run counted.
    public mutating func add(_ part: RunCounts) {
        pages += part.pages
        seen += part.seen
        created += part.created
        updated += part.updated
        deleted += part.deleted
        unchanged += part.unchanged
        quarantined += part.quarantined
    }
}

/// One run.
public struct RunRow: Equatable, Sendable {
    /// Its key; zero until it is stored.
    public var id: Int64 = 0
    /// The key of its connection.
    public var connection: Int64
    /// `full`, `delta` or `sweep`.
    public var mode: String
    /// Where it stands.
    public var state = RunState.running
    /// True when it only tells what it would do.
    public var isDry = false
    /// Where to go on after an interruption.
    public var cursor: String?
    /// The delta mark that was taken before a list, or that a delta started from.
    public var mark: String?
    /// When it began.
    public var startedAt: Timestamp
    /// When it ended.
    public var endedAt: Timestamp?
    /// What it counted.
    public var counts = RunCounts()
    /// Why it failed or is held, as JSON.
    public var error: String?
    /// Whatever else the run planner wants to remember, as JSON.
    public var detail: String?

    /// A run that begins.
    public init(connection: Int64, mode: String, startedAt: Timestamp) {
        self.connection = connection
        self.mode = mode
        self.startedAt = startedAt
    }
}

extension RunTable {
    /// The run of that key.
    public func find(_ id: Int64) throws(StoreError) -> RunRow? {
        try database.row(RunSQL.find, id, map: Self.run)
    }

    /// Runs, newest first.
    ///
    /// - Parameters:
    ///   - before: Only older ones: the key of the last run of the page before; `nil` for the newest.
    ///   - limit: At most so many.
    ///   - connections: Only of these; `nil` for all.
    /// - Returns: The runs.
    /// - Throws: ``StoreError``.
    public func page(
        before: Int64?,
        limit: Int,
        connections: Set<Int64>? = nil
    ) throws(StoreError) -> [RunRow] {
        let statement = try database.statement(RunSQL.page)
        statement.bind(1, before ?? .max)
        defer { statement.reset() }
        var runs: [RunRow] = []
        while runs.count < limit, try statement.step() {
            if connections?.contains(statement.int(1)) != false { runs.append(Self.run(statement)) }
        }
        return runs
    }

    /// Runs that are `running` or `held`, oldest first: what a start finds of the process before it.
    public func open() throws(StoreError) -> [RunRow] {
        try database.rows(RunSQL.open, map: Self.run)
    }

    /// The newest run of a connection.
    public func latest(connection: Int64) throws(StoreError) -> RunRow? {
        try database.row(RunSQL.latest, connection, map: Self.run)
    }

    /// Every contact that a run has seen so far, over interruptions.
    public func seen(_ run: Int64) throws(StoreError) -> KeySet {
        let chunks = try database.rows(RunSQL.seen, run) { $0.bytes(0) }
        var contacts = KeySet()
        for chunk in chunks {
            var last: Int64 = 0
            for start in stride(from: 0, to: chunk.count - 7, by: 8) {
                let bits = chunk[start..<(start + 8)].reduce(0) { (bits: UInt64, byte) in bits << 8 | UInt64(byte) }
                let value = Int64(bitPattern: bits)
                if value > 0 {
                    contacts.insert(value)
                    last = value
                } else {
                    for key in (last + 1)..<(last + 1 - value) { contacts.insert(key) }
                }
            }
        }
        return contacts
    }

    /// The contacts that a held run wants to delete, in the order of their keys.
    public func heldDeletes(_ run: Int64) throws(StoreError) -> [Int64] {
        try database.rows(RunSQL.heldDeletes, run) { $0.int(0) }
    }

    /// What a dry run would change, as JSON objects in order.
    public func dryChanges(_ run: Int64, after n: Int64 = 0, limit: Int) throws(StoreError) -> [(
        n: Int64, body: [UInt8]
    )] {
        try database.rows(RunSQL.dryChanges, run, n, limit) { ($0.int(0), $0.bytes(1)) }
    }

    private static func run(_ row: Statement) -> RunRow {
        var run = RunRow(connection: row.int(1), mode: row.text(2), startedAt: row.time(7))
        run.id = row.int(0)
        run.state = RunState(rawValue: row.text(3)) ?? .failed
        run.isDry = row.int(4) != 0
        run.cursor = row.optionalText(5)
        run.mark = row.optionalText(6)
        run.endedAt = row.optionalTime(8)
        run.counts.pages = Int(row.int(9))
        run.counts.seen = Int(row.int(10))
        run.counts.created = Int(row.int(11))
        run.counts.updated = Int(row.int(12))
        run.counts.deleted = Int(row.int(13))
        run.counts.unchanged = Int(row.int(14))
        run.counts.quarantined = Int(row.int(15))
        run.error = row.optionalText(16)
        run.detail = row.optionalText(17)
        return run
    }
}

extension RunTable where Access == Writing {
    /// Stores a new run.
    ///
    /// - Returns: Its key.
    public func insert(_ run: RunRow) throws(StoreError) -> Int64 {
        try database.run(RunSQL.insert, run.connection, run.mode, run.state.rawValue, run.isDry, run.startedAt)
        var stored = run
        stored.id = database.lastInsertedKey
        try update(stored)
        return stored.id
    }

    /// Stores where a run stands.
    public func update(_ run: RunRow) throws(StoreError) {
        try database.run(
            RunSQL.update,
            run.id,
            run.state.rawValue,
            run.cursor,
            run.mark,
            run.endedAt,
            run.counts.pages,
            run.counts.seen,
            run.counts.created,
            run.counts.updated,
            run.counts.deleted,
            run.counts.unchanged,
            run.counts.quarantined,
            run.error,
            run.detail,
            run.mode
        )
    }

    /// Adds contacts to what the run has seen. One call for each transaction is best: each makes a row, of keys in
    /// eight bytes each, where `-n` stands for the `n` keys that follow the one before it.
    public func addSeen(_ run: Int64, _ contacts: KeySet) throws(StoreError) {
        guard !contacts.isEmpty else { return }
        var chunk: [UInt8] = []
        func add(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { chunk.append(contentsOf: $0) } }
        for stretch in contacts.stretches {
            add(stretch.lowerBound)
            if stretch.count > 1 { add(1 - Int64(stretch.count)) }
        }
        try database.run(RunSQL.addSeen, run, chunk)
    }

    /// Forgets what the run has seen: it is over.
    public func forgetSeen(_ run: Int64) throws(StoreError) {
        try database.run(RunSQL.forgetSeen, run)
    }

    /// Replaces the contacts that a held run wants to delete; empty when it wants none any more.
    public func setHeldDeletes(_ run: Int64, _ contacts: [Int64]) throws(StoreError) {
        try database.run(RunSQL.forgetHeldDeletes, run)
        for contact in contacts { try database.run(RunSQL.addHeldDelete, run, contact) }
    }

    /// Adds to what a dry run would change.
    public func addDryChanges(_ run: Int64, _ bodies: [[UInt8]]) throws(StoreError) {
        var n = try database.number(RunSQL.lastDryChange, run)
        for body in bodies {
            n += 1
            try database.run(RunSQL.addDryChange, run, n, TextBytes(body))
        }
    }
}

private enum RunSQL {
    private static let columns = """
        select id, connection, mode, state, dry_run, cursor, mark, started_at_ms, ended_at_ms, pages, seen, created,
               updated, deleted, unchanged, quarantined, error, detail
        from   run
        """
    static let find = Query("\(columns) where id = ?")
    static let page = Query("\(columns) where id < ? order by id desc")
    static let open = Query("\(columns) where state in ('running', 'held') order by id")
    static let latest = Query("\(columns) where connection = ? order by id desc limit 1")
    static let insert = Query(
        "insert into run (connection, mode, state, dry_run, started_at_ms) values (?, ?, ?, ?, ?)"
    )
    static let update = Query(
        """
        update run
        set    state = ?2, cursor = ?3, mark = ?4, ended_at_ms = ?5, pages = ?6, seen = ?7, created = ?8,
               updated = ?9, deleted = ?10, unchanged = ?11, quarantined = ?12, error = ?13, detail = ?14, mode = ?15
        where  id = ?1
        """
    )
    static let seen = Query("select contacts from run_seen where run = ? order by id")
    static let addSeen = Query("insert into run_seen (run, contacts) values (?, ?)")
    static let forgetSeen = Query("delete from run_seen where run = ?")
    static let heldDeletes = Query("select contact from run_delete where run = ? order by contact")
    static let addHeldDelete = Query("insert or ignore into run_delete (run, contact) values (?, ?)")
    static let forgetHeldDeletes = Query("delete from run_delete where run = ?")
    static let dryChanges = Query("select n, body from run_change where run = ? and n > ? order by n limit ?")
    static let lastDryChange = Query("select max(n) from run_change where run = ?")
    static let addDryChange = Query("insert into run_change (run, n, body) values (?, ?, ?)")
}
