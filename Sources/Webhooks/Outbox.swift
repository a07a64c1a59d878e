//  What the dispatcher reads from the store and writes to it, one exchange at a time.

import Contacts
import Crypto
import HTTPCore
import JSON
import Log
import Platform
import Store
import Synchronization

/// The store as the dispatcher sees it.
final class Outbox: Sendable {
    private let store: Store
    private let vault: SecretVault
    private let log: Log
    /// Keyed signatures by webhook, as long as the sealed secrets are the same.
    private let signers = Mutex<[Int64: (sealed: [[UInt8]], signers: [Signer])]>([:])

    init(store: Store, seal: Seal, log: Log) {
        self.store = store
        vault = SecretVault(seal: seal)
        self.log = log
    }

    /// Something to look at, now and after each commit with changes or deliveries.
    func news() -> AsyncStream<Int64> { store.changesCommitted() }

    /// Writes outcomes and cursors in one transaction, then reads what there is to send. It throws when nothing was
    /// written; when only the reading fails, the turn says so.
    func perform(_ turn: Turn, at now: Timestamp) async throws -> Turn {
        var turn = turn
        let commits = turn.commits
        if !commits.isEmpty {
            turn.clear = try await store.write { transaction in
                var clear: [Int64: Set<Int64>] = [:]
                for commit in commits { clear[commit.webhook] = try Self.write(commit, in: transaction, at: now) }
                return clear
            }
        }
        guard let wants = turn.wants else { return turn }
        let newRoom = turn.newRoom
        do {
            turn.got = try await store.readAtLeisure { [self] snapshot in
                let connections = try snapshot.connections.all()
                let names = Dictionary(connections.map { ($0.key, $0.name) }, uniquingKeysWith: { first, _ in first })
                return try snapshot.webhooks.all().map { row in
                    try read(row, wants[row.id], newRoom: newRoom, names, snapshot, at: now)
                }
            }
        } catch {
            log.error("webhooks.unread", ["error": "\(error)"])
        }
        return turn
    }
}

// Writing.
extension Outbox {
    /// Writes one lane's outcomes.
    ///
    /// - Returns: The contacts touched that have no pending delivery left.
    private static func write(
        _ commit: LaneCommit,
        in transaction: Transaction,
        at now: Timestamp
    ) throws -> Set<Int64> {
        guard let webhook = try transaction.webhooks.find(commit.webhook) else { return [] }
        var touched: Set<Int64> = []
        for result in commit.results {
            try transaction.deliveries.record(row(of: result, commit.webhook, at: now), attempt: attempt(of: result))
            if result.hasFollowers, let contact = result.event.contact { touched.insert(contact) }
        }
        var clear: Set<Int64> = []
        for contact in touched
        where try !transaction.deliveries.releaseNext(webhook: commit.webhook, contact: contact, now: now) {
            clear.insert(contact)
        }
        try transaction.webhooks.advance(commit.webhook, cursor: commit.cursor, previous: commit.cursorPrevious)
        try noteFailures(of: webhook, commit, in: transaction, at: now)
        if let reason = commit.goneReason, webhook.isEnabled {
            try disable(webhook, reason, in: transaction, at: now)
        }
        return clear
    }

    private static func row(of result: EventResult, _ webhook: Int64, at now: Timestamp) -> DeliveryRow {
        let event = result.event
        var row = DeliveryRow(
            webhook: webhook,
            sequence: event.sequence,
            event: nil,
            contact: event.contact,
            state: .pending,
            createdAt: now
        )
        row.id = event.delivery ?? 0
        row.previousSequence = event.previousSequence
        guard case .attempted(let record, let outcome) = result.step else {
            row.reason = "waits for an earlier event of the same contact"
            return row
        }
        let ended = record.at.advanced(byMilliseconds: record.durationMilliseconds)
        switch outcome {
        case .delivered: row.state = .delivered
        case .dead(let reason):
            row.state = .dead
            row.reason = reason
        case .retry(let wait, let reason), .gone(let wait, let reason):
            row.dueAt = ended.advanced(byMilliseconds: wait)
            row.reason = reason
        case .none: row.dueAt = now
        }
        return row
    }

    private static func attempt(of result: EventResult) -> AttemptRow? {
        guard case .attempted(let record, _) = result.step else { return nil }
        return AttemptRow(
            at: record.at,
            status: record.status,
            error: record.error,
            durationMilliseconds: record.durationMilliseconds,
            response: record.response
        )
    }

