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
    /// The state in force when the batch began.
    public private(set) var state: GatewayState
    private var stateVersion: UInt64

    // The connection that was asked for last, by whom, and as of which version of the store.
    private var seenKey: Int64 = -1
    private var seenCaller: Caller?
    private var seenVersion: UInt64 = 0
    /// The store keys that ``visibleCaller`` sees in ``state``.
    private var visibleKeys: Set<Int64> = []
    /// The regions of the same connections.
    private var visibleRegions: [String?] = []
    private var visibleCaller: Caller?
    /// Its `Synced-At` line; empty before its first good run.
    private var syncedAtLine: [UInt8] = []
    /// Lists that may be answered as before.
    var answers = AnswerCache()

    /// Makes a context with a read connection of its own.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read.
    public init(store: Store, live: LiveState) throws(StoreError) {
        self.live = live
        snapshot = try store.reader()
        stateVersion = live.version
        state = live.current
    }

    /// Hooks that keep the context fresh: each batch of events has one read transaction and one state.
    ///
    /// - Parameter doorkeeper: Decides who comes in.
    /// - Returns: The hooks of the doorkeeper's table.
    public func hooks(_ doorkeeper: Doorkeeper) -> RouterHooks {
        var hooks = RouterHooks()
        hooks.batchBegan = { [self] in
            renewState()
            // A failure shows at the first read, which answers for it.
            try? snapshot.begin()
        }
        hooks.batchEnded = { [self] in snapshot.end() }
        hooks.rested = { [self] in answers.release() }
        hooks.authorize = doorkeeper.admit
        return hooks
    }

    /// Takes up the state in force when it is another one.
    private func renewState() {
        let version = live.version
        if version == stateVersion { return }
        stateVersion = version
        state = live.current
        seenKey = -1
        visibleCaller = nil
    }

    /// Takes up what was committed and configured since the batch began: call it before anything of an answer is read, so
    /// that a client reads what it wrote.
    ///
    /// - Returns: As of when the answer will be, or older.
    func refresh() throws(StoreError) -> AnswerCache.Basis {
        renewState()
        try snapshot.refresh()
        return AnswerCache.Basis(commits: snapshot.committedVersion, configuration: stateVersion)
    }

    /// Whether that caller sees the connection of that store key. If so, ``writeSyncedAt(_:)`` writes that connection's.
    func sees(_ key: Int64, _ caller: Caller) throws(StoreError) -> Bool {
        let version = snapshot.committedVersion
        if key == seenKey, version == seenVersion, seenCaller === caller { return true }
        guard state.connections.connection(key: key, for: caller) != nil else { return false }
        syncedAtLine = []
        // The end of the last good run.
        if let time = try snapshot.connections.find(key: key)?.lastGoodRunAt {
            syncedAtLine = Array("Synced-At: \(time.rfc3339)\r\n".utf8)
        }
        (seenKey, seenCaller, seenVersion) = (key, caller, version)
        return true
    }

    /// The store keys of every connection that a caller sees.
    func visibleKeys(for caller: Caller) -> Set<Int64> {
        if visibleCaller !== caller { look(for: caller) }
        return visibleKeys
    }

    /// The regions of the connections that a caller sees, each once.
    func visibleRegions(for caller: Caller) -> [String?] {
        if visibleCaller !== caller { look(for: caller) }
        return visibleRegions
    }

    private func look(for caller: Caller) {
        visibleCaller = caller
        visibleKeys = state.connections.visibleKeys(for: caller)
        visibleRegions = Array(Set(state.connections.all.filter { caller.sees($0.id) }.map(\.config.region)))
    }

    /// Writes the `Synced-At` field of the connection that was seen last.
    func writeSyncedAt(_ out: inout ResponseWriter) {
        out.fields(syncedAtLine)
    }
}
