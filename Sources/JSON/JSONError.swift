//  Why a text is no JSON, and where.

/// A text that is not the JSON asked for.
public struct JSONError: Error, Equatable, Sendable {
    /// Byte offset from the start of the text.
    public var offset: Int
    /// What is wrong there, in words.
    public var reason: String
    /// For a repeated member: the offset of its first name.
    public var firstOffset: Int?

    /// Makes an error.
    public init(offset: Int, reason: String, firstOffset: Int? = nil) {
        self.offset = offset
        self.reason = reason
        self.firstOffset = firstOffset
    }
}

/// How much a text may hold.
public struct JSONLimits: Equatable, Sendable {
    /// Deepest nesting of arrays and objects.
    public var maxDepth: Int
    /// Longest text in bytes.
    public var maxBytes: Int

    /// Makes limits.
    public init(maxDepth: Int = 64, maxBytes: Int = 256 << 20) {
        self.maxDepth = maxDepth
        self.maxBytes = maxBytes
    }
}

/// Line and column of an offset, both counted from 1; the column counts bytes.
public struct TextPosition: Equatable, Sendable {
    /// From 1.
    public var line: Int
    /// In bytes, from 1.
    public var column: Int

    /// Finds the position of a byte offset; past the end it is that of the end.
    public init(of offset: Int, in text: [UInt8]) {
        let before = text.prefix(max(0, offset))
        line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        column = 1 + before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
    }
}
