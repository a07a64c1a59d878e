//  Contacts under look-up keys with their documents: one hash straight out of the tree, several or
//  with runs that batches have left beside it gathered first.

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
    /// The hash to look for contacts under that may have a key.
    func hash(toFind key: LookupKey) throws(StoreError) -> Int64 {
        // Not all of an older file have the key of its own that a number without E.164 has.
        if case .unplacedDigits(let digits) = key, shared.mayLackKeys,
            try MetaTable(database: database).keysBehind() > 0
        {
            return Documents.hash(.digits(digits), shared.lookupHash)
        }
        return Documents.hash(key, shared.lookupHash)
    }

    /// Contacts after a key that may have one of those hashes; whether they do, their documents tell.
    ///
    /// - Returns: Their rows; `nil` when there are none.
    /// - Throws: ``StoreError``.
    func candidates(under hashes: [Int64], after key: Int64) throws(StoreError) -> Candidates? {
        let lookups = LookupTable(database: database)
        let runs = shared.mayHaveRuns ? try lookups.runs() : []
        if runs.isEmpty, hashes.count == 1 {
            let statement = try database.statement(CandidateSQL.one)
            statement.bind(1, hashes[0])
            statement.bind(2, key)
            return Candidates(statement: statement)
        }
        let found = try lookups.contacts(under: hashes, after: key, limit: CandidateSQL.chunk, in: runs)
        if found.isEmpty { return nil }
        if found.count == 1 {
            let statement = try database.statement(CandidateSQL.single)
            statement.bind(1, found[0])
            return Candidates(statement: statement)
        }
        let statement = try database.statement(CandidateSQL.chosen)
        statement.bind(1, "[\(found.map(String.init).joined(separator: ","))]")
        return Candidates(statement: statement, end: found.count == CandidateSQL.chunk ? found.last : nil)
    }
}

private enum CandidateSQL {
    /// So many contacts are looked up at a time where runs or several hashes have to be asked.
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
