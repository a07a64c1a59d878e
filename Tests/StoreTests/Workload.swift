//  A store at work, step by step from a seed, on a disk that may fail, with a ledger of what it answered.

import Contacts
import Log
import Platform
@_spi(Testing) import Store
import Synchronization
import TestSupport

/// Drives one store. The same seed does the same steps, as far as the answers are the same.
final class Workload {
    let disk: TestDisk
    let path: String
    private(set) var ledger = Ledger()
    private(set) var problems: [String] = []
    /// The failures that writes and openings were answered with.
    private(set) var errors: [StoreError] = []
    private var access = DiskAccess()
    private var random: SeededGenerator
    private var store: Store?
    private let clock = TestClock()
    private var failures = Failures()
    private var book: Int64 = 0
    private var webhook: Int64 = 0
    private var steps = 0
    /// With writes so large that the search index follows behind them.
    private let imports: Bool
    private var number = 0
    /// Contacts that are surely there, by their numbers.
    private var people: [Int: Person] = [:]
    /// Those that the writes of this step are about.
    private var busy: Set<Int> = []
    /// What is wrong with the disk at the moment; judges answers.
    var fault: Fault?

    /// How often the store said that it has stopped for good.
    private final class Failures: Sendable {
        let count = Atomic<Int>(0)
        private let refused = Atomic<Bool>(false)

        var wasRefused: Bool {
            get { refused.load(ordering: .relaxed) }
            set { refused.store(newValue, ordering: .relaxed) }
        }
    }

    /// So many that their look-up keys, four each, become a sorted run of their own.
    private static let largeBatch = 1050

    private struct Refusal: Error {}

    init(
        _ disk: TestDisk,
        in directory: ScratchDirectory,
        seed: UInt64,
        synchronous: String = "full",
        imports: Bool = true
    ) {
        self.disk = disk
        path = directory.database
        random = SeededGenerator(state: seed)
        self.imports = imports
        access.vfs = disk.name
        access.synchronous = synchronous
        access.checkpointPages = 60
        access.largestTree = 40
    }

    /// Goes on from where another stands, on a disk with the same files.
    init(_ other: Workload, on disk: TestDisk, in directory: ScratchDirectory, seed: UInt64, imports: Bool) {
        self.disk = disk
        path = directory.database
        random = SeededGenerator(state: seed)
        self.imports = imports
        access = other.access
        access.vfs = disk.name
        ledger = other.ledger
        number = other.number
        people = other.people
        clock.set(other.clock.now.milliseconds)
    }

    // MARK: Life

    /// Opens the store; what stops it is kept as an error.
    func open() async {
        let first: Effect = ["webhook/1": "0"]
        do {
            let failures = Failures()
            self.failures = failures
            let store = try Store(path: path, on: access, log: .silent, clock: { [clock] in clock.now }) { _ in
                failures.count.add(1, ordering: .relaxed)
            }
            self.store = store
            (book, webhook) = try await store.write { transaction in
                let rows = try transaction.connections.register([("book", "local")], at: transaction.now)
                if let webhook = try transaction.webhooks.all().first { return (rows[0].key, webhook.id) }
                return (rows[0].key, try transaction.webhooks.insert(Self.receiver(at: transaction.now)))
            }
            if ledger.kept["webhook/1"] == nil { ledger.acknowledge(first) }
        } catch {
            if ledger.kept["webhook/1"] == nil { ledger.doubt(first) }
            note(error)
            if !hasFailed { await close() }
        }
    }

    private static func receiver(at now: Timestamp) -> WebhookRow {
        WebhookRow(
            url: "https://receiver.example/",
            events: ["*"],
            connections: ["*"],
            fields: [],
            payload: "full",
            description: nil,
            headers: "{}",
            isEnabled: true,
            secret: [1, 2, 3],
            cursor: 0,
            createdAt: now
        )
    }

    /// Ends the store in good order, as far as its disk lets it.
    func close() async {
        await store?.close()
        store = nil
    }

    /// Ends the store as SIGKILL would: nothing of what it does at its end reaches the disk.
    func kill() async {
        disk.stop()
        await close()
        disk.disarm()
    }

    /// Loses the power, and looks at what the disk has kept.
    func losePower(seed: UInt64) async {
        await kill()
        _ = disk.losePower(seed: seed)
        await audit()
    }

    var isOpen: Bool { store != nil }

    /// True once the store has stopped for good: it says so right after it has refused what waited.
    var hasFailed: Bool { failures.wasRefused || failures.count.load(ordering: .relaxed) > 0 }

