//  What clients say about a webhook: every fault named with its pointer. Pure.

import Config
import Contacts
import HTTPCore
import JSON
public import Store

/// What the room of webhooks judges for the API; wired in `Gateway`, because features do not import each other.
public struct WebhookRules: Sendable {
    /// Why a URL is refused at registration, as the end of a sentence; `nil` when it is taken.
    public var urlRefusal: @Sendable (String) -> String?
    /// Every type of event.
    public var eventTypes: [String]
    /// A new secret: as its owner gets it, and sealed for the store.
    public var makeSecret: @Sendable () -> (revealed: String, sealed: [UInt8])
    /// The `webhook-id` of a delivery.
    public var messageID: @Sendable (WebhookRow, DeliveryRow) -> String
    /// Called when something was committed that the dispatcher should look at.
    public var wake: @Sendable () -> Void

    /// Makes the rules.
    public init(
        urlRefusal: @escaping @Sendable (String) -> String?,
        eventTypes: [String],
        makeSecret: @escaping @Sendable () -> (revealed: String, sealed: [UInt8]),
        messageID: @escaping @Sendable (WebhookRow, DeliveryRow) -> String,
        wake: @escaping @Sendable () -> Void = {}
    ) {
        self.urlRefusal = urlRefusal
        self.eventTypes = eventTypes
        self.makeSecret = makeSecret
        self.messageID = messageID
        self.wake = wake
    }
}

/// The writable members of a webhook.
struct WebhookInput: Equatable, Sendable {
    var url = ""
    var events = ["contact.*"]
    var connections = ["*"]
    var fields: [String] = []
    var payload = "full"
    var description: String?
    var headers: [Header] = []
    var enabled = true

    struct Header: Equatable, Sendable {
        var name: String
        var value: String
    }

