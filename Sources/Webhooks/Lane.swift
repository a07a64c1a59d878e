//  One webhook's deliveries as a state machine: takes what was read, what ended and what was committed; says what to
//  send next and what to write. Pure: no clock, no I/O.

import Contacts
import HTTPCore
import Platform

/// One event on its way to one webhook.
struct Event: Sendable {
    /// The row of the delivery; `nil` for a change that has none yet.
    var delivery: Int64?
    /// The place of the change; `nil` for system events.
    var sequence: Int64?
    /// The sequence of the event before this one to the same webhook.
    var previousSequence: Int64?
    /// The contact, whose events stay in order; `nil` for system events.
    var contact: Int64?
    /// What happened.
    var type: String
    /// The same for all attempts, also after a recovery.
    var messageID: String
    /// Attempts made so far.
    var attempts = 0
    /// What to tell.
    var content: Content
    /// When it happened; `nil` when that is not known any more.
    var at: Timestamp?
    /// The trace of the request or run behind it.
    var trace: TraceContext?

    enum Content: Sendable {
        case contact(ContactEvent)
        case system(body: [UInt8])
        /// The change is older than the log, or was never readable.
        case lost
    }

    /// What tells events of one lane apart.
    enum Key: Hashable {
        case delivery(Int64)
        case sequence(Int64)
    }

    var key: Key {
        if let delivery { return .delivery(delivery) }
        guard let sequence else { preconditionFailure("an event has a delivery or a sequence") }
        return .sequence(sequence)
    }
}

/// How one attempt went, for the record.
struct AttemptRecord: Sendable {
    var at: Timestamp
    var status: Int?
    var error: String?
    var durationMilliseconds: Int64
    var response: [UInt8]?
}

/// What is to be written about one event.
struct EventResult: Sendable {
    enum Step: Sendable {
        /// Waits behind an earlier event of the same contact.
        case waiting
        case attempted(AttemptRecord, DeliveryOutcome)
    }

    var event: Event
    var step: Step

    /// Whether the delivery stays pending.
    var isPending: Bool {
        switch step {
        case .waiting: true
        case .attempted(_, .retry), .attempted(_, .gone): true
        case .attempted: false
        }
    }
}

/// One webhook's events between the log and the receiver.
///
/// The place in the log (``cursor``) only passes events whose outcome is to be written with it, so that a crash
/// repeats at most what was under way.
struct Lane {
    /// Most events read ahead.
    static let window = 512
    /// Most exchanges at a time with a healthy receiver, and with one whose last attempt failed.
    static let healthyFlights = 16
    static let failingFlights = 2

    private(set) var target: WebhookTarget
    /// How far the log was read.
    private(set) var readTo: Int64
    /// The last change read that the webhook wants.
    private(set) var lastMatched: Int64?
    private var queue: [Event] = []
    private var due: [Event] = []
    private var inFlight: [Event.Key: Event] = [:]
    private var busy: Set<Int64> = []
    /// Contacts with pending deliveries: their later events wait in the table.
    private var blocked: Set<Int64>
    private var results: [EventResult] = []
    private var committing: [EventResult] = []
    private var isFailing = false
    /// What was last committed, so that an idle lane writes nothing.
    private var committedCursor: Int64
    /// When the next pending delivery is due.
    var nextDue: Timestamp?

    init(_ target: WebhookTarget, blocked: Set<Int64>) {
        self.target = target
        self.blocked = blocked
        readTo = target.cursor
        lastMatched = target.cursorPrevious
        committedCursor = target.cursor
    }

    /// How many more changes may be read.
    var room: Int { target.isEnabled ? max(0, Self.window - queue.count - results.count) : 0 }
    /// Exchanges under way.
    var flights: Int { inFlight.count }
    /// How many more due deliveries may be read.
    var dueRoom: Int { target.isEnabled ? max(0, Self.window / 2 - due.count) : 0 }
    /// Whether nothing is under way and nothing waits to be written.
    var isSettled: Bool { inFlight.isEmpty && results.isEmpty && committing.isEmpty }
    /// Whether there is something to write. A place that moved on over events nobody wants is not worth a commit
    /// each time: reading them again costs less.
    var hasUnwritten: Bool { !results.isEmpty || cursor - committedCursor >= 1000 }

    /// The place that may be written: everything up to it has its outcome in this or an earlier commit.
    var cursor: Int64 { firstOpen.map { ($0.sequence ?? 1) - 1 } ?? readTo }
    private var cursorPrevious: Int64? { firstOpen.map(\.previousSequence) ?? lastMatched }

