//  What a server has done since it began, as a value.

public import HTTPCore
public import Metrics

/// Why the server turned a request or a connection away before any handler saw it.
public enum Rejection: String, CaseIterable, Sendable {
    /// Bytes that are no request (400).
    case badRequest = "bad_request"
    /// No key, or none that is known (401).
    case unauthorized
    /// A key that lacks the scope, or a browser from another site (403).
    case forbidden
    /// No such path (404).
    case notFound = "not_found"
    /// No such method there (405).
    case methodNotAllowed = "method_not_allowed"
    /// A head or body that came too slowly (408).
    case timeout
    /// A body that is too large (413).
    case bodyTooLarge = "body_too_large"
    /// A target that is too long (414).
    case targetTooLong = "target_too_long"
    /// An expectation that is not met (417).
    case expectation
    /// Too many requests (429).
    case rateLimited = "rate_limited"
    /// Header fields that are too many or too large (431).
    case fieldsTooLarge = "fields_too_large"
    /// A method, transfer coding or version that is not there (501, 505).
    case notImplemented = "not_implemented"
    /// Any other refusal.
    case other
    /// A TLS handshake that failed, or took too long.
    case handshake
    /// A client that took nothing of its answer for too long.
    case slowReader = "slow_reader"
    /// Accepting paused: as many connections as are allowed. Those behind wait in the kernel's backlog.
    case connectionLimit = "connection_limit"
    /// Accepting paused: the process has no descriptor left.
    case noDescriptors = "no_descriptors"

    /// The reason behind a refusal's status.
    init(status: Int) {
        switch status {
        case 400: self = .badRequest
        case 401: self = .unauthorized
        case 403: self = .forbidden
        case 404: self = .notFound
        case 405: self = .methodNotAllowed
        case 408: self = .timeout
        case 413: self = .bodyTooLarge
        case 414: self = .targetTooLong
        case 417: self = .expectation
        case 429: self = .rateLimited
        case 431: self = .fieldsTooLarge
        case 501, 505: self = .notImplemented
        default: self = .other
        }
    }
}

/// What a server has done since it began. Its numbers are read while the loops work: each is exact, but one may be an
/// event ahead of another.
public struct ServerStatistics: Equatable, Sendable {
    /// The requests of one route with one method.
    public struct Requests: Equatable, Sendable {
        /// The pattern; `nil` for those that no route answered.
        public var route: String?
        /// The method; `nil` for what was no request.
        public var method: HTTPCore.Method?
        /// Answers by status; statuses that nobody expects are together under zero.
        public var statuses: [Int: UInt64]
        /// From the loop's turn that read the head to the whole answer, in nanoseconds; a stream's is whole with its head.
        public var duration: Histogram
    }

    /// Connections that are open.
    public var open: UInt64 = 0
    /// Connections accepted.
    public var accepted: UInt64 = 0
    /// TLS handshakes that succeeded.
    public var handshakes: UInt64 = 0
    /// What was turned away.
    public var rejections: [Rejection: UInt64] = [:]
    /// Requests, of those routes and methods that were asked for.
    public var requests: [Requests] = []

    /// Nothing done yet.
    public init() {}

    /// Adds what another loop or server did.
    public mutating func add(_ other: ServerStatistics) {
        open += other.open
        accepted += other.accepted
        handshakes += other.handshakes
        rejections.merge(other.rejections, uniquingKeysWith: +)
        for more in other.requests { add(more) }
    }

    mutating func add(_ more: Requests) {
        guard let place = requests.firstIndex(where: { $0.route == more.route && $0.method == more.method }) else {
            return requests.append(more)
        }
        requests[place].statuses.merge(more.statuses, uniquingKeysWith: +)
        requests[place].duration.add(more.duration)
    }
}
