//  Everything that is no contact, as schemas: pages, changes, runs, connections, configuration, errors. Pure.

import Config
import Contacts
import JSON

/// What every list has in common.
enum ListSchemas {
    /// A page of a list.
    static func page(of component: String) -> Schema {
        .object([
            .init("items", .list(of: .component(component))),
            .init("next", .string().orNull, "The `after` of the next page; null at the end."),
        ])
    }
}

/// What errors look like.
enum ProblemSchemas {
    static var all: [(name: String, schema: Schema)] {
        [
            ("Problem", problem), ("ProblemCode", code), ("InputError", inputError), ("VendorDetail", vendor),
            ("Candidate", candidate),
        ]
    }

    private static var problem: Schema {
        Schema.object([
            .init("type", .string(format: "uri-reference"), "`about:blank`: the status says the kind."),
            .init("title", .string(), "The status in words."),
            .init("status", .integer(400...599)),
            .init("detail", .string(), "This occurrence in words."),
            .init("code", .component("ProblemCode")),
            .init("request_id", .string(), "As in `X-Request-Id` and in the log; empty in a queued write's problem."),
            .optional("errors", .list(of: .component("InputError")), "Every place of the input that cannot be used."),
            .optional("vendor", .component("VendorDetail"), "Where a vendor is the cause."),
            .optional("retryable", .boolean, "Whether the same request may succeed later."),
            .optional("retry_after", .integer(from: 0), "Seconds to wait before trying again."),
            .optional("candidates", .list(of: .component("Candidate")), "The contacts that a conflict is with."),
            .optional("translation", .list(of: .component("TranslationNote")), "What would have been lost."),
        ])
        .described("An error (RFC 9457).")
        .example([
            "type": "about:blank", "title": "Unprocessable Content", "status": 422,
            "detail": "This is a string or null.", "code": "invalid_input", "request_id": "5b2c91d07a3f4e68",
            "errors": [["pointer": "/title", "detail": "This is a string or null."]],
        ])
    }

    private static var code: Schema {
        let lines = ProblemCode.allCases.map { "- `\($0.rawValue)` (\($0.status)): \($0.meaning)" }
        return Schema.word(ProblemCode.allCases.map(\.rawValue))
            .described("A stable word.\n\n" + lines.joined(separator: "\n"))
    }

    private static var inputError: Schema {
        .object([
            .init("pointer", .string(), "JSON pointer into the body, or the name of a parameter or header field."),
            .init("detail", .string(), "What is wrong there and what would do."),
        ])
    }

    private static var vendor: Schema {
        .object([
            .init("name", .string()), .init("status", Schema.integer(100...599).orNull, "What the vendor answered."),
            .init("code", .string().orNull), .init("message", .string().orNull, "The vendor's own words."),
        ])
    }

    private static var candidate: Schema {
        .object([
            .init("id", ContactSchemas.contactID), .init("vendor_id", .string().orNull),
            .init("name", .string().orNull),
        ])
    }
}

/// What changes look like.
enum ChangeSchemas {
    static var all: [(name: String, schema: Schema)] {
        [("Change", change), ("ChangePage", page), ("ChangeEvent", event)]
    }

    private static var change: Schema {
        .object([
            .init("sequence", .integer(from: 1), "Its place in the order of all changes; it never repeats."),
            .init("type", .word(["created", "updated", "deleted"])),
            .init("contact_id", ContactSchemas.contactID), .init("connection", .string()),
            .init("changed_fields", .list(of: .component("ContactFieldName")), "Of an update."),
            .init("contact", Schema.component("Contact").orNull, "As it was after the change; null of a delete."),
            .init("at", .time),
        ])
    }

    private static var event: Schema {
        .object([
            .init("id", .string(), "The token after the change: what `Last-Event-ID` is to be."),
            .init("data", .text(of: "Change")),
        ])
    }

