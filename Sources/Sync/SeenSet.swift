//  Which contacts a list has named so far: a bitmap over row ids, which are dense, and its form on disk.

/// A set of contact keys.
struct SeenSet: Equatable, Sendable {
    private var words: [UInt64] = []
    /// How many keys are in it.
    private(set) var count = 0

    /// Whether the key is in it.
    func contains(_ key: Int64) -> Bool {
        let word = Int(key >> 6)
        return word < words.count && words[word] & (1 << UInt64(key & 63)) != 0
    }

    /// Adds a key, which is not negative.
    ///
    /// - Returns: Whether it is new.
    @discardableResult
    mutating func insert(_ key: Int64) -> Bool {
        precondition(key >= 0, "row ids are not negative")
        let word = Int(key >> 6)
        if word >= words.count {
            words.append(contentsOf: repeatElement(0, count: max(word + 1 - words.count, words.count)))
        }
        let bit: UInt64 = 1 << UInt64(key & 63)
        guard words[word] & bit == 0 else { return false }
        words[word] |= bit
        count += 1
        return true
    }
}

/// Keys as a blob: pairs of start and length, variable-length integers, since lists mostly come in the order of keys.
enum SeenChunk {
    /// The blob of those keys.
    static func encoded(_ keys: [Int64]) -> [UInt8] {
        var bytes: [UInt8] = []
        var index = 0
        while index < keys.count {
            let start = keys[index]
            var length: Int64 = 1
            while index + Int(length) < keys.count, keys[index + Int(length)] == start + length { length += 1 }
            append(UInt64(start), to: &bytes)
            append(UInt64(length), to: &bytes)
            index += Int(length)
        }
        return bytes
    }

    /// Adds a blob's keys; what is cut short adds what is whole.
    static func add(_ bytes: [UInt8], to set: inout SeenSet) {
        var index = 0
        while let start = number(in: bytes, at: &index), let length = number(in: bytes, at: &index) {
            for key in start..<(start + length) { set.insert(Int64(key)) }
        }
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func number(in bytes: [UInt8], at index: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < bytes.count, shift < 63 {
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
