//  What one read connection sees.

import Synchronization

/// A read connection of one thread, and the tables through it. Between ``begin()`` and ``end()`` all reads see one
/// state; without them every read sees the latest.
public final class Snapshot {
    let database: Database
    let shared: SharedState
    private var version: UInt64?

    init(database: Database, shared: SharedState) {
        self.database = database
        self.shared = shared
        contacts = ContactTable(database: database, shared: shared)
    }

    /// Starts a batch: one read transaction instead of one for each look-up. Keep it to one turn of the loop, for as
    /// long as it lasts no checkpoint can start the log anew.
    public func begin() throws(StoreError) {
        guard version == nil else { return }
        // Taken before the transaction: the state may be newer than the number, never older.
        version = shared.committedVersion
        do throws(StoreError) { try database.statement(SQL.begin).run() } catch {
            version = nil
            throw error
        }
        database.see(oneState: true)
    }

    /// Counts the store's commits; what is read in this batch is as of this number, or newer.
    public var committedVersion: UInt64 { version ?? shared.committedVersion }

    /// Ends the batch.
    public func end() {
        guard version != nil else { return }
        version = nil
        database.see(oneState: false)
        // COMMIT of a read transaction has nothing to do that could fail.
        try? database.statement(SQL.commit).run()
    }

    /// Starts the batch's transaction anew when something was committed since: call it before each look-up of a
    /// batch, so that a client reads what it wrote. Costs one atomic load when nothing was.
    @inline(__always)
    public func refresh() throws(StoreError) {
        guard let version, version != shared.committedVersion else { return }
        try restart()
    }

    @inline(never)
    private func restart() throws(StoreError) {
        end()
        try begin()
    }

    /// Contacts, by id, by walk and by filter.
    public let contacts: ContactTable<Reading>
    /// The log of changes.
    public var changes: ChangeTable<Reading> { ChangeTable(database: database, shared: shared) }
    /// Vendors' ids.
    public var links: LinkTable<Reading> { LinkTable(database: database) }
    /// Connections, with what synchronisation remembers of them.
    public var connections: ConnectionTable<Reading> { ConnectionTable(database: database) }
    /// Synchronisation runs.
    public var runs: RunTable<Reading> { RunTable(database: database) }
    /// Records that were set aside.
    public var quarantine: QuarantineTable<Reading> { QuarantineTable(database: database) }
    /// Registered webhooks.
    public var webhooks: WebhookTable<Reading> { WebhookTable(database: database) }
    /// Deliveries and their attempts.
    public var deliveries: DeliveryTable<Reading> { DeliveryTable(database: database) }
    /// System events.
    public var events: EventTable<Reading> { EventTable(database: database) }
    /// Writes that wait for a vendor.
    public var writes: WriteTable<Reading> { WriteTable(database: database) }
    /// The full-text index.
    public var search: SearchIndex<Reading> { SearchIndex(database: database, shared: shared) }

    private enum SQL {
        static let begin = Query("begin")
        static let commit = Query("commit")
    }
}

/// Marks a table that can only be read.
public enum Reading {}

/// Marks a table inside a transaction of the writer.
public enum Writing {}
