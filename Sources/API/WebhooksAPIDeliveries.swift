//  Deliveries: what each webhook was sent, and what each attempt met.

import HTTPCore
import JSON
import Platform
import Store

extension WebhooksAPI {
    @Sendable func deliveries(_ request: Request) async throws -> Response {
        let list = try ListRequest(request, filters: ["state"])
        var state: DeliveryState?
        if let word = list.parameters["state"] {
            guard let known = DeliveryState(name: word) else {
                throw Problem.invalidParameter("state", "`state` is one of: pending, delivered, dead, discarded.")
            }
            state = known
        }
        let webhook = try await webhook(request)
        let (before, most) = (list.after == 0 ? nil : list.after, list.limit + 1)
        let items = try await store.read { [rules, state] snapshot in
            try snapshot.deliveries.page(webhook: webhook.id, state: state, before: before, limit: most)
                .map { (key: $0.id, json: try $0.json(of: webhook, rules, snapshot).encoded()) }
        }
        return list.answer(items, key: \.key, json: \.json)
    }

    @Sendable func delivery(_ request: Request) async throws -> Response {
        try await answer(200, delivery: try key(request), for: request)
    }

    @Sendable func retry(_ request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let key = try key(request)
        _ = try await answer(200, delivery: key, for: request)
        try await store.write { transaction in
            guard try transaction.deliveries.retry(key, now: transaction.now) else {
                throw Problem.notFound("delivery")
            }
        }
        rules.wake()
        return try await answer(202, delivery: key, for: request)
    }

    /// An answer that shows one delivery; 404 when it is not there, or not for this caller.
    func answer(_ status: Int, delivery key: Int64, for request: Request) async throws -> Response {
        let caller = request.caller
        let json: JSONValue? = try await store.read { [rules] snapshot in
            guard let row = try snapshot.deliveries.find(key), let webhook = try snapshot.webhooks.find(row.webhook),
                caller.sees(webhook)
            else { return nil }
            return try row.json(of: webhook, rules, snapshot)
        }
        guard let json else { throw Problem.notFound("delivery") }
        return .json(status, json, fields: status == 202 ? ["Location": "/v1/deliveries/dlv_\(key)"] : [:])
    }

    private func key(_ request: Request) throws(Problem) -> Int64 {
        guard let key = PublicID.key(of: request.parameters.first, prefix: "dlv_") else { throw .notFound("delivery") }
        return key
    }
}

extension DeliveryRow {
    /// As the API shows it, with its attempts.
    fileprivate func json(of webhook: WebhookRow, _ rules: WebhookRules, _ snapshot: Snapshot) throws -> JSONValue {
        var type: String?
        var contactID: String?
        if let sequence, let change = try snapshot.changes.find(sequence) {
            type = "contact.\(change.type.name)"
            contactID = change.contactID
        } else if let event {
            type = try snapshot.events.find(event)?.type
        }
        let attempts = try snapshot.deliveries.attempts(of: id)
        return [
            "id": .string("dlv_\(id)"), "webhook_id": .string(webhook.publicID),
            "message_id": .string(rules.messageID(webhook, self)), "type": .optional(type),
            "sequence": sequence.map { .int($0) } ?? .null,
            "previous_sequence": previousSequence.map { .int($0) } ?? .null, "contact_id": .optional(contactID),
            "state": .string(state.name), "reason": .optional(reason),
            "next_attempt_at": .optional(state == .pending ? dueAt?.rfc3339 : nil),
            "created_at": .string(createdAt.rfc3339), "updated_at": .string(updatedAt.rfc3339),
            "attempts": .array(attempts.map { $0.json }),
        ]
    }
}

extension AttemptRow {
    fileprivate var json: JSONValue {
        [
            "at": .string(at.rfc3339), "status": status.map { .int($0) } ?? .null, "error": .optional(error),
            "duration_ms": .int(durationMilliseconds),
            "response": .optional(response.map { String(decoding: $0, as: UTF8.self) }),
        ]
    }
}
