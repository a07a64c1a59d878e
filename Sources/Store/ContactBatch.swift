//  Contacts made ready outside the writer's thread, which then only fills in what it alone knows, binds and steps.

public import Contacts
import Platform

/// New contacts of one connection with their documents, look-up keys and search words, in the order they were added.
/// ``Store/batch(connection:named:)`` makes one.
public struct ContactBatch: Sendable {
    /// One contact: what is stored beside its document, and where its own bytes stand.
    struct Item: Sendable {
        var vendorID: String
        var contentHash: UInt64
        var raw: ArraySlice<UInt8>
        /// The document up to ``DocumentTail``; its key has still to be filled in.
        var document: Range<Int>
        var words: Range<Int>
    }

    let connection: Int64
    let connectionName: String
    private let lookupHash: Hash64
    private(set) var items: [Item] = []
    /// Documents and words, one after the other.
    private(set) var bytes: [UInt8] = []
    /// Look-up keys, each with the place of its item for a contact.
    private(set) var lookups: [LookupEntry] = []

    init(connection: Int64, named name: String, lookupHash: Hash64) {
        self.connection = connection
        connectionName = name
        self.lookupHash = lookupHash
    }

    /// How many contacts it holds.
    public var count: Int { items.count }

    /// The vendors' ids in the order of the batch.
    public var vendorIDs: [String] { items.map(\.vendorID) }

    /// Makes room for so many contacts, so that their bytes need not be moved as they become more.
    public mutating func reserve(_ count: Int) {
        items.reserveCapacity(count)
        bytes.reserveCapacity(count * 1024)
        lookups.reserveCapacity(count * 5)
    }

    /// Adds a contact.
    ///
    /// - Parameters:
    ///   - vendorID: The vendor's id.
    ///   - content: Everything that a client may write; `name.full` is filled.
    ///   - readOnly: True where the vendor lets nobody change it.
    ///   - contentHash: The hash of the record, by which an unchanged one is recognised.
    ///   - raw: The vendor's record.
    public mutating func add(
        vendorID: String,
        content: ContactContent,
        readOnly: Bool,
        contentHash: UInt64,
        raw: ArraySlice<UInt8>
    ) {
        let start = bytes.count
        bytes += Documents.opening(connection: connectionName, vendorID: vendorID, content, readOnly: readOnly)
        let middle = bytes.count
        Documents.appendSearchWords(content, to: &bytes)
        for key in Documents.lookupKeys(content, lookupHash) {
            lookups.append(LookupEntry(key: key, contact: Int64(items.count)))
        }
        items.append(
            Item(
                vendorID: vendorID,
                contentHash: contentHash,
                raw: raw,
                document: start..<middle,
                words: middle..<bytes.count
            )
        )
    }

    /// Brings the look-up keys into their order, which spares the writer from doing it.
    public mutating func finish() { lookups.sort() }
}

/// How every document ends: its times, and as the last member its revision.
struct DocumentTail {
    /// Stands for what is not known yet.
    static let unknown = DocumentTail(at: Timestamp(milliseconds: 0))
    static let ofUnknown = {
        var bytes: [UInt8] = []
        unknown.append(to: &bytes, revision: 0)
        return bytes
    }()

    let moment: Timestamp
    /// All but the digits of the revision and the closing brace.
    let start: [UInt8]

    init(at moment: Timestamp) {
        self.moment = moment
        let time = moment.rfc3339
        start = Array(#","created_at":"\#(time)","updated_at":"\#(time)","revision":"#.utf8)
    }

    /// Adds the end of a document to the rest of it.
    func append(to document: inout [UInt8], revision: Int64) {
        document += start
        document += "\(revision)}".utf8
    }
}

/// The contacts of a batch that were stored: all but some, under keys and sequences without gaps.
struct StoredBatch {
    var batch: ContactBatch
    /// Places in the batch, ascending.
    var places: [Int]
    var firstKey: Int64
}
