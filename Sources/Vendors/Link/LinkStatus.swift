//  How a connection's link is doing, as `/v1/connections` shows it.

public import Platform

/// A snapshot of one link.
public struct LinkStatus: Equatable, Sendable {
    /// What the breaker does with the next call.
    public var breaker: CircuitBreaker.State
    /// Seconds until an open breaker lets a probe through.
    public var breakerOpensInSeconds: Int?
    /// Our own limit in requests a second; `nil` for none.
    public var requestsPerSecond: Double?
    /// Requests left in the vendor's window, as last told.
    public var remaining: Int?
    /// Seconds until the pause that the vendor asked for is over.
    public var heldForSeconds: Int?
    /// Calls that wait for their turn.
    public var waiting: Int
    /// The last failure, while none has succeeded since.
    public var lastError: VendorError?
    /// When the last failure happened.
    public var lastErrorAt: Timestamp?
    /// When the vendor last answered well.
    public var lastSuccessAt: Timestamp?
}
