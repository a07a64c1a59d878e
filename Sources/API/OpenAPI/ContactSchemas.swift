//  Contacts as the API sends and takes them, as schemas. Pure.

import Contacts
import JSON

/// What contacts look like from outside.
enum ContactSchemas {
    /// By their names in `components`.
    static var all: [(name: String, schema: Schema)] {
        [
            ("Contact", .object(contact + [raw]).example(example)),
            ("ContactName", name), ("Email", email), ("Phone", phone), ("Address", address),
            ("ContactFieldName", .word(ContactField.allCases.map(\.rawValue))),
            ("ContactChanges", changes),
            ("WrittenContact", .object(contact + [translation]).example(writtenExample)),
            ("TranslationNote", translationNote),
            ("ContactList", ListSchemas.page(of: "Contact")),
            ("LookupResult", lookup),
            ("ContactInput", .closed([connectionInput] + input + claims).example(inputExample)),
            ("ContactReplacement", .closed([connectionInput.optional] + input + claims).example(inputExample)),
            ("ContactPatch", patch),
            ("ContactNameInput", nameInput), ("EmailInput", emailInput), ("PhoneInput", phoneInput),
            ("AddressInput", addressInput),
            ("UpsertInput", upsert),
            ("BatchInput", batch), ("BatchOperation", batchOperation),
            ("BatchCreate", batchCreate), ("BatchUpdate", batchUpdate), ("BatchUpsert", batchUpsert),
            ("BatchDelete", batchDelete),
            ("BatchResults", .object([.init("results", .list(of: .component("BatchResult")), "One each, in order.")])),
            ("BatchResult", batchResult),
            ("QueuedWrite", queuedWrite),
        ]
    }

    // MARK: As sent

    static let contactID = Schema.string(length: 1...64, pattern: "^[A-Za-z0-9_-]+$")

    private static var contact: [Schema.Property] {
        [
            .init("id", contactID, "Opaque, and the same for the contact's whole life."),
            .init("connection", .string(), "The connection that it belongs to."),
            .init("vendor_id", .string().orNull, "As the vendor spells it; null until the vendor has given one."),
        ] + writable + [
            .init("created_at", .time),
            .init("updated_at", .time),
            .init("revision", .integer(from: 1), "The sequence of the last change."),
        ]
    }

    /// The members that can change, as sent.
    private static var writable: [Schema.Property] {
        [
            .init("owner", .string().orNull, "Whose book it stands in, where the vendor's books have owners."),
            .init("kind", .word(ContactKind.allCases.map(\.rawValue))),
            .init("name", .component("ContactName")),
            .init("organization", .string().orNull),
            .init("title", .string().orNull),
            .init("emails", .list(of: .component("Email")), "In order of preference."),
            .init("phones", .list(of: .component("Phone")), "In order of preference."),
            .init("addresses", .list(of: .component("Address")), "In order of preference."),
            .init("notes", .string().orNull),
            .init("tags", .list(of: .string())),
            .init("lifecycle", .word(Lifecycle.allCases.map(\.rawValue)).orNull),
            .init("favorite", .boolean),
            .init("read_only", .boolean, "True where the vendor lets nobody change this record."),
            .init("custom_fields", .map(of: .string()), "By the vendor's ids of the fields."),
        ]
    }

    private static let raw = Schema.Property.optional(
        "raw",
        Schema.anyObject.orNull,
        "Only with `include=raw`: the vendor's record as last received."
    )

    private static var name: Schema {
        .object([
            .init("full", .string(atLeast: 1), "Always filled."), .init("given", .string().orNull),
            .init("surname", .string().orNull), .init("prefix", .string().orNull),
            .init("middle", .string().orNull), .init("suffix", .string().orNull),
        ])
    }

    private static var email: Schema {
        .object([.init("address", .string()), .init("label", .word(PlaceLabel.allCases.map(\.rawValue)))])
    }

    private static var phone: Schema {
        .object([
            .init("number", .string(), "As given."), .init("label", .word(PhoneLabel.allCases.map(\.rawValue))),
            .init(
                "e164",
                .string(pattern: "^\\+[0-9]+$").orNull,
                "Derived where the number and the connection's region allow it."
            ),
        ])
    }

    private static var address: Schema {
        .object([.init("full", .string()), .init("label", .word(PlaceLabel.allCases.map(\.rawValue)))])
    }

    private static var changes: Schema {
        Schema.object(
            [.optional("vendor_id", .string().orNull)] + writable.map(\.optional)
        )
        .described("Some members of a contact: those that changed.")
    }

