//  Lists of contacts: filters, paged by key, so that nothing that exists throughout is skipped or repeated.

public import Contacts
import JSON
public import Platform

/// Which contacts a list shows. Everything that is set must hold.
public struct ContactFilter: Sendable {
    /// Only of these connections; `nil` for all. Give the visible ones: contacts of removed connections are there too.
    public var connections: Set<Int64>?
    /// Exactly this owner.
    public var owner: String?
    /// This e-mail address, without case.
    public var email: String?
    /// Any of these numbers: ``LookupKey/candidates(for:regions:)``. Empty restricts nothing.
    public var phones: [LookupKey] = []
    /// Every word of this text, each as a prefix. Any text is valid; one without a word restricts nothing.
    public var text: String?
    /// Exactly this tag among the contact's.
    public var tag: String?
    /// Changed at this moment or later.
    public var updatedSince: Timestamp?

    /// A filter that restricts nothing.
    public init() {}

    /// Whether a page may have to look at many contacts that it does not show: then it is better read in the
    /// background than on a loop.
    public var mayScan: Bool {
        updatedSince != nil || (connections?.count ?? 0) > 1
            || text != nil && (email != nil || tag != nil || owner != nil)
    }

    var hasContentRule: Bool { owner != nil || email != nil || !phones.isEmpty || tag != nil }
}