    private static var page: Schema {
        .object([
            .init("items", .list(of: .component("Change"))),
            .init("next", .string(), "The `since` of the next request, also when nothing more is here."),
            .init("has_more", .boolean, "Whether more can be read at once."),
        ])
    }
}

/// What runs and connections look like.
enum SyncSchemas {
    static var all: [(name: String, schema: Schema)] {
        [
            ("Run", run), ("RunCounts", counts), ("RunError", runError), ("RunList", ListSchemas.page(of: "Run")),
            ("DryChange", dryChange), ("SyncOrder", order),
            ("Connection", connection), ("ConnectionList", ListSchemas.page(of: "Connection")),
            ("Capabilities", capabilities), ("FieldCapability", field), ("Backlog", backlog),
            ("RateLimit", rateLimit), ("Breaker", breaker), ("LinkError", linkError),
        ]
    }

    static let runID = Schema.string(pattern: "^run_[1-9][0-9]*$")
    private static let mode = Schema.word(["full", "delta", "sweep"])

    private static var run: Schema {
        .object([
            .init("id", runID), .init("connection", .string().orNull), .init("mode", mode),
            .init("state", .word(["running", "done", "failed", "held"])), .init("dry_run", .boolean),
            .init("counts", .component("RunCounts")), .init("pages", .integer(from: 0)),
            .init("started_at", .time), .init("ended_at", Schema.time.orNull),
            .init("error", Schema.component("RunError").orNull, "Why it failed or is held."),
            .optional("held_deletes", .integer(from: 0), "How many contacts a held run would delete."),
            .optional("changes", .list(of: .component("DryChange")), "What a dry run would change, up to 10,000."),
        ])
    }

    private static var counts: Schema {
        .object(
            ["seen", "created", "updated", "deleted", "unchanged", "quarantined"].map { .init($0, .integer(from: 0)) }
        )
    }

    private static var runError: Schema {
        .object([
            .init("code", .string(), "A stable word, such as `unreachable`, `held` or `superseded`."),
            .init("message", .string()), .optional("status", .integer(100...599), "What the vendor answered."),
            .optional("vendor_code", .string()), .optional("retry_after", .integer(from: 0)),
        ])
    }

    private static var dryChange: Schema {
        .object([
            .init("type", .word(["created", "updated", "deleted"])),
            .init("contact_id", ContactSchemas.contactID.orNull),
            .init("vendor_id", .string().orNull),
            .init("changed_fields", .list(of: .component("ContactFieldName"))),
            .init("contact", Schema.component("ContactChanges").orNull, "As it would be; null of a delete."),
        ])
    }

    private static var order: Schema {
        Schema.closed([
            .optional("mode", mode.orNull, "Without it, the cheapest that the vendor has."),
            .optional("dry_run", Schema.boolean.orNull, "Only tells what it would do."),
        ])
        .example(["mode": "full", "dry_run": true])
    }

    private static var connection: Schema {
        .object([
            .init("id", .string()), .init("vendor", .word(VendorName.allCases.map(\.rawValue))),
            .init(
                "state",
                .word(["ok", "new", "degraded", "held", "removed"]),
                "`new` has read nothing yet; `degraded` cannot be reached or failed last; `removed` left the configuration."
            ),
            .init("capabilities", Schema.component("Capabilities").orNull, "Null once it is `removed`."),
            .init("contacts", .integer(from: 0), "How many are stored."),
            .init("synced_at", Schema.time.orNull, "The end of its last good run."),
            .init("last_run", Schema.component("Run").orNull), .init("next_run_at", Schema.time.orNull),
            .init("backlog", .component("Backlog")), .init("rate_limit", Schema.component("RateLimit").orNull),
            .init("breaker", Schema.component("Breaker").orNull),
            .init("last_error", Schema.component("LinkError").orNull, "While no call has succeeded since."),
            .init("removed_at", Schema.time.orNull),
        ])
    }