    private static let translation = Schema.Property(
        "translation",
        .list(of: .component("TranslationNote")),
        "What the vendor's protocol could not carry as given; empty when nothing was lost."
    )

    private static var translationNote: Schema {
        .object([
            .init("field", .string(), "The contact's member."),
            .init("action", .word(["truncated", "dropped", "renamed", "defaulted"])),
            .init("detail", .string(), "In words, with the limit."),
        ])
    }

    private static var lookup: Schema {
        .object([
            .init("best", Schema.component("Contact").orNull, "Null when nobody matches."),
            .init("alternatives", .list(of: .component("Contact")), "The others that match, the best first."),
        ])
    }

    private static var batchResult: Schema {
        .object([
            .init("status", .integer(200...599), "As the operation would be answered by itself."),
            .optional("contact", .component("Contact"), "Of a create, update or upsert that was done."),
            translation.optional,
            .optional("problem", .component("Problem"), "Of an operation that failed."),
        ])
    }

    private static var queuedWrite: Schema {
        .object([
            .init("id", .string(pattern: "^wr_[1-9][0-9]*$")), .init("state", .word(["queued", "sent", "failed"])),
            .init("connection", .string()),
            .init("contact_id", contactID.orNull, "The contact that was written, once it is `sent`; null of a delete."),
            .init("problem", Schema.component("Problem").orNull, "Why it `failed`."),
            .init("attempts", .integer(from: 0)), .init("created_at", .time), .init("updated_at", .time),
        ])
    }

    // MARK: As taken