    /// Opens what the disk has now, healthy again, and compares it with the ledger.
    func audit() async {
        disk.disarm()
        await close()
        await open()
        guard let store else { return problems.append("it does not open again: \(errors.last.map { "\($0)" } ?? "")") }
        do {
            try await store.waitForIndex()
            if let contradiction = try await store.write({ try $0.search.check() }) {
                problems.append("the index contradicts itself: \(contradiction)")
            }
            let audit = try StoreAudit(path: path, vfs: disk.name)
            problems += try ledger.settle(with: audit.cells())
            problems += try audit.problems()
            try findPeople(audit)
        } catch {
            problems.append("the audit itself failed: \(error)")
        }
    }

    /// Opens what the disk has now, takes it as the new beginning, and says how many acknowledged cells are not there.
    func auditLoss() async -> Int {
        let known = ledger.kept
        disk.disarm()
        await close()
        ledger = Ledger()
        await open()
        guard let store, let audit = try? StoreAudit(path: path, vfs: disk.name) else {
            problems.append("it does not open again")
            return 0
        }
        do {
            try await store.waitForIndex()
            problems += try audit.problems()
            let observed = try audit.cells()
            _ = ledger.beginAnew(with: observed)
            try findPeople(audit)
            return known.count { observed[$0.key] != $0.value }
        } catch {
            problems.append("the audit itself failed: \(error)")
            return 0
        }
    }

    private func findPeople(_ audit: StoreAudit) throws {
        people = [:]
        let keys = try audit.keys()
        for (cell, text) in ledger.kept where cell.hasPrefix("contact/") {
            let name = cell.dropFirst("contact/".count)
            guard let key = keys[String(name)], let person = Person(name: name.dropFirst(), text: text, key: key) else {
                problems.append("\(cell) cannot be read: \(text)")
                continue
            }
            people[person.number] = person
            number = max(number, person.number)
        }
    }

    // MARK: Steps

    /// Goes on while somebody reads what was there before, so that a checkpoint moves a part of the log only.
    func steps(_ count: Int, besideReader isReading: Bool) async {
        let reader = isReading ? try? store?.reader() : nil
        try? reader?.begin()
        _ = try? reader?.contacts.find(key: 1)
        for _ in 0..<count { await step() }
        reader?.end()
    }

    /// Does the next thing. Every kind comes up in the first dozen steps, so that a short run meets them all.
    func step() async {
        if store == nil { await open() }
        guard store != nil else { return }
        steps += 1
        busy = []
        let kind = steps <= 12 ? steps : Int.random(in: 1...16, using: &random)
        switch kind {
        case 1: await perform([creation()])
        case 13: await perform([readyCreation()])
        case 2: await perform([bulk(20)])
        case 3, 14: await perform([update()])
        case 4: await burst()
        case 5: await deliver()
        case 6: await answerOnce()
        case 7: await perform([deletion()])
        case 8: await forgetOld()
        case 9: await runOnce()
        case 10: await reopen()
        case 11 where imports: await perform([batch(Self.largeBatch)])
        case 15 where imports: await perform([bulk(260)])
        case 12: await perform([batch(12), creation()])
        default: await perform([update(), creation(), deletion()])
        }
        await readOne()
    }

    /// Whether a write is taken now.
    func takesWrites() async -> Bool {
        if store == nil { await open() }
        return await perform([creation()])
    }

    private func reopen() async {
        await close()
        await open()
    }

    /// Writes that share one transaction, one of them breaking a rule of the schema and one thinking better of it.
    private func burst() async {
        let refused = Write { [book] transaction in
            try transaction.contacts.create(.named("never", in: book))
            throw Refusal()
        }
        let taken = Write { [book] transaction in
            try transaction.contacts.create(.named("never", in: book, vendorID: "twice"))
            try transaction.contacts.create(.named("never", in: book, vendorID: "twice"))
            return [:]
        }
        await perform([
            creation(), readyCreation(), update(), refused, readyCreation(), creation(), taken, deletion(), creation(),
        ])
    }

    /// The dispatcher's transaction: an attempt, its delivery, and the webhook's place in the log.
    private func deliver() async {
        guard let store, store.lastSequence > 0 else { return }
        let sequence = store.lastSequence
        let before = ledger.kept["delivery/\(webhook)/\(sequence)"]?.split(separator: " ").last.flatMap { Int($0) } ?? 0
        let write = Write(
            effect: [
                "delivery/\(webhook)/\(sequence)": "1 \(before + 1)",
                "webhook/\(webhook)": "\(sequence)",
            ]
        ) { [webhook] transaction in
            let delivery = DeliveryRow(
                webhook: webhook,
                sequence: sequence,
                event: nil,
                contact: 1,
                state: .delivered,
                createdAt: transaction.now
            )
            let attempt = AttemptRow(
                at: transaction.now,
                status: 204,
                error: nil,
                durationMilliseconds: 3,
                response: nil
            )
            try transaction.deliveries.record(delivery, attempt: attempt)
            try transaction.webhooks.advance(webhook, cursor: sequence, previous: nil)
            return [:]
        }
        await perform([write])
    }

