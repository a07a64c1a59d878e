//  One connection as synchronisation sees it.

public import Config
public import Vendors

/// A connection to be kept in step with its vendor.
public struct SyncTarget: Sendable {
    /// The store's key of the connection.
    public let key: Int64
    /// What the operator said.
    public let config: ConnectionConfig
    /// The vendor's adapter.
    public let adapter: any VendorAdapter

    /// Makes a target.
    public init(key: Int64, config: ConnectionConfig, adapter: any VendorAdapter) {
        self.key = key
        self.config = config
        self.adapter = adapter
    }

    /// Whether a run of that mode can be asked for.
    public func supports(_ mode: RunMode) -> Bool {
        switch mode {
        case .full: adapter.listing != nil
        case .delta: adapter.delta != nil
        case .sweep: adapter.deletes != nil || adapter.listing != nil
        }
    }
}