    /// One line of text without control characters; null and "" are absent.
    private static func line(_ most: Int) -> Schema {
        .string(length: 0...most, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")
    }

    /// Text that may have several lines.
    private static func text(_ most: Int, atLeast least: Int = 0) -> Schema {
        .string(length: least...most, pattern: "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$")
    }

    private static func present(_ most: Int) -> Schema {
        .string(length: 1...most, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")
    }

    private static let connectionInput = Schema.Property(
        "connection",
        present(ContactLimits.word),
        "The connection that it belongs to; a contact never moves."
    )

    private static func entries(of component: String) -> Schema {
        .list(of: .component(component), count: 0...ContactLimits.entries).orNull
    }

    private static var input: [Schema.Property] {
        let fields = Schema.map(
            of: text(ContactLimits.text).orNull,
            names: present(ContactLimits.word),
            most: ContactLimits.entries
        )
        return [
            .optional(
                "vendor_id",
                line(ContactLimits.word).orNull,
                "Only where clients choose it (`local`, TapTalk), or as stored."
            ),
            .optional("owner", line(ContactLimits.word).orNull),
            .optional("kind", .word(ContactKind.allCases.map(\.rawValue)).orNull, "Null is `individual`."),
            .optional("name", Schema.component("ContactNameInput").orNull),
            .optional("organization", line(ContactLimits.line).orNull),
            .optional("title", line(ContactLimits.line).orNull),
            .optional("emails", entries(of: "EmailInput")),
            .optional("phones", entries(of: "PhoneInput")),
            .optional("addresses", entries(of: "AddressInput")),
            .optional("notes", text(ContactLimits.text).orNull),
            .optional("tags", .list(of: line(ContactLimits.word).orNull, count: 0...ContactLimits.entries).orNull),
            .optional("lifecycle", .word(Lifecycle.allCases.map(\.rawValue)).orNull),
            .optional("favorite", Schema.boolean.orNull, "Null is false."),
            .optional("custom_fields", fields.orNull, "By the vendor's ids of the fields; null removes one."),
        ]
    }

    /// Members that only the gateway sets: taken when null or equal to what is stored, else refused with 422.
    private static var claims: [Schema.Property] {
        [
            .optional("id", contactID.orNull.readOnly), .optional("read_only", Schema.boolean.orNull.readOnly),
            .optional("created_at", Schema.time.orNull.readOnly), .optional("updated_at", Schema.time.orNull.readOnly),
            .optional("revision", Schema.integer(from: 1).orNull.readOnly),
            .optional("raw", Schema.anyObject.orNull.readOnly),
        ]
    }

    private static var patch: Schema {
        Schema.closed([connectionInput.optional] + input + claims)
            .described("A merge patch (RFC 7396): objects merge, lists are replaced, null removes.")
            .example(["title": "CTO", "phones": [["number": "7223224241", "label": "mobile"]], "notes": nil])
    }

    private static var nameInput: Schema {
        Schema.closed(
            ["full", "given", "surname", "prefix", "middle", "suffix"].map {
                .optional($0, line(ContactLimits.line).orNull)
            }
        )
        .described("Given only one of `full` and the parts, the other is derived.")
    }

    private static func labels(_ words: [String]) -> Schema.Property {
        let known = words.map { "`\($0)`" }.joined(separator: ", ")
        return .optional("label", line(ContactLimits.word).orNull, "\(known); any other becomes `other`.")
    }

    private static var emailInput: Schema {
        .closed([.init("address", present(ContactLimits.line)), labels(PlaceLabel.allCases.map(\.rawValue))])
    }

    private static var phoneInput: Schema {
        .closed([
            .init("number", present(ContactLimits.word)), labels(PhoneLabel.allCases.map(\.rawValue)),
            .optional(
                "e164",
                line(ContactLimits.word).orNull.readOnly,
                "Derived; taken only when it follows from the number or is what was sent before."
            ),
        ])
    }

    private static var addressInput: Schema {
        .closed([
            .init("full", text(ContactLimits.address, atLeast: 1)), labels(PlaceLabel.allCases.map(\.rawValue)),
        ])
    }

    private static let match = Schema.Property("match", .word(MatchKey.allCases.map(\.rawValue)), "What must be equal.")

    private static var upsert: Schema {
        Schema.closed([match, .init("contact", .component("ContactInput"))])
            .example(["match": "email", "contact": inputExample])
    }

    private static var batch: Schema {
        Schema.closed([.init("operations", .list(of: .component("BatchOperation"), count: 0...1000))])
            .example([
                "operations": [
                    ["op": "create", "contact": inputExample],
                    ["op": "update", "id": "0199f3c4d7a87c0e9d41b1f0a3a5c7e2", "contact": ["title": "CTO"]],
                    ["op": "delete", "id": "0199f3c4d7a87c0e9d41b1f0a3a5c7e2"],
                ]
            ])
    }

    private static var batchOperation: Schema {
        Schema.either(["BatchCreate", "BatchUpdate", "BatchUpsert", "BatchDelete"].map { .component($0) })
            .discriminated(
                by: "op",
                [
                    ("create", "BatchCreate"), ("update", "BatchUpdate"), ("upsert", "BatchUpsert"),
                    ("delete", "BatchDelete"),
                ]
            )
    }

    private static let id = Schema.Property("id", contactID, "The contact's id.")

    private static var batchCreate: Schema {
        .closed([.init("op", .constant("create")), .init("contact", .component("ContactInput"))])
    }

    private static var batchUpdate: Schema {
        .closed([.init("op", .constant("update")), id, .init("contact", .component("ContactPatch"))])
    }

    private static var batchUpsert: Schema {
        .closed([.init("op", .constant("upsert")), match, .init("contact", .component("ContactInput"))])
    }

    private static var batchDelete: Schema {
        .closed([.init("op", .constant("delete")), id])
    }
}

// MARK: - Examples

extension ContactSchemas {
    private static var inputExample: JSONValue {
        [
            "connection": "crm", "name": ["given": "John", "surname": "Doe"], "organization": "eos", "title": "CTO",
            "emails": [["address": "jondoe@example.com", "label": "work"]],
            "phones": [["number": "7223224241", "label": "mobile"]],
        ]
    }

    private static var exampleMembers: [JSONMember] {
        let example: JSONValue = [
            "id": "0199f3c4d7a87c0e9d41b1f0a3a5c7e2", "connection": "crm", "vendor_id": "113", "owner": nil,
            "kind": "individual",
            "name": [
                "full": "John Doe", "given": "John", "surname": "Doe", "prefix": nil, "middle": nil, "suffix": nil,
            ],
            "organization": "eos", "title": "CTO", "emails": [["address": "jondoe@example.com", "label": "work"]],
            "phones": [["number": "7223224241", "label": "mobile", "e164": "+17223224241"]],
            "addresses": [["full": "1 Main St, Springfield", "label": "work"]], "notes": nil, "tags": [],
            "lifecycle": "lead", "favorite": false, "read_only": false,
            "custom_fields": ["1": "The Value for First Field"], "created_at": "2026-11-20T10:00:00.000Z",
            "updated_at": "2026-11-20T10:00:00.000Z", "revision": 4711,
        ]
        return example.objectValue ?? []
    }

    static var example: JSONValue { .object(exampleMembers) }

    private static var writtenExample: JSONValue { .object(exampleMembers + [JSONMember("translation", [])]) }
}
