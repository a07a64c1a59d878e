//  What the writer tells every thread that reads.

import Platform
import Synchronization

/// The few numbers that cross threads, and what is fixed for the life of an open store.
final class SharedState: Sendable {
    private let version = Atomic<UInt64>(1)
    private let sequence = Atomic<Int64>(0)
    private let searchAt = Atomic<Int64>(0)
    private let relinked = Atomic<Int64>(0)
    private let listeners = Mutex(Listeners())
    let clock: @Sendable () -> Timestamp
    /// Hashes look-up keys; its seed was made with the file.
    let lookupHash: Hash64
    let tokenKey: [UInt8]
    /// Whether some contacts had keys of an earlier program when the file was opened: then
    /// ``MetaTable/keysBehind()`` tells of each state whether they still do.
    let mayHaveFormerKeys: Bool

    init(clock: @escaping @Sendable () -> Timestamp, lookupHash: Hash64, tokenKey: [UInt8], mayHaveFormerKeys: Bool) {
        self.mayHaveFormerKeys = mayHaveFormerKeys
        self.clock = clock
        self.lookupHash = lookupHash
        self.tokenKey = tokenKey
    }

    var committedVersion: UInt64 {
        @inline(__always) get { version.load(ordering: .acquiring) }
    }

    var lastSequence: Int64 { sequence.load(ordering: .acquiring) }

    var searchPosition: Int64 { searchAt.load(ordering: .acquiring) }

    /// How often a record was noted that means what the one before it meant: its link moved, the sequence did not.
    var relinks: Int64 { relinked.load(ordering: .acquiring) }

    /// Counted before their COMMIT, so that who sees one has seen this.
    func willRelink() { relinked.add(1, ordering: .acquiringAndReleasing) }

    /// Called by the writer after COMMIT and before anybody is answered.
    func committed(sequence: Int64, searchPosition: Int64) {
        self.sequence.store(sequence, ordering: .releasing)
        searchAt.store(searchPosition, ordering: .releasing)
        version.add(1, ordering: .acquiringAndReleasing)
    }

    private struct Listeners {
        var next = 0
        var continuations: [Int: AsyncStream<Int64>.Continuation] = [:]
        var isClosed = false
    }

    func announce() {
        let sequence = lastSequence
        listeners.withLock { for continuation in $0.continuations.values { continuation.yield(sequence) } }
    }

    func listen() -> AsyncStream<Int64> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int64.self, bufferingPolicy: .bufferingNewest(1))
        let number: Int? = listeners.withLock { listeners in
            guard !listeners.isClosed else { return nil }
            listeners.next += 1
            listeners.continuations[listeners.next] = continuation
            return listeners.next
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.yield(lastSequence)
        continuation.onTermination = { [weak self] _ in
            _ = self?.listeners.withLock { $0.continuations.removeValue(forKey: number) }
        }
        return stream
    }

    func closeListeners() {
        let all = listeners.withLock { listeners in
            listeners.isClosed = true
            let all = listeners.continuations.values
            listeners.continuations = [:]
            return Array(all)
        }
        for continuation in all { continuation.finish() }
    }
}
