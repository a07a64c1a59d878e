//  A network in CIDR notation (RFC 4632, RFC 4291 §2.3).

/// A range of IPv4 or IPv6 addresses.
public struct NetworkRange: Hashable, Sendable {
    /// The first address: 4 or 16 bytes, host bits zero.
    public let prefix: [UInt8]
    /// How many leading bits count.
    public let length: Int

    /// Reads `10.0.0.0/8` or `fd00::/8`; an address alone is the range of that one address. `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = Self.address(String(first)) else { return nil }
        var length = address.count * 8
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), parts[1].utf8.count <= 3,
                let given = Int(parts[1]), given <= length
            else { return nil }
            length = given
        }
        var prefix = address
        for index in prefix.indices {
            let bits = max(0, min(8, length - index * 8))
            prefix[index] &= UInt8(truncatingIfNeeded: 0xFF << (8 - bits))
        }
        self.prefix = prefix
        self.length = length
    }

    /// Whether the address (4 or 16 bytes) is in the range; false for the other family.
    public func contains(_ address: [UInt8]) -> Bool {
        guard address.count == prefix.count else { return false }
        for index in prefix.indices {
            let bits = max(0, min(8, length - index * 8))
            if bits == 0 { return true }
            guard address[index] & UInt8(truncatingIfNeeded: 0xFF << (8 - bits)) == prefix[index] else { return false }
        }
        return true
    }

    /// The bytes of a numeric address: four decimal parts without leading zeros (RFC 6943 §3.1.1, strict), or IPv6
    /// (RFC 4291 §2.2, no zone); `nil` for anything else.
    public static func address(_ text: String) -> [UInt8]? {
        text.utf8.contains(UInt8(ascii: ":")) ? ipv6(text) : ipv4(text[...])
    }

    private static func ipv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard !part.isEmpty, part.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), part == "0" || part.first != "0",
                let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func ipv6(_ text: String) -> [UInt8]? {
        var groups: [Substring] = text.split(separator: ":", omittingEmptySubsequences: false)
        var tail: [UInt8] = []
        if let last = groups.last, last.contains(".") {
            guard let bytes = ipv4(last) else { return nil }
            tail = bytes
            groups.removeLast()
            // `::1.2.3.4` leaves two empty groups and needs its third one back to read as a gap at the end.
            if groups.last?.isEmpty == true { groups.append("") }
        }
        // A leading or trailing `::` shows as two empty groups; reduce it to the one empty group of a gap.
        if groups.count >= 2, groups[0].isEmpty {
            guard groups[1].isEmpty else { return nil }
            groups.removeFirst()
        }
        if groups.count >= 2, groups[groups.count - 1].isEmpty {
            guard groups[groups.count - 2].isEmpty else { return nil }
            groups.removeLast()
        }
        var head: [UInt8] = []
        var rest: [UInt8] = []
        var hasGap = false
        for group in groups {
            if group.isEmpty {
                guard !hasGap else { return nil }
                hasGap = true
                continue
            }
            guard group.utf8.count <= 4, group.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
                let value = UInt16(group, radix: 16)
            else { return nil }
            let bytes = [UInt8(value >> 8), UInt8(value & 0xFF)]
            if hasGap { rest += bytes } else { head += bytes }
        }
        let given = head.count + rest.count + tail.count
        guard hasGap ? given <= 14 : given == 16 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - given) + rest + tail
    }
}
