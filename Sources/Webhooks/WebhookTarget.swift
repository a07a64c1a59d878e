//  A registered webhook as the dispatcher needs it.

public import Platform

/// Where and how events of one webhook go; read anew whenever settings may have changed. A class, because every event
/// in flight has one.
final class WebhookTarget: Sendable {
    let id: Int64
    let url: String
    let filter: EventFilter
    let payload: PayloadLevel
    /// Header fields that the owner wants on every delivery.
    let headers: [(name: String, value: String)]
    let isEnabled: Bool
    /// The present secret first; during a rotation the former one too.
    let signers: [Signer]
    /// The place in the log up to which every outcome is written.
    let cursor: Int64
    /// The last change up to there that the webhook wanted.
    let cursorPrevious: Int64?
    private let messages: MessageID

    init(
        id: Int64,
        url: String,
        filter: EventFilter,
        payload: PayloadLevel,
        headers: [(name: String, value: String)],
        isEnabled: Bool,
        signers: [Signer],
        createdAt: Timestamp,
        cursor: Int64,
        cursorPrevious: Int64?
    ) {
        self.id = id
        self.url = url
        self.filter = filter
        self.payload = payload
        self.headers = headers
        self.isEnabled = isEnabled
        self.signers = signers
        self.cursor = cursor
        self.cursorPrevious = cursorPrevious
        messages = MessageID(webhook: id, createdAt: createdAt)
    }

    /// The id of a change's message: the same on every attempt, and different from that of any other webhook, also
    /// of another database.
    func messageID(sequence: Int64?, event: Int64? = nil) -> String {
        messages.make(sequence: sequence, event: event)
    }
}

/// The ids of one webhook's messages.
public struct MessageID: Sendable {
    private let prefix: String

    /// Makes the part that they have in common.
    ///
    /// - Parameters:
    ///   - webhook: The webhook's key.
    ///   - createdAt: When the webhook was registered; tells databases apart.
    public init(webhook: Int64, createdAt: Timestamp) {
        prefix = "msg_\(String(createdAt.milliseconds, radix: 36))\(String(webhook, radix: 36))_"
    }

    /// The `webhook-id` of one event for the webhook, the same for ever.
    ///
    /// - Parameters:
    ///   - sequence: The change's sequence; `nil` for a system event.
    ///   - event: The system event's key; `nil` for a change.
    /// - Returns: Such as `msg_mf2x9a1k3_4711`.
    public func make(sequence: Int64?, event: Int64?) -> String {
        sequence.map { "\(prefix)\($0)" } ?? "\(prefix)e\(event ?? 0)"
    }
}
