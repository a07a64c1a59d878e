//  A new contact made ready on the caller's thread: the writer fills in what it alone knows, binds and steps.

public import Contacts
public import Platform

/// A contact of the gateway's own book with its document, look-up keys and search words, and no vendor's side.
/// ``Store/ready(_:connection:named:trace:)`` makes one.
public struct ReadyContact: Sendable {
    let connection: Int64
    let connectionName: String
    /// The document up to ``DocumentTail``; its key has still to be filled in.
    let opening: [UInt8]
    let words: [UInt8]
    let lookups: [Int64]
    let trace: String?
}

/// A contact as it was stored.
public struct CreatedContact: Sendable {
    /// The JSON, as `GET` sends it.
    public let document: [UInt8]
    /// The sequence of its change.
    public let revision: Int64
    /// The end of the last good run of its connection; `nil` before the first.
    public let syncedAt: Timestamp?

    /// Its public id, as it stands in the document.
    public var id: ArraySlice<UInt8> { document[ContactID.place] }
}

extension Store {
    /// Makes a new contact ready, on any thread.
    ///
    /// - Parameters:
    ///   - content: Everything that a client may write; `name.full` is filled.
    ///   - connection: The key of its connection.
    ///   - name: The connection's name.
    ///   - trace: The trace of the request that wants it.
    /// - Returns: What ``create(_:then:)`` stores.
    public func ready(
        _ content: ContactContent,
        connection: Int64,
        named name: String,
        trace: String?
    ) -> ReadyContact {
        var words: [UInt8] = []
        words.reserveCapacity(256)
        Documents.appendSearchWords(content, to: &words)
        return ReadyContact(
            connection: connection,
            connectionName: name,
            opening: Documents.opening(connection: name, vendorID: nil, content, readOnly: false),
            words: words,
            lookups: Documents.lookupKeys(content, shared.lookupHash),
            trace: trace
        )
    }

    /// Stores a contact in the next transaction.
    ///
    /// - Parameters:
    ///   - new: The contact.
    ///   - answer: Called once, on the writer's thread, when the contact is on the disk or cannot be stored. It must not
    ///     block.
    public func create(
        _ new: ReadyContact,
        then answer: @escaping @Sendable (Result<CreatedContact, any Error>) -> Void
    ) {
        writer.enqueue(CreateJob(new, answer))
    }
}

/// Stores one contact that is ready. Nothing of it can fail but the transaction itself.
///
/// `@unchecked Sendable`: handed from the enqueuing thread to the writer's, which alone touches `created`.
final class CreateJob: Job, @unchecked Sendable {
    private let new: ReadyContact
    private let tell: @Sendable (Result<CreatedContact, any Error>) -> Void
    private var created: CreatedContact?

    init(_ new: ReadyContact, _ tell: @escaping @Sendable (Result<CreatedContact, any Error>) -> Void) {
        self.new = new
        self.tell = tell
    }

    override var isSure: Bool { true }

    override func run(in transaction: Transaction) throws(StoreError) {
        created = try transaction.contacts.create(new)
    }

    override func succeed() {
        guard let created else { return fail(StoreError(.other, "a job that was not run")) }
        tell(.success(created))
    }

    override func fail(_ error: any Error) { tell(.failure(error)) }
}

extension ContactTable where Access == Writing {
    /// Stores a contact that is ready, exactly as ``create(_:)`` would have.
    func create(_ new: ReadyContact) throws(StoreError) -> CreatedContact {
        let transaction = try writing()
        let connection = try transaction.connection(new.connection)
        guard connection.name == new.connectionName else {
            throw StoreError(.constraint, "connection \(new.connection) is not \(new.connectionName)")
        }
        let key = transaction.lastContact + 1
        let revision = transaction.sequence + 1
        let tail = transaction.tail
        var document: [UInt8] = []
        document.reserveCapacity(new.opening.count + tail.start.count + 20)
        document += new.opening
        ContactID.fill(key, into: &document)
        tail.append(to: &document, revision: revision)
        let insert = try database.statement(ContactSQL.insert)
        insert.bind(1, key)
        insert.bind(2, new.connection)
        insert.bind(3, revision)
        try insert.run(with: document.span, at: 4)
        transaction.lastContact = key
        for hash in new.lookups { transaction.pendingLookups.append(LookupEntry(key: hash, contact: key)) }
        try log(key, new.connection, .created, at: tail.moment, prior: 0, fields: 0, previous: nil, new.trace)
        transaction.willIndex(created: key, words: new.words)
        return CreatedContact(document: document, revision: revision, syncedAt: connection.lastGoodRunAt)
    }
}