    private static func noteFailures(
        of webhook: WebhookRow,
        _ commit: LaneCommit,
        in transaction: Transaction,
        at now: Timestamp
    ) throws {
        var since = webhook.failingSince
        var failures = webhook.failures
        for case .attempted(let record, let outcome) in commit.results.map(\.step) {
            if outcome == .delivered {
                (since, failures) = (nil, 0)
            } else {
                since = since ?? record.at
                failures += 1
            }
        }
        guard failures != webhook.failures else { return }
        try transaction.webhooks.noteFailures(
            webhook.id,
            since: since,
            failures: failures,
            warned: since == nil ? 0 : webhook.warned
        )
    }

    private static func disable(
        _ webhook: WebhookRow,
        _ reason: String,
        in transaction: Transaction,
        at now: Timestamp
    ) throws {
        var webhook = webhook
        webhook.isEnabled = false
        webhook.disabledReason = reason
        webhook.updatedAt = now
        try transaction.webhooks.update(webhook)
        let data: JSONValue = [
            "webhook_id": .string("wh_\(webhook.id)"), "url": .string(webhook.url), "reason": .string(reason),
            "at": .string(now.rfc3339),
        ]
        try transaction.events.emit(type: "webhook.disabled", connection: nil, data: data.encoded())
    }
}

// Reading.
extension Outbox {
    /// Most changes looked at for one lane in one exchange, so that no lane holds up the others.
    private static let pageSize = 512
    /// How long a webhook rests that cannot be read.
    private static let restMilliseconds: Int64 = 1000

    private func read(
        _ row: WebhookRow,
        _ want: Turn.Want?,
        newRoom: Int,
        _ names: [Int64: String],
        _ snapshot: Snapshot,
        at now: Timestamp
    ) throws -> Turn.Got {
        let target = target(row, at: now)
        var got = Turn.Got(
            target: target,
            blocked: want == nil ? try Self.pendingContacts(row.id, snapshot) : [],
            fresh: [],
            readTo: want?.readTo ?? row.cursor,
            hasMore: false,
            due: [],
            nextDue: nil
        )
        guard row.isEnabled else { return got }
        let rest = now.advanced(byMilliseconds: Self.restMilliseconds)
        if let until = want?.restsUntil, until > now, until <= rest {
            (got.nextDue, got.restsUntil) = (until, until)
            return got
        }
        do {
            try readDue(&got, want?.dueRoom ?? Lane.dueWindow, handled: want?.handled ?? [], names, snapshot, at: now)
            let room = min(want?.room ?? newRoom, Self.pageSize)
            guard room > 0 else {
                got.hasMore = true  // not known: to be looked for when there is room again
                return got
            }
            try readChanges(&got, previous: want == nil ? row.cursorPrevious : want?.lastMatched, room, names, snapshot)
        } catch {
            // The others go on, and this one with what was read.
            log.error("webhook.unread", ["webhook": "wh_\(row.id)", "error": "\(error)"])
            (got.nextDue, got.restsUntil) = (rest, rest)
        }
        return got
    }

    private func readDue(
        _ got: inout Turn.Got,
        _ room: Int,
        handled: Set<Int64>,
        _ names: [Int64: String],
        _ snapshot: Snapshot,
        at now: Timestamp
    ) throws {
        let webhook = got.target.id
        if room > 0 {
            var bytes = 0
            let rows = try snapshot.deliveries.due(webhook: webhook, now: now, limit: room + handled.count)
            for delivery in rows where !handled.contains(delivery.id) && bytes < Lane.mostBytes {
                let event = try pending(delivery, got.target, names, snapshot)
                bytes += event.story.size
                got.due.append(event)
            }
        }
        got.nextDue = try snapshot.deliveries.nextDue(webhook: webhook, after: now)
    }

    private func readChanges(
        _ got: inout Turn.Got,
        previous: Int64?,
        _ room: Int,
        _ names: [Int64: String],
        _ snapshot: Snapshot
    ) throws {
        let target = got.target
        let page = try snapshot.changes.told(after: got.readTo, limit: room, withDocuments: target.payload != .thin) {
            target.filter.wants(type: $0.type.event, connection: names[$0.connection] ?? "", changed: $0.fields)
        }
        // After a crash: its outcome was written, the cursor had not come that far.
        let known = try snapshot.deliveries.sequences(webhook: target.id, after: got.readTo, through: page.last)
        var previous = previous
        for told in page.changes {
            let change = told.change
            defer { previous = change.sequence }
            if known.contains(change.sequence) { continue }
            got.fresh.append(
                Event(
                    delivery: nil,
                    sequence: change.sequence,
                    previousSequence: previous,
                    contact: change.contact,
                    at: change.at,
                    story: Self.story(of: told, previous, names, target)
                )
            )
        }
        got.lastMatched = previous
        got.readTo = page.last
        got.hasMore = page.hasMore
    }

