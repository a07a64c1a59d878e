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

    /// The random half of the id that a stored document begins with (`{"id":"` and 32 digits).
    static func nonce(ofDocument document: Span<UInt8>) -> UInt64? {
        guard document.count >= 39 else { return nil }
        return number(document, 7 + 16)
    }

    private static func number(_ bytes: Span<UInt8>, _ start: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<(start + 16) {
            let byte = bytes[index]
            let digit: UInt8
            if byte &- 48 < 10 {
                digit = byte &- 48
            } else if byte &- 97 < 6 {
                digit = byte &- 87
            } else {
                return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
