//  What the configuration in force made: keys and connections, swapped whole on reload.

public import Config
import Synchronization
public import Vendors

/// One configured connection with its adapter. A class, because requests pass it along and its parts are many.
public final class LiveConnection: Sendable {
    /// The store's key of the connection.
    public let key: Int64
    /// What the operator said.
    public let config: ConnectionConfig
    /// The vendor's adapter.
    public let adapter: any VendorAdapter
    /// What the adapter calls through; `nil` for `local`, which calls nobody.
    public let link: VendorLink?

    /// Makes a live connection.
    public init(key: Int64, config: ConnectionConfig, adapter: any VendorAdapter, link: VendorLink?) {
        self.key = key
        self.config = config
        self.adapter = adapter
        self.link = link
    }

    /// Its id, as contacts name it.
    public var id: String { config.id }
}

/// The connections of one configuration, in its order.
public struct ConnectionDirectory: Sendable {
    /// Every connection, in the order of the file.
    public let all: [LiveConnection]
    private let byID: [String: Int]
    private let byKey: [Int64: Int]

    /// Makes a directory.
    public init(_ all: [LiveConnection]) {
        self.all = all
        byID = Dictionary(all.indices.map { (all[$0].id, $0) }, uniquingKeysWith: { first, _ in first })
        byKey = Dictionary(all.indices.map { (all[$0].key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The connection of that id, if this caller sees it.
    public func connection(_ id: String, for caller: Caller) -> LiveConnection? {
        guard caller.sees(id), let index = byID[id] else { return nil }
        return all[index]
    }

    /// The connection of that store key, if this caller sees it.
    public func connection(key: Int64, for caller: Caller) -> LiveConnection? {
        guard let index = byKey[key], caller.sees(all[index].id) else { return nil }
        return all[index]
    }

    /// The store keys of every connection that this caller sees.
    public func visibleKeys(for caller: Caller) -> Set<Int64> {
        Set(all.filter { caller.sees($0.id) }.map(\.key))
    }
}

/// One configuration at work: taken once for each request, which costs one reference count.
public final class GatewayState: Sendable {
    /// The configuration.
    public let config: GatewayConfig
    /// Who may ask.
    public let keys: KeyRing
    /// Every live connection.
    public let connections: ConnectionDirectory
    /// Given when another state has taken this one's place: an answer that goes on for longer must not outlive it.
    public let replaced = StopSignal()

    /// Makes a state.
    public init(config: GatewayConfig, keys: KeyRing, connections: ConnectionDirectory) {
        self.config = config
        self.keys = keys
        self.connections = connections
    }
}

/// The state in force. Readers take it whole; a reload swaps it whole.
public final class LiveState: Sendable {
    private let state: Mutex<GatewayState>
    private let count = Atomic<UInt64>(0)

    /// Starts with a state.
    public init(_ state: GatewayState) {
        self.state = Mutex(state)
    }

    /// The state in force.
    public var current: GatewayState { state.withLock { $0 } }

    /// Puts the next one in force.
    public func replace(with next: GatewayState) {
        let former = state.withLock { state in
            defer { state = next }
            return state
        }
        count.add(1, ordering: .releasing)
        former.replaced.stop()
    }

    /// Raised after each ``replace(with:)``: whoever keeps a state learns without a lock that there is another.
    public var version: UInt64 { count.load(ordering: .acquiring) }
}
