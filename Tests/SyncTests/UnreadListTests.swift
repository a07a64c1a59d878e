//  Lists whose records nobody reads unless they changed: what a run makes of them is what it always made.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Store
import Testing

@testable import Sync
@testable import Vendors

struct UnreadListTests {
    static func page(_ people: [String], before: String = #"{"contacts":["#, after: String) -> [UInt8] {
        Array((before + people.joined(separator: ",") + after).utf8)
    }

    static let spellings: [(before: String, after: String)] = [
        (#"{"contacts":["#, #"],"has_more":false}"#),
        (#"{ "contacts" : [ "#, #" ] , "has_more" : false }"#),
        (#"{"has_more":false,"contacts":["#, "]}"),
        (#"{"contacts":["#, #"],"extra":[1,{"a":[]}],"has_more":false}"#),
        (#"{"contacts":["#, #" ],"has_more":true,"has_more":false}"#),
    ]

    @Test(arguments: spellings) func `a page gives the same records however it is written`(
        before: String,
        after: String
    ) throws {
        let people = ["1", "2", "3"].map { FakeBook.person($0) } + ["7", #"{"first_name":"?"}"#]
        let body = Self.page(people, before: before, after: after)
        let found = try ContactSourceWire.listPage(body)
        #expect(found.hasMore == false)
        #expect(found.hasList)
        let page = try found.page.readThrough()
        #expect(page.records.map(\.vendorID) == ["1", "2", "3"])
        #expect(page.records.map { String(decoding: $0.bytes, as: UTF8.self) } == Array(people.prefix(3)))
        #expect(page.rejected.map(\.reason) == ["the record is no object", "id is missing"])
    }

    @Test(arguments: ["[1,]", "[{]", #"["a]"#, "[nul]", "[{}}]"])
    func `a list that is no JSON is the vendor's fault`(list: String) throws {
        let body = Array(#"{"contacts":\#(list),"has_more":false}"#.utf8)
        #expect(throws: (any Error).self) { try ContactSourceWire.listPage(body).page.readThrough() }
    }

    @Test func `an empty list is seen to be empty without being read`() throws {
        for list in ["[]", "[ \n ]"] {
            let found = try ContactSourceWire.listPage(Array(#"{"contacts":\#(list),"has_more":true}"#.utf8))
            #expect(found.page.unread == nil)
            #expect(found.hasMore == true)
        }
    }

    /// Answers pages of a list that are left unread, as they stand in the texts.
    final class Source: ContactListing, Sendable {
        let pages: [[UInt8]]

        init(_ pages: [[UInt8]]) { self.pages = pages }

        func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage {
            let number = cursor.flatMap { Int($0.text) } ?? 0
            do throws(JSONError) {
                var page = try ContactSourceWire.listPage(pages[number]).page
                if number + 1 < pages.count { page.next = Cursor(String(number + 1)) }
                return page
            } catch {
                throw VendorError(.malformed, message: error.reason)
            }
        }
    }

    struct Adapter: VendorAdapter {
        let capabilities = ContactSourceAdapter.supported
        let mapping: any ContactMapping = ContactSourceMapping()
        let listing: (any ContactListing)?
        let delta: (any ContactDelta)? = nil
        let writing: (any ContactWriting)? = nil
        let deletes: (any DeleteFinding)? = nil

        func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }
    }

    /// A run over these pages.
    static func run(_ pages: [[String]], on bench: Workbench) async throws -> RunRow {
        let texts = pages.enumerated().map { number, people in
            page(people, after: #"],"has_more":\#(number + 1 < pages.count)}"#)
        }
        let target = SyncTarget(
            key: bench.target.key,
            config: bench.target.config,
            adapter: Adapter(listing: Source(texts))
        )
        let begun = try await bench.book.begin(.full, of: target)
        var run = Run(begun, target: target, store: bench.store, log: .silent, clock: { bench.time.now() })
        let outcome = await run.run()
        try await bench.book.finish(run, outcome)
        return try await bench.find(begun.id)
    }

    static func people(_ ids: some Sequence<Int>, company: String = "eos") -> [String] {
        ids.map { FakeBook.person(String($0), company: company) }
    }

    @Test func `unchanged records are passed over in any order, changed, new and missing ones are found`() async throws
    {
        let bench = try await Workbench()
        let first = try await Self.run([Self.people(1...40), Self.people(41...80)], on: bench)
        #expect(first.counts.created == 80)
        let again = try await Self.run([Self.people(1...40), Self.people(41...80)], on: bench)
        #expect(again.counts.unchanged == 80)
        #expect(again.counts.seen == 80)
        let turned = try await Self.run([Self.people((41...80).reversed()), Self.people(1...40)], on: bench)
        #expect(turned.counts.unchanged == 80)
        let sequence = bench.store.lastSequence
        let mixed = try await Self.run(
            [
                Self.people(2...9) + Self.people([200]) + Self.people([10], company: "Ørsted") + Self.people(11...40),
                Self.people(41...80) + Self.people([5]),
            ],
            on: bench
        )
        #expect(mixed.counts.created == 1)
        #expect(mixed.counts.updated == 1)
        #expect(mixed.counts.deleted == 1)
        #expect(mixed.counts.unchanged == 78)
        #expect(bench.store.lastSequence == sequence + 3)
        #expect(try await bench.contact("1") == nil)
        #expect(try await bench.contact("10")?.contact.content.organization == "Ørsted")
    }

    @Test func `a page that cannot be read ends the run after what came before it`() async throws {
        let bench = try await Workbench()
        _ = try await Self.run([Self.people(1...3)], on: bench)
        let run = try await Self.run([Self.people([1, 4]), ["{]"], Self.people([5])], on: bench)
        #expect(run.state == .failed)
        #expect(run.error?.contains("malformed") == true)
        #expect(run.counts.pages == 1)
        #expect(run.counts.created == 1)
        #expect(try await bench.ids() == ["1", "2", "3", "4"])
    }

    @Test func `a contact deleted here while a run goes on comes back when the list still has it`() async throws {
        let bench = try await Workbench()
        _ = try await Self.run([Self.people(1...3)], on: bench)
        let key = try #require(try await bench.contact("2")).key
        let records = try await bench.store.read { try $0.links.known(connection: 1, asOf: $0.changes.last()) }
        let known = KnownList(pages: KnownPages(asOf: bench.store.lastSequence), records: records)
        _ = try await bench.store.write { try $0.contacts.delete(key) }
        let ingest = Ingest(store: bench.store, target: bench.target, trace: TraceContext())
        let page = try ContactSourceWire.listPage(Self.page(Self.people(1...3), after: #"],"has_more":false}"#)).page
        let batch = IngestBatch(pages: [.init(page: page, askedAt: bench.store.lastSequence)], next: nil)
        let decisions = try await ingest.prepare(batch, isDry: false, knowing: known)
        #expect(decisions.creations.count == 1)
        #expect(decisions.counts.unchanged == 2)
    }
}
