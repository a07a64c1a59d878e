//  Contacts that an earlier program stored have other keys of their numbers: they get today's behind everything else.

import Contacts

/// Gives the contacts of an older file ``NumberKeys`` for the keys of then, from the newest down. How far it has come is
/// in `meta` and commits with what it did, so that it goes on after a restart; until it is through, numbers are looked
/// for under both.
struct KeyUpgrade {
    let transaction: Transaction
    let database: Database
    let shared: SharedState

    /// Looks through some contacts.
    ///
    /// - Returns: Whether none is left.
    func advance(contacts limit: Int) throws(StoreError) -> Bool {
        let meta = MetaTable(database: database)
        let rows = try database.rows(SQL.contacts, meta.keysBehind(), limit) { (key: $0.int(0), document: $0.bytes(1)) }
        for row in rows {
            // By a document that cannot be read nobody is found anyway; reading the contact tells.
            guard let contact = try? Documents.decode(row.document, key: row.key) else { continue }
            try renew(row.key, contact.content)
        }
        try transaction.flushLookups()
        let isDone = rows.count < limit
        try meta.setKeysBehind(isDone ? 0 : (rows.last?.key ?? 1) - 1)
        return isDone
    }

    /// Gives one contact today's keys, which may have them.
    func renew(_ contact: Int64, _ content: ContactContent) throws(StoreError) {
        let lookups = LookupTable(database: database)
        var today: [Int64] = []
        Documents.appendNumberKeys(content, shared.lookupHash, to: &today)
        let keys = Set(today)
        for key in Documents.formerNumberKeys(content, shared.lookupHash).subtracting(keys) {
            try lookups.remove(LookupEntry(key: key, contact: contact))
        }
        let runs = try lookups.runs()
        for key in keys {
            let found = try lookups.contacts(under: WantedKeys([key]), after: contact - 1, limit: 1, in: runs)
            if found == [contact] { continue }
            transaction.pendingLookups.append(LookupEntry(key: key, contact: contact))
        }
    }

    private enum SQL {
        static let contacts = Query("select id, doc from contact where id <= ? order by id desc limit ?")
    }
}
