//  The order of deliveries within a contact.

public import Platform

extension DeliveryTable {
    /// When the next delivery of a webhook falls due after a moment; `nil` when none does.
    public func nextDue(webhook: Int64, after now: Timestamp) throws(StoreError) -> Timestamp? {
        try database.row(OrderSQL.nextDue, webhook, now) { $0.optionalTime(0) } ?? nil
    }
}

extension DeliveryTable where Access == Writing {
    /// Makes the earliest pending delivery of a contact due at once, if it is one that only waited for those before
    /// it. Call it after the outcome of a delivery of the contact was recorded.
    ///
    /// - Returns: Whether the contact has a pending delivery.
    public func releaseNext(webhook: Int64, contact: Int64, now: Timestamp) throws(StoreError) -> Bool {
        let first = try database.row(OrderSQL.first, webhook, contact) { (id: $0.int(0), isWaiting: $0.isNull(1)) }
        guard let first else { return false }
        if first.isWaiting { try database.run(OrderSQL.release, first.id, now) }
        return true
    }
}

private enum OrderSQL {
    static let nextDue = Query(
        "select min(due_at_ms) from delivery where webhook = ? and state = 0 and due_at_ms > ?"
    )
    static let first = Query(
        """
        select id, due_at_ms
        from   delivery
        where  webhook = ? and contact = ? and state = 0
        order  by sequence
        limit  1
        """
    )
    static let release = Query("update delivery set due_at_ms = ?2, reason = null where id = ?1")
}
