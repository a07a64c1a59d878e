//  Lists whose pages are remembered from run to run: what a run makes of them is what one without a memory makes.

import Config
import Contacts
import Log
import Platform
import Store
import Testing

@testable import Sync
@testable import Vendors

struct KnownPagesTests {
    /// A store with a vendor beside it, with or without a memory of its pages.
    struct Side {
        let bench: Workbench
        let remembers: Bool
        var pages = KnownPages()

        /// A full run over these pages.
        mutating func run(_ lists: [[String]]) async throws -> RunRow {
            let texts = lists.enumerated().map { number, people in
                UnreadListTests.page(people, after: #"],"has_more":\#(number + 1 < lists.count)}"#)
            }
            let adapter = UnreadListTests.Adapter(listing: UnreadListTests.Source(texts))
            let target = SyncTarget(key: bench.target.key, config: bench.target.config, adapter: adapter)
            let begun = try await bench.book.begin(.full, of: target)
            let time = bench.time
            var run = Run(
                begun,
                target: target,
                store: bench.store,
                knowing: pages,
                log: .silent,
                clock: { time.now() }
            )
            let outcome = await run.run()
            if remembers, outcome == .done, let known = run.knownPages { pages = known }
            try await bench.book.finish(run, outcome)
            return try await bench.find(begun.id)
        }

        /// What is stored of each person: the company and the hash of the record.
        func people(_ ids: Range<Int>) async throws -> [String] {
            let key = bench.target.key
            return try await bench.store.read { snapshot in
                try ids.compactMap { id in
                    guard let link = try snapshot.links.find(connection: key, vendorID: String(id)),
                        let stored = try snapshot.contacts.find(key: link.contact)
                    else { return nil }
                    return "\(id) \(stored.contact.content.organization ?? "-") \(link.contentHash)"
                }
            }
        }

        /// Something that happens to a contact while no run goes on.
        func touch(_ id: String, _ what: Int) async throws {
            guard let stored = try await bench.contact(id) else { return }
            _ = try await bench.store.write { transaction in
                if what == 0 { return try transaction.contacts.delete(stored.key) }
                var update = ContactUpdate(content: stored.contact.content, vendorID: id)
                if what == 1 { update.content.organization = "ours" }
                if what == 2 { update.vendorState = VendorState(contentHash: 7, raw: Array("{}".utf8)) }
                return try transaction.contacts.update(stored.key, update)
            }
        }
    }

    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state += 1
            return Hash64.scramble(state)
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `a run that remembers pages counts, stores and deletes what one without does`(seed: UInt64) async throws {
        var random = Random(state: seed)
        var sides = [
            Side(bench: try await Workbench { $0.deletes.holdAbovePercent = 100 }, remembers: true),
            Side(bench: try await Workbench { $0.deletes.holdAbovePercent = 100 }, remembers: false),
        ]
        var lists = (0..<5).map { page in (0..<4).map { (id: 4 * page + $0, company: "eos") } }
        var next = 20
        for _ in 0..<14 {
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let page = Int.random(in: lists.indices, using: &random)
                let place = lists[page].indices.randomElement(using: &random)
                switch Int.random(in: 0...6, using: &random) {
                case 0:
                    lists[page].append((next, "eos"))
                    next += 1
                case 1: if let place, lists[page].count > 1 { lists[page].remove(at: place) }
                case 2: if let place { lists[page][place].company = "c\(Int.random(in: 0...2, using: &random))" }
                case 3: if let place { lists[page].append(lists[page][place]) }
                case let what:
                    guard let place else { continue }
                    let id = String(lists[page][place].id)
                    for side in sides { try await side.touch(id, what - 4) }
                }
            }
            let texts = lists.map { $0.map { FakeBook.person(String($0.id), company: $0.company) } }
            let with = try await sides[0].run(texts)
            let without = try await sides[1].run(texts)
            #expect(with.state == without.state)
            #expect(with.counts == without.counts)
            #expect(try await sides[0].people(0..<next) == sides[1].people(0..<next))
        }
    }

