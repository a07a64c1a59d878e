//  Webhooks, their deliveries, and the events that they are sent, as schemas. Pure.

import Contacts
import JSON

/// What webhooks and deliveries look like.
enum WebhookSchemas {
    static var all: [(name: String, schema: Schema)] {
        [
            ("Webhook", .object(webhook)),
            ("WebhookWithSecret", .object(webhook + [secret])),
            ("WebhookList", ListSchemas.page(of: "Webhook")),
            ("WebhookInput", .closed([url] + input + claims).example(example)),
            ("WebhookPatch", Schema.closed([url.optional] + input + claims).example(["enabled": false])),
            ("Delivery", delivery), ("DeliveryList", ListSchemas.page(of: "Delivery")), ("Attempt", attempt),
        ]
    }

    static let webhookID = Schema.string(pattern: "^wh_[1-9][0-9]*$")
    static let deliveryID = Schema.string(pattern: "^dlv_[1-9][0-9]*$")

    private static let payload = Schema.word(["full", "changes", "thin"])

    private static var webhook: [Schema.Property] {
        [
            .init("id", webhookID), .init("url", .string(format: "uri")),
            .init("events", .list(of: .string()), "Types of events, or patterns such as `contact.*` and `*`."),
            .init("connections", .list(of: .string()), "Ids of connections; `*` for all."),
            .init(
                "fields",
                .list(of: .component("ContactFieldName")),
                "Updates that touch none of these are not sent; empty for every update."
            ),
            .init("payload", payload, "How much of a contact an event carries."),
            .init("description", .string().orNull),
            .init("headers", .map(of: .string()), "Sent along with every event."), .init("enabled", .boolean),
            .init("disabled_reason", .string().orNull, "Why the gateway disabled it."),
            .init("created_at", .time), .init("updated_at", .time),
        ]
    }

    private static let secret = Schema.Property(
        "secret",
        .string(pattern: "^whsec_"),
        "Signs events (Standard Webhooks 1.0); shown in this answer only."
    )

    private static let url = Schema.Property(
        "url",
        .string(atLeast: 1),
        "Where to send events; a scheme, user or literal address that is not allowed is refused."
    )

    private static var input: [Schema.Property] {
        let field = Schema.word(ContactField.allCases.map(\.rawValue))
        // RFC 9110 §5.6.2: a token.
        let fieldName = Schema.string(length: 1...256, pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
        let fieldValue = Schema.string(length: 0...4096, pattern: "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$")
        return [
            .optional("events", Schema.list(of: .string(atLeast: 1), count: 1...64).orNull, "Null is `contact.*`."),
            .optional("connections", Schema.list(of: .string(atLeast: 1), count: 1...1000).orNull, "Null is `*`."),
            .optional("fields", Schema.list(of: field, count: 0...64).orNull), .optional("payload", payload.orNull),
            .optional(
                "description",
                Schema.string(length: 0...1024, pattern: "^[^\\u0000-\\u0009\\u000b-\\u001f]*$").orNull
            ),
            .optional("headers", Schema.map(of: fieldValue, names: fieldName, most: 20).orNull),
            .optional("enabled", Schema.boolean.orNull, "Null is true."),
        ]
    }

    /// Members that only the gateway sets: taken when null or equal to what is stored, else refused with 422.
    private static var claims: [Schema.Property] {
        [
            .optional("id", webhookID.orNull.readOnly),
            .optional("disabled_reason", Schema.string().orNull.readOnly),
            .optional("secret", Schema.null.readOnly),
            .optional("created_at", Schema.time.orNull.readOnly), .optional("updated_at", Schema.time.orNull.readOnly),
        ]
    }

    private static var delivery: Schema {
        .object([
            .init("id", deliveryID), .init("webhook_id", webhookID),
            .init("message_id", .string(), "The `webhook-id` of every attempt."), .init("type", .string().orNull),
            .init("sequence", Schema.integer(from: 1).orNull, "The change that it tells of."),
            .init("previous_sequence", Schema.integer(from: 1).orNull, "That of the event before it."),
            .init("contact_id", ContactSchemas.contactID.orNull),
            .init("state", .word(["pending", "delivered", "dead", "discarded"])),
            .init("reason", .string().orNull, "Why it is dead, discarded or held back."),
            .init("next_attempt_at", Schema.time.orNull), .init("created_at", .time), .init("updated_at", .time),
            .init("attempts", .list(of: .component("Attempt"))),
        ])
    }

    private static var attempt: Schema {
        .object([
            .init("at", .time), .init("status", Schema.integer(100...599).orNull, "What the receiver answered."),
            .init("error", .string().orNull), .init("duration_ms", .integer(from: 0)),
            .init("response", .string().orNull, "The beginning of the answer's body."),
        ])
    }

    private static var example: JSONValue {
        [
            "url": "https://example.com/hooks/contacts", "events": ["contact.*"], "connections": ["*"],
            "payload": "full", "description": "The help desk",
        ]
    }
}

/// What events look like: every one is `{"type", "timestamp", "data"}`.
enum EventSchemas {
    /// The types of events, each with what it means and the schema of its body.
    static let types: [(type: String, summary: String, component: String)] = [
        ("contact.created", "A contact was created", "ContactEvent"),
        ("contact.updated", "A contact was changed", "ContactEvent"),
        ("contact.deleted", "A contact was deleted", "ContactEvent"),
        ("connection.degraded", "A connection's runs began to fail", "RunFailedEvent"),
        ("connection.recovered", "A connection's runs succeed again", "ConnectionRecoveredEvent"),
        ("run.held", "A run wants to delete more than its limits and waits for approval", "RunHeldEvent"),
        ("run.failed", "A run failed", "RunFailedEvent"),
        ("webhook.disabled", "A webhook was disabled", "WebhookDisabledEvent"),
        ("webhook.test", "Somebody asked for a test", "WebhookTestEvent"),
        ("config.reloaded", "Another configuration is in force", "ConfigReloadedEvent"),
        ("config.rejected", "A configuration file was refused; the one before stays in force", "ConfigRejectedEvent"),
    ]

