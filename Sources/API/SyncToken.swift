//  Sync tokens: a place in the log of changes, or in the walk that leads to it, as opaque text. Pure.

import Crypto
import Platform

/// Where a reader of changes stands.
public enum ChangePosition: Equatable, Sendable {
    /// In the walk over everything that is there, by revision; `start` is where the log was when the walk began.
    case walk(afterRevision: Int64, start: Int64)
    /// The walk is over; of what it met, some was deleted meanwhile: those deletes follow, up to `end`.
    case deletes(after: Int64, end: Int64)
    /// In the log.
    case log(after: Int64)

    /// The oldest change that this reader still needs is the one after this sequence.
    public var needed: Int64 {
        switch self {
        case .walk(_, let start): start
        case .deletes(let after, _): after
        case .log(let after): after
        }
    }
}

/// Makes tokens of positions and reads them back. A token carries a keyed code made with a secret of the database, so
/// that neither a made-up one nor one of another database passes.
public struct SyncTokens: Sendable {
    private let hmac: HMACSHA256
    private static let codeLength = 9

    /// Tokens under the database's secret.
    public init(key: [UInt8]) {
        hmac = HMACSHA256(key: key)
    }

    /// The token of a position.
    public func token(_ position: ChangePosition) -> String {
        let (kind, first, second): (UInt8, Int64, Int64) =
            switch position {
            case .log(let after): (0, after, 0)
            case .walk(let after, let start): (1, after, start)
            case .deletes(let after, let end): (2, after, end)
            }
        var bytes = [kind]
        Self.append(first, to: &bytes)
        if kind != 0 { Self.append(second, to: &bytes) }
        return Base64.encode(bytes + code(of: bytes), .url)
    }

    /// The position of a token; `nil` for what is none of ours.
    public func position(_ token: String) -> ChangePosition? {
        guard token.utf8.count <= 64, let bytes = Base64.decode(token, .url), bytes.count > Self.codeLength else {
            return nil
        }
        let body = Array(bytes.dropLast(Self.codeLength))
        guard ConstantTime.areEqual(code(of: body), Array(bytes.suffix(Self.codeLength))) else { return nil }
        var rest = body[...]
        guard let kind = rest.popFirst(), let first = Self.number(&rest) else { return nil }
        if kind == 0 { return rest.isEmpty ? .log(after: first) : nil }
        guard let second = Self.number(&rest), rest.isEmpty else { return nil }
        switch kind {
        case 1: return .walk(afterRevision: first, start: second)
        case 2: return .deletes(after: first, end: second)
        default: return nil
        }
    }

    private func code(of bytes: [UInt8]) -> [UInt8] {
        Array(hmac.code(for: Array("sync-token:".utf8), bytes).prefix(Self.codeLength))
    }

    /// Seven bits a byte, lowest first, the eighth says that more follow.
    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: number)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int64(bitPattern: value) }
        }
        return nil
    }
}
