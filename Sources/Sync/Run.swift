//  One synchronisation of one connection, from its first page to its last delete.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Store
import Vendors

/// Carries out one run. It is resumable: what it has seen and where it stands is on disk with each batch.
struct Run {
    /// Passes over a list whose count and content do not agree, before the run fails.
    private static let mostPasses = 3
    /// Pages in a row that may bring nothing new, when a list moves under our feet.
    private static let mostEmptyPages = 3
    private static let mostPages = 1_000_000
    /// Pages that are stored in one transaction; the first ones in fewer, so that there is something to do soon.
    private static let mostPagesTogether = 10
    /// How much of a walk that finds nothing new may have to be walked again after a crash.
    private static let millisecondsUnsaved: Int64 = 500

    let target: SyncTarget
    let store: Store
    let log: Log
    let clock: @Sendable () -> Timestamp
    /// A trace of its own: on its calls to the vendor, its changes and their webhooks, and its log line.
    let trace = TraceContext()
    private let meter: SyncMeter
    private let ingest: Ingest

    private(set) var row: RunRow {
        didSet {
            if !row.isDry { meter.moved(target.config.id, from: oldValue.counts, to: row.counts) }
        }
    }
    /// Contacts that the vendor has named.
    private(set) var seen = KeySet()
    private var proof = ListProof()
    /// What was known of the vendor's list when a full run began.
    private var known: KnownList?
    /// The connection's contacts when it began.
    private var contacts: KeySet?
    /// The list's pages as this run has read them.
    private var pages: KnownPages
    /// What the list has brought since they were known; what a delta creates the list has not named.
    private var createdByList = 0
    /// Seen, and not on disk yet.
    private var unsaved = KeySet()
    private var savedAt = Monotonic.milliseconds()
    /// Ids that the vendor says are deleted.
    private var tombstones: Set<ExactID> = []
    /// Ids that a delta says are changed.
    private var changed: Set<ExactID> = []
    /// Where the next delta starts, once this run is done.
    private(set) var nextMark: String?
    /// The next run should be a full one.
    private(set) var wantsFull = false
    private var mode: RunMode

    init(
        _ row: RunRow,
        target: SyncTarget,
        store: Store,
        knowing pages: KnownPages = KnownPages(),
        meter: SyncMeter = SyncMeter(),
        log: Log,
        clock: @escaping @Sendable () -> Timestamp
    ) {
        self.row = row
        self.pages = pages
        self.meter = meter
        self.target = target
        self.store = store
        self.log = log
        self.clock = clock
        mode = RunMode(rawValue: row.mode) ?? .full
        ingest = Ingest(store: store, target: target, trace: trace)
    }

    /// Runs to the end and says how it went; nothing of that is stored yet.
    mutating func run() async -> RunOutcome {
        do {
            return try await TraceContext.$current.withValue(trace) { try await steps() }
        } catch let error as VendorError {
            return error.kind == .cancelled ? .interrupted : .failed(RunFailure(error))
        } catch let error as RunFailure {
            return .failed(error)
        } catch is CancellationError {
            return .interrupted
        } catch let error as StoreError {
            return .failed(RunFailure(code: "store", message: error.message))
        } catch {
            return .failed(RunFailure(code: "internal", message: "\(error)"))
        }
    }

    private mutating func steps() async throws -> RunOutcome {
        switch mode {
        case .delta:
            do {
                try await delta()
            } catch let error as VendorError where error.kind == .markExpired || error.kind == .unsupported {
                // The vendor has forgotten where we were: this run becomes a full one, and what has not changed
                // still makes no event.
                log.info("sync.mark_expired", ["connection": target.config.id, "vendor": error.message])
                try await becomeFull()
                try await full()
            }
        case .full: try await full()
        case .sweep: try await sweep()
        }
        try Task.checkCancellation()
        return try await deletes()
    }
}

extension Run {
    /// The list's pages for the next full run, once this one has ended well; `nil` where it has read no list.
    var knownPages: KnownPages? {
        guard known != nil, !row.isDry else { return nil }
        var pages = pages
        pages.everyone = contacts
        pages.hold(afterCreating: createdByList, seen: seen, in: store)
        return pages
    }
}

// MARK: - Full

