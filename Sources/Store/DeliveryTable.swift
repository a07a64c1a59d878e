//  Deliveries that were tried or wait, and what each attempt met.

public import Platform

/// One row for each change or system event that a webhook was sent, or is to be sent again.
public struct DeliveryTable<Access> {
    let database: Database
    var transaction: Transaction?
}

/// Where a delivery stands.
public enum DeliveryState: Int64, CaseIterable, Sendable {
    case pending = 0
    case delivered = 1
    case dead = 2
    case discarded = 3

    /// The word that the API uses.
    public var name: String { "\(self)" }

    /// The state of that word.
    public init?(name: String) {
        guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}

/// One delivery.
public struct DeliveryRow: Equatable, Sendable {
    /// Its key; zero until it is stored.
    public var id: Int64 = 0
    /// The webhook's key.
    public var webhook: Int64
    /// The change it tells of; `nil` for a system event.
    public var sequence: Int64?
    /// The system event it tells of; `nil` for a change.
    public var event: Int64?
    /// The contact of the change, whose later events wait for this one.
    public var contact: Int64?
    /// The sequence of the event sent to the same webhook before this one.
    public var previousSequence: Int64?
    /// Where it stands.
    public var state: DeliveryState
    /// When it is to be tried; only while pending.
    public var dueAt: Timestamp?
    /// How often it was tried.
    public var attempts = 0
    /// Why it stands so, in words.
    public var reason: String?
    /// When it was stored.
    public var createdAt: Timestamp
    /// When it last moved.
    public var updatedAt: Timestamp

    /// A delivery to be stored.
    public init(
        webhook: Int64,
        sequence: Int64?,
        event: Int64?,
        contact: Int64?,
        state: DeliveryState,
        createdAt: Timestamp
    ) {
        self.webhook = webhook
        self.sequence = sequence
        self.event = event
        self.contact = contact
        self.state = state
        self.createdAt = createdAt
        updatedAt = createdAt
    }
}

/// One POST of a delivery.
public struct AttemptRow: Equatable, Sendable {
    /// When it began.
    public var at: Timestamp
    /// The answer's status; `nil` when there was none.
    public var status: Int?
    /// What went wrong below HTTP.
    public var error: String?
    /// How long it took.
    public var durationMilliseconds: Int64
    /// The answer's body, as far as it is kept.
    public var response: [UInt8]?

    /// Makes an attempt.
    public init(at: Timestamp, status: Int?, error: String?, durationMilliseconds: Int64, response: [UInt8]?) {
        self.at = at
        self.status = status
        self.error = error
        self.durationMilliseconds = durationMilliseconds
        self.response = response
    }
}

extension DeliveryTable {
    /// The delivery of that key.
    public func find(_ id: Int64) throws(StoreError) -> DeliveryRow? {
        try database.row(DeliverySQL.find, id, map: Self.delivery)
    }

    /// The delivery of a change to a webhook; `nil` when it was not tried yet, or not wanted.
    public func find(webhook: Int64, sequence: Int64) throws(StoreError) -> DeliveryRow? {
        try database.row(DeliverySQL.ofChange, webhook, sequence, map: Self.delivery)
    }

    /// The changes in a stretch of the log that have a delivery to a webhook.
    public func sequences(
        webhook: Int64,
        after sequence: Int64,
        through last: Int64
    ) throws(StoreError) -> Set<Int64> {
        Set(try database.rows(DeliverySQL.sequences, webhook, sequence, last) { $0.int(0) })
    }

    /// The attempts of a delivery, first to last.
    public func attempts(of id: Int64) throws(StoreError) -> [AttemptRow] {
        try database.rows(DeliverySQL.attempts, id) { row in
            AttemptRow(
                at: row.time(0),
                status: row.optionalInt(1).map { Int($0) },
                error: row.optionalText(2),
                durationMilliseconds: row.int(3),
                response: row.optionalBytes(4)
            )
        }
    }

