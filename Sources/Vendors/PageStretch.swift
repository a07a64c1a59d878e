//  Pages that are read one after the other: how many are wanted at a time, and what came of asking for them.

import Platform

/// How much is wanted at a time; whatever is spent first ends it.
public struct PageBudget: Sendable {
    /// Most pages.
    public var pages: Int
    /// Bytes of records.
    public var bytes: Int
    /// When to be content with what has come, in ``Monotonic`` milliseconds.
    public var endsAt: Int64

    /// A budget that begins now.
    public init(pages: Int, bytes: Int, milliseconds: Int64) {
        self.pages = pages
        self.bytes = bytes
        endsAt = Monotonic.milliseconds() + milliseconds
    }

    func isSpent(by stretch: PageStretch) -> Bool {
        stretch.pages.count >= pages || stretch.bytes >= bytes || Monotonic.milliseconds() >= endsAt
    }
}

/// Some pages in a row.
public struct PageStretch: Sendable {
    /// In the vendor's order; each has the cursor of the one after it.
    public private(set) var pages: [RecordPage] = []
    /// Why the page after them could not be read; `nil` where none was wanted.
    public var error: VendorError?
    private(set) var bytes = 0

    /// No page yet.
    public init() {}

    /// Adds the next page.
    public mutating func append(_ page: RecordPage) {
        pages.append(page)
        bytes += page.unread?.size ?? page.records.reduce(0) { $0 + $1.bytes.count }
    }

    /// Reads at least one page, then others until the budget is spent or the list ends. Each is asked for when the one
    /// before is here.
    public init(
        after cursor: Cursor?,
        within budget: PageBudget,
        _ page: (Cursor?) async throws(VendorError) -> RecordPage
    ) async {
        self.init()
        var cursor = cursor
        do throws(VendorError) {
            repeat {
                let found = try await page(cursor)
                append(found)
                cursor = found.next
            } while cursor != nil && !budget.isSpent(by: self)
        } catch {
            self.error = error
        }
    }
}

extension ContactListing {
    /// One page after the other.
    public func pages(after cursor: Cursor?, within budget: PageBudget) async -> PageStretch {
        await onePageAtATime(after: cursor, within: budget)
    }

    func onePageAtATime(after cursor: Cursor?, within budget: PageBudget) async -> PageStretch {
        await PageStretch(after: cursor, within: budget) { (cursor) throws(VendorError) in
            try await contacts(after: cursor)
        }
    }
}
