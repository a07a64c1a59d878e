//  Who asks, and what they may: bearer keys, their scopes and the connections they see.

public import Config
import Crypto
public import HTTPCore
import HTTPServer
import Log

/// The holder of a key: the `principal` of every admitted request.
public final class Caller: Sendable {
    /// The key's name, for logs.
    public let name: String
    /// What it may do.
    public let scopes: Set<Scope>
    /// The connection ids it sees; `nil` for all.
    public let connections: Set<String>?
    /// How fast it may ask; `nil` for no limit.
    public let limit: RequestLimit?
    private let scopeBits: UInt8

    /// Makes a caller.
    public init(name: String, scopes: Set<Scope>, connections: Set<String>?, limit: RequestLimit? = nil) {
        self.name = name
        self.scopes = scopes
        self.connections = connections
        self.limit = limit
        scopeBits = scopes.reduce(0) { $0 | $1.bit }
    }

    /// Whether it has that scope; asked of every request, so that it must not hash.
    @inline(__always)
    func may(_ scope: Scope) -> Bool { scopeBits & scope.bit != 0 }

    /// Whether it sees that connection; what it does not see is answered as if it were not there.
    public func sees(_ connection: String) -> Bool { connections?.contains(connection) ?? true }
}

/// The keys of one configuration, as digests.
public struct KeyRing: Sendable {
    private let entries: [(digest: [UInt8], caller: Caller)]

    /// Makes a ring.
    ///
    /// - Parameters:
    ///   - keys: Those of the configuration.
    ///   - earlier: The ring before a reload; a key of the same name and limits goes on with the rest of its quota.
    public init(_ keys: [KeyConfig], after earlier: KeyRing? = nil) {
        entries = keys.map { key in
            let limit = key.limits.map { limits in
                let before = earlier?.entries.first { $0.caller.name == key.name }?.caller.limit
                return before?.limits == limits ? before ?? RequestLimit(limits) : RequestLimit(limits)
            }
            let caller = Caller(name: key.name, scopes: key.scopes, connections: key.connections, limit: limit)
            return (key.digest, caller)
        }
    }

    /// The caller of a bearer token. Every entry is compared, each in constant time, so that the time tells nothing.
    func caller(bearing token: [UInt8]) -> Caller? {
        let digest = SHA256.digest(of: token)
        var found: Caller?
        for entry in entries where ConstantTime.areEqual(entry.digest, digest) { found = entry.caller }
        return found
    }

    /// The token of `Bearer TOKEN` (RFC 6750 §2.1; the scheme compares without case, RFC 9110 §11.1).
    static func bearer(in value: Span<UInt8>) -> [UInt8]? {
        let scheme = 7
        guard value.count > scheme, value.extracting(0..<scheme).equalsIgnoringCase("bearer ") else { return nil }
        var start = scheme
        while start < value.count, value[start] == UInt8(ascii: " ") { start += 1 }
        return start < value.count ? value.extracting(start..<value.count).array : nil
    }
}

extension Scope {
    fileprivate var bit: UInt8 {
        switch self {
        case .read: 1
        case .write: 2
        case .admin: 4
        }
    }
}

extension Request {
    /// Who asks; a request without a caller comes from a route that needs none and sees nothing.
    public var caller: Caller {
        principal as? Caller ?? Caller(name: "", scopes: [], connections: [])
    }
}
