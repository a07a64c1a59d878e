//  The classes of ways in which a call to another server ends, for counting them.

/// How one exchange with another server ended, by what an operator does about it.
public enum ExchangeOutcome: String, CaseIterable, Sendable {
    /// A 2xx or 304.
    case ok
    /// A 401 or 403: look at the credentials.
    case unauthorized
    /// A 429: we are faster than the other side likes.
    case throttled
    /// Another 4xx: what was sent is not wanted.
    case refused
    /// A redirect: look at the URL.
    case redirected
    /// A 5xx.
    case failed
    /// The time was up.
    case timedOut = "timed_out"
    /// No connection came about.
    case unreachable
    /// The name resolved to an address that is not allowed.
    case addressRefused = "address_refused"
    /// The certificate did not hold.
    case tls
    /// The answer broke off, or was too large.
    case broken
    /// Ended from our side: a drain, or a client that went.
    case cancelled
    /// Not sent, because the calls before it failed.
    case breakerOpen = "breaker_open"

    /// The class of an answer.
    public init(status: Int) {
        switch status {
        case 200..<300, 304: self = .ok
        case 300..<400: self = .redirected
        case 401, 403: self = .unauthorized
        case 429: self = .throttled
        case 500...: self = .failed
        default: self = .refused
        }
    }

    /// The class of no answer.
    public init(_ kind: TransportError.Kind) {
        switch kind {
        case .timedOut: self = .timedOut
        case .addressRefused: self = .addressRefused
        case .tls: self = .tls
        case .broken, .tooLarge: self = .broken
        case .cancelled: self = .cancelled
        case .badURL, .nameNotFound, .connectFailed: self = .unreachable
        }
    }
}
