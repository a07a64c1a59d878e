//  A fast seeded 64-bit hash, after wyhash final version 4 (github.com/wangyi-fudan/wyhash, public domain).

/// Hashes bytes to 64 bits. With a secret seed nobody can choose inputs that collide; it is no cryptographic digest.
public struct Hash64: Sendable {
    /// What makes one program's hashes differ from another's.
    public let seed: UInt64

    /// Makes a hash of that seed.
    public init(seed: UInt64) {
        self.seed = seed
    }

    /// The hash of the bytes.
    public func callAsFunction(_ bytes: RawSpan) -> UInt64 {
        let count = bytes.byteCount
        var state = seed ^ Self.mix(seed ^ Self.secret0, Self.secret1)
        var a: UInt64 = 0
        var b: UInt64 = 0
        if count <= 16 {
            if count >= 4 {
                let middle = (count >> 3) << 2
                a = Self.four(bytes, 0) << 32 | Self.four(bytes, middle)
                b = Self.four(bytes, count - 4) << 32 | Self.four(bytes, count - 4 - middle)
            } else if count > 0 {
                a = Self.one(bytes, 0) << 16 | Self.one(bytes, count >> 1) << 8 | Self.one(bytes, count - 1)
            }
        } else {
            var rest = count
            var index = 0
            if rest > 48 {
                var second = state
                var third = state
                repeat {
                    state = Self.mix(Self.eight(bytes, index) ^ Self.secret1, Self.eight(bytes, index + 8) ^ state)
                    second = Self.mix(
                        Self.eight(bytes, index + 16) ^ Self.secret2,
                        Self.eight(bytes, index + 24) ^ second
                    )
                    third = Self.mix(
                        Self.eight(bytes, index + 32) ^ Self.secret3,
                        Self.eight(bytes, index + 40) ^ third
                    )
                    index += 48
                    rest -= 48
                } while rest > 48
                state ^= second ^ third
            }
            while rest > 16 {
                state = Self.mix(Self.eight(bytes, index) ^ Self.secret1, Self.eight(bytes, index + 8) ^ state)
                index += 16
                rest -= 16
            }
            a = Self.eight(bytes, count - 16)
            b = Self.eight(bytes, count - 8)
        }
        let product = (a ^ Self.secret1).multipliedFullWidth(by: b ^ state)
        return Self.mix(product.low ^ Self.secret0 ^ UInt64(count), product.high ^ Self.secret1)
    }

    /// The hash of the bytes.
    public func callAsFunction(_ bytes: Span<UInt8>) -> UInt64 { self(bytes.bytes) }

    /// The hash of the bytes.
    public func callAsFunction(_ bytes: [UInt8]) -> UInt64 { self(bytes.span.bytes) }

    /// The hash of the text's UTF-8.
    public func callAsFunction(_ text: String) -> UInt64 { self(text.utf8.span.bytes) }

    /// Scrambles an integer; every input has an output of its own.
    public static func scramble(_ value: UInt64) -> UInt64 {
        // The finaliser of SplitMix64 (S. Vigna), a bijection.
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    private static let secret0: UInt64 = 0x2D35_8DCC_AA6C_78A5
    private static let secret1: UInt64 = 0x8BB8_4B93_962E_ACC9
    private static let secret2: UInt64 = 0x4B33_A62E_D433_D4A3
    private static let secret3: UInt64 = 0x4D5A_2DA5_1DE1_AA47

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.low ^ product.high
    }

    @inline(__always)
    private static func eight(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func four(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    @inline(__always)
    private static func one(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self))
    }
}