    /// Adds what this lane holds.
    func measure(into depth: inout DispatcherDepth) {
        depth.queued += queue.count + due.count
        depth.inFlight += inFlight.count
        depth.unwritten += results.count + committing.count
        if target.isEnabled { depth.readTo = min(depth.readTo ?? .max, readTo) }
        let oldest = [queue.first?.at, due.lazy.compactMap(\.at).min(), inFlight.values.lazy.compactMap(\.at).min()]
        depth.oldestAt = ([depth.oldestAt] + oldest).compactMap { $0 }.min()
    }

    /// The earliest event that was read and has no outcome yet.
    private var firstOpen: Event? {
        let open = inFlight.values.filter { $0.delivery == nil } + (queue.first.map { [$0] } ?? [])
        return open.min { ($0.sequence ?? 0) < ($1.sequence ?? 0) }
    }

    /// Settings may change at any time; queued events go by the new ones.
    mutating func update(_ target: WebhookTarget) {
        self.target = target
    }

    /// Takes changes that the webhook wants, in order, and how far the log was read for them.
    mutating func take(_ events: [Event], readTo: Int64, lastMatched: Int64?) {
        queue += events
        guard readTo > self.readTo else { return }
        self.readTo = readTo
        self.lastMatched = lastMatched
    }

    /// Takes pending deliveries that are due; those already under way are passed over.
    mutating func takeDue(_ events: [Event]) {
        var known = Set(due.map(\.key))
        known.formUnion(inFlight.keys)
        known.formUnion(results.map(\.event.key))
        known.formUnion(committing.map(\.event.key))
        for event in events where !known.contains(event.key) {
            due.append(event)
            if let contact = event.contact { blocked.insert(contact) }
        }
    }

    /// The next event to send; `nil` when none may go now.
    mutating func next() -> Event? {
        guard target.isEnabled, inFlight.count < (isFailing ? Self.failingFlights : Self.healthyFlights) else {
            return nil
        }
        guard let event = nextDueEvent() ?? nextFresh() else { return nil }
        inFlight[event.key] = event
        if let contact = event.contact { busy.insert(contact) }
        return event
    }

    private mutating func nextDueEvent() -> Event? {
        guard let index = due.firstIndex(where: { !isBusy($0) }) else { return nil }
        return due.remove(at: index)
    }

    private mutating func nextFresh() -> Event? {
        var index = 0
        while index < queue.count {
            let event = queue[index]
            if let contact = event.contact, blocked.contains(contact) {
                results.append(EventResult(event: queue.remove(at: index), step: .waiting))
            } else if isBusy(event) {
                index += 1
            } else {
                return queue.remove(at: index)
            }
        }
        return nil
    }

    private func isBusy(_ event: Event) -> Bool { event.contact.map { busy.contains($0) } ?? false }

    /// An attempt ended.
    mutating func ended(_ event: Event, _ record: AttemptRecord, _ outcome: DeliveryOutcome) {
        inFlight[event.key] = nil
        if let contact = event.contact { busy.remove(contact) }
        switch outcome {
        case .none:
            // Broken off by us: it is read again at the next start.
            if event.delivery == nil { queue.insert(event, at: 0) }
            return
        case .delivered: isFailing = false
        case .retry, .gone:
            isFailing = true
            if let contact = event.contact { blocked.insert(contact) }
        case .dead: isFailing = true
        }
        results.append(EventResult(event: event, step: .attempted(record, outcome)))
    }

    /// What to write now; `nil` for nothing.
    mutating func commit() -> LaneCommit? {
        guard hasUnwritten else { return nil }
        committing = results
        results = []
        return LaneCommit(
            webhook: target.id,
            cursor: cursor,
            cursorPrevious: cursorPrevious,
            results: committing
        )
    }

    /// It was written; these contacts have no pending delivery any more.
    mutating func committed(_ commit: LaneCommit, clear: Set<Int64>) {
        committing = []
        committedCursor = commit.cursor
        let pending = Set(results.filter(\.isPending).compactMap(\.event.contact) + due.compactMap(\.contact))
        blocked.subtract(clear.subtracting(pending).subtracting(busy))
    }

    /// It could not be written; it is tried again.
    mutating func commitFailed() {
        results = committing + results
        committing = []
    }

    /// Pending deliveries of that lane that need not be read again. What is being committed is read after that.
    var handled: Set<Int64> {
        Set((due + inFlight.values + results.map(\.event)).compactMap(\.delivery))
    }
}

/// What one lane writes at once.
struct LaneCommit: Sendable {
    var webhook: Int64
    var cursor: Int64
    var cursorPrevious: Int64?
    var results: [EventResult]
    /// Why the receiver wants nothing more; `nil` while it has not said so.
    var goneReason: String? {
        for case .attempted(_, .gone(_, let reason)) in results.map(\.step) { return reason }
        return nil
    }
}