    /// Deliveries of a webhook, newest first.
    ///
    /// - Parameters:
    ///   - webhook: The webhook's key.
    ///   - state: Only those that stand so; `nil` for all.
    ///   - before: Only older ones: the key of the last of the page before; `nil` for the newest.
    ///   - limit: At most so many.
    /// - Returns: The deliveries, without their attempts.
    /// - Throws: ``StoreError``.
    public func page(
        webhook: Int64,
        state: DeliveryState?,
        before: Int64?,
        limit: Int
    ) throws(StoreError) -> [DeliveryRow] {
        if let state {
            return try database.rows(
                DeliverySQL.pageOfState,
                webhook,
                state.rawValue,
                before ?? .max,
                limit,
                map: Self.delivery
            )
        }
        return try database.rows(DeliverySQL.page, webhook, before ?? .max, limit, map: Self.delivery)
    }

    /// Pending deliveries of a webhook that are due, the longest due first; of one contact in the order of their
    /// sequence is the caller's to see to.
    public func due(webhook: Int64, now: Timestamp, limit: Int) throws(StoreError) -> [DeliveryRow] {
        try database.rows(DeliverySQL.due, webhook, now, limit, map: Self.delivery)
    }

    /// Every pending delivery of a webhook, by key: what a dispatcher loads when it starts.
    public func pending(webhook: Int64, after id: Int64 = 0, limit: Int) throws(StoreError) -> [DeliveryRow] {
        try database.rows(DeliverySQL.pending, webhook, id, limit, map: Self.delivery)
    }

    /// When the next pending delivery of a webhook is due; `nil` when none waits.
    public func nextDue(webhook: Int64) throws(StoreError) -> Timestamp? {
        try database.row(DeliverySQL.nextDue, webhook) { $0.optionalTime(0) } ?? nil
    }

    /// How many deliveries of a webhook are pending.
    public func pendingCount(webhook: Int64) throws(StoreError) -> Int {
        Int(try database.number(DeliverySQL.pendingCount, webhook))
    }

    /// What waits to be tried or tried again: for each webhook how much, and when the event of the delivery happened
    /// that has waited longest.
    public func waiting() throws(StoreError) -> [(webhook: Int64, count: Int, oldest: Timestamp)] {
        try database.rows(DeliverySQL.waiting) { ($0.int(0), Int($0.int(1)), $0.time(2)) }
    }

    private static func delivery(_ row: Statement) -> DeliveryRow {
        var delivery = DeliveryRow(
            webhook: row.int(1),
            sequence: row.optionalInt(2),
            event: row.optionalInt(3),
            contact: row.optionalInt(4),
            state: DeliveryState(rawValue: row.int(6)) ?? .dead,
            createdAt: row.time(10)
        )
        delivery.id = row.int(0)
        delivery.previousSequence = row.optionalInt(5)
        delivery.dueAt = row.optionalTime(7)
        delivery.attempts = Int(row.int(8))
        delivery.reason = row.optionalText(9)
        delivery.updatedAt = row.time(11)
        return delivery
    }
}

extension DeliveryTable where Access == Writing {
    /// Stores a delivery as it stands now: a new one (key zero; of a change that already has one, that one), or a
    /// known one, with the attempt that was just made.
    ///
    /// - Returns: Its key; `nil` when the delivery or its webhook is gone.
    @discardableResult
    public func record(_ delivery: DeliveryRow, attempt: AttemptRow?) throws(StoreError) -> Int64? {
        var id = delivery.id
        if id == 0 {
            guard try database.number(DeliverySQL.hasWebhook, delivery.webhook) == 1 else { return nil }
            if let new = try insert(delivery, attempt: attempt) { return new }
            guard let sequence = delivery.sequence else { return nil }
            id = try database.number(DeliverySQL.keyOfChange, delivery.webhook, sequence)
        }
        try database.run(
            DeliverySQL.update,
            id,
            delivery.state.rawValue,
            delivery.state == .pending ? delivery.dueAt : nil,
            attempt == nil ? 0 : 1,
            delivery.reason,
            delivery.updatedAt
        )
        guard database.changedRows > 0 else { return nil }
        if let attempt { try record(attempt, of: id, number: try database.number(DeliverySQL.nextAttempt, id)) }
        return id
    }

