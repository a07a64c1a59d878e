//  The same write sent twice is done once (draft-ietf-httpapi-idempotency-key-header).

import Crypto
import HTTPCore
import JSON
import Log
import Store

/// Keeps the answers of writes that came with an `Idempotency-Key`.
struct Idempotency: Sendable {
    let store: Store
    let log: Log

    /// Does a request's work, or gives the answer that the same request got before.
    ///
    /// A failure that may pass (5xx, 429) is not kept: the client is to try again under the same key.
    ///
    /// - Throws: ``Problem`` 400 for a key that is none, 422 for one used with another request, 409 while the first
    ///   request is at work; and whatever the work throws.
    func once(
        _ request: Request,
        _ work: @escaping (Request) async throws -> Response
    ) async throws -> Response {
        guard let header = request.fields["Idempotency-Key"] else { return try await work(request) }
        let key = try Self.key(of: header)
        let owner = request.caller.name
        let fingerprint = Self.fingerprint(of: request)
        let outcome = try await store.write { transaction in
            try transaction.idempotency.begin(owner: owner, key: key, fingerprint: fingerprint, now: transaction.now)
        }
        switch outcome {
        case .new: return try await first(request, owner: owner, key: key, work)
        case .answered(let answer): return Self.response(of: answer)
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
        owner: String,
        key: String,
        _ work: (Request) async throws -> Response
    ) async throws -> Response {
        let response: Response
        do {
            response = try await work(request)
        } catch {
            let problem = Problem(error)
            if problem.status >= 500 || problem.status == 429 {
                try await store.write { try $0.idempotency.abandon(owner: owner, key: key) }
                throw error
            }
            response = problem.response(requestID: request.id)
        }
        let fields = response.fields.lines.map { JSONMember($0.name, .string($0.value)) }
        let answer = StoredAnswer(
            status: response.status,
            headers: String(decoding: JSONValue.object(fields).encoded(), as: UTF8.self),
            body: response.body
        )
        try await store.write { try $0.idempotency.finish(owner: owner, key: key, answer: answer) }
        return response
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

    private static func fingerprint(of request: Request) -> [UInt8] {
        let head =
            "\(request.method.rawValue) \(request.path)?\(request.query ?? "")\n\(request.fields["If-Match"] ?? "")\n"
        return SHA256.digest(of: Array(head.utf8) + request.body)
    }

    private static func response(of answer: StoredAnswer) -> Response {
        var fields = HeaderFields()
        // Our own text; it always parses.
        for member in (try? JSONValue(parsing: Array(answer.headers.utf8)))?.objectValue ?? [] {
            fields.add(member.name, member.value.stringValue ?? "")
        }
        return Response(status: answer.status, fields: fields, body: answer.body)
    }
}
