//  /v1/webhooks: who is told about changes, and where.

import Config
import Contacts
public import Crypto
import HTTPCore
public import HTTPServer
import JSON
public import Log
import Platform
public import Store

/// The handlers of `/v1/webhooks` and `/v1/deliveries`.
public struct WebhooksAPI: Sendable {
    let store: Store
    let state: LiveState
    let rules: WebhookRules
    let log: Log
    private let idempotency: Idempotency

    /// Makes the handlers.
    ///
    /// - Parameters:
    ///   - store: Where webhooks are.
    ///   - state: The state in force.
    ///   - rules: What the room of webhooks judges.
    ///   - seal: Seals the answers that are kept for repeated requests: they hold secrets.
    ///   - log: Takes unexpected failures.
    public init(store: Store, state: LiveState, rules: WebhookRules, seal: Seal, log: Log) {
        idempotency = Idempotency(store: store, seal: seal)
        self.store = store
        self.state = state
        self.rules = rules
        self.log = log
    }

    /// The rows of the table of routes.
    public var routes: [Route] {
        [
            .get("/v1/webhooks", access: "admin", later(list)),
            .post("/v1/webhooks", access: "admin", once(create)),
            .get("/v1/webhooks/{id}", access: "admin", later(show)),
            .patch("/v1/webhooks/{id}", access: "admin", once(change)),
            .delete("/v1/webhooks/{id}", access: "admin", once(remove)),
            .post("/v1/webhooks/{id}/test", access: "admin", once(test)),
            .post("/v1/webhooks/{id}/rotate", access: "admin", once(rotate)),
            .get("/v1/webhooks/{id}/deliveries", access: "admin", later(deliveries)),
            .get("/v1/deliveries/{id}", access: "admin", later(delivery)),
            .post("/v1/deliveries/{id}/retry", access: "admin", once(retry)),
        ]
    }

    private func later(_ body: @escaping @Sendable (Request) async throws -> Response) -> Handler {
        .later { [log] request in await answering(request, log: log, body) }
    }

    private func once(_ body: @escaping @Sendable (Request, KeyedWrite?) async throws -> Response) -> Handler {
        later { [idempotency] request in try await idempotency.once(request, body) }
    }
}

extension WebhooksAPI {
    @Sendable private func list(_ request: Request) async throws -> Response {
        let list = try ListRequest(request)
        let caller = request.caller
        let rows = try await store.read { try $0.webhooks.all() }.filter { $0.id > list.after && caller.sees($0) }
        return list.answer(rows, key: \.id) { $0.json().encoded() }
    }

    @Sendable private func create(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let body = try request.jsonBody()
        var input = WebhookInput()
        let caller = request.caller
        // A key that sees some connections registers for those.
        if let seen = caller.connections { input.connections = seen.sorted() }
        try input.apply(body, rules: rules, stored: nil)
        try check(input.connections, in: body, for: caller)
        let secret = rules.makeSecret()
        let (row, response) = try await store.write { [input] transaction in
            var row = WebhookRow(
                url: input.url,
                events: input.events,
                connections: input.connections,
                fields: input.fields,
                payload: input.payload,
                description: input.description,
                headers: input.headersJSON,
                isEnabled: input.enabled,
                secret: secret.sealed,
                cursor: transaction.sequence,
                createdAt: transaction.now
            )
            row.id = try transaction.webhooks.insert(row)
            let fields: HeaderFields = ["Location": "/v1/webhooks/\(row.publicID)"]
            let response = Response.json(201, row.json(secret: secret.revealed), fields: fields)
            try keyed?.keep(response, in: transaction)
            return (row, response)
        }
        rules.wake()
        log.info("webhook.registered", ["webhook": row.publicID, "request_id": request.id])
        return response
    }

    @Sendable private func show(_ request: Request) async throws -> Response {
        .json(200, try await webhook(request).json())
    }

    @Sendable private func change(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let body = try request.jsonBody(isPatch: true)
        let known = try await webhook(request)
        var input = WebhookInput(known)
        try input.apply(body, rules: rules, stored: known.json())
        try check(input.connections, in: body, for: request.caller)
        let row = try await store.write { [input] transaction in
            guard var row = try transaction.webhooks.find(known.id) else { throw Problem.notFound("webhook") }
            // Applied again to what stands there now: only the members of the body are this request's.
            var latest = WebhookInput(row)
            try latest.apply(body, rules: rules, stored: known.json())
            guard latest != WebhookInput(row) else { return row }
            row.url = latest.url
            row.events = latest.events
            row.connections =
                input.connections == WebhookInput(known).connections ? row.connections : latest.connections
            row.fields = latest.fields
            row.payload = latest.payload
            row.description = latest.description
            row.headers = latest.headersJSON
            if latest.enabled { row.disabledReason = nil }
            row.isEnabled = latest.enabled
            row.updatedAt = transaction.now
            try transaction.webhooks.update(row)
            return row
        }
        rules.wake()
        return .json(200, row.json())
    }

