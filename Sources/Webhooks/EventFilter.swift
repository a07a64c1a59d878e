//  Which events a webhook wants. Pure.

public import Contacts

/// How much of a contact an event carries.
public enum PayloadLevel: String, CaseIterable, Sendable {
    /// The whole contact and the former values.
    case full
    /// Only the changed members, now and before.
    case changes
    /// Neither.
    case thin
}

/// A webhook's `events`, `connections` and `fields`.
public struct EventFilter: Equatable, Sendable {
    /// Every type of event, as the contract names them.
    public static let types = [
        "contact.created", "contact.updated", "contact.deleted", "connection.degraded", "connection.recovered",
        "run.held", "run.failed", "webhook.disabled", "webhook.test", "config.reloaded", "config.rejected",
    ]

    /// Types, or patterns such as `contact.*` and `*`.
    public var events: [String]
    /// Connection ids; `nil` for all.
    public var connections: Set<String>?
    /// Members of which at least one must have changed in an update; empty for any.
    public var fields: Set<ContactField>

    /// Makes a filter; `connections` holding `*` means all.
    public init(events: [String], connections: [String], fields: [String]) {
        self.events = events
        self.connections = connections.contains("*") ? nil : Set(connections)
        self.fields = Set(fields.compactMap { ContactField(rawValue: $0) })
    }

    /// Whether a pattern names at least one type.
    public static func isPattern(_ text: String) -> Bool { types.contains { matches($0, text) } }

    /// Whether events of the type are wanted.
    public func wants(type: String) -> Bool { events.contains { Self.matches(type, $0) } }

    /// Whether events of the connection are wanted.
    public func wants(connection: String) -> Bool { connections?.contains(connection) ?? true }

    /// Whether a change of a contact is wanted.
    public func wants(type: String, connection: String, changed: some Sequence<ContactField>) -> Bool {
        wants(type: type) && wants(connection: connection)
            && (fields.isEmpty || type != "contact.updated" || changed.contains { fields.contains($0) })
    }

    private static func matches(_ type: String, _ pattern: String) -> Bool {
        if pattern == "*" || pattern == type { return true }
        return pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast())
    }
}