    private func pending(
        _ delivery: DeliveryRow,
        _ target: WebhookTarget,
        _ names: [Int64: String],
        _ snapshot: Snapshot
    ) throws -> Event {
        var story: EventStory
        var at: Timestamp?
        if let sequence = delivery.sequence, let change = try snapshot.changes.find(sequence) {
            at = change.at
            let document = target.payload == .thin ? nil : try snapshot.changes.document(of: change)
            story = Self.story(of: ToldChange(change, document: document), delivery.previousSequence, names, target)
        } else {
            let id = target.messageID(sequence: delivery.sequence, event: delivery.event)
            story = EventStory(type: "", messageID: id, content: .lost)
            if let key = delivery.event, let row = try snapshot.events.find(key) {
                at = row.at
                let body = SystemEvent.body(type: row.type, at: row.at, data: row.data)
                story = EventStory(type: row.type, messageID: id, content: .system(body: body))
            }
        }
        return Event(
            delivery: delivery.id,
            sequence: delivery.sequence,
            previousSequence: delivery.previousSequence,
            contact: delivery.contact,
            attempts: delivery.attempts,
            at: at,
            story: story
        )
    }

    private static func story(
        of told: ToldChange,
        _ previous: Int64?,
        _ names: [Int64: String],
        _ target: WebhookTarget
    ) -> EventStory {
        let change = told.change
        var event = ContactEvent(
            type: change.type.event,
            at: change.at,
            sequence: change.sequence,
            previousSequence: previous,
            connection: names[change.connection] ?? "",
            contactID: change.contactID,
            changed: change.fields
        )
        var isLost = false
        if target.payload != .thin {
            event.document = told.document
            event.previous = change.previous
            isLost = told.document == nil
        }
        return EventStory(
            type: event.type,
            messageID: target.messageID(sequence: change.sequence),
            content: isLost ? .lost : .contact(event),
            trace: change.trace.flatMap { TraceContext(stored: $0) }
        )
    }

    /// The contacts whose later events have to wait.
    private static func pendingContacts(_ webhook: Int64, _ snapshot: Snapshot) throws -> Set<Int64> {
        var contacts: Set<Int64> = []
        var last: Int64 = 0
        while true {
            let rows = try snapshot.deliveries.pending(webhook: webhook, after: last, limit: 1000)
            contacts.formUnion(rows.compactMap(\.contact))
            guard rows.count == 1000, let end = rows.last?.id else { return contacts }
            last = end
        }
    }

    private func target(_ row: WebhookRow, at now: Timestamp) -> WebhookTarget {
        WebhookTarget(
            id: row.id,
            url: row.url,
            filter: EventFilter(events: row.events, connections: row.connections, fields: row.fields),
            payload: PayloadLevel(rawValue: row.payload) ?? .full,
            headers: Self.headers(row.headers),
            isEnabled: row.isEnabled,
            signers: signers(of: row, at: now),
            createdAt: row.createdAt,
            cursor: row.cursor,
            cursorPrevious: row.cursorPrevious
        )
    }

    private static func headers(_ json: String) -> [(name: String, value: String)] {
        // What the API wrote; anything else reads as none.
        let value = try? JSONValue(parsing: Array(json.utf8))
        return value?.objectValue?.map { (name: $0.name, value: $0.value.stringValue ?? "") } ?? []
    }

    private func signers(of row: WebhookRow, at now: Timestamp) -> [Signer] {
        var sealed = [row.secret]
        if let old = row.oldSecret, let until = row.oldSecretUntil, until > now { sealed.append(old) }
        return signers.withLock { known in
            if let entry = known[row.id], entry.sealed == sealed { return entry.signers }
            let secrets = sealed.compactMap { vault.open($0) }
            if secrets.count != sealed.count {
                log.error(
                    "webhook.unsigned",
                    ["webhook": "wh_\(row.id)", "detail": "database.key does not open its secret"]
                )
            }
            let signers = secrets.map { Signer($0) }
            known[row.id] = (sealed, signers)
            return signers
        }
    }
}
