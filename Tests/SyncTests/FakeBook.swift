//  A vendor in memory whose list, delta and deletes a test can bend, and a store on a temporary file beside it.

import Config
import Contacts
import Glibc
import JSON
import Log
import Platform
import Store
import Synchronization
import TestSupport

@testable import Sync
@testable import Vendors

/// A vendor's book: records in order, and what goes wrong with them.
final class FakeBook: ContactListing, ContactDelta, DeleteFinding, Sendable {
    struct State {
        var records: [(id: String, json: String)] = []
        var deltas: [RecordPage] = []
        /// Thrown once the deltas are used up.
        var deltaError: VendorError?
        var pageSize = 2
        /// Fails this page of the list, counted from 0.
        var failingPage: Int?
        /// Says that there are so many, whatever the list holds.
        var claimedTotal: Int?
        /// Answers every page with the first one, for ever.
        var repeats = false
        var alive: Set<String> = []
        var calls: [String] = []
        /// Called before each page of the list is answered.
        var beforePage: (@Sendable (Int) async -> Void)?
    }

    let state = Mutex(State())

    func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    var calls: [String] { state.withLock(\.calls) }

    /// Replaces the records by people of those ids.
    func hold(_ ids: [String], company: String = "eos") {
        set { $0.records = ids.map { ($0, Self.person($0, company: company)) } }
    }

    static func person(_ id: String, company: String = "eos") -> String {
        #"{"id":"\#(id)","first_name":"P\#(id)","last_name":"Doe","company":"\#(company)","type":"lead","phones":[],"emails":[]}"#
    }

    static func record(_ id: String, _ json: String) -> VendorRecord {
        VendorRecord(vendorID: id, bytes: Array(json.utf8)[...])
    }

    func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage {
        let start = cursor.flatMap { Int($0.text) } ?? 0
        let (snapshot, page) = state.withLock { state in
            state.calls.append("list \(start)")
            return (state, start / state.pageSize)
        }
        await snapshot.beforePage?(page)
        if Task.isCancelled { throw VendorError(.cancelled, message: "cancelled") }
        if snapshot.failingPage == page {
            throw VendorError(.unavailable, status: 503, message: "the vendor sleeps")
        }
        var answer = RecordPage()
        let from = snapshot.repeats ? 0 : start
        for record in snapshot.records.dropFirst(from).prefix(snapshot.pageSize) {
            if record.id.isEmpty {
                answer.rejected.append(
                    RejectedRecord(vendorID: nil, reason: "id is missing", bytes: Array(record.json.utf8)[...])
                )
            } else {
                answer.records.append(Self.record(record.id, record.json))
            }
        }
        answer.total = snapshot.claimedTotal
        let end = start + snapshot.pageSize
        if snapshot.repeats || end < snapshot.records.count { answer.next = Cursor(String(end)) }
        return answer
    }

    func mark(now: Timestamp) async throws(VendorError) -> Cursor {
        state.withLock { $0.calls.append("mark") }
        return Cursor("m\(now.milliseconds)")
    }

    func changes(since mark: Cursor, after cursor: Cursor?, now: Timestamp) async throws(VendorError) -> RecordPage {
        let (error, page) = state.withLock { state in
            state.calls.append("delta")
            let error = state.deltas.isEmpty ? state.deltaError : nil
            var page = state.deltas.isEmpty ? RecordPage() : state.deltas.removeFirst()
            if page.next == nil { page.mark = page.mark ?? Cursor("d\(now.milliseconds)") }
            return (error, page)
        }
        if let error { throw error }
        return page
    }

    func ids(after cursor: Cursor?) async throws(VendorError) -> IDPage {
        let page = try await contacts(after: cursor)
        return IDPage(ids: page.records.map(\.vendorID), next: page.next)
    }

    func isGone(vendorID: String) async throws(VendorError) -> Bool {
        state.withLock { state in
            state.calls.append("gone? \(vendorID)")
            return !state.alive.contains(vendorID)
        }
    }
}

