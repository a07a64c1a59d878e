//  Lists of contacts: filters, paged by key, so that nothing that exists throughout is skipped or repeated.

public import Contacts
public import Platform

/// Which contacts a list shows. Everything that is set must hold.
public struct ContactFilter: Sendable {
    /// Only of these connections; `nil` for all. Give the visible ones: contacts of removed connections are there too.
    public var connections: Set<Int64>?
    /// Exactly this owner.
    public var owner: String?
    /// This e-mail address, without case.
    public var email: String?
    /// Any of these numbers: ``LookupKey/candidates(for:region:)``. Empty restricts nothing.
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
        let statement = try rules.source(after: key, in: self)
        defer { statement.reset() }
        var shown = 0
        var last = key
        while try statement.step() {
            let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
            guard filter.connections?.contains(row.connection) != false else { continue }
            if let oldest = rules.oldestRevision, row.revision < oldest, !rules.verifiesTime { continue }
            if rules.needsContact(row) {
                let contact = try Documents.decode(statement.bytes(3), key: row.key)
                guard rules.holds(for: contact, row) else { continue }
            }
            if shown == limit { return last }
            try statement.withBytes(3) { try body(row, $0.assumingMemoryBound(to: UInt8.self).span) }
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
            let hash = Documents.hash(key, shared.lookupHash)
            // Twice as many as wanted leaves room for other connections' and for the rare collision.
            let candidates = try database.rows(ListSQL.lookup, hash, limit * 2 + 16) { row in
                StoredDocument(key: row.int(0), connection: row.int(1), revision: row.int(2), document: row.bytes(3))
            }
            for candidate in candidates
            where found[candidate.key] == nil && connections?.contains(candidate.connection) != false {
                let stored = try Documents.decode(candidate)
                if stored.contact.content.matches(key) { found[candidate.key] = stored }
            }
        }
        return Array(found.values.sorted { $0.key < $1.key }.prefix(limit))
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
        let index = SearchIndex<Access>(database: table.database, shared: table.shared, transaction: table.transaction)
        // An index that is behind may still hold words that a contact no longer has.
        let isBehind = try index.position() < changes.last()
        verifiesWords = expression != nil && (!usesIndex || words.count > 16 || isBehind)
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
    func source<Access>(after key: Int64, in table: ContactTable<Access>) throws(StoreError) -> Statement {
        let database = table.database
        let hash = table.shared.lookupHash
        try table.transaction?.flushLookups()
        if let email { return try lookup(Documents.hash(email, hash), key, database) }
        if !filter.phones.isEmpty {
            let hashes = filter.phones.map { Documents.hash($0, hash) }
            if hashes.count == 1 { return try lookup(hashes[0], key, database) }
            let statement = try database.statement(ListSQL.lookupAny)
            // Unused places repeat the first key.
            for place in 0..<8 { statement.bind(Int32(place + 1), hashes.count > place ? hashes[place] : hashes[0]) }
            statement.bind(9, key)
            return statement
        }
        if let tag = filter.tag { return try lookup(Documents.hash("t", tag, hash), key, database) }
        if let owner = filter.owner { return try lookup(Documents.hash("o", owner, hash), key, database) }
        if let expression, usesIndex {
            let statement = try database.statement(ListSQL.search)
            statement.bind(1, expression)
            statement.bind(2, key)
            return statement
        }
        if let only = filter.connections?.first, filter.connections?.count == 1 {
            let statement = try database.statement(ListSQL.ofConnection)
            statement.bind(1, only)
            statement.bind(2, key)
            return statement
        }
        let statement = try database.statement(ListSQL.all)
        statement.bind(1, key)
        return statement
    }

    func needsContact(_ row: ContactRow) -> Bool {
        filter.hasContentRule || verifiesWords || isOld(row)
    }

    func holds(for contact: Contact, _ row: ContactRow) -> Bool {
        let content = contact.content
        if let email, !content.matches(email) { return false }
        if !filter.phones.isEmpty, !filter.phones.contains(where: { content.matches($0) }) { return false }
        if let tag = filter.tag, !content.tags.contains(tag) { return false }
        if let owner = filter.owner, content.owner != owner { return false }
        if let since = filter.updatedSince, isOld(row), contact.updatedAt < since { return false }
        if verifiesWords {
            let present = SearchWords.words(of: content.searchText)
            return words.allSatisfy { word in present.contains { $0.hasPrefix(word) } }
        }
        return true
    }

    private func isOld(_ row: ContactRow) -> Bool {
        guard verifiesTime, let oldestRevision else { return false }
        return row.revision < oldestRevision
    }

    private func lookup(_ hash: Int64, _ key: Int64, _ database: Database) throws(StoreError) -> Statement {
        let statement = try database.statement(ListSQL.lookupPage)
        statement.bind(1, hash)
        statement.bind(2, key)
        return statement
    }
}

private enum ListSQL {
    static let all = Query("select id, connection, revision, doc from contact where id > ? order by id")
    static let ofConnection = Query(
        "select id, connection, revision, doc from contact where connection = ? and id > ? order by id"
    )
    static let lookupPage = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   lookup l
        cross  join contact c on c.id = l.contact
        where  l.key = ? and l.contact > ?
        order  by l.contact
        """
    )
    static let lookupAny = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   (select distinct contact from lookup where key in (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) and contact > ?9) l
        cross  join contact c on c.id = l.contact
        order  by l.contact
        """
    )
    static let lookup = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   lookup l
        cross  join contact c on c.id = l.contact
        where  l.key = ?
        order  by l.contact
        limit  ?
        """
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
