//  Why a vendor did not do what it was asked.

/// A vendor call's failure, by the kinds that callers decide by.
public struct VendorError: Error, Equatable, Sendable {
    /// What it means for the caller.
    public enum Kind: String, Sendable {
        /// No connection, or broken before the request can have arrived. Safe to repeat.
        case unreachable
        /// The breaker is open: not asked at all.
        case breakerOpen
        /// The vendor asks for patience; see ``VendorError/retryAfterSeconds``.
        case throttled
        /// A 5xx or a code that says "try later".
        case unavailable
        /// Our credentials were refused, also after one refresh.
        case unauthorized
        /// The vendor refused the data.
        case refused
        /// The vendor says that another record has this e-mail.
        case duplicate
        /// No record of that id.
        case notFound
        /// The mark or sync token is no longer known: a full run is due.
        case markExpired
        /// The answer is none that the protocol knows: HTML, half a page, a page that never ends, a redirect.
        case malformed
        /// A write that may have happened.
        case ambiguous
        /// The protocol has no such call.
        case unsupported
        /// Cancelled from our side.
        case cancelled
    }

    /// What it means for the caller.
    public var kind: Kind
    /// The HTTP status, where there was an answer.
    public var status: Int?
    /// The vendor's own code.
    public var code: String?
    /// The vendor's own words, or ours where it had none; no credentials.
    public var message: String
    /// How long the vendor asks us to wait.
    public var retryAfterSeconds: Int?

    /// Makes an error.
    public init(
        _ kind: Kind,
        status: Int? = nil,
        code: String? = nil,
        message: String,
        retryAfterSeconds: Int? = nil
    ) {
        self.kind = kind
        self.status = status
        self.code = code
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Whether the same call may succeed later without anybody changing anything.
    public var isRetryable: Bool {
        switch kind {
        case .unreachable, .breakerOpen, .throttled, .unavailable, .ambiguous: true
        case .unauthorized, .refused, .duplicate, .notFound, .markExpired, .malformed, .unsupported, .cancelled: false
        }
    }

    /// The same failure of a step after one that the vendor took, or may have taken.
    var afterWrite: VendorError {
        var error = self
        error.kind = .ambiguous
        return error
    }
}
