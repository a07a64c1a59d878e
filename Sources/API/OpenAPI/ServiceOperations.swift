//  What `/v1/config`, health and the description itself say of themselves.

import HTTPCore

extension ConfigAPI {
    static var operations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/config",
                id: "getConfig",
                tag: .configuration,
                summary: "Shows the configuration in force, secrets redacted",
                answers: [Answer(200, "The configuration and where it came from.", .json("ConfigStatus"))],
                errors: [.invalidParameter]
            ),
            Operation(
                method: .post,
                path: "/v1/config/reload",
                id: "reloadConfig",
                tag: .configuration,
                summary: "Reads the configuration file again, now",
                detail: "Only a key for all connections may.",
                answers: [Answer(200, "It is in force; what changed.", .json("ReloadReport"))],
                errors: [.invalidConfig, .storageFull]
            ),
            Operation(
                method: .post,
                path: "/v1/config/check",
                id: "checkConfig",
                tag: .configuration,
                summary: "Judges a configuration without putting it in force",
                detail: "Only a key for all connections may. What cannot even be read is judged invalid, and no error.",
                body: Operation.Body(schema: "ConfigInput", refusesUnreadable: false),
                answers: [Answer(200, "Whether it could be in force, and what it would change.", .json("ConfigCheck"))]
            ),
        ]
    }
}

extension HealthAPI {
    static var operations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/livez",
                id: "getLiveness",
                tag: .service,
                summary: "Whether the process lives",
                answers: [Answer(200, "It does.", .json("Health"))]
            ),
            Operation(
                method: .get,
                path: "/readyz",
                id: "getReadiness",
                tag: .service,
                summary: "Whether it can serve",
                answers: [Answer(200, "It can.", .json("Health"))],
                errors: [.draining, .storageUnavailable]
            ),
        ]
    }
}

extension OpenAPI {
    static var ownOperations: [Operation] {
        [
            Operation(
                method: .get,
                path: "/metrics",
                id: "getMetrics",
                tag: .service,
                summary: "The program in numbers, for Prometheus",
                detail: "A key that is limited to some connections sees only their numbers beside those of the whole.",
                answers: [
                    Answer(
                        200,
                        "The text format of Prometheus, version 0.0.4.",
                        .other(mediaType: "text/plain", .string())
                    )
                ],
                errors: [.storageUnavailable, .adminListenerOnly]
            ),
            Operation(
                method: .get,
                path: "/openapi.json",
                id: "getOpenAPI",
                tag: .service,
                summary: "This description",
                parameters: [.ifNoneMatch],
                answers: [
                    Answer(200, "The description.", .json("OpenAPIDocument"), [.entityTag]),
                    Answer(304, "It is still as `If-None-Match` says.", .none, [.entityTag]),
                ]
            ),
        ]
    }
}
