//  SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).

/// Recognises short inputs seen before without keeping them. Without the key nobody can tell which bytes have which
/// code, or find others that have it.
public struct SipHash: Sendable {
    /// What stands for an input.
    public struct Code: Equatable, Sendable {
        fileprivate let low: UInt64
        fileprivate let high: UInt64

        /// Compares in the same time wherever the first difference is.
        public static func == (left: Code, right: Code) -> Bool {
            (left.low ^ right.low) | (left.high ^ right.high) == 0
        }

        /// The sixteen bytes as the paper's reference implementation writes them.
        public var bytes: [UInt8] {
            [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        }
    }

    private let key0: UInt64
    private let key1: UInt64

    /// Keyed with sixteen random bytes that nothing else knows.
    public init() {
        self.init(key: RandomBytes.make(16))
    }

    /// Keyed with these sixteen bytes.
    public init(key: [UInt8]) {
        precondition(key.count == 16, "a SipHash key has sixteen bytes")
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        key0 = word(key[..<8])
        key1 = word(key[8...])
    }

    /// The code of the bytes: some thirty nanoseconds for a header field.
    public func callAsFunction(_ bytes: Span<UInt8>) -> Code {
        var state = State(key0, key1)
        let raw = bytes.bytes
        var offset = 0
        while offset + 8 <= raw.byteCount {
            state.absorb(UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: raw.byteCount) << 56
        for index in offset..<raw.byteCount { last |= UInt64(bytes[index]) << (8 * UInt64(index - offset)) }
        state.absorb(last)
        return state.finish()
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        @inline(__always)
        init(_ key0: UInt64, _ key1: UInt64) {
            v0 = key0 ^ 0x736F_6D65_7073_6575
            v1 = key1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE
            v2 = key0 ^ 0x6C79_6765_6E65_7261
            v3 = key1 ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> Code {
            v2 ^= 0xEE
            for _ in 0..<4 { round() }
            let low = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xDD
            for _ in 0..<4 { round() }
            return Code(low: low, high: v0 ^ v1 ^ v2 ^ v3)
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
