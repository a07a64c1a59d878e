//  A write as a value that survives a restart: what to do, for whom, in JSON.

import Contacts
import HTTPCore
import JSON

/// One write that may have to wait for its vendor.
enum WriteOrder: Equatable, Sendable {
    case create(JSONValue)
    case update(id: String, JSONValue, merging: Bool)
    case upsert(match: String, JSONValue)
    case delete(id: String)

    /// The order as it is stored, with who gave it.
    func encoded(caller: Caller, terms: WriteTerms) -> JSONValue {
        var members: [JSONMember] =
            switch self {
            case .create(let contact): [JSONMember("op", "create"), JSONMember("contact", contact)]
            case .update(let id, let contact, let merging):
                [
                    JSONMember("op", "update"), JSONMember("id", .string(id)), JSONMember("contact", contact),
                    JSONMember("merging", .bool(merging)),
                ]
            case .upsert(let match, let contact):
                [JSONMember("op", "upsert"), JSONMember("match", .string(match)), JSONMember("contact", contact)]
            case .delete(let id): [JSONMember("op", "delete"), JSONMember("id", .string(id))]
            }
        members.append(JSONMember("strict", .bool(terms.isStrict)))
        members.append(JSONMember("if_match", .optional(terms.ifMatch)))
        members.append(JSONMember("key", .string(caller.name)))
        // The write belongs to the request's trace whenever it is sent.
        members.append(JSONMember("trace", .optional(TraceContext.current?.stored)))
        return .object(members)
    }

    /// Reads a stored order; `nil` for what is none.
    init?(stored json: JSONValue) {
        let contact = json["contact"] ?? .null
        switch (json["op"]?.stringValue, json["id"]?.stringValue, json["match"]?.stringValue) {
        case ("create", _, _): self = .create(contact)
        case ("update", let id?, _): self = .update(id: id, contact, merging: json["merging"]?.boolValue ?? true)
        case ("upsert", _, let match?): self = .upsert(match: match, contact)
        case ("delete", let id?, _): self = .delete(id: id)
        default: return nil
        }
    }

    /// Does it now.
    func perform(by writes: ContactWrites, terms: WriteTerms, caller: Caller) async throws -> WriteResult {
        switch self {
        case .create(let contact): return try await writes.create(contact, terms: terms, caller: caller)
        case .update(let id, let contact, let merging):
            return try await writes.update(id, with: contact, merging: merging, terms: terms, caller: caller)
        case .upsert(let match, let contact):
            let order = try UpsertOrder(["match": .string(match), "contact": contact], at: "")
            return try await writes.upsert(order, terms: terms, caller: caller)
        case .delete(let id): return try await writes.delete(id, terms: terms, caller: caller)
        }
    }
}