    static let members = ["url", "events", "connections", "fields", "payload", "description", "headers", "enabled"]
    private static let readOnly: Set<String> = [
        "id", "disabled_reason", "created_at", "updated_at", "secret",
    ]
    private static let payloads = ["full", "changes", "thin"]
    /// What we set ourselves, or what would change how the request is framed.
    private static let ownFields: Set<String> = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "te", "upgrade",
        "trailer", "keep-alive", "proxy-connection", "webhook-id", "webhook-timestamp", "webhook-signature",
        "traceparent",
    ]

    /// Applies a body: of a POST onto the defaults, of a PATCH onto what is stored. A null member takes its default.
    ///
    /// - Parameters:
    ///   - body: The body.
    ///   - rules: What the room of webhooks judges.
    ///   - stored: The webhook as it is shown, for the members that only the gateway sets: null says nothing of them,
    ///     and any other value must be theirs. `nil` for a webhook that is being made.
    /// - Throws: ``Problem`` 422 with every fault.
    mutating func apply(_ body: JSONValue, rules: WebhookRules, stored: JSONValue?) throws(Problem) {
        guard case .object(let members) = body else {
            throw .invalidInput([.init(pointer: "", detail: "The body must be an object.")])
        }
        var faults: [Problem.InputError] = []
        let former = self
        for member in members {
            let pointer = JSONPointer.appending(member.name, to: "")
            if Self.readOnly.contains(member.name) {
                guard member.value != .null, member.value != stored?[member.name] else { continue }
                faults.append(
                    .init(pointer: pointer, detail: "`\(member.name)` is the gateway's to set; leave it out.")
                )
                continue
            }
            if let fault = set(member.name, member.value, pointer, rules) { faults.append(fault) }
        }
        if url.isEmpty, !faults.contains(where: { $0.pointer == "/url" }) {
            faults.append(.init(pointer: "/url", detail: "A webhook needs a URL."))
        }
        guard faults.isEmpty else {
            self = former
            throw .invalidInput(faults)
        }
    }

    private mutating func set(
        _ name: String,
        _ value: JSONValue,
        _ pointer: String,
        _ rules: WebhookRules
    ) -> Problem.InputError? {
        func fault(_ detail: String, _ place: String = "") -> Problem.InputError {
            .init(pointer: pointer + place, detail: detail)
        }
        let defaults = WebhookInput()
        switch (name, value) {
        case ("url", .string(let text)):
            if let reason = rules.urlRefusal(text) { return fault("The URL \(reason).") }
            url = text
        case ("url", _): return fault("`url` must be a string: where to send events.")
        case ("events", .null): events = defaults.events
        case ("events", .array(let values)):
            guard !values.isEmpty else { return fault("`events` must name at least one type, such as `contact.*`.") }
            for (index, value) in values.enumerated() {
                guard let text = value.stringValue, Self.isPattern(text, rules.eventTypes) else {
                    let known = rules.eventTypes.joined(separator: ", ")
                    return fault("Not a type of event nor a pattern such as `contact.*`; known: \(known).", "/\(index)")
                }
            }
            events = values.compactMap(\.stringValue)
        case ("connections", .null): connections = defaults.connections
        case ("connections", .array(let values)):
            guard !values.isEmpty else { return fault("`connections` must name at least one, or be [\"*\"].") }
            for (index, value) in values.enumerated() where value.stringValue?.isEmpty ?? true {
                return fault("Must be a connection's id or `*`.", "/\(index)")
            }
            connections = values.compactMap(\.stringValue)
        case ("fields", .null): fields = defaults.fields
        case ("fields", .array(let values)):
            for (index, value) in values.enumerated() {
                guard value.stringValue.flatMap({ ContactField(rawValue: $0) }) != nil else {
                    let known = ContactField.allCases.map(\.rawValue).joined(separator: ", ")
                    return fault("Not a member of contacts that can change; known: \(known).", "/\(index)")
                }
            }
            fields = values.compactMap(\.stringValue)
        case ("payload", .null): payload = defaults.payload
        case ("payload", .string(let text)) where Self.payloads.contains(text): payload = text
        case ("payload", _): return fault("`payload` must be one of: full, changes, thin.")
        case ("description", .null): description = nil
        case ("description", .string(let text)):
            guard text.count <= 1024, text.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }) else {
                return fault("`description` may have 1024 characters and no control characters.")
            }
            description = text
        case ("headers", .null): headers = defaults.headers
        case ("headers", .object(let members)):
            guard members.count <= 20 else { return fault("`headers` may have 20 members.") }
            for member in members {
                if let reason = Self.refusal(of: member) {
                    return fault(reason, JSONPointer.appending(member.name, to: ""))
                }
            }
            headers = members.map { Header(name: $0.name, value: $0.value.stringValue ?? "") }
        case ("enabled", .bool(let truth)): enabled = truth
        case ("enabled", .null): enabled = true
        case ("events", _), ("connections", _), ("fields", _):
            return fault("`\(name)` must be an array of strings.")
        case ("description", _): return fault("`description` must be a string.")
        case ("headers", _): return fault("`headers` must be an object of strings.")
        case ("enabled", _): return fault("`enabled` must be true or false.")
        default:
            let hint = NearestName.of(name, among: Self.members).map { " Did you mean `\($0)`?" } ?? ""
            return fault("Unknown member.\(hint)")
        }
        return nil
    }

    private static func isPattern(_ text: String, _ types: [String]) -> Bool {
        if text == "*" || types.contains(text) { return true }
        return text.hasSuffix(".*") && types.contains { $0.hasPrefix(text.dropLast()) } && text.utf8.count > 2
    }

    private static func refusal(of member: JSONMember) -> String? {
        guard let value = member.value.stringValue else { return "A header field's value must be a string." }
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        let isToken = member.name.utf8.allSatisfy { byte in
            byte >= 0x30 && byte <= 0x39 || byte.lowercasedASCII >= 0x61 && byte.lowercasedASCII <= 0x7A
                || marks.contains(byte)
        }
        guard isToken, (1...256).contains(member.name.utf8.count) else { return "Not the name of a header field." }
        guard !ownFields.contains(member.name.lowercased()) else { return "This header field is set by the gateway." }
        guard value.utf8.count <= 4096, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            return "A header field's value may have 4096 bytes and no control characters."
        }
        return nil
    }
}
