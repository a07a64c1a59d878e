//  `/v1/contacts`, the writing half: create, patch, replace, delete, upsert, batch. Reading is in ContactReads.

import Contacts
public import HTTPCore
import JSON
public import Log
import Platform
public import Store
import Vendors

/// Answers writes of contacts.
public final class ContactsAPI: Sendable {
    let writes: ContactWrites
    let queue: QueuedWrites
    private let idempotency: Idempotency
    let log: Log

    /// Makes the resource.
    public init(writes: ContactWrites, queue: QueuedWrites, store: Store, log: Log) {
        self.writes = writes
        self.queue = queue
        idempotency = Idempotency(store: store)
        self.log = log
    }

    /// `POST /v1/contacts`
    public func create(_ request: Request) async -> Response {
        await once(request) { request, keyed in
            let body = try request.jsonBody()
            return try await self.queueing(request, keyed, .create(body)) {
                try await self.writes.create(body, terms: WriteTerms(request, keyed), caller: request.caller)
            }
        }
    }

    /// `PATCH /v1/contacts/{id}`
    public func patch(_ request: Request) async -> Response {
        await once(request) { try await self.update($0, $1, merging: true) }
    }

    /// `PUT /v1/contacts/{id}`
    public func replace(_ request: Request) async -> Response {
        await once(request) { try await self.update($0, $1, merging: false) }
    }

    private func update(_ request: Request, _ keyed: KeyedWrite?, merging: Bool) async throws -> Response {
        let body = try request.jsonBody(isPatch: merging)
        let id = request.parameters[0]
        return try await queueing(request, keyed, .update(id: id, body, merging: merging)) {
            try await self.writes.update(
                id,
                with: body,
                merging: merging,
                terms: WriteTerms(request, keyed),
                caller: request.caller
            )
        }
    }

    /// `DELETE /v1/contacts/{id}`
    public func delete(_ request: Request) async -> Response {
        await once(request) { request, keyed in
            let id = request.parameters[0]
            return try await self.queueing(request, keyed, .delete(id: id)) {
                try await self.writes.delete(id, terms: WriteTerms(request, keyed), caller: request.caller)
            }
        }
    }

    /// `POST /v1/contacts/upsert`
    public func upsert(_ request: Request) async -> Response {
        await once(request) { request, keyed in
            let order = try UpsertOrder(request.jsonBody(), at: "")
            return try await self.queueing(request, keyed, .upsert(match: order.match.rawValue, order.contact)) {
                try await self.writes.upsert(order, terms: WriteTerms(request, keyed), caller: request.caller)
            }
        }
    }

    /// `POST /v1/contacts/batch`
    public func batch(_ request: Request) async -> Response {
        await once(request) { request, keyed in
            // Its operations commit one by one: of one that was cut off, nobody knows how far it came.
            if keyed?.mayHaveHappened == true { throw Problem.answerLost }
            let results = try await self.writes.batch(
                request.jsonBody(),
                terms: WriteTerms(request, nil),
                caller: request.caller,
                requestID: request.id
            )
            return .json(
                bytes: Array("{\"results\":[".utf8) + Array(results.joined(separator: [UInt8(ascii: ",")]))
                    + Array("]}".utf8)
            )
        }
    }

    /// `GET /v1/writes/{id}`
    public func write(_ request: Request) async -> Response {
        await answering(request, log: log) { try await self.queue.answer($0) }
    }

    /// Does a write, or queues it when the vendor is out of reach and the client prefers that.
    private func queueing(
        _ request: Request,
        _ keyed: KeyedWrite?,
        _ order: WriteOrder,
        _ work: () async throws -> WriteResult
    ) async throws -> Response {
        do {
            return try await work().response
        } catch let problem as Problem {
            guard Preferences(request.fields).respondsAsync, problem.status == 503, problem.vendor != nil else {
                throw problem
            }
            return try await queue.accept(order, of: request, keyed)
        }
    }

    private func once(
        _ request: Request,
        _ work: @escaping (Request, KeyedWrite?) async throws -> Response
    ) async -> Response {
        await answering(request, log: log) { try await self.idempotency.once($0, work) }
    }
}

extension WriteTerms {
    /// The terms that a request's header states; what it comes to is kept for its key in the same transaction.
    init(_ request: Request, _ keyed: KeyedWrite?) {
        self.init(isStrict: Preferences(request.fields).isStrict, ifMatch: request.fields["If-Match"])
        guard let keyed else { return }
        mayHaveHappened = keyed.mayHaveHappened
        storing = { result, transaction in try keyed.keep(result.response, in: transaction) }
    }
}

extension WriteResult {
    /// The whole answer: the contact with its `translation`.
    var response: Response {
        guard let contact else { return Response(status: status) }
        var fields: HeaderFields = ["ETag": EntityTag.make(contact.revision)]
        if let syncedAt { fields.add("Synced-At", syncedAt.rfc3339) }
        if status == 201 { fields.add("Location", "/v1/contacts/\(contact.id)") }
        return .json(status, bytes: body(of: contact), fields: fields)
    }

    /// The contact's document with `translation` as its last member.
    private func body(of contact: Contact) -> [UInt8] {
        var bytes = contact.encodedDocument()
        bytes.removeLast()
        bytes += Array(",\"translation\":".utf8) + translation.json.encoded() + [UInt8(ascii: "}")]
        return bytes
    }

    /// One entry of a batch's `results`.
    var batchEntry: [UInt8] {
        var bytes = Array("{\"status\":\(status)".utf8)
        if let contact {
            bytes += Array(",\"contact\":".utf8) + contact.encodedDocument()
            bytes += Array(",\"translation\":".utf8) + translation.json.encoded()
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
