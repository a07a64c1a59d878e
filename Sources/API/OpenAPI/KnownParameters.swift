//  Every parameter of the API, each described once.

import Contacts
import JSON

extension Parameter {
    private static func path(_ component: String, _ schema: Schema, _ description: String) -> Parameter {
        Parameter(component: component, name: "id", place: .path, schema: schema, description: description)
    }

    private static func query(_ name: String, _ component: String, _ schema: Schema, _ description: String) -> Parameter
    {
        Parameter(component: component, name: name, place: .query, schema: schema, description: description)
    }

    private static func header(_ name: String, _ schema: Schema, _ description: String) -> Parameter {
        let component = name.filter { $0 != "-" }
        return Parameter(component: component, name: name, place: .header, schema: schema, description: description)
    }

    // MARK: Path

    static let contactID = path("ContactId", ContactSchemas.contactID, "The contact's id.")
    static let connectionID = path("ConnectionId", connectionName, "The connection's id.")
    static let runID = path("RunId", SyncSchemas.runID, "The run's id.")
    static let writeID = path("WriteId", .string(pattern: "^wr_[1-9][0-9]*$"), "The queued write's id.")
    static let webhookID = path("WebhookId", WebhookSchemas.webhookID, "The webhook's id.")
    static let deliveryID = path("DeliveryId", WebhookSchemas.deliveryID, "The delivery's id.")

    private static let connectionName = Schema.string(length: 1...64, pattern: "^[A-Za-z0-9_-]+$")

    // MARK: Query

    static let limit = query("limit", "Limit", Schema.integer(1...1000).defaulting(to: 100), "At most so many items.")
    static let after = query("after", "After", .string(), "The `next` of the page before, unchanged.")
    static let connection = query("connection", "Connection", connectionName, "Only of this connection.")
    static let owner = query("owner", "Owner", .string(), "Only contacts of this owner.")
    static let email = query("email", "EmailFilter", .string(), "Only with this e-mail, letter case aside.")
    static let phone = query(
        "phone",
        "PhoneFilter",
        .string(pattern: "^(?:[^0-9]*[0-9]){3}"),
        "Only with this number, in any spelling; compared as E.164 and by its last digits. At least three digits."
    )
    static let text = query(
        "q",
        "Search",
        .string(),
        "Every word must match, each as a prefix, over name, organization, title, e-mails, phones and notes."
    )
    static let contactTag = query("tag", "TagFilter", .string(), "Only with this tag.")
    static let updatedSince = query("updated_since", "UpdatedSince", .time, "Only changed at or after this moment.")
    static let include = query("include", "Include", .word(["raw"]), "`raw` adds the vendor's record.")
    static let lookupPhone = query("phone", "LookupPhone", .string(), "The number to look for, in any spelling.")
    static let lookupEmail = query("email", "LookupEmail", .string(), "The e-mail to look for, letter case aside.")
    static let since = query(
        "since",
        "Since",
        .string(),
        "The `next` of the answer before; `latest` for what only comes; absent for everything from the beginning."
    )
    static let runState = query(
        "state",
        "RunState",
        .word(["running", "done", "failed", "held"]),
        "Only in this state."
    )
    static let deliveryState = query(
        "state",
        "DeliveryState",
        .word(["pending", "delivered", "dead", "discarded"]),
        "Only in this state."
    )

    // MARK: Header

    static let ifMatch = header("If-Match", .string(), "Only while the contact is in one of these states: 412 if not.")
    static let ifNoneMatch = header(
        "If-None-Match",
        .string(),
        "304 while what is asked for is in one of these states."
    )
    static let idempotencyKey = header(
        "Idempotency-Key",
        .string(pattern: Idempotency.keyPattern),
        "The same key and request give the first answer again, for 24 hours "
            + "(draft-ietf-httpapi-idempotency-key-header; quoted or bare)."
    )
    static let preferWrite = Parameter(
        component: "PreferWrite",
        name: "Prefer",
        place: .header,
        schema: Schema.string().example("handling=strict, respond-async"),
        description:
            "`handling=strict`: any loss in translation is an error. `respond-async`: queue the write while the "
            + "vendor is out of reach (RFC 7240). Others are passed over."
    )
    static let preferWait = Parameter(
        component: "PreferWait",
        name: "Prefer",
        place: .header,
        schema: Schema.string().example("wait=30"),
        description: "`wait=SECONDS`: hold an empty answer until something changes, 300 seconds at most (RFC 7240)."
    )
    static let lastEventID = header(
        "Last-Event-ID",
        .string(),
        "The `id` of the last event that was received; goes before `since`."
    )
    static let traceparent = header("traceparent", .string(), "The caller's trace (W3C Trace Context).")
}
