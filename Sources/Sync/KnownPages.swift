//  The pages of a connection's list as they were last read: one that comes again byte for byte is passed over whole.

import Store
import Vendors

/// Pages whose every record was stored as it stands in them, by the fingerprint of their text, each with the contacts
/// that its records stand for. Kept in memory between the full runs of a connection.
struct KnownPages: Sendable {
    /// Keys are given out one after the other, so that a page's contacts are mostly one stretch. A list in quite another
    /// order is not worth remembering: its records are told by their hashes.
    private static let mostStretches = 1 << 16
    /// Beyond so many changes since a run it is cheaper to read everything once more.
    private static let mostTouched = 10_000

    private var pages: [UInt64: [Range<Int64>]] = [:]
    private var size = 0
    /// Everything here holds as of this sequence, and after so many relinks.
    private(set) var asOf: Int64 = 0
    private var relinks: Int64 = 0
    /// The connection's contacts as of then; `nil` where they have to be read.
    var everyone: KeySet?

    /// Nothing known, as of a moment.
    init(asOf: Int64 = 0, relinks: Int64 = 0) {
        self.asOf = asOf
        self.relinks = relinks
    }

    /// The contacts of a page's records; `nil` for a page that is not known.
    func contacts(of list: UnreadRecords) -> [Range<Int64>]? { pages[list.fingerprint] }

    /// Whether nothing of a batch has to be read.
    func hold(_ batch: IngestBatch) -> Bool {
        batch.pages.allSatisfy { $0.page.records.isEmpty && $0.page.unread.map { contacts(of: $0) != nil } ?? true }
    }

    /// Remembers a page.
    mutating func remember(_ page: ReadPage) {
        guard size + page.contacts.count <= Self.mostStretches else { return }
        size += page.contacts.count - (pages.updateValue(page.contacts, forKey: page.fingerprint)?.count ?? 0)
    }

    /// A memory of the same moment and the same contacts without any page.
    var withoutPages: KnownPages {
        var pages = KnownPages(asOf: asOf, relinks: relinks)
        pages.everyone = everyone
        return pages
    }

    /// What of this holds now: without the pages of contacts that were changed or deleted since.
    func current(of connection: Int64, in store: Store) async throws -> KnownPages {
        let relinksNow = store.relinks
        return try await store.readAtLeisure { snapshot in
            var known = KnownPages(asOf: try snapshot.changes.last(), relinks: relinksNow)
            guard
                let everyone,
                let (changed, deleted) = try snapshot.contacts.touched(
                    after: asOf,
                    connection: connection,
                    most: Self.mostTouched
                )
            else { return known }
            var now = everyone
            now.formUnion(changed)
            now.subtract(deleted)
            known.everyone = now
            guard relinks == relinksNow else { return known }
            for (fingerprint, contacts) in pages
            where !contacts.contains(where: { changed.intersects($0) || deleted.intersects($0) }) {
                known.remember(ReadPage(fingerprint: fingerprint, contacts: contacts))
            }
            return known
        }
    }

    /// Takes note that a run of this connection has ended which saw these contacts and created so many of them since
    /// ``asOf``. Where that is all that has happened, all of this holds as of now; after any other change, the run's own
    /// included, a page may have been overtaken.
    mutating func hold(afterCreating count: Int, seen: KeySet, in store: Store) {
        let sequence = store.lastSequence
        guard sequence == asOf + Int64(count) else { return }
        asOf = sequence
        everyone?.formUnion(seen)
    }
}

/// What was known of a connection's records when a run began to list them.
struct KnownList: Sendable {
    var pages = KnownPages()
    /// Read once there is a page that is not as it was.
    var records: KnownRecords?

    /// With the records, where the batch needs them.
    func learning(for batch: IngestBatch, of connection: Int64, in store: Store) async throws -> KnownList {
        guard records == nil, !pages.hold(batch) else { return self }
        var list = self
        list.records = try await store.readAtLeisure { snapshot in
            try snapshot.links.known(connection: connection, asOf: snapshot.changes.last())
        }
        return list
    }
}

/// A page whose records are all stored as they stand in it.
struct ReadPage: Sendable {
    var fingerprint: UInt64
    /// The contacts that they stand for.
    var contacts: [Range<Int64>]
}
