//  The only calls that change contacts: each allocates a sequence and writes everything that goes with it.

public import Contacts
import Platform

/// What is known of the vendor's side of a contact.
public struct VendorState: Equatable, Sendable {
    /// The hash of the raw record, by which an unchanged one is recognised.
    public var contentHash: UInt64
    /// The record's JSON.
    public var raw: [UInt8]
    /// What we last projected, where that is not `raw`.
    public var projected: [UInt8]?

    /// Makes a state.
    public init(contentHash: UInt64, raw: [UInt8], projected: [UInt8]? = nil) {
        self.contentHash = contentHash
        self.raw = raw
        self.projected = projected
    }
}

/// A contact to be created.
public struct NewContact: Sendable {
    /// The key of its connection.
    public var connection: Int64
    /// The vendor's id, where there is one.
    public var vendorID: String?
    /// Everything that a client may write; `name.full` is filled.
    public var content: ContactContent
    /// True where the vendor lets nobody change it.
    public var readOnly = false
    /// The vendor's side of it; `nil` for a contact that no vendor holds.
    public var vendorState: VendorState?
    /// The trace of the request or run that wants it.
    public var trace: String?

    /// Makes a contact to be created.
    public init(connection: Int64, vendorID: String?, content: ContactContent) {
        self.connection = connection
        self.vendorID = vendorID
        self.content = content
    }
}

/// A contact's next state.
public struct ContactUpdate: Sendable {
    /// Everything that a client may write; `name.full` is filled.
    public var content: ContactContent
    /// The vendor's id; `nil` where there is none.
    public var vendorID: String?
    /// True where the vendor lets nobody change it.
    public var readOnly: Bool
    /// The vendor's side of it; `nil` leaves what is stored.
    public var vendorState: VendorState?
    /// Only when the stored revision is this one.
    public var expectedRevision: Int64?
    /// The trace of the request or run that wants it.
    public var trace: String?

    /// Makes an update.
    public init(
        content: ContactContent,
        vendorID: String?,
        readOnly: Bool = false,
        vendorState: VendorState? = nil,
        expectedRevision: Int64? = nil,
        trace: String? = nil
    ) {
        self.content = content
        self.vendorID = vendorID
        self.readOnly = readOnly
        self.vendorState = vendorState
        self.expectedRevision = expectedRevision
        self.trace = trace
    }
}

/// What became of an update or a delete.
public enum EditOutcome: Equatable, Sendable {
    /// A change was made; the contact as it is now (of a delete: as it was).
    case changed(StoredContact)
    /// The contact was so already: no change, no event. The vendor's side was noted.
    case unchanged(StoredContact)
    /// Its revision is not the expected one; nothing was done.
    case stale(StoredContact)
    /// There is no such contact.
    case gone
}

extension ContactTable where Access == Writing {
    /// Stores a new contact with its look-up keys, its link, and its change.
    ///
    /// - Returns: The contact with its id.
    /// - Throws: ``StoreError`` with ``StoreError/Code/constraint`` when the connection has a contact of that vendor
    ///   id: ask ``LinkTable/find(connection:vendorID:)`` first, in the same transaction.
    @discardableResult
    public func create(_ new: NewContact) throws(StoreError) -> StoredContact {
        let transaction = try writing()
        let key = transaction.lastContact + 1
        let sequence = transaction.sequence + 1
        let now = transaction.now
        let contact = Contact(
            id: ContactID(key: key, nonce: RandomSource.shared.next()).description,
            connection: try transaction.connection(new.connection).name,
            vendorID: new.vendorID,
            content: new.content,
            readOnly: new.readOnly,
            createdAt: now,
            updatedAt: now,
            revision: sequence
        )
        let stored = StoredContact(key: key, connection: new.connection, contact: contact)
        if let vendorID = new.vendorID {
            try LinkTable<Writing>(database: database)
                .insert(connection: new.connection, vendorID, key, new.vendorState?.contentHash ?? 0)
        }
        if let state = new.vendorState { try putProjection(key, state) }
        let insert = try database.statement(ContactSQL.insert)
        insert.bind(1, key)
        insert.bind(2, new.connection)
        insert.bind(3, sequence)
        insert.bind(4, utf8: Documents.encode(contact))
        try insert.run()
        transaction.lastContact = key
        for key in Documents.lookupKeys(contact.content, shared.lookupHash) {
            transaction.pendingLookups.append(LookupEntry(key: key, contact: stored.key))
        }
        try log(stored, .created, prior: 0, fields: 0, previous: nil, new.trace)
        transaction.willIndex(key, before: nil, after: contact)
        return stored
    }

