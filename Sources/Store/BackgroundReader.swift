//  A thread for reads that would hold up a loop.

import Platform
import Synchronization

/// Runs reads one after the other on its own thread and connection.
///
/// `@unchecked Sendable`: the snapshot is touched by the thread alone once it runs.
final class BackgroundReader: @unchecked Sendable {
    /// Gets the snapshot, or `nil` when the store was closed before its turn.
    typealias Read = @Sendable (Snapshot?) -> Void

    private struct State {
        var reads: [Read] = []
        var isStopping = false
        var isEnded = false
        var stopped: [CheckedContinuation<Void, Never>] = []
    }
    private var snapshot: Snapshot?
    private let state = Mutex(State())
    private let condition = Condition()

    init(snapshot: Snapshot) {
        self.snapshot = snapshot
    }

    func start(name: String, precedence: PosixThread.Precedence) {
        PosixThread.start(name: name, precedence: precedence) { [self] in run() }
    }

    func enqueue(_ read: @escaping Read) {
        let isOpen = state.withLock { state in
            if !state.isStopping { state.reads.append(read) }
            return !state.isStopping
        }
        if isOpen { condition.signal() } else { read(nil) }
    }

    func stop() async {
        await withCheckedContinuation { continuation in
            let isEnded = state.withLock { state in
                state.isStopping = true
                if !state.isEnded { state.stopped.append(continuation) }
                return state.isEnded
            }
            if isEnded { continuation.resume() } else { condition.signal() }
        }
    }

    private func run() {
        while true {
            let (reads, isStopping) = state.withLock { state in
                let reads = state.reads
                state.reads = []
                return (reads, state.isStopping)
            }
            for read in reads { read(snapshot) }
            if !reads.isEmpty { continue }
            if isStopping { break }
            condition.wait()
        }
        snapshot = nil
        let stopped = state.withLock { state in
            state.isEnded = true
            let stopped = state.stopped
            state.stopped = []
            return stopped
        }
        for continuation in stopped { continuation.resume() }
    }
}
