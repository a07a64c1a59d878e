//  Tells requests that wait that it is over: the server drains, or another configuration is in force.

import Synchronization

/// A signal that is given once, to everyone who waits for it.
public final class StopSignal: Sendable {
    private struct State {
        var isStopped = false
        var waiting: [Int: AsyncStream<Never>.Continuation] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// Not given yet.
    public init() {}

    /// Whether it was given.
    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Gives it.
    public func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            let waiting = Array(state.waiting.values)
            state.waiting = [:]
            return waiting
        }
        for continuation in waiting { continuation.finish() }
    }

    /// A stream that ends when the signal is given; at once when it was.
    public func signals() -> AsyncStream<Never> {
        AsyncStream { continuation in
            let number: Int? = state.withLock { state in
                guard !state.isStopped else { return nil }
                state.count += 1
                state.waiting[state.count] = continuation
                return state.count
            }
            guard let number else { return continuation.finish() }
            continuation.onTermination = { [self] _ in
                state.withLock { _ = $0.waiting.removeValue(forKey: number) }
            }
        }
    }
}