extension Run {
    private mutating func becomeFull() async throws {
        mode = .full
        row.mode = mode.rawValue
        row.mark = nil
        row.cursor = nil
        tombstones = []
        let next = row
        try await store.write { try $0.runs.update(next) }
    }

    private mutating func full() async throws {
        guard let listing = target.adapter.listing else {
            throw RunFailure(code: "unsupported", message: "\(target.config.vendor.rawValue) cannot list its contacts")
        }
        if row.cursor != nil, !row.isDry { seen = try await seenBefore() }
        try await takeMark()
        for pass in 1...Self.mostPasses {
            try await list(isDelta: false) { await listing.pages(after: $0, within: $1) }
            let missing = try await missingContacts()
            if missing.isEmpty, proof.countAgrees { return }
            let moved = try await changesDuringTheList()
            // Where nobody can be asked about one record, a list that moved is walked twice before it proves anything.
            let isProof = target.adapter.deletes != nil || !moved || pass > 1
            if proof.countAgrees, isProof { return }
            guard pass < Self.mostPasses else { break }
            row.cursor = nil
        }
        guard !proof.countAgrees else { return }
        throw RunFailure(
            code: "incomplete",
            message:
                "the vendor counts \(proof.total ?? 0) contacts, but its list has \(proof.listed): it shrinks or moves"
        )
    }

    /// The mark comes before the list, so that what changes during the list is not lost.
    private mutating func takeMark() async throws {
        if row.mark == nil, let delta = target.adapter.delta {
            do throws(VendorError) {
                // It is saved with the first pages: a run that has none yet takes another.
                row.mark = try await delta.mark(now: row.startedAt).text
            } catch {
                guard error.kind == .unsupported else { throw error }
            }
        }
        nextMark = row.mark
    }

    /// Where deletes come with the delta: what happened since the mark. True when the list may have moved.
    private mutating func changesDuringTheList() async throws -> Bool {
        guard target.adapter.capabilities.deletes == .native, let delta = target.adapter.delta, let mark = row.mark
        else {
            return proof.total != nil && !proof.countAgrees
        }
        let start = row.startedAt
        let before = row.counts.seen + tombstones.count
        let listed = proof
        // Only the list proves that a contact is there: the delta tells of what may be gone again.
        let named = seen
        defer { seen = named }
        do {
            nextMark = mark
            try await list(isDelta: true) { cursor, budget in
                await PageStretch(after: cursor, within: budget) { (cursor) throws(VendorError) in
                    try await delta.changes(since: Cursor(mark), after: cursor, now: start)
                }
            }
        } catch let error as VendorError where error.kind == .markExpired {
            nextMark = nil
        }
        let unidentified = proof.unidentified
        proof = listed
        proof.unidentified = max(proof.unidentified, unidentified)
        if unidentified > 0 { nextMark = mark }
        return row.counts.seen + tombstones.count != before
    }

    private func seenBefore() async throws -> KeySet {
        let id = row.id
        return try await store.readAtLeisure { try $0.runs.seen(id) }
    }
}

// MARK: - Delta and sweep

extension Run {
    private mutating func delta() async throws {
        guard let delta = target.adapter.delta, let mark = row.mark else {
            throw VendorError(.markExpired, message: "there is no mark to start from")
        }
        row.cursor = nil
        let start = row.startedAt
        try await list(isDelta: true) { cursor, budget in
            await PageStretch(after: cursor, within: budget) { (cursor) throws(VendorError) in
                try await delta.changes(since: Cursor(mark), after: cursor, now: start)
            }
        }
        // A record that nobody can name may be any record: nothing is deleted, and the same stretch is read again.
        if proof.unidentified > 0 { nextMark = mark }
    }

    private mutating func sweep() async throws {
        if let deletes = target.adapter.deletes {
            try await walk { (cursor) throws(VendorError) in try await deletes.ids(after: cursor) }
        } else if let listing = target.adapter.listing {
            try await walk { (cursor) throws(VendorError) in
                let page = try await listing.contacts(after: cursor).readThrough()
                guard page.rejected.isEmpty else {
                    throw VendorError(.malformed, message: "a record cannot be identified: \(page.rejected[0].reason)")
                }
                return IDPage(ids: page.records.map(\.vendorID), next: page.next)
            }
        } else {
            throw RunFailure(code: "unsupported", message: "this vendor's deletes cannot be looked for")
        }
    }

