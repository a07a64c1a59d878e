//  The service: runs by schedule and on request, approval, and reloads that disturb nobody.

import Config
import Log
import Platform
import Store
import Testing

@testable import Sync
@testable import Vendors

struct SyncServiceTests {
    /// A service over a workbench, with a clock that never brings the next run.
    static func service(_ bench: Workbench) -> SyncService {
        let time = bench.time
        return SyncService(store: bench.store, log: .silent, wallClock: { time.now() }, jitter: { 0 })
    }

    /// Waits, as the store's own news come in, until a run has ended.
    static func ended(_ bench: Workbench, _ run: Int64) async throws -> RunRow {
        while true {
            let row = try await bench.find(run)
            if row.state != .running { return row }
            await Task.yield()
        }
    }

    static func latest(_ bench: Workbench) async throws -> RunRow {
        let key = bench.target.key
        while true {
            let row = try await bench.store.read { try $0.runs.latest(connection: key) }
            if let row, row.state != .running { return row }
            await Task.yield()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a new connection is read at once, and again on request`() async throws {
        let bench = try await Workbench { $0.sync.every = .seconds(3600) }
        bench.vendor.hold(["1", "2", "3"])
        let service = Self.service(bench)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            service.apply([bench.target])
            #expect(try await Self.latest(bench).counts.created == 3)
            bench.vendor.hold(["1", "2"])
            let run = try await service.sync("erp", mode: .full)
            #expect(try await Self.ended(bench, run).counts.deleted == 1)
            await #expect(throws: SyncRefusal.unknownConnection) { try await service.sync("x", mode: .full) }
            await #expect(throws: SyncRefusal.unsupported(.delta)) { try await service.sync("erp", mode: .delta) }
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `approval lets a held run delete`() async throws {
        let bench = try await Workbench { $0.sync.every = .seconds(3600) }
        bench.vendor.hold(RunTests.many)
        let service = Self.service(bench)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            service.apply([bench.target])
            _ = try await Self.latest(bench)
            bench.vendor.hold(["100"])
            let run = try await service.sync("erp", mode: .full)
            #expect(try await Self.ended(bench, run).state == .held)
            try await service.approve(run)
            #expect(try await bench.find(run).state == .done)
            #expect(try await bench.ids() == ["100"])
            await #expect(throws: SyncRefusal.notHeld) { try await service.approve(run) }
            await #expect(throws: SyncRefusal.unknownRun) { try await service.approve(999) }
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a reload leaves an unchanged connection alone and ends the run of a changed one`() async throws {
        let bench = try await Workbench { $0.sync.every = .seconds(3600) }
        bench.vendor.hold(["1"])
        let service = Self.service(bench)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            service.apply([bench.target])
            let first = try await Self.latest(bench)
            service.apply([bench.target])
            let run = try await service.sync("erp", mode: .full)
            #expect(try await Self.ended(bench, run).id == first.id + 1)
            var config = bench.target.config
            config.region = "US"
            service.apply([SyncTarget(key: bench.target.key, config: config, adapter: bench.target.adapter)])
            let again = try await service.sync("erp", mode: .full)
            #expect(try await Self.ended(bench, again).state == .done)
            service.apply([])
            #expect(service.status(of: "erp") == nil)
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a run that a former process left is finished first`() async throws {
        let bench = try await Workbench { $0.sync.every = .seconds(3600) }
        bench.vendor.hold(["1", "2"])
        let left = try await bench.book.begin(.full, of: bench.target)
        let dry = try await bench.book.begin(.full, of: bench.target, isDry: true)
        let service = Self.service(bench)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            service.apply([bench.target])
            let finished = try await Self.ended(bench, left.id)
            #expect(finished.counts.created == 2)
            let abandoned = try await Self.ended(bench, dry.id)
            #expect(abandoned.state == .failed)
            group.cancelAll()
        }
    }
}