    /// A request with an idempotency key: taken in one transaction, its work and its answer kept in the next.
    private func answerOnce() async {
        number += 1
        let key = "k\(number)"
        let taking = Write { transaction in
            _ = try transaction.idempotency.begin(owner: "app", key: key, fingerprint: [1], now: transaction.now)
            return [:]
        }
        guard await perform([taking]) else { return }
        var work = creation()
        work.effect["answer/\(key)"] = "body of \(key)"
        work.body = { [create = work.body] transaction in
            let made = try create(transaction)
            let answer = StoredAnswer(status: 201, headers: "{}", body: Array("body of \(key)".utf8))
            try transaction.idempotency.finish(owner: "app", key: key, answer: answer)
            return made
        }
        await perform([work])
    }

    /// A run in two transactions: it begins, and it ends with what it has seen.
    private func runOnce() async {
        let started = Started()
        let begin = Write { [book] transaction in
            let id = try transaction.runs.insert(RunRow(connection: book, mode: "full", startedAt: transaction.now))
            started.run.store(id, ordering: .relaxed)
            return [:]
        }
        guard await perform([begin]) else { return }
        let id = started.run.load(ordering: .relaxed)
        let end = Write(effect: ["run/\(id)": "done 3 1"]) { transaction in
            guard var run = try transaction.runs.find(id) else { return [:] }
            run.state = .done
            run.counts.seen = 3
            run.endedAt = transaction.now
            try transaction.runs.update(run)
            try transaction.runs.addSeen(id, KeySet([1, 2, 3] as [Int64]))
            return [:]
        }
        await perform([end])
    }

    private final class Started: Sendable {
        let run = Atomic<Int64>(0)
    }

    private func forgetOld() async {
        clock.set(clock.now.milliseconds + 1_800_000)
        let limits = RetentionLimits(changes: .seconds(3600), deliveries: .seconds(1 << 30))
        guard let store else { return }
        do { try await store.forgetOld(limits) } catch { note(error) }
    }

    /// What was written and answered is what is read.
    private func readOne() async {
        guard let store, let person = anyone() else { return }
        do {
            let found = try await store.read { snapshot in try snapshot.contacts.find(key: person.key) }
            if found?.contact.content != person.content { problems.append("\(person.cell) is not what was written") }
        } catch {
            if fault?.leavesReads != false { problems.append("a read failed: \(error)") }
        }
    }

    private func anyone() -> Person? {
        // In the order of their numbers: that of a dictionary is another in every process.
        let free = people.keys.filter { !busy.contains($0) }.sorted()
        return free.randomElement(using: &random).flatMap { people[$0] }
    }

    // MARK: Writes

    /// A job, what it does to the cells, and to whom.
    private struct Write: Sendable {
        var effect: Effect = [:]
        /// Those it makes or changes.
        var people: [Person] = []
        /// What is stored without a closure, in place of ``body``.
        var ready: ReadyContact?
        /// Returns the keys of those it made.
        var body: @Sendable (Transaction) throws -> [Int: Int64]

        init(effect: Effect = [:], _ body: @escaping @Sendable (Transaction) throws -> [Int: Int64]) {
            self.effect = effect
            self.body = body
        }
    }

    private func creation() -> Write { bulk(1, others: false) }

    /// As the gateway's own book does it: made ready beside the writer, stored without a savepoint.
    private func readyCreation() -> Write {
        guard let store else { return Write { _ in [:] } }
        number += 1
        busy.insert(number)
        var person = Person(number: number, random: &random)
        person.vendorID = nil
        var write = Write(effect: [person.cell: person.text]) { _ in [:] }
        write.ready = store.ready(person.content, connection: book, named: "book", trace: nil)
        write.people = [person]
        return write
    }

    private func update() -> Write {
        guard let person = changed() else { return creation() }
        var write = Write(effect: [person.cell: person.text]) { transaction in
            let update = ContactUpdate(content: person.content, vendorID: person.vendorID)
            try transaction.contacts.update(person.key, update)
            return [:]
        }
        write.people = [person]
        return write
    }

    private func deletion() -> Write {
        guard let person = anyone() else { return creation() }
        busy.insert(person.number)
        return Write(effect: [person.cell: nil]) { transaction in
            try transaction.contacts.delete(person.key)
            return [:]
        }
    }

    /// Many new ones in one transaction, with an update and a delete among them.
    private func bulk(_ count: Int, others: Bool = true) -> Write {
        let new = (0..<count).map { _ in
            number += 1
            busy.insert(number)
            return Person(number: number, random: &random)
        }
        let rest = others ? [update(), deletion()] : []
        var write = Write { [book] transaction in
            var made: [Int: Int64] = [:]
            for person in new { made[person.number] = try transaction.contacts.create(person.new(book)).key }
            for other in rest { made.merge(try other.body(transaction)) { $1 } }
            return made
        }
        for person in new { write.effect[person.cell] = person.text }
        write.people = new
        for other in rest {
            write.effect.merge(other.effect) { $1 }
            write.people += other.people
        }
        return write
    }

