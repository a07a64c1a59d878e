//  All lanes of the dispatcher, and whose turn it is. Pure.

import Platform

/// One exchange with the store: what to write, then what to read.
struct Turn: Sendable {
    /// How far one lane has read, and how much more it takes.
    struct Want: Sendable {
        var readTo: Int64
        var lastMatched: Int64?
        var room: Int
        var dueRoom: Int
        var handled: Set<Int64>
        var restsUntil: Timestamp?
    }

    /// What one lane got.
    struct Got: Sendable {
        var target: WebhookTarget
        /// Contacts with pending deliveries; only for a lane that was not known before.
        var blocked: Set<Int64>
        var fresh: [Event]
        var readTo: Int64
        /// The last change up to there that the webhook wants.
        var lastMatched: Int64?
        /// Whether the log goes on behind what was read.
        var hasMore: Bool
        var due: [Event]
        var nextDue: Timestamp?
        /// When to look again, after it could not be read.
        var restsUntil: Timestamp?
    }

    var commits: [LaneCommit] = []
    /// By webhook, for the lanes that are known; `nil` to read nothing.
    var wants: [Int64: Want]?
    /// How many changes to read for a lane that is not known yet.
    var newRoom = 0
    /// Answers: contacts without pending deliveries after the commits, for each webhook.
    var clear: [Int64: Set<Int64>] = [:]
    /// `nil` when nothing was read.
    var got: [Got]?

    /// Whether the outcomes are written and what there is to send could not be read.
    var isUnread: Bool { wants != nil && got == nil }
}

/// The dispatcher's state.
struct Work {
    /// Most changes read ahead for one webhook, and for all together; each may have some.
    private static let laneWindow = 1024
    private static let wholeWindow = 8192
    private static let leastWindow = 32

    private var lanes: [Int64: Lane] = [:]
    /// Lanes in the order in which they get a chance, and who has the next one.
    private var order: [Int64] = []
    private var turnOf = 0
    private var isTurning = false
    private var pendingCommits: [LaneCommit] = []
    private var timerAt: Timestamp?
    var isLookWanted = false
    var isStopping = false

    /// How many changes may be read ahead for each webhook.
    private var window: Int {
        max(Self.leastWindow, min(Self.laneWindow, Self.wholeWindow / max(1, lanes.count)))
    }

    /// Whether a stop has nothing left to wait for.
    var isOver: Bool { isStopping && !isTurning && lanes.values.allSatisfy(\.isSettled) }

    mutating func ended(_ webhook: Int64, _ event: Event, _ record: AttemptRecord, _ outcome: DeliveryOutcome) {
        lanes[webhook]?.ended(event, record, outcome)
    }

    /// The next events to send, each lane in its turn, at most so many beside those under way. A lane has at most a third
    /// of what it leaves free, but one: however many receivers are slow, there is something left for the others.
    mutating func next(_ room: Int, beside flights: Int) -> [(Event, WebhookTarget)] {
        var chosen: [(Event, WebhookTarget)] = []
        guard !isStopping, !order.isEmpty, room > 0 else { return chosen }
        var asked = Array(order[turnOf...] + order[..<turnOf])
        var last: Int64?
        while !asked.isEmpty, chosen.count < room {
            asked.removeAll { id in
                guard chosen.count < room else { return false }
                let free = Dispatcher.mostFlights - flights - chosen.count
                guard (lanes[id]?.flights ?? 0) < max(1, free / 3) else { return true }
                guard let event = lanes[id]?.next(), let target = lanes[id]?.target else { return true }
                chosen.append((event, target))
                last = id
                return false
            }
        }
        if let last, let index = order.firstIndex(of: last) { turnOf = (index + 1) % order.count }
        return chosen
    }

    /// What to write and read now; `nil` while an exchange is under way or there is nothing to do.
    mutating func beginTurn() -> Turn? {
        guard !isTurning else { return nil }
        var turn = Turn()
        for id in order {
            if let commit = lanes[id]?.commit() { turn.commits.append(commit) }
        }
        let window = window
        let isReading =
            !isStopping
            && (isLookWanted || turn.commits.contains(where: \.hasFollowers)
                || lanes.values.contains { $0.isHungry(in: window) })
        guard isReading || !turn.commits.isEmpty else { return nil }
        if isReading {
            isLookWanted = false
            turn.newRoom = window
            turn.wants = lanes.mapValues {
                Turn.Want(
                    readTo: $0.readTo,
                    lastMatched: $0.lastMatched,
                    room: $0.room(in: window),
                    dueRoom: $0.dueRoom,
                    handled: $0.handled,
                    restsUntil: $0.restsUntil
                )
            }
        }
        pendingCommits = turn.commits
        isTurning = true
        return turn
    }

    /// Takes what an exchange with the store brought; `nil` when it failed.
    mutating func turned(_ turn: Turn?) {
        isTurning = false
        defer { pendingCommits = [] }
        guard let turn else {
            for commit in pendingCommits { lanes[commit.webhook]?.commitFailed() }
            isLookWanted = true
            return
        }
        for commit in pendingCommits {
            lanes[commit.webhook]?.committed(commit, clear: turn.clear[commit.webhook] ?? [])
        }
        guard !isStopping, turn.wants != nil else { return }
        guard let everything = turn.got else {
            isLookWanted = true
            return
        }
        let present = Set(everything.map(\.target.id))
        // A deleted webhook takes its lane with it; what is in flight for it ends unheard.
        for id in order where !present.contains(id) { lanes[id] = nil }
        order.removeAll { !present.contains($0) }
        if turnOf >= order.count { turnOf = 0 }
        for got in everything {
            if lanes[got.target.id] == nil {
                lanes[got.target.id] = Lane(got.target, blocked: got.blocked)
                order.append(got.target.id)
            }
            // What was read for a lane at rest was nothing; now that it is enabled there may be something.
            if got.target.isEnabled, lanes[got.target.id]?.target.isEnabled == false { isLookWanted = true }
            lanes[got.target.id]?.update(got.target)
            lanes[got.target.id]?.take(
                got.fresh,
                readTo: got.readTo,
                lastMatched: got.lastMatched,
                hasMore: got.hasMore
            )
            lanes[got.target.id]?.takeDue(got.due)
            lanes[got.target.id]?.nextDue = got.nextDue
            lanes[got.target.id]?.restsUntil = got.restsUntil
        }
    }

    /// What all lanes hold.
    var depth: DispatcherDepth {
        var depth = DispatcherDepth()
        for lane in lanes.values { lane.measure(into: &depth) }
        return depth
    }

    /// When the next retry is due and how long until then, when no timer runs for it yet.
    mutating func wantsTimer(at now: Timestamp) -> (at: Timestamp, wait: Duration)? {
        guard !isStopping, let next = lanes.values.filter(\.target.isEnabled).compactMap(\.nextDue).min() else {
            return nil
        }
        if let timerAt, timerAt > now, timerAt <= next { return nil }
        timerAt = next
        return (next, .milliseconds(max(1, next.milliseconds - now.milliseconds)))
    }

    /// That timer has run out, whatever the wall clock says.
    mutating func timerEnded(_ at: Timestamp) {
        if timerAt == at { timerAt = nil }
        isLookWanted = true
    }
}
