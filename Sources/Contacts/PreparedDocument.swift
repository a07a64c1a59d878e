//  A document encoded before its transaction: what only the transaction knows is put in afterwards, in place.

public import Platform

/// A contact's document without its id, times and revision. The thread that understands a record encodes it; the
/// writer, which every commit waits for, only completes it.
public struct PreparedDocument: Sendable {
    /// The document; whole after ``complete(id:createdAt:updatedAt:revision:)``.
    public private(set) var bytes: [UInt8]
    /// Where the revision goes: the bytes before it are of fixed length.
    private let revisionOffset: Int

    /// How many bytes an id has (`0199f3c4d7a87c0e9d41b1f0a3a5c7e2`).
    public static let idLength = 32

    /// Encodes what is known.
    public init(connection: String, vendorID: String?, content: ContactContent, readOnly: Bool) {
        let contact = Contact(
            id: "00000000000000000000000000000000",
            connection: connection,
            vendorID: vendorID,
            content: content,
            readOnly: readOnly,
            createdAt: Timestamp(milliseconds: 0),
            updatedAt: Timestamp(milliseconds: 0),
            revision: 0
        )
        bytes = contact.encodedDocument()
        revisionOffset = bytes.count - 2
        bytes.reserveCapacity(revisionOffset + 20)
    }

    /// Puts in what was missing; doing it again replaces it.
    ///
    /// - Parameters:
    ///   - id: ``idLength`` bytes that need no escape.
    ///   - createdAt: When the gateway first stored the contact.
    ///   - updatedAt: When the gateway last changed it.
    ///   - revision: The sequence of its last change.
    public mutating func complete(id: Span<UInt8>, createdAt: Timestamp, updatedAt: Timestamp, revision: Int64) {
        precondition(id.count == Self.idLength, "an id of the gateway")
        put(id, at: Self.idOffset)
        put(createdAt.rfc3339Bytes.span, at: revisionOffset - Self.createdBeforeRevision)
        put(updatedAt.rfc3339Bytes.span, at: revisionOffset - Self.updatedBeforeRevision)
        bytes.removeLast(bytes.count - revisionOffset)
        bytes.append(contentsOf: String(revision).utf8)
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func put(_ part: Span<UInt8>, at offset: Int) {
        for index in part.indices { bytes[offset + index] = part[index] }
    }

    /// A document begins with `{"id":"…"`.
    private static let idOffset = #"{"id":""#.utf8.count
    private static let updatedBeforeRevision = #"1970-01-01T00:00:00.000Z","revision":"#.utf8.count
    private static let createdBeforeRevision =
        #"1970-01-01T00:00:00.000Z","updated_at":""#.utf8.count + updatedBeforeRevision
}
