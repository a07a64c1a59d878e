//  What a loop's synchronous handlers work with: its own read connection and the state in force.

import Config
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
    /// The Authorization field that was admitted last, under which state, and whose it is.
    private var lastAdmitted: (state: GatewayState, field: [UInt8], caller: Caller)?

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
    /// - Parameter routes: The table that they serve; a route's `access` names the scope it needs, empty for none.
    /// - Returns: The hooks of that table.
    public func hooks(for routes: [Route]) -> RouterHooks {
        let scopes = routes.map { Scope(rawValue: $0.access) }
        var hooks = RouterHooks()
        hooks.batchBegan = { [self] in
            state = live.current
            // A failure shows at the first read, which answers for it.
            try? snapshot.begin()
        }
        hooks.batchEnded = { [self] in snapshot.end() }
        hooks.authorize = { [self] view, route in
            guard let scope = scopes[route] else { return .admitted(nil) }
            return admit(view, for: scope)
        }
        return hooks
    }

    /// Checks the key. The one that this loop admitted last is known again without hashing it: a client sends the
    /// same one over and over, and the digest costs as much as the look-up itself.
    private func admit(_ view: borrowing RequestView, for scope: Scope) -> Admission {
        let current = live.current
        if let last = lastAdmitted, last.state === current, Self.isSame(view.field(.authorization), last.field),
            last.caller.scopes.contains(scope)
        {
            return .admitted(last.caller)
        }
        let admission = current.keys.admit(view, for: scope)
        if case .admitted(let principal) = admission, let caller = principal as? Caller {
            lastAdmitted = (current, view.field(.authorization).array, caller)
        }
        return admission
    }

    /// Compares in a time that depends on the lengths only.
    private static func isSame(_ given: Span<UInt8>, _ known: [UInt8]) -> Bool {
        guard given.count == known.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<given.count { difference |= given[index] ^ known[index] }
        return difference == 0
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
