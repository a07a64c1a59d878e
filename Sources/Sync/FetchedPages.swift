//  Pages of a walk as they come in, and what a pass over them has named.

import Store
import Vendors

/// A stretch of pages from the vendor: the next one is fetched while the ones before are stored.
struct FetchedPages: Sendable {
    typealias Fetch = @Sendable (Cursor?, PageBudget) async -> PageStretch

    /// With so many bytes a stretch is long enough, however few its pages.
    private static let mostBytes = 4 << 20

    let batch: IngestBatch
    let tombstones: [String]
    let mark: String?
    let total: Int?
    /// What ended the walk behind these pages.
    let error: VendorError?

    /// Fetches up to so many pages, or as many as a second brings.
    init(_ fetch: Fetch, from start: Cursor?, upTo pages: Int, beside store: Store) async {
        let askedAt = store.lastSequence
        let budget = PageBudget(pages: pages, bytes: Self.mostBytes, milliseconds: 1000)
        let stretch = await fetch(start, budget)
        var batch = IngestBatch()
        batch.pages = stretch.pages.map { IngestBatch.Page(page: $0, askedAt: askedAt) }
        batch.next = stretch.pages.isEmpty ? start : stretch.pages.last?.next
        self.batch = batch
        tombstones = stretch.pages.flatMap(\.deleted)
        mark = stretch.pages.last { $0.mark != nil }?.mark?.text
        total = stretch.pages.last { $0.total != nil }?.total
        error = stretch.error
    }
}

/// What one pass over a list has named.
struct PassNames {
    var contacts = KeySet()
    var strangers: Set<ExactID> = []
    var idle = 0

    var count: Int { contacts.count + strangers.count }

    mutating func add(_ result: IngestResult) -> Int {
        let before = count
        contacts.formUnion(result.contacts)
        strangers.formUnion(result.strangers.lazy.map(ExactID.init))
        return count - before
    }
}