/// An adapter over a fake book, with the roles that a test wants.
struct FakeAdapter: VendorAdapter {
    let capabilities: Capabilities
    let mapping: any ContactMapping = ContactSourceMapping()
    let listing: (any ContactListing)?
    let delta: (any ContactDelta)?
    let writing: (any ContactWriting)? = nil
    let deletes: (any DeleteFinding)?

    init(_ book: FakeBook, delta hasDelta: Bool, confirms: Bool) {
        capabilities = Capabilities(
            reads: true,
            delta: hasDelta,
            writes: false,
            removes: false,
            deletes: hasDelta ? .native : .sweep,
            fields: []
        )
        listing = book
        delta = hasDelta ? book : nil
        deletes = confirms ? book : nil
    }

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }
}

/// A clock that moves a second each time somebody looks.
final class TestTime: Sendable {
    private let seconds = Atomic<Int64>(1_800_000_000)

    func now() -> Timestamp {
        Timestamp(milliseconds: seconds.add(1, ordering: .relaxed).newValue * 1000)
    }
}

/// A store on a temporary file, a fake vendor, and runs between them.
struct Workbench {
    let path: String
    let time = TestTime()
    let vendor = FakeBook()
    let store: Store
    let target: SyncTarget
    let book: RunBook

    init(
        delta: Bool = false,
        confirms: Bool = false,
        path: String? = nil,
        configure: (inout ConnectionConfig) -> Void = { _ in }
    ) async throws {
        let path = path ?? ScratchDirectory().database
        self.path = path
        let time = time
        let store = try Store(path: path, log: .silent, clock: { time.now() })
        var config = ConnectionConfig(id: "erp", vendor: .contactSource)
        configure(&config)
        let row = try await store.write { transaction in
            try transaction.connections.register([(name: "erp", vendor: "contact-source")], at: time.now())
        }
        self.store = store
        target = SyncTarget(
            key: row[0].key,
            config: config,
            adapter: FakeAdapter(vendor, delta: delta, confirms: confirms)
        )
        book = RunBook(store: store, meter: SyncMeter(), clock: { time.now() })
    }

    /// Carries a run out and returns how it stands then.
    @discardableResult
    func run(_ mode: RunMode = .full, isDry: Bool = false) async throws -> RunRow {
        try await carryOut(try await book.begin(mode, of: target, isDry: isDry))
    }

    @discardableResult
    func carryOut(_ row: RunRow) async throws -> RunRow {
        let time = time
        var run = Run(row, target: target, store: store, log: .silent, clock: { time.now() })
        let outcome = await run.run()
        try await book.finish(run, outcome)
        return try await find(row.id)
    }

    func find(_ run: Int64) async throws -> RunRow {
        let row = try await store.read { try $0.runs.find(run) }
        return try row ?? { throw RunFailure(code: "missing", message: "no such run") }()
    }

    /// The vendor ids of every stored contact, in order.
    func ids() async throws -> [String] {
        let key = target.key
        return try await store.read { snapshot in
            try snapshot.contacts.keys(connection: key, after: 0, limit: 10_000)
                .compactMap { try snapshot.contacts.find(key: $0)?.contact.vendorID }
        }
    }

    func contact(_ vendorID: String) async throws -> StoredContact? {
        let key = target.key
        return try await store.read { snapshot in
            try snapshot.links.find(connection: key, vendorID: vendorID).flatMap {
                try snapshot.contacts.find(key: $0.contact)
            }
        }
    }

    func connection() async throws -> ConnectionRow? {
        let key = target.key
        return try await store.read { try $0.connections.find(key: key) }
    }

    /// Types of the system events so far.
    func events() async throws -> [String] {
        try await store.read { snapshot in
            var types: [String] = []
            var id: Int64 = 1
            while let event = try snapshot.events.find(id) {
                types.append(event.type)
                id += 1
            }
            return types
        }
    }
}
