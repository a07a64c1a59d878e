//  One job's view of the writer's transaction.

public import Platform

/// What a write sees and changes. Valid inside the closure that got it; everything in it commits together or not at
/// all.
public final class Transaction {
    let database: Database
    let shared: SharedState
    /// What this transaction sees, its own changes included, for code that only reads.
    public let snapshot: Snapshot

    /// The last sequence given out, of this transaction or before it.
    public internal(set) var sequence: Int64
    var lastContact: Int64
    var lastAt: Int64
    /// Look-up keys not yet written: sorted, they cost a quarter.
    var pendingLookups: [LookupEntry] = []
    /// Look-up keys in runs that were left since the writer saw to merging them.
    var newRunEntries = 0
    /// Look-up keys put into their tree since it was moved.
    private var treeEntries: Int
    private let largestTree: Int
    /// Changes of the jobs of this group, for the search index.
    var indexable: [IndexableChange] = []
    /// The search index holds the words of every contact as of this sequence.
    var searchPosition: Int64
    /// True when somebody who waits for changes or events has something to look at.
    var isNews = false
    /// Rows of connections that were read and not changed since.
    var knownConnections: [Int64: ConnectionRow] = [:]
    private var lastTail = DocumentTail.unknown

    init(
        database: Database,
        shared: SharedState,
        largestTree: Int = LookupTable.largestTree
    ) throws(StoreError) {
        self.database = database
        self.shared = shared
        self.largestTree = largestTree
        snapshot = Snapshot(database: database, shared: shared)
        sequence = try database.number(SQL.lastSequence)
        lastContact = try database.number(SQL.lastContact)
        lastAt = try database.number(SQL.lastAt)
        searchPosition = try MetaTable(database: database).searchPosition()
        treeEntries = try LookupTable(database: database).treeEntries(upTo: largestTree)
    }

    /// The moment of everything that this transaction does; never before that of the last change.
    public var now: Timestamp { Timestamp(milliseconds: max(shared.clock().milliseconds, lastAt)) }

    /// How a document that is made now ends; the same for all of one millisecond.
    var tail: DocumentTail {
        let now = now
        if lastTail.moment != now { lastTail = DocumentTail(at: now) }
        return lastTail
    }

    /// Contacts, with the only calls that change them.
    public var contacts: ContactTable<Writing> { ContactTable(database: database, shared: shared, transaction: self) }
    /// The log of changes.
    public var changes: ChangeTable<Writing> { ChangeTable(database: database, shared: shared, transaction: self) }
    /// Vendors' ids.
    public var links: LinkTable<Writing> { LinkTable(database: database) }
    /// Connections, with what synchronisation remembers of them.
    public var connections: ConnectionTable<Writing> { ConnectionTable(database: database, transaction: self) }
    /// Synchronisation runs.
    public var runs: RunTable<Writing> { RunTable(database: database) }
    /// Records that were set aside.
    public var quarantine: QuarantineTable<Writing> { QuarantineTable(database: database) }
    /// Registered webhooks.
    public var webhooks: WebhookTable<Writing> { WebhookTable(database: database, transaction: self) }
    /// Deliveries and their attempts.
    public var deliveries: DeliveryTable<Writing> { DeliveryTable(database: database, transaction: self) }
    /// System events.
    public var events: EventTable<Writing> { EventTable(database: database, transaction: self) }
    /// Answers kept for repeated requests.
    public var idempotency: IdempotencyTable<Writing> { IdempotencyTable(database: database) }
    /// Writes that wait for a vendor.
    public var writes: WriteTable<Writing> { WriteTable(database: database, transaction: self) }
    /// The full-text index.
    public var search: SearchIndex<Writing> { SearchIndex(database: database, shared: shared, transaction: self) }

    // MARK: What the writer does around each job and each group

    /// What a job that fails must find as it was.
    struct Mark {
        var sequence: Int64
        var lastContact: Int64
        var lastAt: Int64
        var isNews: Bool
        var searchPosition: Int64
        var indexable: Int
    }

    func mark() -> Mark {
        Mark(
            sequence: sequence,
            lastContact: lastContact,
            lastAt: lastAt,
            isNews: isNews,
            searchPosition: searchPosition,
            indexable: indexable.count
        )
    }

    func restore(_ mark: Mark) {
        sequence = mark.sequence
        lastContact = mark.lastContact
        lastAt = mark.lastAt
        isNews = mark.isNews
        searchPosition = mark.searchPosition
        indexable.removeSubrange(min(mark.indexable, indexable.count)...)
        pendingLookups.removeAll(keepingCapacity: true)
        knownConnections = [:]
    }

    /// Writes what the job left for its end: sorted look-up keys.
    func finishJob() throws(StoreError) {
        guard database.isInTransaction else { throw StoreError(.other, "the transaction was lost within the job") }
        try flushLookups()
        if pendingLookups.capacity > 100_000 { pendingLookups = [] }
    }

    /// Brings the search index up to date where that is cheap. After all savepoints: FTS5 writes out what it gathered
    /// at each of them.
    func finishGroup() throws(StoreError) {
        try search.followGroup()
    }

    func endGroup() {
        isNews = false
        indexable.removeAll(keepingCapacity: indexable.count < 1000)
    }

    func flushLookups() throws(StoreError) {
        guard !pendingLookups.isEmpty else { return }
        pendingLookups.sort()
        let lookups = LookupTable(database: database)
        if try lookups.insert(pendingLookups) {
            newRunEntries += pendingLookups.count
        } else {
            treeEntries += pendingLookups.count
            if treeEntries >= largestTree {
                treeEntries = 0
                newRunEntries += try lookups.moveTree()
            }
        }
        pendingLookups.removeAll(keepingCapacity: true)
    }

    private enum SQL {
        static let lastSequence = Query(
            """
            select max(
                coalesce((select max(sequence) from change), 0),
                coalesce((select max(revision) from contact), 0),
                coalesce((select max(sequence) from tombstone), 0))
            """
        )
        static let lastContact = Query(
            """
            select max(
                coalesce((select max(id) from contact), 0),
                coalesce((select max(contact) from tombstone), 0),
                coalesce((select value from meta where name = 'contact_floor'), 0))
            """
        )
        static let lastAt = Query("select at_ms from change order by sequence desc limit 1")
    }
}

/// Changes whose words are at hand, so that the search index need not ask the log for them.
enum IndexableChange {
    /// The words of a contact before and after one change.
    case change(contact: Int64, before: String?, after: String?)
    /// Those of a new contact, in UTF-8.
    case created(contact: Int64, words: [UInt8])
    case batch(StoredBatch)

    /// How many sequences it stands for.
    var count: Int {
        switch self {
        case .change, .created: 1
        case .batch(let stored): stored.places.count
        }
    }
}
