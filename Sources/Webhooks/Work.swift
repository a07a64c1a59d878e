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
    }

    var commits: [LaneCommit] = []
    /// By webhook, for the lanes that are known; `nil` to read nothing.
    var wants: [Int64: Want]?
    /// Answers: contacts without pending deliveries after the commits, for each webhook.
    var clear: [Int64: Set<Int64>] = [:]
    var got: [Got] = []
}

/// The dispatcher's state.
struct Work {
    private let flightsLimit: Int
    private var lanes: [Int64: Lane] = [:]
    /// Lanes in the order in which they get a chance.
    private var order: [Int64] = []
    private var isTurning = false
    private var pendingCommits: [LaneCommit] = []
    private var timerAt: Timestamp?
    var isLookWanted = false
    var isStopping = false

    init(flightsLimit: Int) {
        self.flightsLimit = flightsLimit
    }

    /// Whether a stop has nothing left to wait for.
    var isOver: Bool { isStopping && !isTurning && lanes.values.allSatisfy(\.isSettled) }

    mutating func ended(_ webhook: Int64, _ event: Event, _ record: AttemptRecord, _ outcome: DeliveryOutcome) {
        lanes[webhook]?.ended(event, record, outcome)
    }

    /// The next event to send, each lane in its turn.
    mutating func next() -> (Event, WebhookTarget)? {
        guard !isStopping, lanes.values.reduce(0, { $0 + $1.flights }) < flightsLimit else { return nil }
        for index in order.indices {
            let id = order[index]
            guard let event = lanes[id]?.next(), let target = lanes[id]?.target else { continue }
            order.append(order.remove(at: index))
            return (event, target)
        }
        return nil
    }

    /// What to write and read now; `nil` while an exchange is under way or there is nothing to do.
    mutating func beginTurn() -> Turn? {
        guard !isTurning else { return nil }
        var turn = Turn()
        for id in order {
            if let commit = lanes[id]?.commit() { turn.commits.append(commit) }
        }
        guard isLookWanted && !isStopping || !turn.commits.isEmpty else { return nil }
        if !isStopping {
            isLookWanted = false
            turn.wants = lanes.mapValues {
                Turn.Want(
                    readTo: $0.readTo,
                    lastMatched: $0.lastMatched,
                    room: $0.room,
                    dueRoom: $0.dueRoom,
                    handled: $0.handled
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
        guard !isStopping else { return }
        let present = Set(turn.got.map(\.target.id))
        // A deleted webhook takes its lane with it; what is in flight for it ends unheard.
        for id in order where !present.contains(id) { lanes[id] = nil }
        order.removeAll { !present.contains($0) }
        for got in turn.got {
            if lanes[got.target.id] == nil {
                lanes[got.target.id] = Lane(got.target, blocked: got.blocked)
                order.append(got.target.id)
            }
            // What was read for a lane at rest was nothing; now that it is enabled there may be something.
            if got.target.isEnabled, lanes[got.target.id]?.target.isEnabled == false { isLookWanted = true }
            lanes[got.target.id]?.update(got.target)
            lanes[got.target.id]?.take(got.fresh, readTo: got.readTo, lastMatched: got.lastMatched)
            lanes[got.target.id]?.takeDue(got.due)
            lanes[got.target.id]?.nextDue = got.nextDue
            if got.hasMore, (lanes[got.target.id]?.room ?? 0) > 0 { isLookWanted = true }
        }
    }

    /// What all lanes hold.
    var depth: DispatcherDepth {
        var depth = DispatcherDepth()
        for lane in lanes.values { lane.measure(into: &depth) }
        return depth
    }

    /// How long until the next retry is due, when no timer runs for it yet.
    mutating func wantsTimer(at now: Timestamp) -> Duration? {
        guard !isStopping, let next = lanes.values.filter(\.target.isEnabled).compactMap(\.nextDue).min() else {
            return nil
        }
        if let timerAt, timerAt > now, timerAt <= next { return nil }
        timerAt = next
        return .milliseconds(max(1, next.milliseconds - now.milliseconds))
    }
}