extension ContactTable {
    /// One page of the contacts that a filter shows, in the order of their keys.
    ///
    /// - Parameters:
    ///   - filter: What to show.
    ///   - key: The last key of the page before; zero to begin.
    ///   - limit: At most so many.
    ///   - body: Gets each row with its document, SQLite's own bytes, gone when it returns. It must not read contacts.
    /// - Returns: The key to go on after; `nil` when this page was the last.
    /// - Throws: ``StoreError``, and what the body throws.
    public func list(
        _ filter: ContactFilter,
        after key: Int64,
        limit: Int,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws -> Int64? {
        if filter.connections?.isEmpty == true { return nil }
        let rules = try ListRules(filter, in: self)
        var source = try rules.source(after: key, in: self)
        defer { source.statement.reset() }
        var shown = 0
        var last = key
        // The connection of the row before, which is shown: most rows have the same.
        var shownConnection: Int64?
        while let statement = try source.next({ end throws(StoreError) in try rules.source(after: end, in: self) }) {
            let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
            if row.connection != shownConnection {
                guard filter.connections?.contains(row.connection) != false else { continue }
                shownConnection = row.connection
            }
            if let oldest = rules.oldestRevision, row.revision < oldest, !rules.verifiesTime { continue }
            let isShown = try statement.withBytes(3) { bytes in
                let document = bytes.assumingMemoryBound(to: UInt8.self).span
                guard try rules.hold(for: document, row) else { return false }
                if shown < limit { try body(row, document) }
                return true
            }
            guard isShown else { continue }
            if shown == limit { return last }
            shown += 1
            last = row.key
        }
        return nil
    }

    /// One page of a list, decoded.
    public func list(
        _ filter: ContactFilter,
        after key: Int64 = 0,
        limit: Int
    ) throws -> (contacts: [StoredContact], next: Int64?) {
        var documents: [StoredDocument] = []
        let next = try list(filter, after: key, limit: limit) { row, document in
            documents.append(
                StoredDocument(
                    key: row.key,
                    connection: row.connection,
                    revision: row.revision,
                    document: document.withUnsafeBufferPointer { Array($0) }
                )
            )
        }
        return (try documents.map { try Documents.decode($0) }, next)
    }

    /// Contacts that really have one of the keys, in the order of their contact keys.
    ///
    /// - Parameters:
    ///   - keys: E-mail addresses and numbers; any of them will do.
    ///   - connections: Only of these; `nil` for all.
    ///   - limit: At most so many.
    /// - Returns: The contacts, decoded.
    /// - Throws: ``StoreError``.
    public func matching(
        _ keys: [LookupKey],
        connections: Set<Int64>?,
        limit: Int
    ) throws(StoreError) -> [StoredContact] {
        try transaction?.flushLookups()
        var found: [Int64: StoredContact] = [:]
        for key in keys {
            do {
                try forEachMatch(key, connections: connections, limit: limit) { row, document in
                    guard found[row.key] == nil else { return }
                    let contact = try Documents.decode(document.withUnsafeBufferPointer { Array($0) }, key: row.key)
                    found[row.key] = StoredContact(key: row.key, connection: row.connection, contact: contact)
                }
            } catch let error as StoreError {
                throw error
            } catch {
                throw StoreError(.other, "\(error)")
            }
        }
        return Array(found.values.sorted { $0.key < $1.key }.prefix(limit))
    }

    /// Shows the contacts that really have a key, in the order of their contact keys, as they are stored.
    ///
    /// - Parameters:
    ///   - key: An e-mail address or a number.
    ///   - connections: Only of these; `nil` for all.
    ///   - limit: At most so many.
    ///   - body: Gets each row with its document, SQLite's own bytes, gone when it returns. It must not look up.
    /// - Throws: ``StoreError``, and what the body throws.
    public func forEachMatch(
        _ key: LookupKey,
        connections: Set<Int64>?,
        limit: Int,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws {
        try transaction?.flushLookups()
        let hashes = [Documents.hash(key, shared.lookupHash)]
        var source = try candidates(under: hashes, after: 0)
        defer { source.statement.reset() }
        var shown = 0
        while shown < limit,
            let statement = try source.next({ end throws(StoreError) in try candidates(under: hashes, after: end) })
        {
            let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
            guard connections?.contains(row.connection) != false else { continue }
            try statement.withBytes(3) { bytes in
                let document = bytes.assumingMemoryBound(to: UInt8.self).span
                // Two texts may have one hash, and last digits say less than a number.
                guard
                    try Documents.read(
                        row.key,
                        { () throws(JSONError) in try ContactDocument(document).matches(key) }
                    )
                else { return }
                try body(row, document)
                shown += 1
            }
        }
    }
}

/// A filter made ready: where its candidates come from, and what is left to check of each.
struct ListRules {
    private let filter: ContactFilter
    private let email: LookupKey?
    private let words: [String]
    private let expression: String?
    private let usesIndex: Bool
    private let verifiesWords: Bool
    /// No older change can match.
    let oldestRevision: Int64?
    /// The log no longer reaches back to the moment asked for: the contact itself has to tell.
    let verifiesTime: Bool

    init<Access>(_ filter: ContactFilter, in table: ContactTable<Access>) throws(StoreError) {
        self.filter = filter
        email = filter.email.flatMap { LookupKey.email(of: $0) ?? .email($0) }
        words = SearchWords.words(of: filter.text ?? "")
        expression = SearchIndex<Access>.expression(for: filter.text ?? "")
        usesIndex = expression != nil && !filter.hasContentRule
        let changes = ChangeTable<Access>(
            database: table.database,
            shared: table.shared,
            transaction: table.transaction
        )
        if expression != nil {
            let index = SearchIndex<Access>(
                database: table.database,
                shared: table.shared,
                transaction: table.transaction
            )
            // An index that is behind may still hold words that a contact no longer has.
            let isBehind = try index.position() < changes.last()
            verifiesWords = !usesIndex || words.count > 16 || isBehind
        } else {
            verifiesWords = false
        }
        if let since = filter.updatedSince {
            let first = try changes.first(notBefore: since)
            oldestRevision = first
            verifiesTime = try first <= changes.horizon() + 1
        } else {
            oldestRevision = nil
            verifiesTime = false
        }
    }

    /// A statement whose rows are key, connection, revision and document of the candidates, by ascending key.
    func source<Access>(after key: Int64, in table: ContactTable<Access>) throws(StoreError) -> Candidates {
        let database = table.database
        let hash = table.shared.lookupHash
        try table.transaction?.flushLookups()
        if let email { return try table.candidates(under: [Documents.hash(email, hash)], after: key) }
        if !filter.phones.isEmpty {
            return try table.candidates(under: filter.phones.map { Documents.hash($0, hash) }, after: key)
        }
        if let tag = filter.tag { return try table.candidates(under: [Documents.hash("t", tag, hash)], after: key) }
        if let owner = filter.owner {
            return try table.candidates(under: [Documents.hash("o", owner, hash)], after: key)
        }
        if let expression, usesIndex {
            let statement = try database.statement(ListSQL.search)
            statement.bind(1, expression)
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        if let only = filter.connections?.first, filter.connections?.count == 1 {
            let statement = try database.statement(ListSQL.ofConnection)
            statement.bind(1, only)
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        let statement = try database.statement(ListSQL.all)
        statement.bind(1, key)
        return Candidates(statement: statement)
    }

    /// Whether everything that the source did not already see to holds for a stored document.
    func hold(for document: Span<UInt8>, _ row: ContactRow) throws(StoreError) -> Bool {
        if filter.hasContentRule {
            let holds = try Documents.read(row.key) { () throws(JSONError) in try contentHolds(document) }
            if !holds { return false }
        }
        guard verifiesWords || isOld(row) else { return true }
        let contact = try Documents.decode(document.withUnsafeBufferPointer { Array($0) }, key: row.key)
        if let since = filter.updatedSince, isOld(row), contact.updatedAt < since { return false }
        if verifiesWords {
            let present = SearchWords.words(of: contact.content.searchText)
            return words.allSatisfy { word in present.contains { $0.hasPrefix(word) } }
        }
        return true
    }

    private func contentHolds(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        let document = ContactDocument(bytes)
        if let email, try !document.matches(email) { return false }
        if !filter.phones.isEmpty {
            var isFound = false
            for phone in filter.phones where !isFound { isFound = try document.matches(phone) }
            if !isFound { return false }
        }
        if let tag = filter.tag, try !document.has(tag: tag) { return false }
        if let owner = filter.owner, try !document.has(owner: owner) { return false }
        return true
    }

    private func isOld(_ row: ContactRow) -> Bool {
        guard verifiesTime, let oldestRevision else { return false }
        return row.revision < oldestRevision
    }
}

private enum ListSQL {
    static let all = Query("select id, connection, revision, doc from contact where id > ? order by id")
    static let ofConnection = Query(
        "select id, connection, revision, doc from contact where connection = ? and id > ? order by id"
    )
    static let search = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   search s
        cross  join contact c on c.id = s.rowid
        where  s.search match ? and s.rowid > ?
        order  by s.rowid
        """
    )
}
