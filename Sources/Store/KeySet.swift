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

    /// Whether it holds any key of a stretch.
    public func intersects(_ stretch: Range<Int64>) -> Bool {
        !isEmpty && stretch.contains(where: contains)
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

    /// Adds another set's keys, 64 at a time.
    public mutating func formUnion(_ other: KeySet) {
        while chunks.count < other.chunks.count { chunks.append([]) }
        for (chunk, words) in other.chunks.enumerated() where !words.isEmpty {
            if chunks[chunk].isEmpty { chunks[chunk] = [UInt64](repeating: 0, count: words.count) }
            for word in words.indices where words[word] != 0 {
                count += (words[word] & ~chunks[chunk][word]).nonzeroBitCount
                chunks[chunk][word] |= words[word]
            }
        }
    }

    /// Takes another set's keys out, 64 at a time.
    public mutating func subtract(_ other: KeySet) {
        for (chunk, words) in other.chunks.enumerated() where chunk < chunks.count && !chunks[chunk].isEmpty {
            for word in words.indices where words[word] & chunks[chunk][word] != 0 {
                count -= (words[word] & chunks[chunk][word]).nonzeroBitCount
                chunks[chunk][word] &= ~words[word]
            }
        }
    }

    /// Its keys as stretches without gaps, ascending.
    public var stretches: [Range<Int64>] { stretches(notIn: KeySet()) }

    /// Its keys that are not in another set, as stretches without gaps, ascending.
    public func stretches(notIn other: KeySet) -> [Range<Int64>] {
        var stretches: [Range<Int64>] = []
        for (chunk, words) in chunks.enumerated() where !words.isEmpty {
            let hidden = chunk < other.chunks.count ? other.chunks[chunk] : []
            for word in words.indices {
                var rest = hidden.isEmpty ? words[word] : words[word] & ~hidden[word]
                while rest != 0 {
                    let start = rest.trailingZeroBitCount
                    let length = (~(rest >> UInt64(start))).trailingZeroBitCount
                    let first = Int64(chunk * Self.chunkBits + word * 64 + start)
                    if let last = stretches.last, last.upperBound == first {
                        stretches[stretches.count - 1] = last.lowerBound..<(first + Int64(length))
                    } else {
                        stretches.append(first..<(first + Int64(length)))
                    }
                    rest = start + length == 64 ? 0 : rest & (~0 << UInt64(start + length))
                }
            }
        }
        return stretches
    }

    private static func place(of key: Int64) -> (chunk: Int, word: Int, bit: UInt64) {
        precondition(key >= 0, "keys are counted up from 1")
        let key = Int(key)
        return (key / chunkBits, key % chunkBits / 64, 1 << UInt64(key % 64))
    }
}
