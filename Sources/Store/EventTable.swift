//  System events: what happened to connections, runs, webhooks and the configuration.

public import Platform

/// System events. Contacts' events are not here: they are the log of changes.
public struct EventTable<Access> {
    let database: Database
    var transaction: Transaction?
}

/// One system event.
public struct EventRow: Equatable, Sendable {
    /// Its key.
    public var id: Int64
    /// Its type, such as `run.held`.
    public var type: String
    /// The connection it is about; `nil` for none.
    public var connection: Int64?
    /// When.
    public var at: Timestamp
    /// The event's `data`, a JSON object.
    public var data: [UInt8]
}

extension EventTable {
    /// The event of that key; `nil` when it is not kept.
    public func find(_ id: Int64) throws(StoreError) -> EventRow? {
        try database.row(EventSQL.find, id) { row in
            EventRow(
                id: row.int(0),
                type: row.text(1),
                connection: row.optionalInt(2),
                at: row.time(3),
                data: row.bytes(4)
            )
        }
    }
}

extension EventTable where Access == Writing {
    /// Stores an event and a pending delivery for each enabled webhook that wants it, due at once.
    ///
    /// - Parameters:
    ///   - type: Its type.
    ///   - connection: The key of the connection it is about; `nil` for none.
    ///   - data: The event's `data`, a JSON object.
    ///   - webhook: Only for this webhook, whatever it wants (`webhook.test`); `nil` for all that want it.
    /// - Returns: The keys of the deliveries.
    /// - Throws: ``StoreError``.
    @discardableResult
    public func emit(
        type: String,
        connection: Int64?,
        data: [UInt8],
        onlyTo webhook: Int64? = nil
    ) throws(StoreError) -> [Int64] {
        guard let transaction else { throw StoreError(.other, "an event outside a transaction") }
        let now = transaction.now
        try database.run(EventSQL.insert, type, connection, now, TextBytes(data))
        let event = database.lastInsertedKey
        var name: String?
        if let connection { name = try transaction.connection(connection).name }
        var deliveries: [Int64] = []
        for row in try transaction.webhooks.all() {
            let isWanted = webhook.map { $0 == row.id } ?? (row.isEnabled && row.wants(type: type, connection: name))
            guard isWanted else { continue }
            var delivery = DeliveryRow(
                webhook: row.id,
                sequence: nil,
                event: event,
                contact: nil,
                state: .pending,
                createdAt: now
            )
            delivery.dueAt = now
            if let id = try transaction.deliveries.record(delivery, attempt: nil) { deliveries.append(id) }
        }
        transaction.isNews = true
        return deliveries
    }
}

private enum EventSQL {
    static let find = Query("select id, type, connection, at_ms, data from event where id = ?")
    static let insert = Query("insert into event (type, connection, at_ms, data) values (?, ?, ?, ?)")
}
