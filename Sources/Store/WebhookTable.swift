//  Registered webhooks, each with its own place in the log of changes.

import JSON
public import Platform

/// The webhooks. One that is up to date is no more than a cursor into the log.
public struct WebhookTable<Access> {
    let database: Database
    var transaction: Transaction?
}

/// One webhook.
public struct WebhookRow: Equatable, Sendable {
    /// Its key; zero until it is stored.
    public var id: Int64 = 0
    /// Where events go.
    public var url: String
    /// Patterns of event types: exact, `contact.*` or `*`.
    public var events: [String]
    /// Connection ids, or `*`.
    public var connections: [String]
    /// Only changes of these members; empty for all.
    public var fields: [String]
    /// `full`, `changes` or `thin`.
    public var payload: String
    /// For people.
    public var description: String?
    /// Header fields to send along, a JSON object.
    public var headers: String
    /// False while nothing is sent; changes wait in the log.
    public var isEnabled: Bool
    /// Why it was disabled, where the gateway did it.
    public var disabledReason: String?
    /// The signing secret, sealed.
    public var secret: [UInt8]
    /// The secret before the last rotation, sealed.
    public var oldSecret: [UInt8]?
    /// Until when the old one signs along.
    public var oldSecretUntil: Timestamp?
    /// Every change up to this sequence has its outcome: sent, waiting as a delivery, or not wanted.
    public var cursor: Int64
    /// The last sequence that this webhook wanted; `nil` before the first.
    public var cursorPrevious: Int64?
    /// Since when nothing but failures.
    public var failingSince: Timestamp?
    /// How many failures since then.
    public var failures = 0
    /// How many warnings about them were announced.
    public var warned = 0
    /// When it was registered.
    public var createdAt: Timestamp
    /// When its settings were changed.
    public var updatedAt: Timestamp

    /// A webhook that begins after the given sequence.
    public init(
        url: String,
        events: [String],
        connections: [String],
        fields: [String],
        payload: String,
        description: String?,
        headers: String,
        isEnabled: Bool,
        secret: [UInt8],
        cursor: Int64,
        createdAt: Timestamp
    ) {
        self.url = url
        self.events = events
        self.connections = connections
        self.fields = fields
        self.payload = payload
        self.description = description
        self.headers = headers
        self.isEnabled = isEnabled
        self.secret = secret
        self.cursor = cursor
        self.createdAt = createdAt
        updatedAt = createdAt
    }

    /// Whether it wants events of this type about this connection. An event about none (`nil`) may speak of any, and is
    /// for webhooks of all connections.
    public func wants(type: String, connection: String?) -> Bool {
        let hasType = events.contains { pattern in
            pattern == "*" || pattern == type
                || pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast(1))
        }
        guard hasType else { return false }
        return connections.contains { $0 == "*" || $0 == connection }
    }
}

extension WebhookTable {
    /// Every webhook, in the order of registration.
    public func all() throws(StoreError) -> [WebhookRow] {
        try database.rows(WebhookSQL.all, map: Self.webhook)
    }

    /// The webhook of that key.
    public func find(_ id: Int64) throws(StoreError) -> WebhookRow? {
        try database.row(WebhookSQL.find, id, map: Self.webhook)
    }

    private static func webhook(_ row: Statement) -> WebhookRow {
        var webhook = WebhookRow(
            url: row.text(1),
            events: Self.strings(row.bytes(2)),
            connections: Self.strings(row.bytes(3)),
            fields: Self.strings(row.bytes(4)),
            payload: row.text(5),
            description: row.optionalText(6),
            headers: row.text(7),
            isEnabled: row.int(8) != 0,
            secret: row.bytes(10),
            cursor: row.int(13),
            createdAt: row.time(18)
        )
        webhook.id = row.int(0)
        webhook.disabledReason = row.optionalText(9)
        webhook.oldSecret = row.optionalBytes(11)
        webhook.oldSecretUntil = row.optionalTime(12)
        webhook.cursorPrevious = row.optionalInt(14)
        webhook.failingSince = row.optionalTime(15)
        webhook.failures = Int(row.int(16))
        webhook.warned = Int(row.int(17))
        webhook.updatedAt = row.time(19)
        return webhook
    }