    /// Makes a contact hold what is given. Equality is decided on meaning: the same content is no change.
    @discardableResult
    public func update(_ key: Int64, _ update: ContactUpdate) throws(StoreError) -> EditOutcome {
        let transaction = try writing()
        guard let old = try find(key: key) else { return .gone }
        if let expected = update.expectedRevision, expected != old.contact.revision { return .stale(old) }
        try note(update, of: old)
        let difference = ContactDifference(
            from: old.contact.content,
            to: update.content,
            oldVendorID: old.contact.vendorID,
            newVendorID: update.vendorID,
            oldReadOnly: old.contact.readOnly,
            newReadOnly: update.readOnly
        )
        guard !difference.fields.isEmpty else {
            if update.vendorState != nil { shared.willRelink() }
            return .unchanged(old)
        }
        var stored = old
        stored.contact.content = update.content
        stored.contact.vendorID = update.vendorID
        stored.contact.readOnly = update.readOnly
        stored.contact.updatedAt = transaction.now
        stored.contact.revision = transaction.sequence + 1
        let statement = try database.statement(ContactSQL.update)
        statement.bind(1, key)
        statement.bind(2, stored.contact.revision)
        statement.bind(3, utf8: Documents.encode(stored.contact))
        try statement.run()
        try moveLookups(key, from: old.contact, to: stored.contact)
        let fields = FieldMask.bits(of: difference.fields)
        try log(
            stored,
            .updated,
            prior: old.contact.revision,
            fields: fields,
            previous: difference.previous,
            update.trace
        )
        transaction.willIndex(key, before: old.contact, after: stored.contact)
        return .changed(stored)
    }

    /// Deletes a contact; what it last was stays in its change.
    @discardableResult
    public func delete(
        _ key: Int64,
        expectedRevision: Int64? = nil,
        trace: String? = nil
    ) throws(StoreError) -> EditOutcome {
        let transaction = try writing()
        guard let document = try document(key) else { return .gone }
        let old = try Documents.decode(document)
        if let expectedRevision, expectedRevision != old.contact.revision { return .stale(old) }
        try remove(old)
        try log(old, .deleted, prior: old.contact.revision, fields: 0, previous: document.document, trace)
        let nonce = ContactID(old.contact.id)?.nonce ?? 0
        try database.run(
            ContactSQL.insertTombstone,
            key,
            old.connection,
            transaction.sequence,
            Int64(bitPattern: nonce)
        )
        transaction.willIndex(key, before: old.contact, after: nil)
        return .changed(old)
    }

    /// Takes a contact out of every table but the log.
    func remove(_ old: StoredContact) throws(StoreError) {
        let transaction = try writing()
        try transaction.flushLookups()
        if let vendorID = old.contact.vendorID {
            try LinkTable<Writing>(database: database).remove(connection: old.connection, vendorID)
        }
        var keys = Set(Documents.lookupKeys(old.contact.content, shared.lookupHash))
        if try hasFormerKeys(from: old.key) {
            keys.formUnion(Documents.formerNumberKeys(old.contact.content, shared.lookupHash))
        }
        for key in keys { try LookupTable(database: database).remove(LookupEntry(key: key, contact: old.key)) }
        try database.run(ContactSQL.deleteProjection, old.key)
        try database.run(ContactSQL.delete, old.key)
    }

    // MARK: Parts

    func writing() throws(StoreError) -> Transaction {
        guard let transaction else { throw StoreError(.other, "a change outside a transaction") }
        return transaction
    }

    private func note(_ update: ContactUpdate, of old: StoredContact) throws(StoreError) {
        let links = LinkTable<Writing>(database: database)
        let hasMoved = old.contact.vendorID != update.vendorID
        if hasMoved, let vendorID = old.contact.vendorID {
            try links.remove(connection: old.connection, vendorID)
        }
        if let vendorID = update.vendorID {
            if let state = update.vendorState {
                try links.put(connection: old.connection, vendorID, old.key, state.contentHash)
            } else if hasMoved {
                try links.insert(connection: old.connection, vendorID, old.key, 0)
            }
        }
        if let state = update.vendorState { try putProjection(old.key, state) }
    }

