//  The full-text index, built behind the log of changes.

import Contacts
import Platform

/// The contentless FTS5 index. It cannot say what it holds, so whatever goes out must be given exactly as it went in:
/// the words of the contact as of ``position()``, which the log can always tell.
public struct SearchIndex<Access> {
    let database: Database
    let shared: SharedState
    var transaction: Transaction?

    /// With at most so many changes in one group of writes, a batch counting as one, the index follows at once, so that
    /// a contact is found as soon as it is answered; with more it follows when nothing else waits.
    static var inlineLimit: Int { 256 }
}

extension SearchIndex {
    /// The index holds every contact as of this sequence.
    public func position() throws(StoreError) -> Int64 {
        if let transaction { return transaction.searchPosition }
        return try MetaTable(database: database).searchPosition()
    }

    /// Whether a search would find what was committed up to a sequence.
    public func isCaughtUp(with sequence: Int64) throws(StoreError) -> Bool { try position() >= sequence }

}

extension SearchIndex where Access == Writing {
    /// At the end of a group: follows at once when the index was up to date before it and the group is small.
    func followGroup() throws(StoreError) {
        guard let transaction, !transaction.indexable.isEmpty else { return }
        let changes = transaction.indexable
        guard changes.count < Self.inlineLimit, transaction.indexableEnd == transaction.sequence else { return }
        for change in changes {
            switch change {
            case .change(let contact, let before, let after): try replace(contact, before, after)
            case .created(let contact, let words):
                let add = try database.statement(SearchSQL.add)
                add.bind(1, contact)
                try add.run(with: words.span, at: 2)
            case .batch(let stored): try add(stored)
            }
        }
        try moved(to: transaction.sequence)
    }

    private func add(_ stored: StoredBatch) throws(StoreError) {
        let add = try database.statement(SearchSQL.add)
        for (number, place) in stored.places.enumerated() {
            add.bind(1, stored.firstKey + Int64(number))
            try add.run(with: stored.batch.bytes.span.extracting(stored.batch.items[place].words), at: 2)
        }
    }

    /// Takes in the next changes of the log.
    func follow(changes limit: Int) throws(StoreError) {
        guard let transaction, transaction.searchPosition < transaction.sequence else { return }
        let start = transaction.searchPosition
        let rows = try database.rows(SearchSQL.next, start, limit) { ($0.int(0), $0.int(1), $0.int(2)) }
        guard let end = rows.last?.0 else {
            // Purged connections leave no contacts behind their changes; nothing is left to follow.
            return try moved(to: transaction.sequence)
        }
        let history = ContactHistory(database: database)
        var done = Set<Int64>(minimumCapacity: rows.count)
        for (_, contact, prior) in rows where done.insert(contact).inserted {
            let before = prior == 0 ? nil : try words(history.document(of: contact, at: start), contact)
            let after = try words(history.document(of: contact, at: end), contact)
            try replace(contact, before, after)
        }
        try moved(to: end)
    }

    /// Lets FTS5 look for contradictions in the index (§6.6).
    ///
    /// - Returns: What it found; `nil` for none.
    public func check() throws(StoreError) -> String? {
        do throws(StoreError) { try database.run(SearchSQL.check) } catch {
            guard error.code == .corrupt else { throw error }
            return error.message
        }
        return nil
    }

    func remove(_ contact: Int64, _ words: String) throws(StoreError) { try replace(contact, words, nil) }

    private func replace(_ contact: Int64, _ before: String?, _ after: String?) throws(StoreError) {
        if before == after { return }
        if let before { try database.run(SearchSQL.remove, contact, before) }
        if let after { try database.run(SearchSQL.add, contact, after) }
    }

    private func words(_ document: [UInt8]?, _ contact: Int64) throws(StoreError) -> String? {
        guard let document else { return nil }
        return Documents.searchWords(try Documents.decode(document, key: contact).content)
    }

    private func moved(to sequence: Int64) throws(StoreError) {
        try MetaTable(database: database).setSearchPosition(sequence)
        transaction?.searchPosition = sequence
    }
}

enum SearchSQL {
    static let next = Query("select sequence, contact, prior from change where sequence > ? order by sequence limit ?")
    static let add = Query("insert into search (rowid, words) values (?, ?)")
    static let remove = Query("insert into search (search, rowid, words) values ('delete', ?, ?)")
    static let check = Query("insert into search (search) values ('integrity-check')")
}
