//  Where a request comes from, in the grain in which addresses are given out.

import Glibc

/// An IPv4 address, the /64 of an IPv6 address, which one subscriber has whole, or this machine over a unix socket.
public struct PeerNetwork: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: UInt8 {
        case ipv4, ipv6, unix, unknown
    }

    private let kind: Kind
    /// The address or its first half as a number, for hashing.
    public let bits: UInt64

    /// A process of this machine, by a unix socket.
    public static let unix = PeerNetwork(kind: .unix, bits: 1)
    /// A peer that has gone.
    public static let unknown = PeerNetwork(kind: .unknown, bits: 0)

    private init(kind: Kind, bits: UInt64) {
        self.kind = kind
        self.bits = bits
    }

    /// The network of a numeric address; `nil` for any other text.
    public init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(ipv4: bytes[..<4])
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(ipv6: bytes)
        } else {
            return nil
        }
    }

    /// The network of a connected socket's peer.
    init(of descriptor: Int32) {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        // An address follows family and port, in IPv6 the flow as well.
        let bytes = withUnsafeBytes(of: &address) { Array($0[4..<24]) }
        switch Int32(address.ss_family) {
        case _ where code != 0: self = .unknown
        case AF_INET: self.init(ipv4: bytes[..<4])
        case AF_INET6: self.init(ipv6: Array(bytes[4...]))
        case AF_UNIX: self = .unix
        default: self = .unknown
        }
    }

    private init(ipv4 bytes: ArraySlice<UInt8>) {
        self.init(kind: .ipv4, bits: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }

    private init(ipv6 bytes: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        if bytes.starts(with: mapped) {
            self.init(ipv4: bytes[12...])
        } else {
            self.init(kind: .ipv6, bits: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    /// `192.0.2.1`, `2001:db8:0:1::/64`, or `unix`.
    public var description: String {
        switch kind {
        case .ipv4:
            return stride(from: 24, through: 0, by: -8).map { String(bits >> UInt64($0) & 0xFF) }.joined(separator: ".")
        case .ipv6:
            var address = [UInt8](repeating: 0, count: 16)
            for index in 0..<8 { address[index] = UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * index)) }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            inet_ntop(AF_INET6, address, &text, socklen_t(text.count))
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/64"
        case .unix: return "unix"
        case .unknown: return "unknown"
        }
    }
}
