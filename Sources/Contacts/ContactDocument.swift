//  A stored document asked in place: what a look-up has to know of a contact costs no decoding.

public import JSON

/// The bytes of a document that ``Contact/encodedDocument()`` wrote, with the questions that need no whole contact.
/// Texts are compared byte for byte, as the hashes of the index do.
public struct ContactDocument: ~Escapable {
    let bytes: Span<UInt8>

    /// Lends the bytes; nothing is read yet.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
    }

    /// The id's characters; a document begins with its id.
    public var id: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(7..<39) }
    }

    /// The characters of a member that is a string; empty when there is none. For texts without escapes.
    ///
    /// - Throws: ``JSONError`` for what is no stored document.
    @_lifetime(copy self)
    public func text(of member: StaticString) throws(JSONError) -> Span<UInt8> {
        var reader = JSONReader(bytes)
        guard try reader.find(member), try reader.peek() == .string else { return bytes.extracting(0..<0) }
        return bytes.extracting(try reader.string().range)
    }

    /// Whether the contact really has what the key stands for, as ``ContactContent/matches(_:)`` says of the decoded
    /// one. Reads no further than the entry that decides.
    ///
    /// - Throws: ``JSONError`` for what is no stored document.
    public func matches(_ key: LookupKey) throws(JSONError) -> Bool {
        switch key {
        case .email: try anyEntry(of: "emails", under: "address", is: key)
        case .e164: try anyEntry(of: "phones", under: "e164", is: key)
        case .digits: try anyEntry(of: "phones", under: "number", is: key)
        case .unplacedDigits: try anyEntry(of: "phones", under: "number", is: key, without: "e164")
        }
    }

    /// Whether the contact has exactly that owner.
    ///
    /// - Throws: ``JSONError`` for what is no stored document.
    public func has(owner: String) throws(JSONError) -> Bool {
        var reader = JSONReader(bytes)
        guard try reader.find("owner"), try reader.peek() == .string else { return false }
        return reader.equals(try reader.string(), owner)
    }

    /// Whether the contact has exactly that tag.
    ///
    /// - Throws: ``JSONError`` for what is no stored document.
    public func has(tag: String) throws(JSONError) -> Bool {
        var reader = JSONReader(bytes)
        guard try reader.find("tags") else { return false }
        try reader.beginArray()
        while try reader.nextElement() {
            if reader.equals(try reader.string(), tag) { return true }
        }
        return false
    }

    /// Whether an entry of the list has the key in one member, and null or nothing in another.
    private func anyEntry(
        of list: StaticString,
        under name: StaticString,
        is key: LookupKey,
        without other: StaticString? = nil
    ) throws(JSONError) -> Bool {
        var reader = JSONReader(bytes)
        guard try reader.find(list) else { return false }
        try reader.beginArray()
        while try reader.nextElement() {
            try reader.beginObject()
            var hasKey = false
            var hasOther = false
            while let member = try reader.nextMember() {
                if reader.equals(member, name), try reader.peek() == .string {
                    let text = try reader.string()
                    hasKey = isFound(text, by: key, reader)
                    if hasKey, other == nil { return true }
                } else if let other, reader.equals(member, other) {
                    hasOther = try reader.peek() != .null
                    try reader.skipValue()
                } else {
                    try reader.skipValue()
                }
            }
            if hasKey, !hasOther { return true }
        }
        return false
    }

    private func isFound(_ text: JSONString, by key: LookupKey, _ reader: borrowing JSONReader) -> Bool {
        if !text.hasEscapes, let isFound = key.finds(bytes.extracting(text.range)) { return isFound }
        return key.finds(reader.text(text))
    }
}

extension LookupKey {
    /// Whether an address or number, as far as this kind of key asks for it, has this key.
    func finds(_ text: String) -> Bool {
        switch self {
        case .email(let wanted): text.lowercased() == wanted
        case .e164(let wanted): text == wanted
        case .digits(let wanted), .unplacedDigits(let wanted): LookupKey.digits(of: text) == .digits(wanted)
        }
    }

    /// The same of UTF-8; `nil` where case is more than ASCII's.
    fileprivate func finds(_ text: Span<UInt8>) -> Bool? {
        switch self {
        case .email(let wanted): Self.equalsLowercased(text, wanted.utf8.span)
        case .e164(let wanted): text.hasBytes(of: wanted.utf8.span)
        case .digits(let wanted), .unplacedDigits(let wanted): Self.endsInDigits(text, wanted.utf8.span)
        }
    }

    private static func equalsLowercased(_ text: Span<UInt8>, _ wanted: Span<UInt8>) -> Bool? {
        var isSame = text.count == wanted.count
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x80 else { return nil }
            let isUpper = byte &- UInt8(ascii: "A") < 26
            if isSame, (isUpper ? byte | 0x20 : byte) != wanted[index] { isSame = false }
        }
        return isSame
    }

    /// Whether these are the last of the text's digits: as many as a key has, or all there are.
    private static func endsInDigits(_ text: Span<UInt8>, _ wanted: Span<UInt8>) -> Bool {
        guard wanted.count >= 3, wanted.count <= trailingDigits else { return false }
        var left = wanted.count
        var index = text.count
        while index > 0 {
            index -= 1
            guard text[index] &- 48 < 10 else { continue }
            if left == 0 { return wanted.count == trailingDigits }
            left -= 1
            guard text[index] == wanted[left] else { return false }
        }
        return left == 0
    }
}

extension JSONReader {
    /// Enters the text's object and goes to the value of that member; false when there is none.
    fileprivate mutating func find(_ member: StaticString) throws(JSONError) -> Bool {
        try beginObject()
        while let name = try nextMember() {
            if equals(name, member) { return true }
            try skipValue()
        }
        return false
    }
}
