//  What other threads want of a loop: one queue, one eventfd.

import CLinux
import Glibc
import HTTPCore
import Platform
import Synchronization

/// A queue into an event loop. The eventfd is written once, however much is queued until the loop looks.
final class Inbox: Sendable {
    enum Item {
        case job(UnownedJob)
        case work(@Sendable () -> Void)
        case answer(ConnectionID, @Sendable (inout ResponseWriter) -> Void)
    }

    private struct State {
        var items: [Item] = []
        var isSignalled = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let event: FileDescriptor

    init() throws(SystemError) {
        event = FileDescriptor(owning: try SystemError.check("eventfd") { clinux_eventfd() })
    }

    /// Readable while something is queued.
    var descriptor: Int32 { event.raw }

    /// Adds an item. `wakes` is false when the loop itself adds it and will look before it waits.
    ///
    /// - Returns: False when the loop has ended.
    func add(_ item: Item, wakes: Bool) -> Bool {
        let (isTaken, mustSignal) = state.withLock { state in
            if state.isClosed { return (false, false) }
            state.items.append(item)
            guard wakes, !state.isSignalled else { return (true, false) }
            state.isSignalled = true
            return (true, true)
        }
        guard mustSignal else { return isTaken }
        var one: UInt64 = 1
        // An eventfd refuses a write only when its counter is full, and then it is readable anyway.
        _ = write(event.raw, &one, 8)
        return isTaken
    }

    /// Takes what is queued for the last time.
    func close(into items: inout [Item]) {
        items = state.withLock { state in
            state.isClosed = true
            let last = state.items
            state.items = []
            return last
        }
    }

    /// Takes everything that is queued; the array given is cleared and used for what comes next.
    func take(into items: inout [Item], wasSignalled: Bool) {
        if wasSignalled {
            var count: UInt64 = 0
            _ = read(event.raw, &count, 8)
        }
        items.removeAll(keepingCapacity: true)
        state.withLock { state in
            if wasSignalled { state.isSignalled = false }
            swap(&state.items, &items)
        }
    }
}
