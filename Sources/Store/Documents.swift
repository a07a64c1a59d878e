//  Contacts as the store keeps them: documents, look-up hashes and search words.

import Contacts
import JSON
import Platform

/// The keys of numbers that end alike, which lie together: whoever looks for a number in E.164 and for those that may be
/// the same one without a country code reads one place.
struct NumberKeys {
    private static let lowBits: Int64 = 0xFF_FFFF

    private let hash: Hash64
    /// Of a number whose E.164 is not known.
    let unplaced: Int64

    /// The keys of numbers whose ``LookupKey/lastDigits(of:)`` are those.
    init(endingIn digits: String, _ hash: Hash64) {
        self.hash = hash
        unplaced = Documents.hash("d", digits, hash) & ~Self.lowBits
    }

    /// Of a number in E.164. Two of those that end alike may share it.
    func of(_ e164: String) -> Int64 { unplaced | max(1, Documents.hash("p", e164, hash) & Self.lowBits) }

    /// Of all of them.
    var all: ClosedRange<Int64> { unplaced...unplaced | Self.lowBits }
}

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

    /// Every key under which the contact stands in the look-up table, ascending and each once.
    static func lookupKeys(_ content: ContactContent, _ hash: Hash64) -> [Int64] {
        var keys: [Int64] = []
        keys.reserveCapacity(content.emails.count + content.phones.count + content.tags.count + 1)
        for email in content.emails {
            let address = email.address.lowercased()
            if !address.isEmpty { keys.append(Self.hash("e", address, hash)) }
        }
        appendNumberKeys(content, hash, to: &keys)
        if let owner = content.owner { keys.append(Self.hash("o", owner, hash)) }
        for tag in content.tags { keys.append(Self.hash("t", tag, hash)) }
        keys.sort()
        keys.removeRepeats()
        return keys
    }

    /// The keys of its numbers. One that is known by E.164 stands among those that end like it; where it was written
    /// with other digits at its end, among those that end so as well.
    static func appendNumberKeys(_ content: ContactContent, _ hash: Hash64, to keys: inout [Int64]) {
        for phone in content.phones {
            let written = LookupKey.lastDigits(of: phone.number)
            guard let e164 = phone.e164 else {
                if let written { keys.append(NumberKeys(endingIn: written, hash).unplaced) }
                continue
            }
            let placed = LookupKey.lastDigits(of: e164) ?? ""
            keys.append(NumberKeys(endingIn: placed, hash).of(e164))
            if let written, written != placed { keys.append(NumberKeys(endingIn: written, hash).of(e164)) }
        }
    }

    /// The keys of its numbers that programs before version 5 of the schema may have written.
    static func formerNumberKeys(_ content: ContactContent, _ hash: Hash64) -> Set<Int64> {
        Set(
            content.lookupKeys.compactMap { key in
                switch key {
                case .e164(let number): formerKey(e164: number, hash)
                case .digits(let digits): formerKey(digits: digits, hash)
                case .unplacedDigits(let digits): self.hash("u", digits, hash)
                case .email: nil
                }
            }
        )
    }

    static func formerKey(e164: String, _ hash: Hash64) -> Int64 { self.hash("p", e164, hash) }

    static func formerKey(digits: String, _ hash: Hash64) -> Int64 { self.hash("d", digits, hash) }

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
