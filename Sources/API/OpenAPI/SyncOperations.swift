//  What `/v1/changes`, `/v1/connections` and `/v1/runs` say of themselves.

import HTTPCore

extension ChangesAPI {
    static var operations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/changes",
                id: "listChanges",
                tag: .changes,
                summary: "Reads what happened since a place in the order of all changes",
                detail: "Several changes of one contact in one answer may be folded into one.",
                parameters: [.since, .limit, .connection, .preferWait],
                answers: [
                    Answer(200, "Changes, and where to go on.", .json("ChangePage"), [.preferenceApplied, .syncedAt])
                ],
                errors: [.invalidParameter, .notFound, .syncTokenInvalid, .syncTokenExpired]
            ),
            Operation(
                method: .get,
                path: "/v1/changes/stream",
                id: "streamChanges",
                tag: .changes,
                summary: "The same for ever, as server-sent events",
                detail: "One change an event; comments between them keep the connection alive.",
                parameters: [.since, .connection, .lastEventID],
                answers: [
                    Answer(
                        200,
                        "The stream; it ends when the gateway stops or takes up another configuration. Come back with `Last-Event-ID`.",
                        .other(mediaType: "text/event-stream", .component("ChangeEvent")),
                        [.cacheControl]
                    )
                ],
                errors: [.invalidParameter, .notFound, .syncTokenInvalid, .syncTokenExpired]
            ),
        ]
    }
}

extension ConnectionsAPI {
    static var operations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/connections",
                id: "listConnections",
                tag: .connections,
                summary: "Lists the connections, those that left the configuration too",
                parameters: [.limit, .after],
                answers: [
                    Answer(200, "A page of connections.", .json("ConnectionList"), [.link])
                        .leading(to: "getConnection", "syncConnection", "purgeConnection", at: "/items/0/id")
                ],
                errors: [.invalidParameter]
            ),
            Operation(
                method: .get,
                path: "/v1/connections/{id}",
                id: "getConnection",
                tag: .connections,
                summary: "Tells what a connection can do and how it is",
                parameters: [.connectionID],
                answers: [Answer(200, "The connection.", .json("Connection"), [.syncedAt])],
                errors: [.notFound]
            ),
            Operation(
                method: .delete,
                path: "/v1/connections/{id}",
                id: "purgeConnection",
                tag: .connections,
                summary: "Purges the contacts of a connection that left the configuration",
                parameters: [.connectionID],
                answers: [Answer(204, "Purged.")],
                errors: [.notFound, .connectionInUse, .storageFull]
            ),
            Operation(
                method: .post,
                path: "/v1/connections/{id}/sync",
                id: "syncConnection",
                tag: .connections,
                summary: "Orders a run",
                parameters: [.connectionID, .idempotencyKey],
                body: Operation.Body(schema: "SyncOrder", isRequired: false),
                answers: [
                    Answer(202, "The run.", .json("Run"), [.location]).leading(to: "getRun", "approveRun")
                ],
                errors: [.notFound, .invalidInput, .unsupportedMode] + ProblemCode.keyed
            ),
        ]
    }
}

extension RunsAPI {
    static var operations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/runs",
                id: "listRuns",
                tag: .runs,
                summary: "Lists runs, the newest first",
                parameters: [.connection, .runState, .limit, .after],
                answers: [
                    Answer(200, "A page of runs.", .json("RunList"), [.link])
                        .leading(to: "getRun", "approveRun", at: "/items/0/id")
                ],
                errors: [.invalidParameter, .notFound]
            ),
            Operation(
                method: .get,
                path: "/v1/runs/{id}",
                id: "getRun",
                tag: .runs,
                summary: "Reads a run",
                detail: "A dry one with the changes that it would make, a held one with the count of its deletes.",
                parameters: [.runID],
                answers: [Answer(200, "The run.", .json("Run"))],
                errors: [.notFound]
            ),
            Operation(
                method: .post,
                path: "/v1/runs/{id}/approve",
                id: "approveRun",
                tag: .runs,
                summary: "Lets a held run delete what it wants to",
                parameters: [.runID, .idempotencyKey],
                answers: [Answer(200, "The run, which goes on.", .json("Run"))],
                errors: [.notFound, .notHeld] + ProblemCode.keyed
            ),
        ]
    }
}
