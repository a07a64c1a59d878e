//  The table of routes and what is said of each, as one OpenAPI 3.1 document. Pure.

import Config
import HTTPCore
import HTTPServer
import JSON

/// A row of the table as far as the description needs it: the handlers stay with their loop.
struct ServedRoute: Sendable {
    var methods: [Method]
    var path: String
    var access: String
    var maxBody: Int

    init(_ route: Route) {
        methods = route.methods
        path = route.pattern
        access = route.access
        maxBody = route.maxBody
    }
}

/// Builds the document.
struct OpenAPIDocument {
    private let version: String
    private let routes: [ServedRoute]
    private let operations: [String: Operation]

    /// - Parameters:
    ///   - version: The program's.
    ///   - routes: What is served, in the order of the table.
    ///   - operations: What is said of it.
    init(version: String, routes: [ServedRoute], operations: [Operation] = Self.allOperations) {
        self.version = version
        self.routes = routes
        self.operations = Dictionary(
            operations.map { (Self.key($0.method, $0.path), $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// What is said of every resource.
    static let allOperations: [Operation] =
        ContactsAPI.operations + ChangesAPI.operations + ConnectionsAPI.operations + RunsAPI.operations
        + WebhooksAPI.operations + ConfigAPI.operations + HealthAPI.operations + OpenAPI.ownOperations

    /// Every schema by its name.
    static var schemas: [(name: String, schema: Schema)] {
        ContactSchemas.all + ChangeSchemas.all + SyncSchemas.all + WebhookSchemas.all + ServiceSchemas.all
            + EventSchemas.all + ProblemSchemas.all
    }

    /// The whole document.
    var json: JSONValue {
        [
            "openapi": "3.1.0", "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base", "info": info,
            "servers": [["url": "/", "description": "This gateway."]],
            "security": [["bearer": []]],
            "tags": .array(
                Operation.Tag.allCases.map { ["name": .string($0.rawValue), "description": .string($0.summary)] }
            ),
            "paths": paths, "webhooks": webhooks, "components": components,
        ]
    }

    private static func key(_ method: Method, _ path: String) -> String { "\(method.rawValue) \(path)" }

    private var info: JSONValue {
        [
            "title": "contact-gateway", "version": .string(version),
            "summary": "One contact API before many vendors.",
            "description": .string(
                """
                Every answer has `X-Request-Id`. Every error is a `Problem` (RFC 9457) with a stable `code`. Lists are paged \
                by key: give `next` back as `after`. An unknown query parameter or member of a body is an error.

                A method that a path does not have is 405 with `Allow`, and `OPTIONS` of any path is 204 with `Allow`; \
                neither needs a key. An unknown path is 404.
                """
            ),
            "license": ["name": "Apache License 2.0", "identifier": "Apache-2.0"],
        ]
    }
}

// MARK: - Paths

extension OpenAPIDocument {
    private var paths: JSONValue {
        var items: [(path: String, members: [JSONMember])] = []
        for route in routes {
            for method in route.methods {
                guard let operation = operations[Self.key(method, route.path)] else { continue }
                if !items.contains(where: { $0.path == route.path }) { items.append((route.path, [])) }
                guard let index = items.firstIndex(where: { $0.path == route.path }) else { continue }
                items[index].members.append(JSONMember(method.rawValue.lowercased(), json(operation, route)))
                if method == .get {
                    items[index].members.append(JSONMember("head", json(operation, route, isHead: true)))
                }
            }
        }
        return .object(items.map { JSONMember($0.path, .object($0.members)) })
    }

    private func json(_ operation: Operation, _ route: ServedRoute, isHead: Bool = false) -> JSONValue {
        var members = [
            JSONMember("operationId", .string(isHead ? Self.headID(operation.id) : operation.id)),
            JSONMember("tags", [.string(operation.tag.rawValue)]),
            JSONMember("summary", .string(operation.summary + (isHead ? ": the header alone" : ""))),
        ]
        let scope = route.access.isEmpty ? "Needs no key." : "Needs the scope `\(route.access)`."
        members.append(
            JSONMember("description", .string([operation.detail, scope].compactMap(\.self).joined(separator: " ")))
        )
        // OpenAPI 3.1 §4.8.30: for schemes other than OAuth2 the list names the roles that are required.
        members.append(
            JSONMember("security", route.access.isEmpty ? [] : [["bearer": [.string(route.access)]]])
        )
        if !operation.parameters.isEmpty {
            members.append(
                JSONMember(
                    "parameters",
                    .array(operation.parameters.map { Self.reference("parameters", $0.component) })
                )
            )
        }
        if let body = operation.body { members.append(JSONMember("requestBody", json(body, route.maxBody))) }
        members.append(JSONMember("responses", responses(of: operation, route, isHead: isHead)))
        return .object(members)
    }

    private static func headID(_ id: String) -> String { "head" + id.prefix(1).uppercased() + id.dropFirst() }

    private static func reference(_ kind: String, _ name: String) -> JSONValue {
        ["$ref": .string("#/components/\(kind)/\(name)")]
    }

    private func json(_ body: Operation.Body, _ maxBody: Int) -> JSONValue {
        [
            "description": .string("At most \(maxBody >> 20) MiB."), "required": .bool(body.isRequired),
            "content": .object(
                body.mediaTypes.map { JSONMember($0, ["schema": Schema.component(body.schema).json]) }
            ),
        ]
    }

    private func responses(of operation: Operation, _ route: ServedRoute, isHead: Bool) -> JSONValue {
        var members = operation.answers.map { answer in
            JSONMember(String(answer.status), Self.json(answer, route, isHead: isHead))
        }
        let codes = Self.errors(of: operation, route)
        for status in Set(codes.map(\.status)).sorted() {
            let words = codes.filter { $0.status == status }.map { "`\($0.rawValue)`" }.joined(separator: ", ")
            let place = "#/components/responses/\(ProblemCode.component(of: status))"
            members.append(JSONMember(String(status), ["$ref": .string(place), "description": .string(words)]))
        }
        return .object(members)
    }

    private static func json(_ answer: Answer, _ route: ServedRoute, isHead: Bool) -> JSONValue {
        let limits: [AnswerField] = route.access.isEmpty ? [] : [.rateLimitPolicy, .rateLimit]
        let fields = [AnswerField.requestID] + answer.fields + limits
        var members = [
            JSONMember("description", .string(answer.description)),
            JSONMember("headers", .object(fields.map(\.reference))),
        ]
        switch answer.content {
        case _ where isHead: break
        case .none: break
        case .json(let component):
            members.append(
                JSONMember("content", ["application/json": ["schema": Schema.component(component).json]])
            )
        case .other(let mediaType, let schema):
            members.append(JSONMember("content", .object([JSONMember(mediaType, ["schema": schema.json])])))
        }
        if !answer.links.isEmpty, !isHead {
            let links = answer.links.map { link in
                JSONMember(
                    link.operation,
                    [
                        "operationId": .string(link.operation),
                        "parameters": ["id": .string("$response.body#\(link.pointer)")],
                    ]
                )
            }
            members.append(JSONMember("links", .object(links)))
        }
        return .object(members)
    }

    /// What an operation may answer besides: its own errors, and those of the way there.
    private static func errors(of operation: Operation, _ route: ServedRoute) -> [ProblemCode] {
        var codes: Set<ProblemCode> = [
            .malformedRequest, .tlsRequired, .requestTimeout, .bodyTooLarge, .targetTooLong, .expectationFailed,
            .fieldsTooLarge,
            .notImplemented, .versionNotSupported, .internalError, .invalidParameter,
        ]
        if !route.access.isEmpty {
            codes.formUnion([
                .unauthorized, .insufficientScope, .rateLimited, .tooManyFailedKeys, .storageError,
                .storageUnavailable, .shuttingDown,
            ])
            if operation.method != .get { codes.insert(.crossSiteRefused) }
            if route.access == Scope.admin.rawValue { codes.insert(.adminListenerOnly) }
        }
        if operation.parameters.contains(where: { $0.place == .path }) { codes.formUnion([.malformedPath, .notFound]) }
        if operation.body?.refusesUnreadable == true { codes.formUnion([.invalidJSON, .unsupportedMediaType]) }
        codes.formUnion(operation.errors)
        return ProblemCode.allCases.filter(codes.contains)
    }
}

// MARK: - Events and components

extension OpenAPIDocument {
    private var webhooks: JSONValue {
        .object(EventSchemas.types.map { JSONMember($0.type, event($0.type, $0.summary, $0.component)) })
    }

    private func event(_ type: String, _ summary: String, _ component: String) -> JSONValue {
        let words = type.split(separator: ".").map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return [
            "post": [
                "operationId": .string("on" + words.joined()), "summary": .string(summary),
                "description": "Sent to every webhook whose `events` want it, signed after Standard Webhooks 1.0.",
                "security": [],
                "parameters": .array(EventSchemas.parameters.map { Self.reference("parameters", $0.component) }),
                "requestBody": [
                    "required": true,
                    "content": ["application/json": ["schema": Schema.component(component).json]],
                ],
                "responses": [
                    "2XX": ["description": "Received; the delivery is done."],
                    "410": ["description": "Nobody is here any more; the webhook is disabled."],
                    "default": ["description": "A failure, redirects too: sent again, later and later."],
                ],
            ]
        ]
    }

    private var components: JSONValue {
        var parameters: [Parameter] = []
        for parameter in operations.values.flatMap(\.parameters) + EventSchemas.parameters
        where !parameters.contains(where: { $0.component == parameter.component }) {
            parameters.append(parameter)
        }
        parameters.sort { $0.component < $1.component }
        return [
            "schemas": .object(Self.schemas.map { JSONMember($0.name, $0.schema.json) }),
            "responses": .object(Self.problems),
            "parameters": .object(parameters.map { JSONMember($0.component, $0.json) }),
            "headers": .object(AnswerField.allCases.map { JSONMember($0.component, $0.json) }),
            "securitySchemes": [
                "bearer": [
                    "type": "http", "scheme": "bearer",
                    "description": "A key of the configuration. Its scopes are `read`, `write` and `admin`.",
                ]
            ],
        ]
    }

    /// One answer for each status of an error.
    private static var problems: [JSONMember] {
        Set(ProblemCode.allCases.map(\.status)).sorted().map { status in
            let lines = ProblemCode.allCases.filter { $0.status == status }.map { "- `\($0.rawValue)`: \($0.meaning)" }
            var fields = [AnswerField.requestID, .retryAfter, .rateLimitPolicy, .rateLimit]
            if status == 401 { fields.append(.authenticate) }
            let answer: JSONValue = [
                "description": .string("\(StatusPhrase.of(status)).\n\n" + lines.joined(separator: "\n")),
                "headers": .object(fields.map(\.reference)),
                "content": ["application/problem+json": ["schema": Schema.component("Problem").json]],
            ]
            return JSONMember(ProblemCode.component(of: status), answer)
        }
    }
}
