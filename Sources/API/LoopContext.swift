//  What a loop's synchronous handlers work with: its own read connection and the state in force.

import HTTPCore
public import HTTPServer
import Platform
public import Store

/// One loop's view of the store. It belongs to that loop's thread and is never shared.
public final class LoopContext {
    /// The loop's read connection; a batch's transaction is open while handlers run.
    public let snapshot: Snapshot
    private let live: LiveState
    private let store: Store
    /// The state in force when the batch began.
    public private(set) var state: GatewayState
    /// When each connection last synchronised, as of a version of the store.
    private var syncedAt: [Int64: String?] = [:]
    private var syncedAtVersion: UInt64 = .max

    /// Makes a context with a read connection of its own.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read.
    public init(store: Store, live: LiveState) throws(StoreError) {
        self.store = store
        self.live = live
        snapshot = try store.reader()
        state = live.current
    }

    /// Hooks that keep the context fresh: each batch of events has one read transaction and one state.
    ///
    /// - Parameter doorkeeper: Decides who comes in.
    /// - Returns: The hooks of the doorkeeper's table.
    public func hooks(_ doorkeeper: Doorkeeper) -> RouterHooks {
        var hooks = RouterHooks()
        hooks.batchBegan = { [self] in
            state = live.current
            // A failure shows at the first read, which answers for it.
            try? snapshot.begin()
        }
        hooks.batchEnded = { [self] in snapshot.end() }
        hooks.authorize = doorkeeper.admit
        return hooks
    }

    /// `Synced-At` of a connection: the end of its last good run in RFC 3339; `nil` before the first.
    func syncedAt(_ connection: Int64) throws(StoreError) -> String? {
        let version = store.committedVersion
        if version != syncedAtVersion {
            syncedAt.removeAll(keepingCapacity: true)
            syncedAtVersion = version
        }
        if let known = syncedAt[connection] { return known }
        let time = try snapshot.connections.find(key: connection)?.lastGoodRunAt?.rfc3339
        syncedAt[connection] = .some(time)
        return time
    }
}
