//  Which contacts: keys are given out one after the other, so a bit for each is the smallest set there is.

/// A set of contact keys.
public struct KeySet: Equatable, Sendable {
    private static let chunkBits = 1 << 16

    /// Bits of 65,536 keys each; an empty one holds none.
    private var chunks: [[UInt64]] = []
    /// How many keys it holds.
    public private(set) var count = 0

    /// An empty set.
    public init() {}

    /// A set of those keys.
    public init(_ keys: some Sequence<Int64>) { formUnion(keys) }

    /// Whether it holds nothing.
    public var isEmpty: Bool { count == 0 }

    /// Whether it holds a key.
    public func contains(_ key: Int64) -> Bool {
        let (chunk, word, bit) = Self.place(of: key)
        guard chunk < chunks.count, !chunks[chunk].isEmpty else { return false }
        return chunks[chunk][word] & bit != 0
    }

    /// Adds a key, which is never negative.
    ///
    /// - Returns: Whether it was not there.
    @discardableResult
    public mutating func insert(_ key: Int64) -> Bool {
        let (chunk, word, bit) = Self.place(of: key)
        while chunks.count <= chunk { chunks.append([]) }
        if chunks[chunk].isEmpty { chunks[chunk] = [UInt64](repeating: 0, count: Self.chunkBits / 64) }
        guard chunks[chunk][word] & bit == 0 else { return false }
        chunks[chunk][word] |= bit
        count += 1
        return true
    }

    /// Adds keys.
    public mutating func formUnion(_ keys: some Sequence<Int64>) {
        for key in keys { insert(key) }
    }

    private static func place(of key: Int64) -> (chunk: Int, word: Int, bit: UInt64) {
        precondition(key >= 0, "keys are counted up from 1")
        let key = Int(key)
        return (key / chunkBits, key % chunkBits / 64, 1 << UInt64(key % 64))
    }
}