    @Test func `pages that come again are passed over whole, and only while nothing else has happened to them`()
        async throws
    {
        var side = Side(bench: try await Workbench(), remembers: true)
        let lists = (0..<6).map { page in UnreadListTests.people((10 * page)..<(10 * page + 10)) }
        func held() async throws -> Int {
            let known = try await side.pages.current(of: side.bench.target.key, in: side.bench.store)
            return try lists.count { people in
                let page = try ContactSourceWire.listPage(UnreadListTests.page(people, after: #"],"has_more":true}"#))
                    .page
                return known.hold(IngestBatch(pages: [.init(page: page, askedAt: 0)], next: nil))
            }
        }
        #expect(try await held() == 0)
        #expect(try await side.run(lists).counts.created == 60)
        #expect(try await held() == 6)
        try await side.touch("15", 1)
        try await side.touch("27", 0)
        #expect(try await held() == 4)
        let run = try await side.run(lists)
        #expect(run.counts.unchanged == 59)
        #expect(run.counts.created == 1)
        #expect(run.counts.seen == 60)
        // The page with the new contact is known once a run has found it unchanged.
        #expect(try await held() == 5)
        #expect(try await side.run(lists).counts.unchanged == 60)
        #expect(try await held() == 6)
        try await side.touch("33", 2)
        #expect(try await held() == 0)
    }

    /// What a run remembers beside what the store holds.
    private static func run(
        _ mode: RunMode,
        knowing pages: KnownPages = KnownPages(),
        on bench: Workbench
    ) async throws -> KnownPages {
        let begun = try await bench.book.begin(mode, of: bench.target)
        var run = Run(
            begun,
            target: bench.target,
            store: bench.store,
            knowing: pages,
            log: .silent,
            clock: { bench.time.now() }
        )
        let outcome = await run.run()
        #expect(outcome == .done)
        try await bench.book.finish(run, outcome)
        let known = try #require(run.knownPages)
        let key = bench.target.key
        let stored = try await bench.store.read { try $0.contacts.keys(connection: key) }
        #expect(try await known.current(of: key, in: bench.store).everyone == stored)
        return known
    }

    @Test func `what a delta created before it became a full run does not hide a deletion`() async throws {
        let bench = try await Workbench(delta: true)
        bench.vendor.hold(["1", "2", "3", "4"])
        let known = try await Self.run(.full, on: bench)
        bench.vendor.hold(["1", "2", "3", "4", "5"])
        let contact = try #require(try await bench.contact("1")).key
        bench.vendor.set { state in
            var page = DeltaTests.page(["5"], company: "eos")
            page.next = Cursor("more")
            state.deltas = [page]
            state.deltaError = VendorError(.markExpired, status: 403, message: "who?")
            // The third page is asked for once it is known what is stored.
            state.beforePage = { page in
                guard page == 2 else { return }
                _ = try? await bench.store.write { try $0.contacts.delete(contact) }
            }
        }
        _ = try await Self.run(.delta, knowing: known, on: bench)
        #expect(try await bench.ids() == ["2", "3", "4", "5"])
    }

    @Test func `a contact that a delta brought during a full run is missed once the list does not name it`()
        async throws
    {
        let bench = try await Workbench(delta: true) { $0.deletes.holdAbovePercent = 100 }
        bench.vendor.hold(["1", "2", "3"])
        var known = try await Self.run(.full, on: bench)
        // The first pass lacks 3; the delta then tells of 9, which the second pass does not name.
        bench.vendor.hold(["1", "2"])
        bench.vendor.set { state in
            state.deltas = [DeltaTests.page(["9"])]
            state.beforePage = { _ in bench.vendor.hold(["1", "2", "3"]) }
        }
        known = try await Self.run(.full, knowing: known, on: bench)
        #expect(try await bench.ids() == ["1", "2", "3", "9"])
        _ = try await Self.run(.full, knowing: known, on: bench)
        #expect(try await bench.ids() == ["1", "2", "3"])
    }
}
