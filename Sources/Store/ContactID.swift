//  The id that clients see: the row's key and a random half that nobody can guess.

import Platform

/// A contact's public id: 16 hexadecimal digits of the row's key and 16 of a number drawn when it was created.
public struct ContactID: Hashable, Sendable, CustomStringConvertible {
    /// The row's key.
    public let key: Int64
    /// The random half.
    public let nonce: UInt64

    /// Makes an id from its halves.
    public init(key: Int64, nonce: UInt64) {
        self.key = key
        self.nonce = nonce
    }

    /// Reads 32 lower-case hexadecimal digits; `nil` for anything else. Touches no database.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == 32, let key = Self.number(bytes, 0), let nonce = Self.number(bytes, 16),
            let row = Int64(exactly: key)
        else { return nil }
        self.init(key: row, nonce: nonce)
    }

    /// Reads 32 lower-case hexadecimal digits; `nil` for anything else.
    public init?(_ text: String) {
        self.init(text.utf8.span)
    }

    /// The 32 digits.
    public var description: String {
        var buffer = ByteBuffer(capacity: 32)
        buffer.append(hex: UInt64(bitPattern: key))
        buffer.append(hex: nonce)
        return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Where the id stands in a stored document (`{"id":"` and 32 digits).
    static let place = 7..<39

    /// Writes the row's key into a document that has room for it.
    static func fill(_ key: Int64, into document: inout [UInt8]) {
        let digits = UInt64(bitPattern: key)
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: digits >> UInt64(60 - 4 * index) & 15)
            document[place.lowerBound + index] = digit < 10 ? 48 + digit : 87 + digit
        }
    }

    /// The random half of the id that a stored document begins with (`{"id":"` and 32 digits).
    static func nonce(ofDocument document: Span<UInt8>) -> UInt64? {
        guard document.count >= 39 else { return nil }
        return number(document, 7 + 16)
    }

    /// Sixteen digits from there on; `nil` when one of them is none. The bytes must be there.
    private static func number(_ bytes: Span<UInt8>, _ start: Int) -> UInt64? {
        precondition(start >= 0 && bytes.count - start >= 16, "sixteen digits")
        let raw = bytes.bytes
        guard let high = half(raw.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)),
            let low = half(raw.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt64.self))
        else { return nil }
        return high << 32 | low
    }

    /// Eight digits as they lie in memory, all at once: each byte is computed, written back and compared.
    private static func half(_ text: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let digits = UInt64(bigEndian: text)
        // Letters have the bit 0x40 and stand nine above their low nibble.
        var value = (digits & (ones &* 0x0F)) &+ (digits >> 6 & ones) &* 9
        let letters = (value &+ ones &* 6) >> 4 & ones
        guard value & (ones &* 0xF0) == 0, value &+ ones &* 0x30 &+ letters &* 39 == digits else { return nil }
        value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
        value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
        return (value | value >> 16) & 0xFFFF_FFFF
    }
}
