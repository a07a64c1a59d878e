//  A clock that stands until it is set.

import Platform
import Synchronization

final class TestClock: Sendable {
    private let milliseconds = Atomic<Int64>(1)

    var now: Timestamp { Timestamp(milliseconds: milliseconds.load(ordering: .relaxed)) }

    func set(_ milliseconds: Int64) { self.milliseconds.store(milliseconds, ordering: .relaxed) }
}