    private static var capabilities: Schema {
        .object([
            .init("read", .boolean), .init("delta", .boolean), .init("write", .boolean), .init("delete", .boolean),
            .init("deletes", .word(["native", "sweep", "none"]), "How deletes at the vendor are found."),
            .init("unique_email", .boolean),
            .init("store_is_truth", .boolean, "True where the vendor can never be read back."),
            .init("fields", .list(of: .component("FieldCapability")), "What it can hold."),
        ])
    }

    private static var field: Schema {
        .object([
            .init("field", .component("ContactFieldName")), .init("max_length", Schema.integer(from: 1).orNull),
            .init("max_count", Schema.integer(from: 1).orNull),
        ])
    }

    private static var backlog: Schema {
        .object([
            .init("calls_waiting", .integer(from: 0), "Calls that wait for their turn."),
            .init("writes_queued", .integer(from: 0), "Writes that wait for the vendor to come back."),
            .init("quarantined", .integer(from: 0), "Records that could not be understood."),
        ])
    }

    private static var rateLimit: Schema {
        .object([
            .init("requests_per_second", Schema.number.orNull, "Our own limit."),
            .init("remaining", Schema.integer(from: 0).orNull, "In the vendor's window, as last told."),
            .init("held_for_seconds", Schema.integer(from: 0).orNull, "Of the pause that the vendor asked for."),
        ])
    }

    private static var breaker: Schema {
        .object([
            .init("state", .word(["closed", "open", "half_open"])),
            .init("next_try_in_seconds", Schema.integer(from: 0).orNull),
        ])
    }

    private static var linkError: Schema {
        .object([
            .init("kind", .string()), .init("status", Schema.integer(100...599).orNull), .init("message", .string()),
            .init("at", Schema.time.orNull),
        ])
    }
}

/// What the configuration looks like from outside, and the small answers.
enum ServiceSchemas {
    static var all: [(name: String, schema: Schema)] {
        [
            ("ConfigStatus", status([.init("config", .component("Config"))])),
            (
                "ReloadReport",
                status([.init("changes", .list(of: .component("ConfigChange"))), .init("needs_restart", .boolean)])
            ),
            ("ConfigRejection", .object([.init("at", .time), .init("errors", .list(of: .component("ConfigError")))])),
            ("ConfigError", error), ("ConfigChange", change), ("ConfigCheck", check), ("ConfigInput", input),
            ("Health", .object([.init("status", .constant("ok"))])),
            ("OpenAPIDocument", Schema.anyObject.described("An OpenAPI 3.1 document: this one.")),
        ] + config
    }

    private static func status(_ more: [Schema.Property]) -> Schema {
        .object(
            [
                .init("generation", .integer(from: 1), "Counts the configurations in force since the start."),
                .init("sha256", .string(pattern: "^[0-9a-f]{64}$"), "Of the file."), .init("loaded_at", .time),
                .init(
                    "last_error",
                    Schema.component("ConfigRejection").orNull,
                    "Why the file as it is now is not in force; null when it is, and to a key that is limited to some connections."
                ),
            ] + more
        )
    }

    private static var error: Schema {
        .object([
            .init("pointer", .string(), "JSON pointer into the file."), .init("line", .integer(from: 0)),
            .init("column", .integer(from: 0)), .init("detail", .string()),
        ])
    }

    private static var change: Schema {
        .object([
            .init("path", .string(), "Such as `/connections/crm/limits`."),
            .init("change", .word(["added", "removed", "changed"])), .init("needs_restart", .boolean),
        ])
    }

    private static var check: Schema {
        .object([
            .init("valid", .boolean), .init("errors", .list(of: .component("ConfigError"))),
            .init("changes", .list(of: .component("ConfigChange")), "What it would change, were it in force."),
        ])
    }

    private static var input: Schema {
        Schema.anyObject
            .described("A whole configuration; its own schema is `config/gateway.schema.json` of the repository.")
            .example(["connections": [["id": "book", "vendor": "local"]]])
    }
}
