//  A registered webhook as the dispatcher needs it.

public import Platform

/// Where and how events of one webhook go; read anew whenever settings may have changed.
struct WebhookTarget: Sendable {
    var id: Int64
    var url: String
    var filter: EventFilter
    var payload: PayloadLevel
    /// Header fields that the owner wants on every delivery.
    var headers: [(name: String, value: String)]
    var isEnabled: Bool
    /// The present secret first; during a rotation the former one too.
    var signers: [Signer]
    var createdAt: Timestamp
    /// The place in the log up to which every outcome is written.
    var cursor: Int64
    /// The last change up to there that the webhook wanted.
    var cursorPrevious: Int64?

    /// The id of a change's message: the same on every attempt, and different from that of any other webhook, also
    /// of another database.
    func messageID(sequence: Int64?, event: Int64? = nil) -> String {
        MessageID.make(webhook: id, createdAt: createdAt, sequence: sequence, event: event)
    }
}

/// The ids of messages.
public enum MessageID {
    /// The `webhook-id` of one event for one webhook, the same for ever.
    ///
    /// - Parameters:
    ///   - webhook: The webhook's key.
    ///   - createdAt: When the webhook was registered; tells databases apart.
    ///   - sequence: The change's sequence; `nil` for a system event.
    ///   - event: The system event's key; `nil` for a change.
    /// - Returns: Such as `msg_mf2x9a1k3_4711`.
    public static func make(webhook: Int64, createdAt: Timestamp, sequence: Int64?, event: Int64?) -> String {
        let prefix = "msg_\(String(createdAt.milliseconds, radix: 36))\(String(webhook, radix: 36))"
        return sequence.map { "\(prefix)_\($0)" } ?? "\(prefix)_e\(event ?? 0)"
    }
}
