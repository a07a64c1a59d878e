//  What other threads want of a loop: one queue, one eventfd.

import CLinux
import Glibc
import Platform
import Synchronization

/// A queue into an event loop. The eventfd is written once, however much is queued until the loop looks.
final class Inbox: Sendable {
    enum Item {
        case job(UnownedJob)
        case work(@Sendable () -> Void)
    }

    private struct State {
        var items: [Item] = []
        var isSignalled = false
    }

    private let state = Mutex(State())
    private let event: FileDescriptor

    init() throws(SystemError) {
        event = FileDescriptor(owning: try SystemError.check("eventfd") { clinux_eventfd() })
    }

    /// Readable while something is queued.
    var descriptor: Int32 { event.raw }

    /// Adds an item. `wakes` is false when the loop itself adds it and will look before it waits.
    func add(_ item: Item, wakes: Bool) {
        let mustSignal = state.withLock { state in
            state.items.append(item)
            guard wakes, !state.isSignalled else { return false }
            state.isSignalled = true
            return true
        }
        guard mustSignal else { return }
        var one: UInt64 = 1
        // An eventfd refuses a write only when its counter is full, and then it is readable anyway.
        _ = write(event.raw, &one, 8)
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