    private mutating func walk(_ page: @Sendable (Cursor?) async throws(VendorError) -> IDPage) async throws {
        var cursor: Cursor?
        var ids: Set<ExactID> = []
        var idle = 0
        repeat {
            let found = try await page(cursor)
            let before = ids.count
            ids.formUnion(found.ids.lazy.map(ExactID.init))
            row.counts.pages += 1
            row.counts.seen += found.ids.count
            try checkProgress(brought: ids.count - before, hasMore: found.next != nil, idle: &idle)
            let probes = found.ids.map { LinkProbe(vendorID: $0, contentHash: 0) }
            let key = target.key
            let next = row
            let known = try await store.readAtLeisure { snapshot in
                try snapshot.links.resolve(connection: key, probes).compactMap(\.contact)
            }
            try await store.write { try $0.runs.update(next) }
            seen.formUnion(known)
            cursor = found.next
        } while cursor != nil
        proof.reachedEnd = true
        proof.listed = ids.count
    }
}

// MARK: - Walking pages

extension Run {
    /// Walks a list or a delta to its explicit end.
    private mutating func list(isDelta: Bool, _ fetch: @escaping FetchedPages.Fetch) async throws {
        var names = PassNames()
        if row.cursor != nil { names.contacts = seen }
        proof = ListProof()
        let ingest = ingest
        let isDry = row.isDry
        let (store, key) = (store, target.key)
        // What is known is read while the first pages are on their way, and most of it only where they are not as before.
        let (knownBefore, pagesBefore) = (known, pages)
        async let opening: KnownList? = {
            if isDelta { return nil }
            if let knownBefore { return knownBefore }
            return KnownList(pages: try await pagesBefore.current(of: key, in: store))
        }()
        var size = 2
        var fetched: FetchedPages? = await FetchedPages(
            fetch,
            from: row.cursor.map { Cursor($0) },
            upTo: size,
            beside: store
        )
        var list = try await opening
        if known == nil, let list { pages = list.pages.withoutPages }
        let contactsKnown = contacts ?? list?.pages.everyone
        async let everyone: KeySet? = {
            if isDelta || contactsKnown != nil { return contactsKnown }
            return try await store.readAtLeisure { try $0.contacts.keys(connection: key) }
        }()
        var decided: (decisions: Decisions, from: FetchedPages)?
        // Three batches are under way: one is stored, the next made ready, and the one after fetched.
        while fetched != nil || decided != nil {
            let (before, unsaved) = (row, unsaved)
            let isPatient = Monotonic.milliseconds() - savedAt < Self.millisecondsUnsaved
            let waiting = decided
            let current = fetched
            async let stored: IngestResult? = {
                guard let waiting else { return nil }
                return try await ingest.store(
                    waiting.decisions,
                    of: before,
                    alsoSeen: unsaved,
                    isPatient: isPatient
                )
            }()
            let known = list
            async let prepared: Decisions? = {
                guard let current else { return nil }
                return try await ingest.prepare(current.batch, isDry: isDry, knowing: known)
            }()
            if let current { absorb(current, isDelta: isDelta) }
            size = min(2 * size, Self.mostPagesTogether)
            let upcoming: FetchedPages? =
                if let current, current.error == nil, let next = current.batch.next {
                    await FetchedPages(fetch, from: next, upTo: size, beside: store)
                } else { nil }
            if let waiting, let result = try await stored {
                try settle(result, of: waiting.from, isDelta: isDelta, &names)
            }
            decided = if let current, let decisions = try await prepared { (decisions, current) } else { nil }
            list = decided?.decisions.known ?? list
            fetched = upcoming
        }
        if !isDelta { (known, contacts) = (list, try await everyone) }
        row.cursor = nil
        proof.reachedEnd = true
        // Deleted and changed in one delta: which came last only a full list can tell.
        let undecided = tombstones.intersection(changed)
        if !undecided.isEmpty {
            tombstones.subtract(undecided)
            wantsFull = true
        }
    }

