//  Storing a batch of new contacts table by table, each with its statement held and its bytes bound where they are.

import Glibc
import Platform

extension ContactTable where Access == Writing {
    /// Stores the contacts of a batch, each exactly as ``create(_:)`` would have.
    ///
    /// - Parameters:
    ///   - batch: What to store; none of its vendor ids may have a contact yet.
    ///   - skipped: Places in the batch that are left out.
    ///   - trace: The trace of the request or run that wants it.
    /// - Returns: The new contacts' keys, in the order of the batch.
    /// - Throws: ``StoreError`` with ``StoreError/Code/constraint`` when the connection has a contact of such a vendor
    ///   id: ask ``LinkTable/resolve(connection:_:)`` first, in the same transaction.
    @discardableResult
    public func create(
        _ batch: ContactBatch,
        without skipped: Set<Int> = [],
        trace: String? = nil
    ) throws(StoreError) -> Range<Int64> {
        guard let transaction else { throw StoreError(.other, "a change outside a transaction") }
        guard try transaction.connection(batch.connection).name == batch.connectionName else {
            throw StoreError(.constraint, "connection \(batch.connection) is not \(batch.connectionName)")
        }
        let places = skipped.isEmpty ? Array(batch.items.indices) : batch.items.indices.filter { !skipped.contains($0) }
        let stored = StoredBatch(batch: batch, places: places, firstKey: transaction.lastContact + 1)
        let keys = stored.firstKey..<(stored.firstKey + Int64(places.count))
        guard !places.isEmpty else { return keys }
        let now = transaction.now
        try insertDocuments(stored, tail: DocumentTail(at: now), firstRevision: transaction.sequence + 1)
        try insertProjections(stored)
        try insertLinks(stored)
        try insertChanges(stored, at: now, firstSequence: transaction.sequence + 1, trace)
        try insertLookups(stored)
        transaction.lastContact += Int64(places.count)
        transaction.sequence += Int64(places.count)
        transaction.lastAt = now.milliseconds
        transaction.isNews = true
        transaction.willIndex(stored)
        return keys
    }

    private func insertDocuments(
        _ stored: StoredBatch,
        tail: DocumentTail,
        firstRevision: Int64
    ) throws(StoreError) {
        let insert = try database.statement(ContactSQL.insert)
        insert.bind(2, stored.batch.connection)
        var document = ByteBuffer(capacity: 4096)
        for (number, place) in stored.places.enumerated() {
            let key = stored.firstKey + Int64(number)
            let revision = firstRevision + Int64(number)
            document.removeAll()
            document.append(#"{"id":""#)
            document.append(hex: UInt64(bitPattern: key))
            // Behind the opening and the sixteen digits of the key everything is as it was made ready.
            let rest = stored.batch.items[place].document.dropFirst(document.count)
            stored.batch.bytes.withUnsafeBytes { document.append(UnsafeRawBufferPointer(rebasing: $0[rest])) }
            document.append(tail.start)
            document.append(decimal: revision)
            document.append(UInt8(ascii: "}"))
            insert.bind(1, key)
            insert.bind(3, revision)
            try insert.run(with: document.span, at: 4)
        }
    }

    private func insertProjections(_ stored: StoredBatch) throws(StoreError) {
        let insert = try database.statement(ContactSQL.insertProjection)
        insert.bindNull(3)
        for (number, place) in stored.places.enumerated() {
            insert.bind(1, stored.firstKey + Int64(number))
            let raw = stored.batch.items[place].raw
            try insert.run(with: raw.span, at: 2)
        }
    }

    private func insertLinks(_ stored: StoredBatch) throws(StoreError) {
        let insert = try database.statement(LinkTable<Writing>.insertion)
        insert.bind(1, stored.batch.connection)
        for (number, place) in stored.places.enumerated() {
            let vendorID = stored.batch.items[place].vendorID
            insert.bind(3, stored.firstKey + Int64(number))
            insert.bind(4, Int64(bitPattern: stored.batch.items[place].contentHash))
            try insert.run(with: vendorID.utf8.span, at: 2)
        }
    }

    private func insertChanges(
        _ stored: StoredBatch,
        at now: Timestamp,
        firstSequence: Int64,
        _ trace: String?
    ) throws(StoreError) {
        let insert = try database.statement(ContactSQL.insertChange)
        insert.bind(3, stored.batch.connection)
        insert.bind(4, ChangeType.created.rawValue)
        insert.bind(5, now.milliseconds)
        insert.bind(6, 0)
        insert.bind(7, 0)
        insert.bindNull(8)
        if let trace { insert.bind(9, trace) } else { insert.bindNull(9) }
        for number in 0..<Int64(stored.places.count) {
            insert.bind(1, firstSequence + number)
            insert.bind(2, stored.firstKey + number)
            try insert.run()
        }
    }

    private func insertLookups(_ stored: StoredBatch) throws(StoreError) {
        guard let transaction else { return }
        let batch = stored.batch
        guard stored.places.count < batch.count else {
            for entry in batch.lookups {
                transaction.pendingLookups.append(
                    LookupEntry(key: entry.key, contact: stored.firstKey + entry.contact)
                )
            }
            return
        }
        var keys = [Int64](repeating: 0, count: batch.count)
        for (number, place) in stored.places.enumerated() { keys[place] = stored.firstKey + Int64(number) }
        for entry in batch.lookups where keys[Int(entry.contact)] > 0 {
            transaction.pendingLookups.append(LookupEntry(key: entry.key, contact: keys[Int(entry.contact)]))
        }
    }
}
