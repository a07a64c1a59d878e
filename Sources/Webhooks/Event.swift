//  An event on its way to a webhook, and what came of it. Pure.

import HTTPCore
import Platform

/// One event for one webhook. It is moved and copied often, so what it tells is behind a reference.
struct Event: Sendable {
    /// The row of the delivery; `nil` for a change that has none yet.
    var delivery: Int64?
    /// The place of the change; `nil` for system events.
    var sequence: Int64?
    /// The sequence of the event before this one to the same webhook.
    var previousSequence: Int64?
    /// The contact, whose events stay in order; `nil` for system events.
    var contact: Int64?
    /// Attempts made so far.
    var attempts = 0
    /// When it happened; `nil` when that is not known any more.
    var at: Timestamp?
    /// What to tell.
    var story: EventStory

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

/// What an event tells.
final class EventStory: Sendable {
    enum Content: Sendable {
        case contact(ContactEvent)
        case system(body: [UInt8])
        /// The change is older than the log, or was never readable.
        case lost
    }

    /// What happened.
    let type: String
    /// The same for all attempts, also after a recovery.
    let messageID: String
    let content: Content
    /// The trace of the request or run behind it.
    let trace: TraceContext?

    init(type: String, messageID: String, content: Content, trace: TraceContext? = nil) {
        self.type = type
        self.messageID = messageID
        self.content = content
        self.trace = trace
    }

    /// The bytes of its documents.
    var size: Int {
        switch content {
        case .contact(let event): (event.document?.count ?? 0) + (event.previous?.count ?? 0)
        case .system(let body): body.count
        case .lost: 0
        }
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

    /// Whether others of its contact may wait for it in the table. A change that went out at once had nobody before it
    /// and leaves nobody behind.
    var hasFollowers: Bool { isPending || event.delivery != nil }
}
