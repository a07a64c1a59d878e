//  Contacts as the store keeps them: documents, look-up hashes and search words.

import Contacts
import JSON
import Platform

/// What the store derives from a contact.
enum Documents {
    static func encode(_ contact: Contact) -> [UInt8] { contact.encodedDocument() }

    /// The document of a new contact up to ``DocumentTail``, for a key that is filled in later.
    static func opening(
        connection: String,
        vendorID: String?,
        _ content: ContactContent,
        readOnly: Bool
    ) -> [UInt8] {
        let contact = Contact(
            id: ContactID(key: 0, nonce: RandomSource.shared.next()).description,
            connection: connection,
            vendorID: vendorID,
            content: content,
            readOnly: readOnly,
            createdAt: DocumentTail.unknown.moment,
            updatedAt: DocumentTail.unknown.moment,
            revision: 0
        )
        var document = contact.encodedDocument()
        let tail = DocumentTail.ofUnknown
        precondition(document.suffix(tail.count) == tail[...], "a document ends with its times and its revision")
        document.removeLast(tail.count)
        return document
    }

    static func decode(_ document: [UInt8], key: Int64) throws(StoreError) -> Contact {
        try read(key) { () throws(JSONError) in try Contact(document: document) }
    }

    /// Reads in the document of that contact; what cannot be read is the file's fault.
    static func read<Result>(_ key: Int64, _ body: () throws(JSONError) -> Result) throws(StoreError) -> Result {
        do throws(JSONError) { return try body() } catch {
            throw StoreError(.corrupt, "contact \(key) cannot be read at byte \(error.offset): \(error.reason)")
        }
    }

    static func decode(_ stored: StoredDocument) throws(StoreError) -> StoredContact {
        StoredContact(
            key: stored.key,
            connection: stored.connection,
            contact: try decode(stored.document, key: stored.key)
        )
    }

    /// Every hash under which the contact stands in the look-up table.
    static func lookupKeys(_ content: ContactContent, _ hash: Hash64) -> [Int64] {
        var keys = content.lookupKeys.map { Self.hash($0, hash) }
        if let owner = content.owner { keys.append(Self.hash("o", owner, hash)) }
        for tag in content.tags { keys.append(Self.hash("t", tag, hash)) }
        return keys
    }

    static func hash(_ key: LookupKey, _ hash: Hash64) -> Int64 {
        switch key {
        case .email(let address): self.hash("e", address, hash)
        case .e164(let number): self.hash("p", number, hash)
        case .digits(let digits): self.hash("d", digits, hash)
        case .unplacedDigits(let digits): self.hash("u", digits, hash)
        }
    }

    /// The kind stands before the text, so that the same text of two kinds has two hashes.
    static func hash(_ kind: Unicode.Scalar, _ text: String, _ hash: Hash64) -> Int64 {
        var text = text
        return text.withUTF8 { text in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1 + text.count) { bytes in
                bytes[0] = UInt8(truncatingIfNeeded: kind.value)
                for index in text.indices { bytes[1 + index] = text[index] }
                return Int64(bitPattern: hash(UnsafeBufferPointer(bytes).span))
            }
        }
    }

    /// The words of a contact as the index holds them, each once, with spaces between.
    static func searchWords(_ content: ContactContent) -> String {
        var bytes: [UInt8] = []
        appendSearchWords(content, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    static func appendSearchWords(_ content: ContactContent, to bytes: inout [UInt8]) {
        SearchWords.appendDistinct(of: content.searchText, to: &bytes)
    }
}
