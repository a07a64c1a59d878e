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

    /// Makes a caller.
    public init(name: String, scopes: Set<Scope>, connections: Set<String>?) {
        self.name = name
        self.scopes = scopes
        self.connections = connections
    }

    /// Whether it sees that connection; what it does not see is answered as if it were not there.
    public func sees(_ connection: String) -> Bool { connections?.contains(connection) ?? true }
}

/// The keys of one configuration, as digests.
public struct KeyRing: Sendable {
    private let entries: [(digest: [UInt8], caller: Caller)]

    /// Makes a ring. Secrets are kept as SHA-256 digests only.
    public init(_ keys: [KeyConfig]) {
        entries = keys.map { key in
            let caller = Caller(name: key.name, scopes: key.scopes, connections: key.connections)
            return (SHA256.digest(of: Array(key.secret.revealed.utf8)), caller)
        }
    }

    /// The caller of a bearer token. Every entry is compared, each in constant time, so that the time tells nothing.
    public func caller(bearing token: [UInt8]) -> Caller? {
        let digest = SHA256.digest(of: token)
        var found: Caller?
        for entry in entries where ConstantTime.areEqual(entry.digest, digest) { found = entry.caller }
        return found
    }

    /// Whether the request bears a key that has that scope.
    func admit(_ view: borrowing RequestView, for scope: Scope) -> Admission {
        guard let token = Self.bearer(in: view.field(.authorization)), let caller = caller(bearing: token) else {
            return .refused(
                Problem(401, "unauthorized", "Send `Authorization: Bearer KEY` with a key of the configuration.")
            )
        }
        guard caller.scopes.contains(scope) else {
            return .refused(
                Problem(403, "insufficient_scope", "The key \"\(caller.name)\" lacks the scope `\(scope.rawValue)`.")
            )
        }
        return .admitted(caller)
    }

    /// The token of `Bearer TOKEN` (RFC 6750 §2.1; the scheme compares without case, RFC 9110 §11.1).
    private static func bearer(in value: Span<UInt8>) -> [UInt8]? {
        let scheme: StaticString = "bearer "
        guard value.count > scheme.utf8CodeUnitCount else { return nil }
        let hasScheme = scheme.withUTF8Buffer { wanted in
            for index in 0..<wanted.count where unsafe value[index].lowercasedASCII != wanted[index] { return false }
            return true
        }
        guard hasScheme else { return nil }
        var token: [UInt8] = []
        token.reserveCapacity(value.count)
        for index in scheme.utf8CodeUnitCount..<value.count where value[index] != UInt8(ascii: " ") {
            token.append(value[index])
        }
        return token.isEmpty ? nil : token
    }
}

extension Request {
    /// Who asks; a request without a caller comes from a route that needs none and sees nothing.
    public var caller: Caller {
        principal as? Caller ?? Caller(name: "", scopes: [], connections: [])
    }
}
