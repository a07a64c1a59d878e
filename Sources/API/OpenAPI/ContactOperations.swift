//  What `/v1/contacts`, `/v1/lookup` and `/v1/writes` say of themselves.

import HTTPCore

extension ContactsAPI {
    /// What a write that reaches its vendor may end in.
    private static let writeErrors: [ProblemCode] =
        [
            .preconditionFailed, .readOnlyConnection, .readOnlyContact,
            .translationLoss, .vendorIDTaken, .vendorRefused, .duplicateEmail, .vendorNotFound, .vendorUnauthorized,
            .vendorMalformed, .vendorUnreachable, .vendorThrottled, .vendorUnavailable, .vendorTimeout, .notStored,
            .unsupported,
            .invalidInput, .notFound,
        ] + ProblemCode.keyed

    private static let queued = Answer(
        202,
        "The vendor is out of reach and the write is queued, as `Prefer: respond-async` allows.",
        .json("QueuedWrite"),
        [.location, .preferenceApplied]
    )
    .leading(to: "getWrite")

    private static func written(_ status: Int, _ description: String) -> Answer {
        Answer(
            status,
            description,
            .json("WrittenContact"),
            status == 201 ? [.entityTag, .location, .syncedAt] : [.entityTag, .syncedAt]
        )
        .leading(to: "getContact", "patchContact", "replaceContact", "deleteContact")
    }

    /// What the description of the API says of them.
    static var operations: [Operation] { reading + writing }

    private static var reading: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/contacts",
                id: "listContacts",
                tag: .contacts,
                summary: "Lists contacts",
                detail: "By age, paged by key: no contact that exists throughout is skipped or repeated.",
                parameters: [
                    .connection, .owner, .email, .phone, .text, .contactTag, .updatedSince, .include, .limit, .after,
                ],
                answers: [
                    Answer(200, "A page of contacts.", .json("ContactList"), [.link, .syncedAt])
                        .leading(to: "getContact", "patchContact", "replaceContact", at: "/items/0/id")
                ],
                errors: [.invalidParameter, .notFound]
            ),
            Operation(
                method: .get,
                path: "/v1/contacts/{id}",
                id: "getContact",
                tag: .contacts,
                summary: "Reads a contact",
                parameters: [.contactID, .include, .ifNoneMatch],
                answers: [
                    Answer(200, "The contact.", .json("Contact"), [.entityTag, .syncedAt]),
                    Answer(304, "It is still as `If-None-Match` says.", .none, [.entityTag, .syncedAt]),
                ],
                errors: [.invalidParameter, .notFound]
            ),
            Operation(
                method: .get,
                path: "/v1/lookup",
                id: "lookupContact",
                tag: .contacts,
                summary: "Finds who a number or an e-mail belongs to",
                detail: "Over all connections, from the index, never from a vendor. Give either `phone` or `email`.",
                parameters: [.lookupPhone, .lookupEmail],
                answers: [Answer(200, "The best match and the others.", .json("LookupResult"))],
                errors: [.invalidParameter]
            ),
            Operation(
                method: .get,
                path: "/v1/writes/{id}",
                id: "getWrite",
                tag: .contacts,
                summary: "Tells what became of a queued write",
                parameters: [.writeID],
                answers: [Answer(200, "The write.", .json("QueuedWrite"))],
                errors: [.notFound]
            ),
        ]
    }

    private static var writing: [Operation] {
        [
            Operation(
                method: .post,
                path: "/v1/contacts",
                id: "createContact",
                tag: .contacts,
                summary: "Creates a contact",
                detail: "At its vendor first, then here. It needs a name, an organization, an e-mail or a phone.",
                parameters: [.preferWrite, .idempotencyKey],
                body: Operation.Body(schema: "ContactInput"),
                answers: [written(201, "Created."), queued],
                errors: writeErrors
            ),
            Operation(
                method: .patch,
                path: "/v1/contacts/{id}",
                id: "patchContact",
                tag: .contacts,
                summary: "Changes some members of a contact",
                detail: "A write that changes nothing answers with the same revision and makes no change.",
                parameters: [.contactID, .ifMatch, .preferWrite, .idempotencyKey],
                body: Operation.Body(
                    schema: "ContactPatch",
                    mediaTypes: ["application/merge-patch+json", "application/json"]
                ),
                answers: [written(200, "As it is now."), queued],
                errors: writeErrors
            ),
            Operation(
                method: .put,
                path: "/v1/contacts/{id}",
                id: "replaceContact",
                tag: .contacts,
                summary: "Replaces a contact",
                detail: "Every member that can be written; what is absent becomes empty.",
                parameters: [.contactID, .ifMatch, .preferWrite, .idempotencyKey],
                body: Operation.Body(schema: "ContactReplacement"),
                answers: [written(200, "As it is now."), queued],
                errors: writeErrors
            ),
            Operation(
                method: .delete,
                path: "/v1/contacts/{id}",
                id: "deleteContact",
                tag: .contacts,
                summary: "Deletes a contact",
                parameters: [.contactID, .ifMatch, .preferWrite, .idempotencyKey],
                answers: [Answer(204, "Deleted."), queued],
                errors: writeErrors
            ),
            Operation(
                method: .post,
                path: "/v1/contacts/upsert",
                id: "upsertContact",
                tag: .contacts,
                summary: "Updates the contact that matches, or creates it",
                parameters: [.preferWrite, .ifMatch, .idempotencyKey],
                body: Operation.Body(schema: "UpsertInput"),
                answers: [written(200, "Updated."), written(201, "Created."), queued],
                errors: writeErrors + [.ambiguousMatch]
            ),
            Operation(
                method: .post,
                path: "/v1/contacts/batch",
                id: "batchContacts",
                tag: .contacts,
                summary: "Does up to 1000 writes in order",
                detail: "None stops another: each has its own result.",
                parameters: [.preferWrite, .ifMatch, .idempotencyKey],
                body: Operation.Body(schema: "BatchInput"),
                answers: [Answer(200, "What became of each.", .json("BatchResults"))],
                errors: [.invalidInput, .idempotencyAnswerLost] + ProblemCode.keyed
            ),
        ]
    }
}
