//  The smaller tables: runs, quarantine, webhooks, deliveries, answers, queued writes, and what is forgotten.

import Contacts
import Platform
import Store
import TestSupport
import Testing

@Suite struct TableTests {
    static func webhook(_ transaction: Transaction, events: [String] = ["*"], connections: [String] = ["*"]) throws
        -> Int64
    {
        try transaction.webhooks.insert(
            WebhookRow(
                url: "https://receiver.example/",
                events: events,
                connections: connections,
                fields: ["phones"],
                payload: "full",
                description: "d",
                headers: "{}",
                isEnabled: true,
                secret: [0, 255],
                cursor: transaction.sequence,
                createdAt: transaction.now
            )
        )
    }

    @Test func `a run goes on with what it had seen`() async throws {
        let directory = ScratchDirectory()
        let (store, book) = try await Store.opened(directory)
        let id = try await store.write { transaction in
            var run = RunRow(connection: book, mode: "full", startedAt: transaction.now)
            run.mark = "m"
            let id = try transaction.runs.insert(run)
            try transaction.runs.addSeen(id, KeySet([1, 2, 3]))
            try transaction.runs.addSeen(id, KeySet([3, 4, 200_000, 200_001, 200_002, 7]))
            run.id = id
            run.cursor = "page 3"
            run.counts.seen = 6
            try transaction.runs.update(run)
            try transaction.runs.addDryChanges(id, [Array("{\"n\":1}".utf8), Array("{\"n\":2}".utf8)])
            try transaction.runs.setHeldDeletes(id, [5, 4])
            return id
        }
        await store.close()
        let (again, _) = try await Store.opened(directory)
        try await again.read { snapshot in
            let open = try snapshot.runs.open()
            #expect(open.map(\.id) == [id])
            #expect(open.first?.cursor == "page 3")
            #expect(open.first?.mark == "m")
            #expect(open.first?.counts.seen == 6)
            #expect(try snapshot.runs.seen(id) == KeySet([1, 2, 3, 4, 7, 200_000, 200_001, 200_002]))
            #expect(try snapshot.runs.heldDeletes(id) == [4, 5])
            #expect(try snapshot.runs.dryChanges(id, after: 1, limit: 5).map(\.n) == [2])
            #expect(try snapshot.runs.page(before: nil, limit: 5, connections: [book]).map(\.id) == [id])
            #expect(try snapshot.runs.page(before: nil, limit: 5, connections: []).isEmpty)
            #expect(try snapshot.runs.latest(connection: book)?.id == id)
        }
        await again.close()
    }