    /// Stores a new delivery of a webhook that is there, at once as it stands.
    ///
    /// - Returns: Its key; `nil` when its change already has one.
    private func insert(_ delivery: DeliveryRow, attempt: AttemptRow?) throws(StoreError) -> Int64? {
        let statement = try database.statement(DeliverySQL.insert)
        statement.bind(1, delivery.webhook)
        delivery.sequence.bind(to: statement, at: 2)
        delivery.event.bind(to: statement, at: 3)
        delivery.contact.bind(to: statement, at: 4)
        delivery.previousSequence.bind(to: statement, at: 5)
        statement.bind(6, delivery.state.rawValue)
        (delivery.state == .pending ? delivery.dueAt : nil).bind(to: statement, at: 7)
        statement.bind(8, attempt == nil ? 0 : 1)
        delivery.reason.bind(to: statement, at: 9)
        statement.bind(10, delivery.createdAt.milliseconds)
        statement.bind(11, delivery.updatedAt.milliseconds)
        try statement.run()
        guard database.changedRows > 0 else { return nil }
        let id = database.lastInsertedKey
        if let attempt { try record(attempt, of: id, number: 1) }
        return id
    }

    private func record(_ attempt: AttemptRow, of id: Int64, number: Int64) throws(StoreError) {
        let statement = try database.statement(DeliverySQL.insertAttempt)
        statement.bind(1, id)
        statement.bind(2, number)
        statement.bind(3, attempt.at.milliseconds)
        attempt.status.bind(to: statement, at: 4)
        attempt.error.bind(to: statement, at: 5)
        statement.bind(6, attempt.durationMilliseconds)
        attempt.response.bind(to: statement, at: 7)
        try statement.run()
    }

    /// Makes a delivery due at once, whatever its state.
    ///
    /// - Returns: False when there is none.
    @discardableResult
    public func retry(_ id: Int64, now: Timestamp) throws(StoreError) -> Bool {
        try database.run(DeliverySQL.retry, id, now)
        transaction?.isNews = true
        return database.changedRows > 0
    }
}

private enum DeliverySQL {
    private static let columns = """
        select id, webhook, sequence, event, contact, previous_sequence, state, due_at_ms, attempts, reason,
               created_at_ms, updated_at_ms
        from   delivery
        """
    static let find = Query("\(columns) where id = ?")
    static let ofChange = Query("\(columns) where webhook = ? and sequence = ?")
    static let sequences = Query(
        "select sequence from delivery where webhook = ? and sequence > ? and sequence <= ?"
    )
    static let attempts = Query(
        "select at_ms, status, error, duration_ms, response from attempt where delivery = ? order by n"
    )
    static let page = Query("\(columns) where webhook = ? and id < ? order by id desc limit ?")
    static let pageOfState = Query(
        "\(columns) where webhook = ? and state = ? and id < ? order by id desc limit ?"
    )
    static let due = Query(
        "\(columns) where webhook = ? and state = 0 and due_at_ms <= ? order by due_at_ms, id limit ?"
    )
    static let pending = Query("\(columns) where webhook = ? and state = 0 and id > ? order by id limit ?")
    static let nextDue = Query("select min(due_at_ms) from delivery where webhook = ? and state = 0")
    static let pendingCount = Query("select count(*) from delivery where webhook = ? and state = 0")
    /// The keys of deliveries ascend in time, and every index holds them.
    static let waiting = Query(
        """
        select w.webhook, w.number,
               coalesce((select at_ms from change where sequence = d.sequence),
                   (select at_ms from event where id = d.event), d.created_at_ms)
        from   (select webhook, count(*) as number, min(id) as first from delivery where state = 0 group by webhook) w
        join   delivery d on d.id = w.first
        order  by w.webhook
        """
    )
    static let hasWebhook = Query("select 1 from webhook where id = ?")
    static let insert = Query(
        """
        insert into delivery (webhook, sequence, event, contact, previous_sequence, state, due_at_ms, attempts, reason,
                              created_at_ms, updated_at_ms)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        on conflict (webhook, sequence) where sequence is not null do nothing
        """
    )
    static let keyOfChange = Query("select id from delivery where webhook = ? and sequence = ?")
    static let update = Query(
        """
        update delivery
        set    state = ?2, due_at_ms = ?3, attempts = attempts + ?4, reason = ?5, updated_at_ms = ?6
        where  id = ?1
        """
    )
    static let nextAttempt = Query("select coalesce(max(n), 0) + 1 from attempt where delivery = ?")
    static let insertAttempt = Query(
        "insert into attempt (delivery, n, at_ms, status, error, duration_ms, response) values (?, ?, ?, ?, ?, ?, ?)"
    )
    static let retry = Query(
        "update delivery set state = 0, due_at_ms = ?2, reason = null, updated_at_ms = ?2 where id = ?1"
    )
}
