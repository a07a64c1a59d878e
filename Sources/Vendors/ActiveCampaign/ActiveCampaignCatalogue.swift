//  The account's custom fields (API v3 reference, "Custom fields"): which there are.

import Synchronization

/// What is known of the account's custom fields. Loaded by the adapter, asked by the mapping.
final class ActiveCampaignCatalogue: Sendable {
    private struct State {
        var ids: Set<String> = []
        var isWhole = false
    }

    private let state = Mutex(State())

    /// Takes what `/fields` has listed; not whole when the list could not be read to its end.
    func replace(with ids: Set<String>, whole: Bool) {
        state.withLock { $0 = State(ids: ids, isWhole: whole) }
    }

    /// False only when the whole catalogue is known and lacks the field. The vendor ignores values of unknown fields
    /// without a word, so they are better not sent.
    func mayHold(_ id: String) -> Bool {
        state.withLock { !$0.isWhole || $0.ids.isEmpty || $0.ids.contains(id) }
    }

    /// Whether it is known that the account has no custom fields.
    var isKnownEmpty: Bool { state.withLock { $0.isWhole && $0.ids.isEmpty } }

    /// Whether `/fields` was read to its end.
    var isKnown: Bool { state.withLock { $0.isWhole } }
}