    /// What this table wrote itself; anything else reads as empty.
    private static func strings(_ json: [UInt8]) -> [String] {
        let value = try? JSONValue(parsing: json)
        return value?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    static func json(_ strings: [String]) -> TextBytes {
        TextBytes(JSONValue.array(strings.map { .string($0) }).encoded())
    }
}

extension WebhookTable where Access == Writing {
    /// Stores a new webhook.
    ///
    /// - Returns: Its key.
    public func insert(_ webhook: WebhookRow) throws(StoreError) -> Int64 {
        try database.run(
            WebhookSQL.insert,
            webhook.url,
            Self.json(webhook.events),
            Self.json(webhook.connections),
            Self.json(webhook.fields),
            webhook.payload,
            webhook.headers,
            webhook.isEnabled,
            webhook.secret,
            webhook.cursor,
            webhook.createdAt,
            webhook.updatedAt
        )
        var stored = webhook
        stored.id = database.lastInsertedKey
        try update(stored)
        transaction?.isNews = true
        return stored.id
    }

    /// Stores the settings and the secrets; cursor and failures have their own calls, since the dispatcher moves them.
    public func update(_ webhook: WebhookRow) throws(StoreError) {
        try database.run(
            WebhookSQL.update,
            webhook.id,
            webhook.url,
            Self.json(webhook.events),
            Self.json(webhook.connections),
            Self.json(webhook.fields),
            webhook.payload,
            webhook.description,
            webhook.headers,
            webhook.isEnabled,
            webhook.disabledReason,
            webhook.secret,
            webhook.oldSecret,
            webhook.oldSecretUntil,
            webhook.updatedAt
        )
        transaction?.isNews = true
    }

    /// Moves a webhook's place in the log: in the transaction that stores the outcomes of what lies behind it.
    public func advance(_ id: Int64, cursor: Int64, previous: Int64?) throws(StoreError) {
        try database.run(WebhookSQL.advance, id, cursor, previous)
    }

    /// Stores how a webhook has been failing; `nil` and zeros when it answered.
    public func noteFailures(
        _ id: Int64,
        since: Timestamp?,
        failures: Int,
        warned: Int
    ) throws(StoreError) {
        try database.run(WebhookSQL.noteFailures, id, since, failures, warned)
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// - Returns: False when there is none.
    @discardableResult
    public func delete(_ id: Int64) throws(StoreError) -> Bool {
        try database.run(WebhookSQL.deleteAttempts, id)
        try database.run(WebhookSQL.deleteDeliveries, id)
        try database.run(WebhookSQL.delete, id)
        transaction?.isNews = true
        return database.changedRows > 0
    }
}

private enum WebhookSQL {
    private static let columns = """
        select id, url, events, connections, fields, payload, description, headers, enabled, disabled_reason, secret,
               old_secret, old_secret_until_ms, cursor, cursor_previous, failing_since_ms, failures, warned,
               created_at_ms, updated_at_ms
        from   webhook
        """
    static let all = Query("\(columns) order by id")
    static let find = Query("\(columns) where id = ?")
    static let insert = Query(
        """
        insert into webhook (url, events, connections, fields, payload, headers, enabled, secret, cursor,
                             created_at_ms, updated_at_ms)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    )
    static let update = Query(
        """
        update webhook
        set    url = ?2, events = ?3, connections = ?4, fields = ?5, payload = ?6, description = ?7, headers = ?8,
               enabled = ?9, disabled_reason = ?10, secret = ?11, old_secret = ?12, old_secret_until_ms = ?13,
               updated_at_ms = ?14
        where  id = ?1
        """
    )
    static let advance = Query("update webhook set cursor = ?2, cursor_previous = ?3 where id = ?1")
    static let noteFailures = Query(
        "update webhook set failing_since_ms = ?2, failures = ?3, warned = ?4 where id = ?1"
    )
    static let deleteAttempts = Query(
        "delete from attempt where delivery in (select id from delivery where webhook = ?)"
    )
    static let deleteDeliveries = Query("delete from delivery where webhook = ?")
    static let delete = Query("delete from webhook where id = ?")
}