    static var all: [(name: String, schema: Schema)] {
        [
            (
                "ContactEvent",
                event(["contact.created", "contact.updated", "contact.deleted"], .component("ContactEventData"))
                    .example(example)
            ),
            ("ContactEventData", contactData),
            ("RunFailedEvent", event(["connection.degraded", "run.failed"], .object(run + [error]))),
            ("ConnectionRecoveredEvent", event(["connection.recovered"], .object([connection]))),
            ("RunHeldEvent", event(["run.held"], .object(run + [.init("reason", .string())]))),
            (
                "WebhookDisabledEvent",
                event(
                    ["webhook.disabled"],
                    .object([webhook, .init("url", .string()), .init("reason", .string()), .init("at", .time)])
                )
            ),
            ("WebhookTestEvent", event(["webhook.test"], .object([webhook, .init("message", .string())]))),
            (
                "ConfigReloadedEvent",
                event(
                    ["config.reloaded"],
                    .object([
                        .init("generation", .integer(from: 1)), .init("sha256", .string()),
                        .init("changes", .list(of: .component("ConfigChange"))),
                    ])
                )
            ),
            (
                "ConfigRejectedEvent",
                event(["config.rejected"], .object([.init("errors", .list(of: .component("ConfigError")))]))
            ),
        ]
    }

    /// The header fields of every event (Standard Webhooks 1.0).
    static let parameters: [Parameter] = [
        Parameter(
            component: "WebhookMessageId",
            name: "webhook-id",
            place: .header,
            schema: .string(),
            description: "The same on every attempt: what a receiver forgets repeats by.",
            isRequired: true
        ),
        Parameter(
            component: "WebhookTimestamp",
            name: "webhook-timestamp",
            place: .header,
            schema: .string(pattern: "^[0-9]+$"),
            description: "Seconds since 1970, fresh on every attempt.",
            isRequired: true
        ),
        Parameter(
            component: "WebhookSignature",
            name: "webhook-signature",
            place: .header,
            schema: .string(pattern: "^v1,[A-Za-z0-9+/]+={0,2}( v1,[A-Za-z0-9+/]+={0,2})*$"),
            description: "HMAC-SHA256 of `id.timestamp.body`; several while a secret rotates.",
            isRequired: true
        ),
    ]

    private static let webhook = Schema.Property("webhook_id", WebhookSchemas.webhookID)
    private static let connection = Schema.Property("connection", .string())
    private static let run: [Schema.Property] = [connection, .init("run", SyncSchemas.runID)]
    private static let error = Schema.Property("error", .component("RunError"))

    private static func event(_ types: [String], _ data: Schema) -> Schema {
        .object([.init("type", .word(types)), .init("timestamp", .time), .init("data", data)])
    }

    private static var contactData: Schema {
        let contact = Schema.any([.component("Contact"), .component("ContactChanges"), .null])
        return .object([
            .init("sequence", .integer(from: 1)),
            .init(
                "previous_sequence",
                Schema.integer(from: 1).orNull,
                "That of the event sent to the same webhook before this one: a receiver that sees a hole asks `/v1/changes`."
            ),
            connection, .init("contact_id", ContactSchemas.contactID),
            .init("changed_fields", .list(of: .component("ContactFieldName"))),
            .optional(
                "contact",
                contact,
                "`full`: a whole `Contact`, of a delete its last state; `changes`: the changed members; `thin`: absent."
            ),
            .optional(
                "previous",
                .component("ContactChanges"),
                "The changed members as they were; absent from `thin`."
            ),
        ])
    }

    private static var example: JSONValue {
        [
            "type": "contact.updated", "timestamp": "2026-11-20T10:00:00.000Z",
            "data": [
                "sequence": 4711, "previous_sequence": 4702, "connection": "crm",
                "contact_id": "0199f3c4d7a87c0e9d41b1f0a3a5c7e2", "changed_fields": ["phones"],
                "contact": ContactSchemas.example, "previous": ["phones": []],
            ],
        ]
    }
}
