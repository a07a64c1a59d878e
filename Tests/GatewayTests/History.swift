//  What clients asked, what they were answered and what readers saw: a value, and what in it cannot be.

/// A history of one gateway over all its lives. Times are of one monotonic clock. Every write gives its contact a name
/// of its own, so that what is seen later tells which write it came from.
struct History: Equatable, Sendable {
    enum Verb: Equatable, Sendable { case create, patch, delete, read }

    enum Outcome: Equatable, Sendable {
        /// Answered with success: the revision; of a read also the name. A contact that is gone has neither.
        case ok(revision: Int?, name: String?)
        /// Refused: it must not have happened.
        case refused(Int)
        /// Never answered: it may have happened.
        case unknown
    }

    /// One request. A create that was never answered knows no contact.
    struct Call: Equatable, Sendable {
        var verb: Verb
        var contact: String?
        /// The name that it writes.
        var name: String?
        var began: Int64
        var ended: Int64
        var outcome: Outcome

        var isAcknowledged: Bool {
            if case .ok = outcome, verb != .read { true } else { false }
        }
    }

    /// One change, as the feed told it or as the receiver got it.
    struct Change: Equatable, Sendable {
        var sequence: Int
        var contact: String
        var type: String
        /// The name after the change; `nil` where it was not told.
        var name: String?
    }

    var calls: [Call] = []
    /// `/v1/changes`, read on and on through all lives.
    var feed: [Change] = []
    /// What the receiver got, in the order of arrival.
    var deliveries: [Change] = []
    /// The contacts at the end, by id, with their names.
    var contacts: [String: String] = [:]

    var acknowledged: Int { calls.count { $0.isAcknowledged } }
    var unanswered: Int { calls.count { $0.outcome == .unknown } }
    /// Deliveries of a change that had arrived before.
    var duplicates: Int { deliveries.count - Set(deliveries.map(\.sequence)).count }
}

extension History {
    /// Everything in it that cannot be, in words; empty for a history that a correct gateway could have.
    func violations() -> [String] {
        feedViolations() + writeViolations() + attributionViolations() + readViolations() + deliveryViolations()
            + endViolations()
    }

    /// The feed counts from one without holes or repeats.
    private func feedViolations() -> [String] {
        zip(feed, 1...).compactMap { change, place in
            change.sequence == place ? nil : "the feed has \(change.sequence) in place \(place)"
        }
    }

    private var changes: [String: [Change]] { Dictionary(grouping: feed, by: \.contact) }

    /// Each acknowledged write is a change of its contact, under the revision that was answered.
    private func writeViolations() -> [String] {
        let changes = changes
        return calls.filter(\.isAcknowledged).compactMap { call in
            guard case .ok(let revision, _) = call.outcome, let contact = call.contact else { return nil }
            let found = changes[contact]?.contains { change in
                switch call.verb {
                case .delete: change.type == "deleted"
                default: change.sequence == revision && change.name == call.name && change.type != "deleted"
                }
            }
            return found == true ? nil : "lost: \(call)"
        }
    }

    /// Each change comes from one write that was not refused, and no write makes two.
    private func attributionViolations() -> [String] {
        var violations: [String] = []
        let possible = Set(calls.filter { $0.verb != .read && !$0.isRefused }.compactMap(\.name))
        let deletable = Set(calls.filter { $0.verb == .delete && !$0.isRefused }.compactMap(\.contact))
        var seen = Set<String>()
        for change in feed {
            if change.type == "deleted" {
                if !deletable.contains(change.contact) { violations.append("nobody asked for \(change)") }
            } else if let name = change.name {
                if !possible.contains(name) { violations.append("nobody asked for \(change)") }
                if !seen.insert(name).inserted { violations.append("done twice: \(change)") }
            }
        }
        return violations
    }

    /// Whoever begins to read after something was answered sees that or something newer, whichever loop answers, and
    /// whatever was killed in between.
    private func readViolations() -> [String] {
        let names = Dictionary(feed.map { ($0.sequence, $0.name) }) { first, _ in first }
        let observations = Dictionary(grouping: calls.filter { $0.contact != nil }) { $0.contact ?? "" }
        var violations: [String] = []
        for (contact, calls) in observations {
            let wasDeleted = calls.filter { $0.verb == .delete && !$0.isRefused }.map(\.began).min()
            // The newest revision that anybody had been told of by a moment.
            let told = calls.compactMap { call -> (at: Int64, revision: Int)? in
                switch (call.verb, call.outcome) {
                case (.delete, .ok): (call.ended, .max)
                case (_, .ok(let revision?, _)): (call.ended, revision)
                case (.read, .ok(nil, _)): (call.ended, .max)
                default: nil
                }
            }
            for read in calls where read.verb == .read {
                guard case .ok(let revision, let name) = read.outcome else { continue }
                let floor = told.filter { $0.at < read.began }.map(\.revision).max() ?? 0
                if let revision {
                    if revision < floor { violations.append("went back: \(read)") }
                    if names[revision] != name { violations.append("\(contact) was never so: \(read)") }
                } else if wasDeleted.map({ $0 < read.ended }) != true {
                    violations.append("gone without a delete: \(read)")
                }
            }
        }
        return violations
    }

    /// Each change arrives, as the feed tells it, and those of one contact in their order.
    private func deliveryViolations() -> [String] {
        var violations: [String] = []
        var arrived = Set<Int>()
        var newest: [String: Int] = [:]
        let known = Dictionary(feed.map { ($0.sequence, $0) }) { first, _ in first }
        for delivery in deliveries {
            if known[delivery.sequence] != delivery { violations.append("delivered otherwise: \(delivery)") }
            guard arrived.insert(delivery.sequence).inserted else { continue }
            if delivery.sequence < newest[delivery.contact] ?? 0 { violations.append("out of order: \(delivery)") }
            newest[delivery.contact] = delivery.sequence
        }
        return violations + feed.filter { !arrived.contains($0.sequence) }.map { "never delivered: \($0)" }
    }

    /// What is there at the end is what the last change of each contact left.
    private func endViolations() -> [String] {
        var left: [String: String] = [:]
        for change in feed { left[change.contact] = change.type == "deleted" ? nil : change.name }
        return Set(left.keys).union(contacts.keys).sorted().filter { left[$0] != contacts[$0] }.map { id in
            "\(id) ended as \(contacts[id] ?? "gone"), and its last change left \(left[id] ?? "nothing")"
        }
    }
}

extension History.Call {
    var isRefused: Bool {
        if case .refused = outcome { true } else { false }
    }
}
