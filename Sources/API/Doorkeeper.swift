//  Who comes in: every check before a request is looked at closer, for one loop.

import Config
import Crypto
import HTTPCore
public import HTTPServer
public import Log
import Platform

/// What the doorkeepers of all loops have in common.
public struct DoorRules: Sendable {
    /// Where failed keys came from.
    public var failedKeys: FailedKeys
    /// Whether what is for admins is answered on the second listener only.
    public var separatesAdmin: Bool
    /// Gets a line when an address begins to be slowed.
    public var log: Log

    /// Makes rules; nobody has failed yet.
    public init(failedKeys: FailedKeys = FailedKeys(), separatesAdmin: Bool = false, log: Log = .silent) {
        self.failedKeys = failedKeys
        self.separatesAdmin = separatesAdmin
        self.log = log
    }
}

/// The authorize hook of one loop. It belongs to that loop's thread and is never shared.
public final class Doorkeeper {
    private let live: LiveState
    private let rules: DoorRules
    /// By place in the table: the scope that a route needs, and whether it is for the second listener.
    private let routes: [(scope: Scope?, isForAdmins: Bool)]
    private let code = SipHash()
    /// Authorization fields that were admitted lately, as codes, under that version of the state.
    private var known: [(code: SipHash.Code, caller: Caller)] = []
    private var knownVersion: UInt64 = .max
    private static let knownAtMost = 8
    /// How long a connection that goes on trying keys waits for each answer: five tries a second are left of tens of thousands, and
    /// no processor time is spent on them.
    private static let pause = Duration.milliseconds(200)

    /// Makes the doorkeeper of a table; a route's `access` names the scope it needs, empty for none.
    public init(live: LiveState, rules: DoorRules, routes: [Route]) {
        self.live = live
        self.rules = rules
        self.routes = routes.map { route in
            let scope = Scope(rawValue: route.access)
            return (scope, rules.separatesAdmin && (scope == .admin || route.pattern == "/metrics"))
        }
    }

    /// Decides on a request whose head is read.
    public func admit(_ view: borrowing RequestView, _ route: Int) -> Admission {
        // First, so that the main listener answers alike whatever key is sent.
        if routes[route].isForAdmins, view.listener == .main {
            return .refused(
                Problem(403, "admin_listener_only", "This is answered on the listener of `server.admin_listen` only.")
            )
        }
        guard let scope = routes[route].scope else { return .admitted() }
        if CrossSite.isSuspect(
            view.method,
            fetchSite: view.field(.secFetchSite),
            origin: view.field(.origin),
            host: view.field(.host)
        ) {
            return .refused(
                Problem(403, "cross_site_refused", "A page of another origin may not change anything here.")
            )
        }
        guard let caller = caller(view.field(.authorization)) else { return refuseKey(view) }
        var fields: [UInt8]?
        if let limit = caller.limit {
            let outcome = limit.take(at: Monotonic.nanoseconds())
            fields = limit.fields(outcome)
            guard outcome.isTaken else {
                return .refused(.rateLimited(caller, limit.limits, outcome.seconds), fields: fields)
            }
        }
        guard caller.may(scope) else {
            return .refused(
                Problem(403, "insufficient_scope", "The key \"\(caller.name)\" lacks the scope `\(scope.rawValue)`."),
                fields: fields
            )
        }
        return .admitted(caller, fields: fields)
    }

    /// Whose key the Authorization field holds. A client sends the same one over and over, and its SHA-256 costs ten
    /// times its code: those admitted lately are known again by their codes, and no clear key stays in memory.
    private func caller(_ field: Span<UInt8>) -> Caller? {
        guard field.count > 0 else { return nil }
        let version = live.version
        if knownVersion != version {
            knownVersion = version
            known.removeAll(keepingCapacity: true)
        }
        let code = code(field)
        for place in known.indices where known[place].code == code { return known[place].caller }
        guard let token = KeyRing.bearer(in: field), let caller = live.current.keys.caller(bearing: token) else {
            return nil
        }
        if known.count == Self.knownAtMost { known.removeLast() }
        known.insert((code, caller), at: 0)
        return caller
    }

    /// Answers a request without a known key. One with none at all is no attempt at guessing.
    private func refuseKey(_ view: borrowing RequestView) -> Admission {
        guard KeyRing.bearer(in: view.field(.authorization)) != nil else {
            return .refused(.unauthorized)
        }
        let peer = view.peer
        switch rules.failedKeys.failed(peer, at: Monotonic.milliseconds()) {
        case .unauthorized:
            return .refused(.unauthorized)
        case .delayed(let begins):
            if begins { rules.log.warning("keys.slowed", ["address": "\(peer)"]) }
            return .refusedLater(.unauthorized, after: Self.pause)
        case .held(let seconds):
            return .refusedLater(.tooManyFailedKeys(seconds), after: Self.pause)
        }
    }
}

extension Problem {
    /// 429 to a key beyond its limit.
    fileprivate static func rateLimited(_ caller: Caller, _ limits: KeyLimits, _ seconds: Int) -> Problem {
        let rate = limits.requestsPerSecond
        let text = rate == rate.rounded() ? "\(Int(rate))" : "\(rate)"
        var problem = Problem(429, "rate_limited", "The key \"\(caller.name)\" may send \(text) requests a second.")
        problem.retryable = true
        problem.retryAfter = seconds
        return problem
    }

    /// 401 to a request without a key that is known.
    fileprivate static var unauthorized: Problem {
        Problem(401, "unauthorized", "Send `Authorization: Bearer KEY` with a key of the configuration.")
    }

    /// 429 to an address that has tried too many keys. A key that is known is never answered with this.
    fileprivate static func tooManyFailedKeys(_ seconds: Int) -> Problem {
        var problem = Problem(429, "too_many_failed_keys", "Too many keys from your address are not known here.")
        problem.retryable = true
        problem.retryAfter = seconds
        return problem
    }
}
