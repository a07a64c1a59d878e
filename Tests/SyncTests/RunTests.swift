//  Runs against a bendable vendor and a store on a file: what is stored, what is deleted, and above all what is not.

import Config
import Contacts
import JSON
import Log
import Platform
import Store
import Testing

@testable import Sync
@testable import Vendors

struct RunTests {
    static let many = (100..<150).map(String.init)

    @Test func `a full run stores everything, and a second one finds nothing new`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3", "4", "5"])
        let first = try await bench.run()
        #expect(first.state == .done)
        #expect(first.counts.created == 5)
        #expect(first.counts.pages == 3)
        let sequence = bench.store.lastSequence
        let second = try await bench.run()
        #expect(second.counts.unchanged == 5)
        #expect(second.counts.created + second.counts.updated + second.counts.deleted == 0)
        #expect(bench.store.lastSequence == sequence)
        #expect(try await bench.contact("3")?.contact.content.name.full == "P3 Doe")
        let connection = try await bench.connection()
        #expect(connection?.lastGoodRunAt != nil)
        #expect(connection?.lastFullAt != nil)
    }

    @Test func `only a difference in meaning is a change`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2"])
        try await bench.run()
        let sequence = bench.store.lastSequence
        bench.vendor.set { state in
            // Other bytes, the same meaning; and one real change.
            state.records[0].json = #"{"id":"1", "last_name":"Doe","first_name":"P1","company":"eos","type":"LEAD"}"#
            state.records[1].json = FakeBook.person("2", company: "Ørsted")
        }
        let run = try await bench.run()
        #expect(run.counts.updated == 1)
        #expect(run.counts.unchanged == 1)
        #expect(bench.store.lastSequence == sequence + 1)
        #expect(try await bench.run().counts.unchanged == 2)
    }

    @Test func `what a complete list no longer has is deleted`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        bench.vendor.hold(["1", "3"])
        let run = try await bench.run()
        #expect(run.counts.deleted == 1)
        #expect(try await bench.ids() == ["1", "3"])
    }

    @Test func `a list that breaks off deletes nothing and fails in the vendor's words`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3", "4"])
        try await bench.run()
        bench.vendor.hold(["9", "8", "7", "6"])
        bench.vendor.set { $0.failingPage = 1 }
        let run = try await bench.run()
        #expect(run.state == .failed)
        #expect(run.error?.contains("the vendor sleeps") == true)
        #expect(try await bench.ids() == ["1", "2", "3", "4", "9", "8"])
        #expect(try await bench.events() == ["connection.degraded", "run.failed"])
        bench.vendor.set { $0.failingPage = nil }
        try await bench.run()
        #expect(try await bench.events() == ["connection.degraded", "run.failed", "connection.recovered"])
        #expect(try await bench.ids() == ["9", "8", "7", "6"])
    }

    @Test func `a record that nobody can name keeps everything`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        bench.vendor.hold(["1"])
        bench.vendor.set { $0.records.append(("", #"{"first_name":"?"}"#)) }
        let run = try await bench.run()
        #expect(run.state == .done)
        #expect(run.counts.quarantined == 1)
        #expect(run.counts.deleted == 0)
        #expect(try await bench.ids().count == 3)
    }

    @Test func `a bad record is set aside, stops nothing, is exempt from deletes, and comes back when it is well`()
        async throws
    {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        bench.vendor.set { state in
            state.records[1].json = #"{"id":"2","first_name":"P2"}"#
            state.records.append(("4", #"{"id":"4","last_name":[]}"#))
        }
        let run = try await bench.run()
        #expect(run.counts.quarantined == 2)
        #expect(run.counts.deleted == 0)
        #expect(try await bench.ids() == ["1", "2", "3"])
        let key = bench.target.key
        let aside = try await bench.store.read { try $0.quarantine.page(connection: key, after: 0, limit: 10) }
        #expect(aside.map(\.reason) == ["last_name is missing", "last_name is a list, not a string"])
        bench.vendor.hold(["1", "2", "3", "4"])
        #expect(try await bench.run().counts.created == 1)
        #expect(try await bench.store.read { try $0.quarantine.count(connection: key) } == 0)
    }

    @Test func `a missing contact that the vendor still has is kept`() async throws {
        let bench = try await Workbench(confirms: true)
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        bench.vendor.hold(["1"])
        bench.vendor.set { $0.alive = ["2"] }
        for mode in [RunMode.full, .sweep] {
            let run = try await bench.run(mode)
            #expect(run.state == .done)
            #expect(try await bench.ids() == ["1", "2"])
        }
        #expect(bench.vendor.calls.contains("gone? 2"))
    }

    @Test func `too many deletes are held until somebody approves`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(Self.many)
        try await bench.run()
        bench.vendor.hold(Array(Self.many.prefix(40)))
        // Ten of fifty are no more than 20 %.
        #expect(try await bench.run().state == .done)
        bench.vendor.hold(Array(Self.many.prefix(25)))
        let held = try await bench.run()
        #expect(held.state == .held)
        #expect(held.error?.contains("15 of 40") == true)
        #expect(try await bench.ids().count == 40)
        #expect(try await bench.events() == ["run.held"])
        // Later runs go on.
        #expect(try await bench.run().state == .held)
        #expect(held.endedAt != nil)
        let approved = try await bench.book.takeHeld(held.id)
        #expect(approved.state == .running && approved.endedAt == nil)
        try await bench.book.approve(approved, target: bench.target)
        let after = try await bench.find(held.id)
        #expect(after.state == .done)
        #expect(after.counts.deleted == 15)
        #expect(try await bench.ids().count == 25)
        await #expect(throws: SyncRefusal.notHeld) { try await bench.book.takeHeld(held.id) }
    }

    @Test func `a held run whose contacts come back is superseded`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(Self.many)
        try await bench.run()
        bench.vendor.hold(["100"])
        let held = try await bench.run()
        #expect(held.state == .held)
        bench.vendor.hold(Self.many)
        #expect(try await bench.run().state == .done)
        let after = try await bench.find(held.id)
        #expect(after.state == .failed)
        #expect(after.error?.contains("superseded") == true)
        #expect(try await bench.ids().count == 50)
    }

    @Test func `a dry run lists what it would do and does nothing`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2"])
        try await bench.run()
        let sequence = bench.store.lastSequence
        bench.vendor.hold(["1", "3"], company: "new")
        let run = try await bench.run(isDry: true)
        #expect(run.state == .done)
        #expect([run.counts.created, run.counts.updated, run.counts.deleted] == [1, 1, 1])
        #expect(bench.store.lastSequence == sequence)
        let changes = try await bench.store.read { try $0.runs.dryChanges(run.id, limit: 10).map(\.body) }
        let types = try changes.map { try JSONValue(parsing: $0)["type"]?.stringValue }
        #expect(Set(types) == ["created", "updated", "deleted"])
        #expect(try await bench.run().counts.created == 1)
    }

    @Test func `a run that was killed goes on where it stood and forgets nothing that it saw`() async throws {
        let first = try await Workbench()
        let ids = (100..<200).map(String.init)
        first.vendor.hold(ids)
        first.vendor.set { $0.beforePage = { page in if page == 25 { withUnsafeCurrentTask { $0?.cancel() } } } }
        let row = try await first.book.begin(.full, of: first.target)
        let time = first.time
        let interrupted = await Task {
            var run = Run(row, target: first.target, store: first.store, log: .silent, clock: { time.now() })
            return await run.run()
        }.value
        #expect(interrupted == .interrupted)
        await first.store.close()

        let second = try await Workbench(path: first.path)
        let open = try await second.book.unfinished(of: second.target, before: Timestamp(milliseconds: .max))
        #expect(open.map(\.id) == [row.id])
        #expect(open[0].cursor != nil)
        second.vendor.hold(ids)
        let run = try await second.carryOut(open[0])
        #expect(run.state == .done)
        #expect(run.counts.created == 100)
        #expect(run.counts.deleted == 0)
        #expect(try await second.ids().count == 100)
        #expect(second.vendor.calls.first != "list 0")
    }

    @Test func `pages that repeat for ever fail the run with words`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2"])
        bench.vendor.set { $0.repeats = true }
        let run = try await bench.run()
        #expect(run.state == .failed)
        #expect(run.error?.contains("repeat") == true)
    }

    @Test func `a list shorter than its count is read again and then fails with words`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2", "3"])
        try await bench.run()
        bench.vendor.hold(["1", "2"])
        bench.vendor.set { $0.claimedTotal = 3 }
        let run = try await bench.run()
        #expect(run.state == .failed)
        #expect(run.error?.contains("counts 3") == true)
        #expect(try await bench.ids().count == 3)
        bench.vendor.set { $0.claimedTotal = 2 }
        #expect(try await bench.run().counts.deleted == 1)
    }

    @Test func `an older page never undoes what was written since it was asked for`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2"])
        try await bench.run()
        let stored = try #require(try await bench.contact("1"))
        bench.vendor.hold(["1", "2"], company: "old page")
        let store = bench.store
        bench.vendor.set { state in
            state.beforePage = { _ in
                var content = stored.contact.content
                content.title = "CTO"
                let update = ContactUpdate(content: content, vendorID: "1")
                _ = try? await store.write { try $0.contacts.update(stored.key, update) }
            }
        }
        try await bench.run()
        let after = try #require(try await bench.contact("1"))
        #expect(after.contact.content.title == "CTO")
        #expect(after.contact.content.organization == "eos")
    }

    @Test func `our own write coming back is no change`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1"])
        try await bench.run()
        let stored = try #require(try await bench.contact("1"))
        var content = stored.contact.content
        content.organization = "written"
        content.tags = ["kept by us alone"]
        let projection = ContactSourceMapping().project(
            content,
            vendorID: "1",
            previous: Array(FakeBook.person("1").utf8),
            touched: [.organization]
        )
        var update = ContactUpdate(content: content, vendorID: "1")
        update.vendorState = VendorState(
            contentHash: 0,
            raw: Array(FakeBook.person("1").utf8),
            projected: projection.bytes
        )
        _ = try await bench.store.write { [update] in try $0.contacts.update(stored.key, update) }
        let sequence = bench.store.lastSequence
        bench.vendor.hold(["1"], company: "written")
        #expect(try await bench.run().counts.unchanged == 1)
        #expect(bench.store.lastSequence == sequence)
        #expect(try await bench.contact("1")?.contact.content.tags == ["kept by us alone"])
    }

    @Test func `a record with more entries than a contact may have is set aside, new or known`() async throws {
        let bench = try await Workbench()
        bench.vendor.hold(["1", "2"])
        try await bench.run()
        func crowded(_ id: String, _ count: Int) -> String {
            let emails = (0..<count).map { #"{"type":"work","email":"p\#($0)@example.com"}"# }.joined(separator: ",")
            return #"{"id":"\#(id)","first_name":"P","last_name":"Doe","company":"","emails":[\#(emails)]}"#
        }
        bench.vendor.set {
            $0.records = [("1", crowded("1", 501)), ("2", crowded("2", 500)), ("3", crowded("3", 20_000))]
        }
        let run = try await bench.run()
        #expect(run.state == .done)
        #expect([run.counts.quarantined, run.counts.updated, run.counts.created] == [2, 1, 0])
        #expect(try await bench.ids() == ["1", "2"])
        #expect(try await bench.contact("2")?.contact.content.emails.count == 500)
        #expect(try await bench.contact("1")?.contact.content.emails.isEmpty == true)
        let key = bench.target.key
        let reasons = try await bench.store.read {
            try $0.quarantine.page(connection: key, after: 0, limit: 5).map(\.reason)
        }
        #expect(reasons == ["emails has more than 500 entries", "emails has more than 500 entries"])
    }
}
