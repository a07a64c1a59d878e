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
    /// - Returns: The key to go on after; `nil` when this page was the last. A page by phone numbers may end before it
    ///   is full where many numbers have the same last digits in E.164 alone.
    /// - Throws: ``StoreError``, and what the body throws.
    public func list(
        _ filter: ContactFilter,
        after key: Int64,
        limit: Int,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws -> Int64? {
        if filter.connections?.isEmpty == true { return nil }
        let rules = try ListRules(filter, in: self)
        var page = ListPage(position: key, last: key, limit: limit)
        var end = PageEnd.sparse
        if rules.hasLikelySource { end = try fill(&page, from: .likely, filter, rules, body) }
        if end == .sparse { end = try fill(&page, from: .exact, filter, rules, body) }
        return switch end {
        case .full: page.last
        case .enough: page.position
        case .ended, .sparse: nil
        }
    }

    /// Shows rows of one source until the page is full or nothing is left.
    private func fill(
        _ page: inout ListPage,
        from source: ListRules.Source,
        _ filter: ContactFilter,
        _ rules: ListRules,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws -> PageEnd {
        guard var candidates = try rules.candidates(source, after: page.position, in: self) else { return .ended }
        defer { candidates.statement.reset() }
        var seen = 0
        let shownBefore = page.shown
        let hasLooseKeys = rules.hasLooseKeys
        let looksAtDocuments = rules.lookAtDocuments(from: source)
        // The connection of the row before, which is shown: most rows have the same.
        var shownConnection: Int64?
        while true {
            let statement = candidates.statement
            while try statement.step() {
                // One row in sixteen would still be worth it.
                if source == .likely, seen >= 16, (page.shown - shownBefore) * 16 < seen { return .sparse }
                if hasLooseKeys, seen - page.shown == LookThrough.documents { return .enough }
                seen += 1
                let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
                defer { page.position = row.key }
                if row.connection != shownConnection {
                    guard filter.connections?.contains(row.connection) != false else { continue }
                    shownConnection = row.connection
                }
                if let oldest = rules.oldestRevision, row.revision < oldest, !rules.verifiesTime { continue }
                let isShown = try statement.withBytes(3) { bytes in
                    let document = bytes.assumingMemoryBound(to: UInt8.self).span
                    if looksAtDocuments, try !rules.hold(for: document, row, from: source) { return false }
                    if page.shown < page.limit { try body(row, document) }
                    return true
                }
                guard isShown else { continue }
                if page.shown == page.limit { return .full }
                page.shown += 1
                page.last = row.key
            }
            statement.reset()
            guard let end = candidates.end, let next = try rules.candidates(source, after: end, in: self) else {
                return .ended
            }
            candidates = next
        }
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
    ) throws -> [StoredContact] {
        var found: [Int64: StoredContact] = [:]
        for key in keys {
            try forEachMatch(key, connections: connections, limit: limit) { row, document in
                guard found[row.key] == nil else { return }
                let contact = try Documents.decode(document.withUnsafeBufferPointer { Array($0) }, key: row.key)
                found[row.key] = StoredContact(key: row.key, connection: row.connection, contact: contact)
            }
        }
        return Array(found.values.sorted { $0.key < $1.key }.prefix(limit))
    }

    /// Shows the contacts that really have one of some keys, as they are stored, key after key: a contact that has two
    /// of them may be shown twice. Where many numbers have the same last digits in E.164 alone, the candidates behind
    /// ``LookThrough/documents`` others are not looked at.
    ///
    /// - Parameters:
    ///   - keys: E-mail addresses or numbers, the most exact ones first.
    ///   - connections: Only of these; `nil` for all.
    ///   - limit: At most so many for each key.
    ///   - most: Contacts of other connections that are passed over for each key before its search ends.
    ///   - body: Gets each row with its document, SQLite's own bytes, gone when it returns. It must not look up.
    /// - Throws: ``StoreError``, and what the body throws.
    public func forEachMatch(
        of keys: [LookupKey],
        connections: Set<Int64>?,
        limit: Int,
        passingOver most: Int = .max,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws {
        try transaction?.flushLookups()
        // Mostly there is one at all, which one look tells.
        guard keys.count > 1, let only = try onlyCandidate(under: wanted(keys)) else {
            for key in keys {
                try forEachMatch(key, connections: connections, limit: limit, passingOver: most, body)
            }
            return
        }
        let statement = only.statement
        defer { statement.reset() }
        guard limit > 0, try statement.step() else { return }
        let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
        guard connections?.contains(row.connection) != false else { return }
        try statement.withBytes(3) { bytes in
            let document = bytes.assumingMemoryBound(to: UInt8.self).span
            for key in keys {
                if try matches(key, row, document) { return try body(row, document) }
            }
        }
    }

    /// The same for one key, in the order of their contact keys.
    func forEachMatch(
        _ key: LookupKey,
        connections: Set<Int64>?,
        limit: Int,
        passingOver most: Int = .max,
        _ body: (ContactRow, Span<UInt8>) throws -> Void
    ) throws {
        try transaction?.flushLookups()
        let wanted = try wanted([key])
        guard var source = try candidates(under: wanted, after: 0) else { return }
        defer { source.statement.reset() }
        var shown = 0
        var others = 0
        var passedOver = 0
        while shown < limit, others < LookThrough.documents, passedOver < most,
            let statement = try source.next({ end throws(StoreError) in try candidates(under: wanted, after: end) })
        {
            let row = ContactRow(key: statement.int(0), connection: statement.int(1), revision: statement.int(2))
            guard connections?.contains(row.connection) != false else {
                passedOver += 1
                continue
            }
            try statement.withBytes(3) { bytes in
                let document = bytes.assumingMemoryBound(to: UInt8.self).span
                guard try matches(key, row, document) else {
                    others += 1
                    return
                }
                try body(row, document)
                shown += 1
            }
        }
    }

    /// Whether a contact really has a key: two texts may have one hash, and last digits say less than a number.
    private func matches(_ key: LookupKey, _ row: ContactRow, _ document: Span<UInt8>) throws(StoreError) -> Bool {
        try Documents.read(row.key) { () throws(JSONError) in try ContactDocument(document).matches(key) }
    }
}

/// How far candidates that turn out to be others are looked through.
enum LookThrough {
    /// So many documents of contacts that stand under a number's last digits and have not written it so: their E.164 ends
    /// like it, or ``KeyUpgrade`` has not come to them.
    static let documents = 500
}

/// A page of a list that is being filled.
private struct ListPage {
    /// The last key that was looked at.
    var position: Int64
    /// The last key that was shown.
    var last: Int64
    var shown = 0
    let limit: Int
}

/// Why no more rows of a source were looked at.
private enum PageEnd {
    /// The page is full, and more would follow.
    case full
    case ended
    /// More candidates follow, but enough were looked at for one page.
    case enough
    /// Few of the rows were to be shown.
    case sparse
}
