//  How many connections a server has, over all of its loops.

import Synchronization

/// Counts connections against the most that there may be, and tells when one that was waited for has gone.
final class ConnectionCap: Sendable {
    private let limit: Int
    private let held = Atomic<Int>(0)
    private let isAwaited = Atomic<Bool>(false)
    private let roomMade = Mutex<@Sendable () -> Void>({})

    init(limit: Int) {
        self.limit = limit
    }

    /// What to do when a connection ends that somebody was refused for.
    func whenRoomIsMade(_ action: @escaping @Sendable () -> Void) { roomMade.withLock { $0 = action } }

    /// Counts one more, unless there are too many already: the limit, and those that are in reserve for this one's kind.
    func take(reserve: Int = 0) -> Bool {
        if held.add(1, ordering: .sequentiallyConsistent).oldValue < limit + reserve { return true }
        held.subtract(1, ordering: .sequentiallyConsistent)
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        // One may have gone before anybody knew that it is waited for.
        return held.load(ordering: .sequentiallyConsistent) < limit + reserve && take(reserve: reserve)
    }

    /// Counts one less.
    func give() {
        held.subtract(1, ordering: .sequentiallyConsistent)
        guard isAwaited.load(ordering: .sequentiallyConsistent),
            isAwaited.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        roomMade.withLock { $0 }()
    }
}
