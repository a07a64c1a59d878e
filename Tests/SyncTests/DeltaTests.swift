//  Delta runs: marks, tombstones, and what happens when the vendor forgets.

import Contacts
import Store
import Testing

@testable import Sync
@testable import Vendors

struct DeltaTests {
    static func page(_ records: [String], deleted: [String] = [], company: String = "new") -> RecordPage {
        var page = RecordPage()
        page.records = records.map { FakeBook.record($0, FakeBook.person($0, company: company)) }
        page.deleted = deleted
        return page
    }

    @Test func `the mark is taken before the list, and a delta starts from it`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2", "3"])
        let full = try await bench.run()
        #expect(bench.vendor.calls.first == "mark")
        #expect(try await bench.connection()?.mark == full.mark)
        bench.vendor.set { $0.deltas = [Self.page(["2", "4"], deleted: ["3"])] }
        let delta = try await bench.run(.delta)
        #expect(delta.state == .done)
        #expect([delta.counts.created, delta.counts.updated, delta.counts.deleted] == [1, 1, 1])
        #expect(try await bench.ids() == ["1", "2", "4"])
        #expect(try await bench.connection()?.mark?.hasPrefix("d") == true)
    }

    @Test func `a delta that the vendor has forgotten becomes one full run without events`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        let sequence = bench.store.lastSequence
        bench.vendor.set { $0.deltaError = VendorError(.markExpired, status: 403, message: "who?") }
        let run = try await bench.run(.delta)
        #expect(run.state == .done)
        #expect(run.mode == "full")
        #expect(run.counts.unchanged == 3)
        #expect(bench.store.lastSequence == sequence)
        #expect(try await bench.events().isEmpty)
        #expect(try await bench.connection()?.mark?.hasPrefix("m") == true)
    }

    @Test func `an id both changed and deleted is kept until a full run tells`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2"])
        try await bench.run()
        bench.vendor.set { $0.deltas = [Self.page(["2"], deleted: ["2"])] }
        try await bench.run(.delta)
        #expect(try await bench.ids() == ["1", "2"])
        #expect(try await bench.book.history(of: bench.target).needsFull)
        try await bench.run()
        #expect(try await !bench.book.history(of: bench.target).needsFull)
    }

    @Test func `a delta with a record that nobody can name deletes nothing and reads the same stretch again`()
        async throws
    {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2"])
        let full = try await bench.run()
        var page = Self.page(["1"], deleted: ["2"])
        page.rejected = [RejectedRecord(vendorID: nil, reason: "id is missing", bytes: [0x7B, 0x7D])]
        bench.vendor.set { $0.deltas = [page] }
        let delta = try await bench.run(.delta)
        #expect(delta.counts.deleted == 0)
        #expect(delta.counts.updated == 1)
        #expect(try await bench.connection()?.mark == full.mark)
    }

    @Test func `a mass of tombstones is held as well`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(RunTests.many)
        try await bench.run()
        bench.vendor.set { $0.deltas = [Self.page([], deleted: Array(RunTests.many.prefix(30)))] }
        let held = try await bench.run(.delta)
        #expect(held.state == .held)
        #expect(try await bench.ids().count == 50)
        // One of them is alive after all.
        bench.vendor.set { $0.deltas = [Self.page(["100"])] }
        try await bench.run(.delta)
        #expect(try await bench.find(held.id).error?.contains("superseded") == true)
    }

    @Test func `a list that moved is walked twice before it deletes`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2", "3", "4"])
        try await bench.run()
        // During the next list 1 is deleted, so that 3 slips out of the pages; the delta tells of 1 alone.
        bench.vendor.hold(["1", "2", "4"])
        bench.vendor.set { state in
            state.deltas = [Self.page([], deleted: ["1"])]
            let vendor = bench.vendor
            state.beforePage = { page in if page == 1 { vendor.hold(["2", "3", "4"]) } }
        }
        let run = try await bench.run()
        #expect(run.state == .done)
        #expect(try await bench.ids() == ["2", "3", "4"])
    }

    @Test func `what a delta tells of does not stand in for a list that is empty twice`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(RunTests.many)
        try await bench.run()
        bench.vendor.hold([])
        bench.vendor.set { $0.deltas = [Self.page(RunTests.many, company: "eos"), Self.page([])] }
        #expect(try await bench.run().state == .held)
        #expect(try await bench.ids().count == 50)
    }

    @Test func `two spellings of one text are two ids`() async throws {
        let bench = try await Workbench(delta: true)
        let spellings = ["\u{E9}", "e\u{301}"]
        let others = (10..<30).map { "\($0)" }
        bench.vendor.set { $0.pageSize = 100 }
        bench.vendor.hold(spellings + others)
        let full = try await bench.run()
        #expect(full.counts.created == 22)
        #expect(try await bench.ids().prefix(2).map { Array($0.utf8) } == spellings.map { Array($0.utf8) })
        bench.vendor.set { $0.deltas = [Self.page([], deleted: spellings)] }
        #expect(try await bench.run(.delta).counts.deleted == 2)
        #expect(try await bench.ids() == others)
    }
}
