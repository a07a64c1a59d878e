//  What others may ask of synchronisation.

public import Platform
public import Vendors

/// How synchronisation of one connection stands at this moment.
public struct SyncStatus: Equatable, Sendable {
    /// The run under way.
    public var running: Int64?
    /// The next run by schedule; `nil` for a connection that is never read.
    public var nextMode: RunMode?
    /// When it is due.
    public var nextAt: Timestamp?

    /// Nothing known yet.
    public init() {}
}

/// Why a request to synchronisation was not taken.
public enum SyncRefusal: Error, Equatable, Sendable {
    /// No connection of that id is configured.
    case unknownConnection
    /// The vendor's protocol has no such run.
    case unsupported(RunMode)
    /// No such run.
    case unknownRun
    /// The run is not held.
    case notHeld
}