    /// As an import does it: made ready beside the writer, stored table by table.
    private func batch(_ count: Int) -> Write {
        guard let store else { return Write { _ in [:] } }
        var batch = store.batch(connection: book, named: "book")
        var new: [Person] = []
        for _ in 0..<count {
            number += 1
            busy.insert(number)
            var person = Person(number: number, random: &random)
            person.vendorID = "v\(number)"
            new.append(person)
            let raw = Array(#"{"id":"v\#(number)"}"#.utf8)
            batch.add(vendorID: "v\(number)", content: person.content, readOnly: false, contentHash: 1, raw: raw[...])
        }
        batch.finish()
        var write = Write { [batch, new] transaction in
            let keys = try transaction.contacts.create(batch)
            return Dictionary(uniqueKeysWithValues: zip(new.map(\.number), keys))
        }
        for person in new { write.effect[person.cell] = person.text }
        write.people = new
        return write
    }

    private func changed() -> Person? {
        guard var person = anyone() else { return nil }
        busy.insert(person.number)
        number += 1
        person.change(number, &random)
        return person
    }

    /// Does the writes in one transaction, in this order.
    ///
    /// - Returns: True when all were acknowledged.
    @discardableResult
    private func perform(_ writes: [Write]) async -> Bool {
        guard let store else { return false }
        let hadFailed = hasFailed
        let outcomes =
            writes.count == 1
            ? [await Self.outcome(of: writes[0], in: store)] : await Self.together(writes, in: store)
        var isDone = true
        for (write, outcome) in zip(writes, outcomes) {
            switch outcome {
            case .success(let made):
                if hadFailed { problems.append("acknowledged after a failed sync") }
                acknowledge(write, made)
            case .failure(let error):
                isDone = false
                let isFatal = (error as? StoreError)?.isFatal == true
                if isFatal, !hadFailed { ledger.doubt(write.effect) } else { ledger.refuse(write.effect) }
                note(error)
            }
        }
        return isDone
    }

    private func acknowledge(_ write: Write, _ made: [Int: Int64]) {
        ledger.acknowledge(write.effect)
        for var person in write.people {
            person.key = made[person.number] ?? person.key
            people[person.number] = person
        }
        for (cell, text) in write.effect where text == nil {
            if let number = Int(cell.dropFirst("contact/c".count)) { people[number] = nil }
        }
    }

    private static func outcome(of write: Write, in store: Store) async -> Result<[Int: Int64], any Error> {
        do {
            guard let ready = write.ready else { return .success(try await store.write { try write.body($0) }) }
            let created = try await store.created(ready)
            guard let id = ContactID(created.id.span) else { throw Refusal() }
            return .success(Dictionary(uniqueKeysWithValues: write.people.map { ($0.number, id.key) }))
        } catch {
            return .failure(error)
        }
    }

    /// Holds the writer until all of them wait. Where one is refused at once there is nothing to wait for.
    private static func together(_ writes: [Write], in store: Store) async -> [Result<[Int: Int64], any Error>] {
        let gate = Gate()
        return await withTaskGroup(of: (Int, Result<[Int: Int64], any Error>).self) { group in
            func add(_ index: Int, _ write: Write) {
                group.addTask {
                    let outcome = await outcome(of: write, in: store)
                    gate.ended.store(true, ordering: .releasing)
                    return (index, outcome)
                }
            }
            let hold = Write { _ in
                gate.entered.store(true, ordering: .releasing)
                gate.opened.wait()
                return [:]
            }
            add(-1, hold)
            await gate.wait { gate.entered.load(ordering: .acquiring) }
            for (index, write) in writes.enumerated() {
                add(index, write)
                await gate.wait { store.statistics.queued > index }
            }
            gate.opened.signal()
            var outcomes: [Int: Result<[Int: Int64], any Error>] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return writes.indices.map { outcomes[$0] ?? .failure(Refusal()) }
        }
    }

    private final class Gate: Sendable {
        let entered = Atomic<Bool>(false)
        let ended = Atomic<Bool>(false)
        let opened = Condition()

        func wait(until isReady: () -> Bool) async {
            while !isReady(), !ended.load(ordering: .acquiring) { await Task.yield() }
        }
    }

    private func note(_ error: any Error) {
        if error is Refusal { return }
        guard let error = error as? StoreError else { return problems.append("a stranger: \(error)") }
        if error.code == .constraint { return }
        if error.isFatal { failures.wasRefused = true }
        errors.append(error)
    }
}
