//  One webhook's deliveries as a state machine: takes what was read, what ended and what was committed; says what to
//  send next and what to write. Pure: no clock, no I/O.

import Platform

/// One webhook's events between the log and the receiver.
///
/// The place in the log (``cursor``) only passes events whose outcome is to be written with it, so that a crash
/// repeats at most what was under way.
struct Lane {
    /// Most exchanges at a time with a healthy receiver, and with one whose last attempt failed.
    static let healthyFlights = 32
    static let failingFlights = 2
    /// Most pending deliveries read ahead.
    static let dueWindow = 256
    /// With so many bytes of documents no more is read ahead.
    static let mostBytes = 4 << 20

    private(set) var target: WebhookTarget
    /// How far the log was read.
    private(set) var readTo: Int64
    /// The last change read that the webhook wants.
    private(set) var lastMatched: Int64?
    /// Whether the log goes on behind that.
    private(set) var hasMore = false
    /// Changes read and not looked at, in order.
    private var queue = EventQueue()
    /// Changes of contacts that had one under way, by contact.
    private var held: [Int64: [Event]] = [:]
    private var heldCount = 0
    /// Such changes whose contact is free again.
    private var freed = EventQueue()
    /// The documents of all changes read whose outcome is not written.
    private var bytes = 0
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
    /// When to look again, after it could not be read.
    var restsUntil: Timestamp?

    init(_ target: WebhookTarget, blocked: Set<Int64>) {
        self.target = target
        self.blocked = blocked
        readTo = target.cursor
        lastMatched = target.cursorPrevious
        committedCursor = target.cursor
    }

    /// Changes read that have no outcome yet and are not under way.
    private var queued: Int { queue.count + freed.count + heldCount }
    /// Exchanges under way.
    var flights: Int { inFlight.count }
    /// How many more changes may be read, when so many may be held.
    func room(in window: Int) -> Int {
        guard target.isEnabled, bytes < Self.mostBytes || queued == 0 else { return 0 }
        return max(0, window - queued - results.count)
    }
    /// Whether it is time to read on: not for every change that has left, and before the last one has.
    func isHungry(in window: Int) -> Bool { hasMore && room(in: window) >= window / 2 }
    /// How many more due deliveries may be read.
    var dueRoom: Int {
        guard target.isEnabled, due.reduce(0, { $0 + $1.story.size }) < Self.mostBytes else { return 0 }
        return max(0, Self.dueWindow - due.count)
    }
    /// Whether nothing is under way and nothing waits to be written.
    var isSettled: Bool { inFlight.isEmpty && results.isEmpty && committing.isEmpty }
    /// Whether there is something to write. A place that moved on over events nobody wants is not worth a commit
    /// each time: reading them again costs less.
    var hasUnwritten: Bool { !results.isEmpty || readTo - committedCursor >= 1000 && cursor - committedCursor >= 1000 }

    /// The place that may be written: everything up to it has its outcome in this or an earlier commit.
    private var cursor: Int64 { firstOpen.map { ($0.sequence ?? 1) - 1 } ?? readTo }

    /// Adds what this lane holds.
    func measure(into depth: inout DispatcherDepth) {
        depth.queued += queued + due.count
        depth.inFlight += inFlight.count
        depth.unwritten += results.count + committing.count
        if target.isEnabled { depth.readTo = min(depth.readTo ?? .max, readTo) }
        let oldest = [firstOpen?.at, due.lazy.compactMap(\.at).min(), inFlight.values.lazy.compactMap(\.at).min()]
        depth.oldestAt = ([depth.oldestAt] + oldest).compactMap { $0 }.min()
    }

    /// The earliest change that was read and has no outcome yet.
    private var firstOpen: Event? {
        var first = queue.first
        func look(_ event: Event) {
            if event.delivery == nil, (event.sequence ?? 0) < (first?.sequence ?? .max) { first = event }
        }
        inFlight.values.forEach(look)
        freed.all.forEach(look)
        held.values.forEach { $0.first.map(look) }
        return first
    }

    /// Settings may change at any time; queued events go by the new ones.
    mutating func update(_ target: WebhookTarget) {
        self.target = target
    }

    /// Takes changes that the webhook wants, in order, and how far the log was read for them.
    mutating func take(_ events: [Event], readTo: Int64, lastMatched: Int64?, hasMore: Bool) {
        queue.append(events)
        for event in events { bytes += event.story.size }
        self.hasMore = hasMore
        guard readTo > self.readTo else { return }
        self.readTo = readTo
        self.lastMatched = lastMatched
    }

    /// Takes pending deliveries that are due; those already under way are passed over.
    mutating func takeDue(_ events: [Event]) {
        if events.isEmpty { return }
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
        while let event = freed.popFirst() ?? queue.popFirst() {
            guard let contact = event.contact else { return event }
            if blocked.contains(contact) {
                results.append(EventResult(event: event, step: .waiting))
                parkHeld(contact)
            } else if busy.contains(contact) {
                held[contact, default: []].append(event)
                heldCount += 1
            } else {
                return event
            }
        }
        return nil
    }

    private func isBusy(_ event: Event) -> Bool { event.contact.map { busy.contains($0) } ?? false }

    /// An attempt ended.
    mutating func ended(_ event: Event, _ record: AttemptRecord, _ outcome: DeliveryOutcome) {
        inFlight[event.key] = nil
        switch outcome {
        case .none:
            // Broken off by us: it is read again at the next start.
            if event.delivery == nil { freed.putBack(event) }
            if let contact = event.contact { busy.remove(contact) }
            return
        case .delivered: isFailing = false
        case .retry, .gone:
            isFailing = true
            if let contact = event.contact { blocked.insert(contact) }
        case .dead: isFailing = true
        }
        results.append(EventResult(event: event, step: .attempted(record, outcome)))
        if let contact = event.contact { free(contact) }
    }

    /// Lets the next change of a contact go that was held back by the one under way.
    private mutating func free(_ contact: Int64) {
        busy.remove(contact)
        if held.isEmpty { return }
        if blocked.contains(contact) { return parkHeld(contact) }
        guard var events = held.removeValue(forKey: contact) else { return }
        heldCount -= 1
        freed.append(events.removeFirst())
        if !events.isEmpty { held[contact] = events }
    }

    /// Has the changes of a contact that were held back wait in the table.
    private mutating func parkHeld(_ contact: Int64) {
        guard let events = held.removeValue(forKey: contact) else { return }
        heldCount -= events.count
        for event in events { results.append(EventResult(event: event, step: .waiting)) }
    }

    /// What to write now; `nil` for nothing.
    mutating func commit() -> LaneCommit? {
        guard hasUnwritten else { return nil }
        committing = results
        results = []
        let open = firstOpen
        return LaneCommit(
            webhook: target.id,
            cursor: open.map { ($0.sequence ?? 1) - 1 } ?? readTo,
            cursorPrevious: open.map(\.previousSequence) ?? lastMatched,
            results: committing
        )
    }

    /// It was written; these contacts have no pending delivery any more.
    mutating func committed(_ commit: LaneCommit, clear: Set<Int64>) {
        committing = []
        committedCursor = commit.cursor
        for result in commit.results where result.event.delivery == nil { bytes -= result.event.story.size }
        if clear.isEmpty { return }
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
    /// Whether there may be deliveries to read that this makes due.
    var hasFollowers: Bool { results.contains(where: \.hasFollowers) }
    /// Why the receiver wants nothing more; `nil` while it has not said so.
    var goneReason: String? {
        for case .attempted(_, .gone(_, let reason)) in results.map(\.step) { return reason }
        return nil
    }
}
