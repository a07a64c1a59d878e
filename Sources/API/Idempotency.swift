//  The same write sent twice is done once (draft-ietf-httpapi-idempotency-key-header).

import Crypto
import HTTPCore
import JSON
import Store
import Synchronization

/// A write that came with a key, while it is at work.
final class KeyedWrite: Sendable {
    /// Whether the same write may have reached its vendor before: whoever sends it looks for it first.
    let mayHaveHappened: Bool
    private let owner: String
    private let key: String
    private let seal: Seal?
    private let isKept = Atomic(false)

    fileprivate init(owner: String, key: String, mayHaveHappened: Bool, seal: Seal?) {
        self.owner = owner
        self.key = key
        self.mayHaveHappened = mayHaveHappened
        self.seal = seal
    }

    /// Keeps the answer in the transaction of the write itself: no crash comes between the two.
    func keep(_ response: Response, in transaction: Transaction) throws(StoreError) {
        let fields = response.fields.lines.map { JSONMember($0.name, .string($0.value)) }
        let answer = StoredAnswer(
            status: response.status,
            headers: String(decoding: JSONValue.object(fields).encoded(), as: UTF8.self),
            body: seal?.seal(response.body, context: Idempotency.sealContext) ?? response.body
        )
        try transaction.idempotency.finish(owner: owner, key: key, answer: answer)
        isKept.store(true, ordering: .relaxed)
    }

    /// Keeps an answer that no transaction of its own has kept.
    fileprivate func keep(_ response: Response, in store: Store) async throws {
        guard !isKept.load(ordering: .relaxed) else { return }
        try await store.write { try self.keep(response, in: $0) }
    }

    /// Keeps the answer of a write that failed for good.
    fileprivate func keepFailure(_ response: Response, in store: Store) async throws {
        // What was kept went with the transaction that failed.
        isKept.store(false, ordering: .relaxed)
        try await keep(response, in: store)
    }

    /// Lets the request come again.
    fileprivate func giveBack(to store: Store, mayHaveHappened: Bool) async throws {
        let (owner, key) = (owner, key)
        try await store.write { transaction in
            try transaction.idempotency.giveBack(owner: owner, key: key, mayHaveHappened: mayHaveHappened)
        }
    }
}

/// Keeps the answers of writes that came with an `Idempotency-Key`.
struct Idempotency: Sendable {
    fileprivate static let sealContext = "idempotency"
    let store: Store
    /// Seals the bodies of answers that hold secrets; `nil` where none does.
    var seal: Seal?

    /// Does a request's work, or gives the answer that the same request got before.
    ///
    /// A failure that may pass (5xx, 429) is not kept: the client is to try again under the same key.
    ///
    /// - Parameters:
    ///   - request: With or without a key.
    ///   - work: Does it; may keep the answer in its own transaction.
    /// - Returns: The answer.
    /// - Throws: ``Problem`` 400 for a key that is none, 422 for one used with another request, 409 while the first
    ///   request is at work; and whatever the work throws.
    func once(
        _ request: Request,
        _ work: @escaping (Request, KeyedWrite?) async throws -> Response
    ) async throws -> Response {
        guard let header = request.fields["Idempotency-Key"] else { return try await work(request, nil) }
        let key = try Self.key(of: header)
        let owner = request.caller.name
        let fingerprint = Self.fingerprint(of: request)
        let outcome = try await store.write { transaction in
            try transaction.idempotency.begin(owner: owner, key: key, fingerprint: fingerprint, now: transaction.now)
        }
        switch outcome {
        case .new, .interrupted:
            let keyed = KeyedWrite(owner: owner, key: key, mayHaveHappened: outcome == .interrupted, seal: seal)
            return try await first(request, keyed, work)
        case .answered(let answer): return try response(of: answer)
        case .running:
            var problem = Problem(409, "idempotency_key_in_use", "The first request with this key is still at work.")
            problem.retryable = true
            problem.retryAfter = 1
            throw problem
        case .mismatch:
            throw Problem(422, "idempotency_key_reused", "This key came with another request before; use a new one.")
        }
    }

    private func first(
        _ request: Request,
        _ keyed: KeyedWrite,
        _ work: (Request, KeyedWrite?) async throws -> Response
    ) async throws -> Response {
        do {
            let response = try await work(request, keyed)
            try await keyed.keep(response, in: store)
            return response
        } catch {
            let problem = Problem(error)
            if problem.status >= 500 || problem.status == 429 {
                // 504: the vendor may have done it, or has.
                let mayHaveHappened = keyed.mayHaveHappened || problem.status == 504
                try await keyed.giveBack(to: store, mayHaveHappened: mayHaveHappened)
                throw error
            }
            let response = problem.response(requestID: request.id)
            try await keyed.keepFailure(response, in: store)
            return response
        }
    }

    /// What the field may hold: a structured-field string in quotes (RFC 9651 §3.3.3) without escapes, or its
    /// characters bare, without spaces.
    static let keyPattern = #"^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$"#

    private static func key(of header: String) throws(Problem) -> String {
        let quote = UInt8(ascii: "\"")
        let isQuoted = header.utf8.count >= 2 && header.utf8.first == quote && header.utf8.last == quote
        let key = isQuoted ? header.dropFirst().dropLast() : Substring(header)
        let excluded = isQuoted ? UInt8(ascii: "\\") : UInt8(ascii: " ")
        let isUsable = key.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != quote && $0 != excluded }
        guard isUsable, (1...255).contains(key.utf8.count) else {
            throw .invalidParameter(
                "Idempotency-Key",
                "`Idempotency-Key` has 1 to 255 visible ASCII characters, bare or in double quotes."
            )
        }
        return String(key)
    }

    static func fingerprint(of request: Request) -> [UInt8] {
        let head =
            "\(request.method.rawValue) \(request.path)?\(request.query ?? "")\n\(request.fields["If-Match"] ?? "")\n"
        return SHA256.digest(of: Array(head.utf8) + request.body)
    }

    private func response(of answer: StoredAnswer) throws(Problem) -> Response {
        let opened = seal.map { $0.open(answer.body, context: Self.sealContext) } ?? answer.body
        // Sealed under another `database.key`.
        guard let body = opened else { throw .answerLost }
        var fields = HeaderFields()
        // Our own text; it always parses.
        for member in (try? JSONValue(parsing: Array(answer.headers.utf8)))?.objectValue ?? [] {
            fields.add(member.name, member.value.stringValue ?? "")
        }
        return Response(status: answer.status, fields: fields, body: body)
    }
}

extension Problem {
    /// The first request may have been done, in part or whole, and nobody knows its answer.
    static var answerLost: Problem {
        Problem(
            409,
            "idempotency_answer_lost",
            "The first request with this key was cut off; read what it did, and write again under a new key."
        )
    }
}