    @Sendable private func remove(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let known = try await webhook(request)
        let isGone = try await store.write { try $0.webhooks.delete(known.id) }
        guard isGone else { throw Problem.notFound("webhook") }
        rules.wake()
        log.info("webhook.removed", ["webhook": known.publicID, "request_id": request.id])
        return Response(status: 204)
    }

    @Sendable private func test(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let known = try await webhook(request)
        guard known.isEnabled else {
            throw Problem(409, "webhook_disabled", "The webhook is disabled; enable it to send a test.")
        }
        let delivery = try await store.write { transaction in
            let data: JSONValue = ["webhook_id": .string(known.publicID), "message": "This is a test."]
            let ids = try transaction.events.emit(
                type: "webhook.test",
                connection: nil,
                data: data.encoded(),
                onlyTo: known.id
            )
            guard let id = ids.first else { throw Problem.notFound("webhook") }
            return id
        }
        rules.wake()
        return try await answer(202, delivery: delivery, for: request)
    }

    /// The old secret signs along for a day, so that a receiver can change over without missing anything.
    @Sendable private func rotate(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let known = try await webhook(request)
        let secret = rules.makeSecret()
        let response = try await store.write { transaction in
            guard var row = try transaction.webhooks.find(known.id) else { throw Problem.notFound("webhook") }
            row.oldSecret = row.secret
            row.oldSecretUntil = transaction.now.advanced(byMilliseconds: 86_400_000)
            row.secret = secret.sealed
            row.updatedAt = transaction.now
            try transaction.webhooks.update(row)
            let response = Response.json(200, row.json(secret: secret.revealed))
            try keyed?.keep(response, in: transaction)
            return response
        }
        rules.wake()
        return response
    }
}

extension WebhooksAPI {
    /// The webhook that the path names, if this caller sees it.
    func webhook(_ request: Request) async throws -> WebhookRow {
        guard let id = PublicID.key(of: request.parameters.first, prefix: "wh_"),
            let row = try await store.read({ try $0.webhooks.find(id) }), request.caller.sees(row)
        else { throw Problem.notFound("webhook") }
        return row
    }

    /// Refuses connections that are not there, or not for this caller.
    private func check(_ connections: [String], in body: JSONValue, for caller: Caller) throws(Problem) {
        guard body["connections"] != nil else { return }
        let directory = state.current.connections
        var faults: [Problem.InputError] = []
        for (index, name) in connections.enumerated() {
            if name == "*", caller.connections == nil { continue }
            guard directory.connection(name, for: caller) == nil else { continue }
            faults.append(.init(pointer: "/connections/\(index)", detail: "There is no connection `\(name)`."))
        }
        guard faults.isEmpty else { throw .invalidInput(faults) }
    }
}

extension Caller {
    /// Whether it may see a webhook: one that tells only of connections that it sees.
    func sees(_ webhook: WebhookRow) -> Bool {
        guard let connections else { return true }
        return webhook.connections.allSatisfy { connections.contains($0) }
    }
}

extension WebhookRow {
    var publicID: String { "wh_\(id)" }

    /// As the API shows it.
    ///
    /// - Parameter secret: Only in the answer that makes it.
    /// - Returns: The object.
    func json(secret: String? = nil) -> JSONValue {
        let strings = { (texts: [String]) in JSONValue.array(texts.map { .string($0) }) }
        var members = [
            JSONMember("id", .string(publicID)), JSONMember("url", .string(url)),
            JSONMember("events", strings(events)), JSONMember("connections", strings(connections)),
            JSONMember("fields", strings(fields)), JSONMember("payload", .string(payload)),
            JSONMember("description", .optional(description)),
            // What this room wrote itself.
            JSONMember("headers", (try? JSONValue(parsing: Array(headers.utf8))) ?? .object([])),
            JSONMember("enabled", .bool(isEnabled)), JSONMember("disabled_reason", .optional(disabledReason)),
            JSONMember("created_at", .string(createdAt.rfc3339)), JSONMember("updated_at", .string(updatedAt.rfc3339)),
        ]
        if let secret { members.append(JSONMember("secret", .string(secret))) }
        return .object(members)
    }
}

extension WebhookInput {
    /// The writable members of a stored webhook.
    init(_ row: WebhookRow) {
        self.init()
        url = row.url
        events = row.events
        connections = row.connections
        fields = row.fields
        payload = row.payload
        description = row.description
        enabled = row.isEnabled
        // What this room wrote itself.
        let stored = try? JSONValue(parsing: Array(row.headers.utf8))
        headers = (stored?.objectValue ?? []).map { Header(name: $0.name, value: $0.value.stringValue ?? "") }
    }

    /// The header fields as the store keeps them.
    var headersJSON: String {
        let members = headers.map { JSONMember($0.name, .string($0.value)) }
        return String(decoding: JSONValue.object(members).encoded(), as: UTF8.self)
    }
}

/// Public ids that are a word and a key: `wh_7`, `dlv_12`.
enum PublicID {
    /// The key of an id; `nil` for what is none of ours.
    static func key(of text: String?, prefix: String) -> Int64? {
        guard let text, text.hasPrefix(prefix), let key = Int64(text.dropFirst(prefix.count)), key > 0,
            "\(prefix)\(key)" == text
        else { return nil }
        return key
    }
}
