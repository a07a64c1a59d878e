//  When which run is due, as a table.

import Config
import Platform
import Testing

@testable import Sync
@testable import Vendors

struct RunPlannerTests {
    static func planner(delta: Bool = true, sweeps: Bool = false, lists: Bool = true, every: Int = 60) -> RunPlanner {
        var sync = SyncConfig()
        sync.every = .seconds(every)
        sync.fullEvery = .seconds(86_400)
        return RunPlanner(
            sync: sync,
            deletes: DeletesConfig(),
            capabilities: Capabilities(
                reads: lists,
                delta: delta,
                writes: false,
                removes: false,
                deletes: sweeps ? .sweep : .native,
                fields: []
            )
        )
    }

    static func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

    static func history(good: Int64?, full: Int64?, mark: Bool = true, sweep: Int64? = nil) -> RunPlanner.History {
        var history = RunPlanner.History()
        history.lastGoodAt = good.map(at)
        history.lastFullAt = full.map(at)
        history.lastSweepAt = sweep.map(at)
        history.hasMark = mark
        return history
    }

    static let cases: [(history: RunPlanner.History, planner: RunPlanner, mode: RunMode, at: Int64)] = [
        (history(good: nil, full: nil), planner(), .full, 1_000_000),  // never run: at once
        (history(good: 999_990, full: 999_990), planner(), .delta, 1_000_050),
        (history(good: 999_990, full: 999_990), planner(delta: false), .full, 1_000_050),
        (history(good: 999_990, full: 999_990, mark: false), planner(), .full, 1_000_000),  // nowhere to start from
        (history(good: 999_990, full: 900_000), planner(), .full, 986_400),  // overdue, and does what a delta would
        (history(good: 999_990, full: 990_000, sweep: 990_000), planner(sweeps: true), .delta, 1_000_050),
        (history(good: 999_990, full: 920_000, sweep: 900_000), planner(sweeps: true), .delta, 1_000_050),
    ]

    @Test(arguments: cases.indices)
    func `the next run follows the schedule`(index: Int) {
        let (history, planner, mode, at) = Self.cases[index]
        let plan = planner.next(after: history, now: Self.at(1_000_000), jitter: 0)
        #expect(plan == RunPlanner.Plan(mode: mode, at: Self.at(at)))
    }

    @Test func `what is never read is never run`() {
        #expect(Self.planner(delta: false, lists: false).next(after: .init(), now: Self.at(0), jitter: 0) == nil)
    }

    @Test func `jitter bends a wait by a tenth at most`() {
        let history = Self.history(good: 1000, full: 1000)
        let waits = [-9, -1, 0, 1, 9].map { jitter in
            (Self.planner().next(after: history, now: Self.at(1000), jitter: jitter)?.at.milliseconds ?? 0) - 1_000_000
        }
        #expect(waits == [54_000, 54_000, 60_000, 66_000, 66_000])
    }

    @Test(arguments: [(1, 30), (2, 60), (3, 60), (9, 60)])
    func `failures back off`(failures: Int, seconds: Int) {
        var history = Self.history(good: 1000, full: 1000)
        history.failures = failures
        history.lastFailureAt = Self.at(2000)
        let plan = Self.planner().next(after: history, now: Self.at(2000), jitter: 0)
        #expect(plan?.at == Self.at(2000 + Int64(seconds)))
        history.retryAfterSeconds = 600
        #expect(Self.planner().next(after: history, now: Self.at(2000), jitter: 0)?.at == Self.at(2600))
    }

    @Test func `a connection with a short interval comes back soon`() {
        var history = Self.history(good: 1000, full: 1000)
        history.failures = 1
        history.lastFailureAt = Self.at(2000)
        #expect(Self.planner(every: 1).next(after: history, now: Self.at(2000), jitter: 0)?.at == Self.at(2001))
    }

    static let holds: [(count: Int, all: Int, isHeld: Bool)] = [
        (1000, 100_000, false), (1001, 100_000, true), (9, 9, false), (10, 50, false), (10, 49, true), (11, 50, true),
    ]

    @Test(arguments: holds)
    func `the guard holds above its limits`(count: Int, all: Int, isHeld: Bool) {
        #expect((DeleteGuard(DeletesConfig()).reasonToHold(deleting: count, of: all) != nil) == isHeld)
    }
}