    private func putProjection(_ key: Int64, _ state: VendorState) throws(StoreError) {
        let statement = try database.statement(ContactSQL.putProjection)
        statement.bind(1, key)
        statement.bind(2, utf8: state.raw)
        if let projected = state.projected, projected != state.raw {
            statement.bind(3, utf8: projected)
        } else {
            statement.bindNull(3)
        }
        try statement.run()
    }

    private func moveLookups(_ key: Int64, from old: Contact, to new: Contact) throws(StoreError) {
        let transaction = try writing()
        if try hasFormerKeys(from: key) {
            // Its turn comes with its change.
            try transaction.flushLookups()
            try KeyUpgrade(transaction: transaction, database: database, shared: shared).renew(key, old.content)
        }
        let before = Set(Documents.lookupKeys(old.content, shared.lookupHash))
        let after = Set(Documents.lookupKeys(new.content, shared.lookupHash))
        guard before != after else { return }
        try transaction.flushLookups()
        for hash in before.subtracting(after) {
            try LookupTable(database: database).remove(LookupEntry(key: hash, contact: key))
        }
        for hash in after.subtracting(before) {
            transaction.pendingLookups.append(LookupEntry(key: hash, contact: key))
        }
    }

    private func log(
        _ stored: StoredContact,
        _ type: ChangeType,
        prior: Int64,
        fields: Int64,
        previous: [UInt8]?,
        _ trace: String?
    ) throws(StoreError) {
        let at = type == .deleted ? try writing().now : stored.contact.updatedAt
        try log(
            stored.key,
            stored.connection,
            type,
            at: at,
            prior: prior,
            fields: fields,
            previous: previous,
            trace
        )
    }

    func log(
        _ contact: Int64,
        _ connection: Int64,
        _ type: ChangeType,
        at: Timestamp,
        prior: Int64,
        fields: Int64,
        previous: [UInt8]?,
        _ trace: String?
    ) throws(StoreError) {
        let transaction = try writing()
        let statement = try database.statement(ContactSQL.insertChange)
        statement.bind(1, transaction.sequence + 1)
        statement.bind(2, contact)
        statement.bind(3, connection)
        statement.bind(4, type.rawValue)
        statement.bind(5, at.milliseconds)
        statement.bind(6, prior)
        statement.bind(7, fields)
        if let previous { statement.bind(8, utf8: previous) } else { statement.bindNull(8) }
        if let trace { statement.bind(9, trace) } else { statement.bindNull(9) }
        try statement.run()
        transaction.sequence += 1
        transaction.lastAt = at.milliseconds
        transaction.isNews = true
    }
}

extension Transaction {
    /// A connection's row, remembered: each contact's document has its name.
    func connection(_ key: Int64) throws(StoreError) -> ConnectionRow {
        if let row = knownConnections[key] { return row }
        guard let row = try connections.find(key: key) else {
            throw StoreError(.constraint, "there is no connection \(key)")
        }
        knownConnections[key] = row
        return row
    }

    /// Keeps the words of a change, while there are few enough for the index to follow at once.
    func willIndex(_ key: Int64, before: Contact?, after: Contact?) {
        guard mayIndex else { return }
        indexable.append(
            .change(
                contact: key,
                before: before.map { Documents.searchWords($0.content) },
                after: after.map { Documents.searchWords($0.content) }
            )
        )
    }

    /// Keeps the words of a new contact, likewise.
    func willIndex(created key: Int64, words: [UInt8]) {
        guard mayIndex else { return }
        indexable.append(.created(contact: key, words: words))
    }

    private var mayIndex: Bool { indexable.count < SearchIndex<Writing>.inlineLimit && indexableEnd + 1 == sequence }

    /// Keeps a batch's words, which were made ready with it.
    func willIndex(_ stored: StoredBatch) {
        guard indexableEnd + Int64(stored.places.count) == sequence else { return }
        indexable.append(.batch(stored))
    }

    /// The last sequence that the index will hold when it has taken in what was kept for it.
    var indexableEnd: Int64 { searchPosition + Int64(indexable.reduce(0) { $0 + $1.count }) }
}
