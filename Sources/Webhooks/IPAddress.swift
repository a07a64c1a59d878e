//  Internet addresses and networks as numbers. Pure: parsing and comparing, no resolution.

/// An IPv4 or IPv6 address.
public struct IPAddress: Equatable, Sendable {
    /// The 128 bits; an IPv4 address stands in the last 32.
    let bits: UInt128
    /// Whether it is an IPv4 address.
    let isV4: Bool

    init(v4 bits: UInt32) {
        self.bits = UInt128(bits)
        isV4 = true
    }

    init(v6 bits: UInt128) {
        self.bits = bits
        isV4 = false
    }

    /// Reads the one canonical spelling of IPv4 (four decimal numbers without leading zeros) or any spelling of IPv6
    /// (RFC 4291 §2.2), a zone dropped; `nil` otherwise.
    public init?(_ text: some StringProtocol) {
        if let bits = Self.v4(text) {
            self.init(v4: bits)
        } else if let bits = Self.v6(text) {
            self.init(v6: bits)
        } else {
            return nil
        }
    }

    /// The IPv4 address inside, for IPv4-mapped (`::ffff:0:0/96`) and NAT64 (`64:ff9b::/96`) addresses; else itself.
    var unwrapped: IPAddress {
        guard !isV4, bits >> 32 == 0xffff || bits >> 32 == 0x0064_ff9b << 64 else { return self }
        return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
    }

    private static func v4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let byte = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    private static func v6(_ text: some StringProtocol) -> UInt128? {
        let address = text.prefix { $0 != "%" }
        guard address.contains(":") else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var rest = address[...]
        if rest.hasPrefix("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let group = rest.prefix { $0 != ":" }
            if group.contains(".") {
                guard group.count == rest.count, let tail = v4(group) else { return nil }
                groups += [UInt16(truncatingIfNeeded: tail >> 16), UInt16(truncatingIfNeeded: tail)]
                break
            }
            guard (1...4).contains(group.utf8.count), group.utf8.first != UInt8(ascii: "+"),
                let value = UInt16(group, radix: 16)
            else { return nil }
            groups.append(value)
            rest = rest.dropFirst(group.count)
            if rest.hasPrefix("::") {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix(":") {
                rest = rest.dropFirst()
                guard !rest.isEmpty else { return nil }
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
}

/// A network in CIDR notation.
public struct IPNetwork: Equatable, Sendable {
    private let base: IPAddress
    private let length: Int

    /// Reads `10.0.0.0/8` or a single address; bits behind the prefix are ignored. `nil` when it is neither.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(first) else { return nil }
        let width = base.isV4 ? 32 : 128
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let length = Int(parts[1]), length <= width
            else { return nil }
            self.length = length
        } else {
            length = width
        }
        self.base = base
    }

    /// Whether the address lies in it.
    public func contains(_ address: IPAddress) -> Bool {
        guard address.isV4 == base.isV4 else { return false }
        let shift = (base.isV4 ? 32 : 128) - length
        return address.bits >> UInt128(shift) == base.bits >> UInt128(shift)
    }
}
