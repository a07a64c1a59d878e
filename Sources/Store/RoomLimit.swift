//  A full disk for tests: to SQLite a limit of pages is the same, and it needs no mount.

@_spi(Testing) extension Transaction {
    /// Leaves room for a hundred more pages, or takes the limit away.
    public func limitPages(_ isLimited: Bool) throws(StoreError) {
        let pages = try database.number(SQL.pageCount)
        try database.execute("pragma max_page_count = \(isLimited ? pages + 100 : 1_073_741_823)")
    }

    private enum SQL {
        static let pageCount = Query("pragma page_count")
    }
}
