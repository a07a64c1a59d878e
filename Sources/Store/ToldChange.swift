//  Changes with what they made of their contacts, many at a time: what events are made of.

/// A change, and its contact's JSON right after it: of a delete, what it last was.
public struct ToldChange: Sendable {
    /// The change.
    public var change: Change
    /// The document; `nil` when it was not asked for, or when the log no longer reaches back.
    public var document: [UInt8]?

    /// Makes one.
    public init(_ change: Change, document: [UInt8]?) {
        self.change = change
        self.document = document
    }
}

extension ChangeType {
    /// The type of the event that tells of such a change.
    public var event: String {
        switch self {
        case .created: "contact.created"
        case .updated: "contact.updated"
        case .deleted: "contact.deleted"
        }
    }
}

extension ChangeTable {
    /// With so many bytes of documents a page of told changes ends.
    static var mostToldBytes: Int { 1 << 20 }

    /// Changes after a sequence, in order, that somebody wants.
    ///
    /// - Parameters:
    ///   - sequence: The last one seen.
    ///   - limit: At most so many are looked at, wanted or not; fewer where their documents are large.
    ///   - withDocuments: Whether to read the documents too.
    ///   - wants: Chooses. Changes of purged connections are never shown.
    /// - Returns: The wanted ones, the sequence of the last one looked at, and whether there may be more.
    /// - Throws: ``StoreError``.
    public func told(
        after sequence: Int64,
        limit: Int,
        withDocuments: Bool,
        wants: (Change) -> Bool
    ) throws(StoreError) -> (changes: [ToldChange], last: Int64, hasMore: Bool) {
        let statement = try database.statement(ToldSQL.page)
        statement.bind(1, sequence)
        statement.bind(2, Int64(limit))
        defer { statement.reset() }
        var told: [ToldChange] = []
        var last = sequence
        var count = 0
        var bytes = 0
        while bytes < Self.mostToldBytes, try statement.step() {
            count += 1
            last = statement.int(0)
            guard let change = Self.change(statement), wants(change) else { continue }
            // Most contacts are as the change left them.
            let isLatest = withDocuments && statement.int(11) == change.sequence
            var document: [UInt8]?
            if withDocuments { document = isLatest ? statement.bytes(12) : try self.document(of: change) }
            bytes += (document?.count ?? 0) + (change.previous?.count ?? 0)
            told.append(ToldChange(change, document: document))
        }
        return (told, last, count == limit || bytes >= Self.mostToldBytes)
    }
}

private enum ToldSQL {
    static let page = Query(
        """
        select c.sequence, c.contact, c.connection, c.type, c.at_ms, c.prior, c.fields, c.previous, c.trace,
               substr(k.doc, 8, 32), t.nonce, k.revision, k.doc
        from   change c
        left   join contact k on k.id = c.contact
        left   join tombstone t on k.id is null and t.contact = c.contact
        where  c.sequence > ?
        order  by c.sequence
        limit  ?
        """
    )
}
