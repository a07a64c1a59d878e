//  A filter made ready: where its candidates come from, and what is left to check of each.

import Contacts
import JSON
import Platform

/// What a list shows, as the store finds it.
struct ListRules {
    /// Where the candidates of a page are looked for.
    enum Source {
        /// Among rows most of which are to be shown, in the order of the page, so that only as many are looked at as
        /// fill it. When it turns out that few are, the rest of the page is looked for in `exact`.
        case likely
        /// Where an index has gathered what is to be shown; for common beginnings of words that alone takes long.
        case exact
    }

    private let filter: ContactFilter
    private let email: LookupKey?
    private let words: [String]
    /// The words made ready to compare with documents.
    private let prefixes: WordPrefixes?
    private let expression: String?
    private let usesIndex: Bool
    private let verifiesWords: Bool
    /// No older change can match.
    let oldestRevision: Int64?
    /// The log no longer reaches back to the moment asked for: the contact itself has to tell.
    let verifiesTime: Bool
    /// An expression that finds at least what ``expression`` does, out of the index of short prefixes; empty for the
    /// whole table.
    private let likelyExpression: String?

    init<Access>(_ filter: ContactFilter, in table: ContactTable<Access>) throws(StoreError) {
        self.filter = filter
        email = filter.email.flatMap { LookupKey.email(of: $0) ?? .email($0) }
        words = SearchWords.words(of: filter.text ?? "")
        prefixes = words.isEmpty ? nil : WordPrefixes(words)
        expression = SearchExpression.exact(words)
        usesIndex = expression != nil && !filter.hasContentRule
        likelyExpression = usesIndex && prefixes != nil ? SearchExpression.likely(words) : nil
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
            verifiesWords = !usesIndex || words.count > SearchExpression.longest || isBehind
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

    /// Whether there is a ``Source/likely`` one to begin with.
    var hasLikelySource: Bool {
        if filter.hasContentRule { return false }
        return usesIndex ? likelyExpression != nil : filter.connections?.count == 1
    }

    /// Whether any number of candidates may turn out to be others: last digits say less than a number.
    var hasLooseKeys: Bool { email == nil && !filter.phones.isEmpty }

    /// A statement whose rows are key, connection, revision and document of the candidates, by ascending key; `nil` when
    /// there are none.
    func candidates<Access>(
        _ source: Source,
        after key: Int64,
        in table: ContactTable<Access>
    ) throws(StoreError) -> Candidates? {
        let database = table.database
        let hash = table.shared.lookupHash
        try table.transaction?.flushLookups()
        if let email { return try table.candidates(under: table.wanted([email]), after: key) }
        if !filter.phones.isEmpty { return try table.candidates(under: table.wanted(filter.phones), after: key) }
        if let tag = filter.tag {
            return try table.candidates(under: WantedKeys([Documents.hash("t", tag, hash)]), after: key)
        }
        if let owner = filter.owner {
            return try table.candidates(under: WantedKeys([Documents.hash("o", owner, hash)]), after: key)
        }
        if usesIndex, let expression = source == .likely ? likelyExpression : expression, !expression.isEmpty {
            let statement = try database.statement(ListSQL.search)
            statement.bind(1, expression)
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        if source == .exact, let only = filter.connections?.first, filter.connections?.count == 1 {
            let statement = try database.statement(ListSQL.ofConnection)
            statement.bind(1, only)
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        let statement = try database.statement(ListSQL.all)
        statement.bind(1, key)
        return Candidates(statement: statement)
    }

    /// Whether the source has not already seen to everything; only then ``hold(for:_:from:)`` has something to say.
    func lookAtDocuments(from source: Source) -> Bool {
        filter.hasContentRule || !words.isEmpty && (verifiesWords || source == .likely)
            || verifiesTime && oldestRevision != nil
    }

    /// Whether everything that the source did not already see to holds for a stored document.
    func hold(for document: Span<UInt8>, _ row: ContactRow, from source: Source) throws(StoreError) -> Bool {
        if filter.hasContentRule {
            let holds = try Documents.read(row.key) { () throws(JSONError) in try contentHolds(document) }
            if !holds { return false }
        }
        if verifiesWords || source == .likely, !words.isEmpty, try !wordsHold(document, row) { return false }
        guard let since = filter.updatedSince, isOld(row) else { return true }
        return try Documents.decode(document.withUnsafeBufferPointer { Array($0) }, key: row.key).updatedAt >= since
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

    private func wordsHold(_ document: Span<UInt8>, _ row: ContactRow) throws(StoreError) -> Bool {
        if let prefixes {
            return try Documents.read(row.key) { () throws(JSONError) in try prefixes.hold(in: document) }
        }
        let contact = try Documents.decode(document.withUnsafeBufferPointer { Array($0) }, key: row.key)
        let present = SearchWords.words(of: contact.content.searchText)
        return words.allSatisfy { word in present.contains { $0.hasPrefix(word) } }
    }

    private func isOld(_ row: ContactRow) -> Bool {
        guard verifiesTime, let oldestRevision else { return false }
        return row.revision < oldestRevision
    }
}

/// What FTS5 is asked for the words of a query. A word holds letters and digits only, so that quoting it needs no
/// escapes (FTS5 §3.1).
enum SearchExpression {
    /// So many words are left to the index; more are compared with the documents.
    static let longest = 16

    /// Every word as a prefix; `nil` without a word.
    static func exact(_ words: [String]) -> String? {
        words.isEmpty ? nil : words.prefix(longest).map { prefix($0) }.joined(separator: " ")
    }

    /// The same with words cut down to what the index of short prefixes holds, which is read as far as it is needed,
    /// while FTS5 gathers and sorts all that a longer prefix finds before it gives the first row: 25 ms for a word
    /// that 200,000 contacts have. Words of one letter are in no such index and left out.
    ///
    /// - Returns: `nil` where that is no other expression; an empty one where no word is left.
    static func likely(_ words: [String]) -> String? {
        let short = words.prefix(longest).compactMap { word in
            if isRare(word) { return word }
            let letters = word.unicodeScalars.prefix(3)
            return letters.count < 2 ? nil : String(String.UnicodeScalarView(letters))
        }
        return short == Array(words.prefix(longest)) ? nil : short.map { prefix($0) }.joined(separator: " ")
    }

    /// Numbers and names of mailboxes are as good as unique: a guess that they are common would be lost.
    private static func isRare(_ word: String) -> Bool {
        word.utf8.count >= 7 && word.utf8.contains { $0 &- 48 < 10 }
    }

    private static func prefix(_ word: String) -> String { "\"\(word)\" *" }
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
