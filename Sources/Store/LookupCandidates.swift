//  Contacts under look-up keys with their documents: one key straight out of the tree, several or with runs beside it
//  gathered first.

import Contacts
import Platform

/// Rows of key, connection, revision and document by ascending key.
struct Candidates {
    var statement: Statement
    /// Where to ask for more when the rows are used up; `nil` when there are no more.
    var end: Int64?

    /// Steps to the next row.
    ///
    /// - Parameter more: Asks for candidates from there on; `nil` when there are none.
    /// - Returns: The statement that has the row; `nil` when there is none.
    /// - Throws: ``StoreError``.
    @inline(__always)
    mutating func next(_ more: (Int64) throws(StoreError) -> Candidates?) throws(StoreError) -> Statement? {
        while try !statement.step() {
            statement.reset()
            guard let end, let next = try more(end) else { return nil }
            self = next
        }
        return statement
    }
}

extension ContactTable {
    /// Whether that contact of an older file, or one before it, still has the keys of then.
    func hasFormerKeys(from contact: Int64 = 1) throws(StoreError) -> Bool {
        shared.mayHaveFormerKeys ? try MetaTable(database: database).keysBehind() >= contact : false
    }

    /// What to look for to find contacts that may have one of those keys.
    func wanted(_ keys: [LookupKey]) throws(StoreError) -> WantedKeys {
        let hash = shared.lookupHash
        let hasFormerKeys = try hasFormerKeys()
        var wanted = WantedKeys()
        for key in keys {
            switch key {
            case .email(let address): wanted.insert(Documents.hash("e", address, hash))
            case .e164(let number):
                wanted.insert(NumberKeys(endingIn: LookupKey.lastDigits(of: number) ?? "", hash).of(number))
                if hasFormerKeys { wanted.insert(Documents.formerKey(e164: number, hash)) }
            case .digits(let digits):
                wanted.stretches.append(NumberKeys(endingIn: digits, hash).all)
                if hasFormerKeys { wanted.insert(Documents.formerKey(digits: digits, hash)) }
            case .unplacedDigits(let digits):
                wanted.insert(NumberKeys(endingIn: digits, hash).unplaced)
                if hasFormerKeys { wanted.insert(Documents.formerKey(digits: digits, hash)) }
            }
        }
        return wanted
    }

    /// Contacts after a key that may have one of those keys; whether they do, their documents tell.
    ///
    /// - Returns: Their rows; `nil` when there are none.
    /// - Throws: ``StoreError``.
    func candidates(under wanted: WantedKeys, after key: Int64) throws(StoreError) -> Candidates? {
        let lookups = LookupTable(database: database)
        let runs = try lookups.runs()
        if runs.isEmpty, let only = wanted.only {
            let statement = try database.statement(CandidateSQL.one)
            statement.bind(1, only)
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        let found = try lookups.contacts(under: wanted, after: key, limit: CandidateSQL.chunk, in: runs)
        if found.isEmpty { return nil }
        if found.count == 1 { return try candidate(found[0]) }
        let statement = try database.statement(CandidateSQL.chosen)
        statement.bind(1, "[\(found.map(String.init).joined(separator: ","))]")
        return Candidates(statement: statement, end: found.count == CandidateSQL.chunk ? found.last : nil)
    }

    /// The contact that alone may have one of several keys.
    ///
    /// - Returns: Its row, or none where there is nobody; `nil` where there may be more than one.
    /// - Throws: ``StoreError``.
    func onlyCandidate(under wanted: WantedKeys) throws(StoreError) -> Candidates? {
        let lookups = LookupTable(database: database)
        let runs = try lookups.runs()
        let found = try lookups.contacts(under: wanted, after: 0, limit: 2, in: runs)
        return found.count > 1 ? nil : try candidate(found.first ?? 0)
    }

    private func candidate(_ key: Int64) throws(StoreError) -> Candidates {
        let statement = try database.statement(CandidateSQL.single)
        statement.bind(1, key)
        return Candidates(statement: statement)
    }
}

private enum CandidateSQL {
    /// So many contacts are looked up at a time where runs or several keys have to be asked.
    static let chunk = 2000
    static let one = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   lookup l
        cross  join contact c on c.id = l.contact
        where  l.key = ? and l.contact > ?
        order  by l.contact
        """
    )
    static let single = Query("select id, connection, revision, doc from contact where id = ?")
    static let chosen = Query(
        """
        select c.id, c.connection, c.revision, c.doc
        from   json_each(?1) j
        cross  join contact c on c.id = j.value
        """
    )
}