    /// Takes note of what became of a batch that is stored now.
    private mutating func settle(
        _ result: IngestResult,
        of fetched: FetchedPages,
        isDelta: Bool,
        _ names: inout PassNames
    ) throws {
        if !isDelta { createdByList += result.run.counts.created - row.counts.created }
        row = result.run
        seen.formUnion(result.contacts)
        if result.isSaved {
            unsaved = KeySet()
            savedAt = Monotonic.milliseconds()
        } else {
            unsaved.formUnion(result.contacts)
        }
        for page in result.pages { pages.remember(page) }
        proof.unidentified += result.unidentified
        let brought = names.add(result) + fetched.tombstones.count + result.unidentified
        proof.listed = names.count
        if let error = result.error ?? fetched.error { throw error }
        try checkProgress(brought: brought, hasMore: fetched.batch.next != nil, idle: &names.idle)
    }

    private mutating func absorb(_ fetched: FetchedPages, isDelta: Bool) {
        tombstones.formUnion(fetched.tombstones.lazy.map(ExactID.init))
        if isDelta {
            for page in fetched.batch.pages { changed.formUnion(page.page.records.lazy.map { ExactID($0.vendorID) }) }
        }
        if let mark = fetched.mark { nextMark = mark }
        if let total = fetched.total { proof.total = total }
    }

    private func checkProgress(brought: Int, hasMore: Bool, idle: inout Int) throws {
        idle = brought > 0 ? 0 : idle + 1
        guard hasMore else { return }
        if idle >= Self.mostEmptyPages {
            throw RunFailure(code: "malformed", message: "the vendor's pages repeat and promise more for ever")
        }
        if row.counts.pages > Self.mostPages {
            throw RunFailure(code: "malformed", message: "the vendor's list does not end after \(Self.mostPages) pages")
        }
    }
}

// MARK: - Deletes

extension Run {
    /// Contacts of the connection that the list has not named.
    private func missingContacts() async throws -> [Int64] {
        let key = target.key
        let seen = seen
        let start = row.startedAt
        let unseen = contacts?.stretches(notIn: seen).flatMap { Array($0) }
        if unseen?.isEmpty == true { return [] }
        return try await store.readAtLeisure { snapshot in
            let unseen = try unseen ?? snapshot.links.unseen(connection: key, seen: seen).map(\.contact)
            return try unseen.filter { contact in
                // What the vendor has never named cannot be missing; and what was written through us since the list began
                // may have come too late for it.
                try snapshot.contacts.find(key: contact).map {
                    $0.contact.vendorID != nil && $0.contact.updatedAt < start
                } ?? false
            }
        }
    }

    /// Deletes what is proved to be gone, or holds the run.
    private mutating func deletes() async throws -> RunOutcome {
        // Promise 3 of the contract: nor does a fetch delete "with a record that could not be identified".
        guard proof.unidentified == 0 else { return .done }
        let told = try await told()
        let missing =
            mode == .delta || !proof.reachedEnd ? [] : try await missingContacts().filter { !told.contains($0) }
        let wanted = told.sorted() + missing
        guard !wanted.isEmpty else { return .done }
        let key = target.key
        let all = try await store.readAtLeisure { try $0.contacts.count(connection: key) }
        if row.isDry {
            row = try await deletion.note(wanted, of: row)
            return .done
        }
        if let reason = DeleteGuard(target.config.deletes).reasonToHold(deleting: wanted.count, of: all) {
            let id = row.id
            try await store.write { try $0.runs.setHeldDeletes(id, wanted) }
            return .held(RunFailure(code: "held", message: reason))
        }
        row = try await deletion.delete(told.sorted(), confirming: missing, of: row)
        return .done
    }

    private var deletion: Deletion { Deletion(store: store, target: target, trace: trace) }

    /// The contacts that the vendor says are deleted.
    private func told() async throws -> Set<Int64> {
        guard !tombstones.isEmpty else { return [] }
        let key = target.key
        let probes = tombstones.map { LinkProbe(vendorID: $0.text, contentHash: 0) }
        let contacts = try await store.readAtLeisure { snapshot in
            try snapshot.links.resolve(connection: key, probes).compactMap(\.contact)
        }
        return Set(contacts)
    }
}