    @Test func `a batch's version is the one that it began under`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let snapshot = try store.reader()
        try snapshot.begin()
        let begun = snapshot.committedVersion
        // This the transaction does not see.
        _ = try await store.createOne("Ada", in: book)
        #expect(snapshot.committedVersion == begun)
        try snapshot.refresh()
        #expect(snapshot.committedVersion > begun)
        snapshot.end()
        await store.close()
    }

    @Test func `an identified record is set aside once`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        try await store.write { transaction in
            for (run, id) in [(1, "7"), (2, "7"), (2, nil), (2, nil)] as [(Int64, String?)] {
                try transaction.quarantine.put(
                    QuarantineRow(
                        connection: book,
                        vendorID: id,
                        reason: "r\(run)",
                        raw: [0x7B, 0xFF],
                        run: run,
                        at: transaction.now
                    )
                )
            }
        }
        let rows = try await store.read { try $0.quarantine.page(connection: book, after: 0, limit: 9) }
        #expect(rows.map(\.reason) == ["r2", "r2", "r2"])
        #expect(try await store.read { try $0.quarantine.count(connection: book) } == 3)
        #expect(try await store.read { try $0.quarantine.vendorIDs(connection: book) } == ["7"])
        try await store.write { transaction in
            try transaction.quarantine.remove(connection: book, vendorID: "7")
            try transaction.quarantine.removeAll(connection: book, beforeRun: 3)
            #expect(try transaction.quarantine.count(connection: book) == 0)
        }
        await store.close()
    }

    @Test func `a delivery keeps its attempts, is found by state, and is one for each change`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let stored = try await store.createOne("Ada", in: book)
        try await store.write { transaction in
            let webhook = try Self.webhook(transaction)
            var delivery = DeliveryRow(
                webhook: webhook,
                sequence: 1,
                event: nil,
                contact: stored.key,
                state: .pending,
                createdAt: transaction.now
            )
            delivery.dueAt = transaction.now.advanced(byMilliseconds: 5000)
            let attempt = AttemptRow(
                at: transaction.now,
                status: 503,
                error: nil,
                durationMilliseconds: 12,
                response: Array("busy".utf8)
            )
            let id = try transaction.deliveries.record(delivery, attempt: attempt)
            #expect(try transaction.deliveries.record(delivery, attempt: nil) == id)
            let key = try #require(id)
            delivery.id = key
            #expect(try transaction.deliveries.due(webhook: webhook, now: transaction.now, limit: 9).isEmpty)
            #expect(try transaction.deliveries.nextDue(webhook: webhook) == delivery.dueAt)
            #expect(try transaction.deliveries.pendingCount(webhook: webhook) == 1)
            delivery.state = .delivered
            delivery.dueAt = nil
            try transaction.deliveries.record(
                delivery,
                attempt: AttemptRow(
                    at: transaction.now,
                    status: 200,
                    error: nil,
                    durationMilliseconds: 3,
                    response: nil
                )
            )
            try transaction.webhooks.advance(webhook, cursor: 1, previous: 1)
            let found = try #require(try transaction.deliveries.find(webhook: webhook, sequence: 1))
            #expect(found.attempts == 2)
            #expect(found.state == .delivered)
            #expect(try transaction.deliveries.attempts(of: key).map(\.status) == [503, 200])
            #expect(try transaction.deliveries.attempts(of: key).first?.response == Array("busy".utf8))
            #expect(
                try transaction.deliveries.page(webhook: webhook, state: .delivered, before: nil, limit: 9).count == 1
            )
            #expect(try transaction.deliveries.page(webhook: webhook, state: .dead, before: nil, limit: 9).isEmpty)
            #expect(try transaction.deliveries.page(webhook: webhook, state: nil, before: key, limit: 9).isEmpty)
            #expect(try transaction.deliveries.retry(key, now: transaction.now))
            #expect(try transaction.deliveries.due(webhook: webhook, now: transaction.now, limit: 9).map(\.id) == [key])
            let row = try #require(try transaction.webhooks.find(webhook))
            #expect(row.cursor == 1)
            #expect(row.cursorPrevious == 1)
            #expect(row.fields == ["phones"])
            #expect(row.secret == [0, 255])
            #expect(try transaction.webhooks.delete(webhook))
            #expect(try transaction.deliveries.find(key) == nil)
            #expect(try transaction.deliveries.record(delivery, attempt: nil) == nil)
        }
        await store.close()
    }

    @Test func `a system event becomes a delivery for each webhook that wants it`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        try await store.write { transaction in
            let all = try Self.webhook(transaction)
            let runs = try Self.webhook(transaction, events: ["run.*"], connections: ["book"])
            _ = try Self.webhook(transaction, events: ["contact.*"])
            let elsewhere = try Self.webhook(transaction, events: ["run.held"], connections: ["other"])
            let deliveries = try transaction.events.emit(type: "run.held", connection: book, data: Array("{}".utf8))
            let webhooks = try deliveries.map { try transaction.deliveries.find($0)?.webhook }
            #expect(webhooks == [all, runs])
            let test = try transaction.events.emit(
                type: "webhook.test",
                connection: nil,
                data: Array("{}".utf8),
                onlyTo: elsewhere
            )
            #expect(test.count == 1)
            // What is about no connection may speak of any.
            let reloaded = try transaction.events.emit(type: "run.all", connection: nil, data: Array("{}".utf8))
            #expect(try reloaded.map { try transaction.deliveries.find($0)?.webhook } == [all])
            let event = try #require(try transaction.deliveries.find(deliveries[0])?.event)
            #expect(try transaction.events.find(event)?.type == "run.held")
        }
        await store.close()
    }

    @Test func `an idempotency key is new, then running, then answered, for one day`() async throws {
        let directory = ScratchDirectory()
        let (store, _) = try await Store.opened(directory)
        let start = Timestamp(milliseconds: 1_000_000)
        func begin(_ store: Store, _ fingerprint: UInt8, _ now: Timestamp, key: String = "k") async throws
            -> IdempotencyOutcome
        {
            try await store.write {
                try $0.idempotency.begin(owner: "app", key: key, fingerprint: [fingerprint], now: now)
            }
        }
        #expect(try await begin(store, 1, start) == .new)
        #expect(try await begin(store, 1, start) == .running)
        #expect(try await begin(store, 2, start) == .mismatch)
        let answer = StoredAnswer(status: 201, headers: "{}", body: [1, 2])
        try await store.write { try $0.idempotency.finish(owner: "app", key: "k", answer: answer) }
        #expect(try await begin(store, 1, start.advanced(byMilliseconds: 86_400_000)) == .answered(answer))
        #expect(try await begin(store, 1, start.advanced(byMilliseconds: 86_400_001)) == .new)
        try await store.write { try $0.idempotency.giveBack(owner: "app", key: "k", mayHaveHappened: false) }
        #expect(try await begin(store, 1, start) == .new)
        try await store.write { try $0.idempotency.giveBack(owner: "app", key: "k", mayHaveHappened: true) }
        #expect(try await begin(store, 2, start) == .mismatch)
        #expect(try await begin(store, 1, start) == .interrupted)
        #expect(try await begin(store, 1, start) == .running)
        #expect(try await begin(store, 1, start, key: "other") == .new)
        await store.close()
        let (again, _) = try await Store.opened(directory)
        #expect(try await begin(again, 1, start) == .interrupted, "what ran in a process that is gone runs no more")
        await again.close()
    }

    @Test func `queued writes are taken in order`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        try await store.write { transaction in
            let row = WriteRow(connection: book, operation: Array("{}".utf8), contact: nil, createdAt: transaction.now)
            let first = try transaction.writes.insert(row)
            let second = try transaction.writes.insert(row)
            #expect(try transaction.writes.waitingConnections() == [book])
            #expect(try transaction.writes.queuedCount(connection: book) == 2)
            var next = try #require(try transaction.writes.next(connection: book))
            #expect(next.id == first)
            next.state = .failed
            next.outcome = Array("{\"code\":\"x\"}".utf8)
            try transaction.writes.update(next)
            #expect(try transaction.writes.find(first) == next)
            #expect(try transaction.writes.next(connection: book)?.id == second)
        }
        await store.close()
    }

    @Test func `what is old is forgotten, but nothing that is still needed`() async throws {
        let clock = TestClock()
        let (store, book) = try await Store.opened(ScratchDirectory(), clock: { clock.now })
        for number in 1...30 {
            clock.set(Int64(number) * 1000)
            let stored = try await store.createOne("Person \(number)", in: book)
            if number % 10 == 0 { _ = try await store.write { try $0.contacts.delete(stored.key) } }
        }
        let limits = RetentionLimits(changes: .seconds(15), deliveries: .seconds(15))
        let slow = try await store.write { transaction in
            let id = try Self.webhook(transaction)
            try transaction.webhooks.advance(id, cursor: 5, previous: 5)
            return id
        }
        try await store.forgetOld(limits)
        #expect(try await store.read { try $0.changes.horizon() } == 5, "the webhook has not seen what follows")
        _ = try await store.write { try $0.webhooks.delete(slow) }
        try await store.forgetOld(limits)
        // At 30 s everything before 15 s goes: fourteen creates and one delete.
        #expect(try await store.read { try $0.changes.horizon() } == 15)
        #expect(try await store.read { try $0.contacts.count(connection: book) } == 27)
        clock.set(1_000_000)
        try await store.forgetOld(limits)
        #expect(
            try await store.read { try $0.changes.page(after: 0, limit: 99) }.changes.count == 1,
            "the last one stays"
        )
        #expect(try await store.createOne("Next", in: book).contact.revision == 34)
        #expect(try await store.found("person").count == 27)
        await store.close()
    }
}
