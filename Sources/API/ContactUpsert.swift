//  Upserts: create or update, whichever the store says.

import Config
import Contacts
import HTTPCore
import JSON
import Store

/// By what an upsert recognises a contact.
enum MatchKey: String, CaseIterable, Sendable {
    case email, phone
    case vendorID = "vendor_id"
}

/// `{"match": …, "contact": {…}}`, understood.
struct UpsertOrder: Sendable {
    let match: MatchKey
    let contact: JSONValue
    let input: ContactInput
    let pointer: String

    /// Reads an upsert.
    ///
    /// - Throws: ``Problem`` with the pointer of every fault.
    init(_ json: JSONValue, at pointer: String) throws {
        guard let members = json.objectValue else {
            throw Problem.invalidInput([
                .init(pointer: pointer, detail: "An upsert is an object with `match` and `contact`.")
            ])
        }
        var faults: [Problem.InputError] = []
        for member in members where !["op", "match", "contact"].contains(member.name) {
            faults.append(
                .init(
                    pointer: JSONPointer.appending(member.name, to: pointer),
                    detail: "An upsert has `match` and `contact`."
                )
            )
        }
        let match = json["match"]?.stringValue.flatMap { MatchKey(rawValue: $0) }
        if match == nil {
            faults.append(.init(pointer: "\(pointer)/match", detail: "`match` is `email`, `phone` or `vendor_id`."))
        }
        guard let match, let contact = json["contact"], faults.isEmpty else {
            if json["contact"] == nil {
                faults.append(.init(pointer: "\(pointer)/contact", detail: "An upsert needs its `contact`."))
            }
            throw Problem.invalidInput(faults)
        }
        self.match = match
        self.contact = contact
        self.pointer = "\(pointer)/contact"
        input = try ContactWrites.input(whole: contact, at: "\(pointer)/contact")
    }
}

extension ContactWrites {
    /// Updates the one contact that matches, or creates it.
    ///
    /// - Returns: 201 created or 200 updated.
    /// - Throws: ``Problem``; 409 `ambiguous_match` with `candidates` when several match.
    func upsert(_ order: UpsertOrder, terms: WriteTerms, caller: Caller) async throws -> WriteResult {
        let connection = try self.connection(of: order.input, at: order.pointer, caller)
        let keys = try order.keys(region: connection.config.region)
        return try await lock.with("upsert/\(connection.id)/\(keys)") {
            let matches = try await self.matches(order, keys, on: connection)
            guard let match = matches.first else {
                return try await self.create(order.input, on: connection, at: order.pointer, terms: terms)
            }
            guard matches.count == 1 else {
                var problem = Problem(
                    409,
                    "ambiguous_match",
                    "\(matches.count) contacts match; write to one by its id."
                )
                problem.extensions = [("candidates", .array(matches.map(\.candidateJSON)))]
                throw problem
            }
            return try await self.update(
                match.id,
                with: order.contact,
                merging: true,
                at: order.pointer,
                terms: terms,
                caller: caller
            )
        }
    }

    private func matches(
        _ order: UpsertOrder,
        _ keys: [LookupKey],
        on connection: LiveConnection
    ) async throws -> [Contact] {
        if order.match == .vendorID, let vendorID = order.input.vendorID {
            return try await store.read { snapshot in
                guard let link = try snapshot.links.find(connection: connection.key, vendorID: vendorID) else {
                    return []
                }
                return try snapshot.contacts.find(key: link.contact).map { [$0.contact] } ?? []
            }
        }
        // The most exact key that finds anyone decides: last digits only where E.164 finds nobody.
        for key in keys {
            let found = try await candidates(for: [key], on: connection)
            if !found.isEmpty { return found }
        }
        return []
    }
}

extension UpsertOrder {
    /// What to look for, the most exact first.
    fileprivate func keys(region: String?) throws -> [LookupKey] {
        switch match {
        case .email:
            guard let key = input.content.emails.first.flatMap({ LookupKey.email(of: $0.address) }) else {
                throw Problem.invalidInput([
                    .init(pointer: "\(pointer)/emails", detail: "`match` is `email`: the contact needs an e-mail.")
                ])
            }
            return [key]
        case .phone:
            let keys = input.content.phones.first.map { LookupKey.candidates(for: $0.number, regions: [region]) } ?? []
            guard !keys.isEmpty else {
                throw Problem.invalidInput([
                    .init(pointer: "\(pointer)/phones", detail: "`match` is `phone`: the contact needs a phone number.")
                ])
            }
            return keys
        case .vendorID:
            guard input.vendorID != nil else {
                throw Problem.invalidInput([
                    .init(pointer: "\(pointer)/vendor_id", detail: "`match` is `vendor_id`: the contact needs one.")
                ])
            }
            return []
        }
    }
}
