//  Answers kept for repeated requests (draft-ietf-httpapi-idempotency-key-header).

public import Platform

/// The answers of writes that came with an `Idempotency-Key`, for 24 hours.
public struct IdempotencyTable<Access> {
    let database: Database
}

/// An answer as it was first given.
public struct StoredAnswer: Equatable, Sendable {
    /// The status.
    public var status: Int
    /// The header fields worth repeating, a JSON object.
    public var headers: String
    /// The body.
    public var body: [UInt8]

    /// Makes an answer.
    public init(status: Int, headers: String, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// What a key means for a request.
public enum IdempotencyOutcome: Equatable, Sendable {
    /// Never seen: do the work, then ``IdempotencyTable/finish(owner:key:answer:)``.
    case new
    /// The first request was this one and was cut off: what it did outside of the store may have happened.
    case interrupted
    /// The first request is still at work.
    case running
    /// The first request was this one.
    case answered(StoredAnswer)
    /// The key was used with another request.
    case mismatch
}

extension IdempotencyTable where Access == Writing {
    /// Takes the key for a request, or tells what became of it.
    ///
    /// - Parameters:
    ///   - owner: Whose key space it is: the name of the API key.
    ///   - key: The client's key.
    ///   - fingerprint: A digest of method, path and body.
    ///   - now: The present; answers older than 24 hours are forgotten.
    /// - Returns: What the key means for the request.
    /// - Throws: ``StoreError``.
    public func begin(
        owner: String,
        key: String,
        fingerprint: [UInt8],
        now: Timestamp
    ) throws(StoreError) -> IdempotencyOutcome {
        try database.run(IdempotencySQL.forget, owner, key, now.milliseconds - 86_400_000)
        let known = try database.row(IdempotencySQL.find, owner, key) { row in
            (fingerprint: row.bytes(0), status: row.optionalInt(1), headers: row.text(2), body: row.bytes(3))
        }
        guard let known else {
            try database.run(IdempotencySQL.insert, owner, key, fingerprint, now)
            return .new
        }
        guard known.fingerprint == fingerprint else { return .mismatch }
        guard let status = known.status else { return .running }
        if status == IdempotencySQL.interrupted {
            try database.run(IdempotencySQL.resume, owner, key)
            return .interrupted
        }
        return .answered(StoredAnswer(status: Int(status), headers: known.headers, body: known.body))
    }

    /// Keeps the answer of the request that took the key.
    public func finish(owner: String, key: String, answer: StoredAnswer) throws(StoreError) {
        try database.run(IdempotencySQL.finish, owner, key, answer.status, answer.headers, answer.body)
    }

    /// Gives the key back, so that the request may come again.
    ///
    /// - Parameters:
    ///   - owner: As in ``begin(owner:key:fingerprint:now:)``.
    ///   - key: Likewise.
    ///   - mayHaveHappened: Whether the request may have done something outside of the store: the next one is told.
    /// - Throws: ``StoreError``.
    public func giveBack(owner: String, key: String, mayHaveHappened: Bool) throws(StoreError) {
        try database.run(mayHaveHappened ? IdempotencySQL.interrupt : IdempotencySQL.abandon, owner, key)
    }

    /// What a start does with the keys of requests that the process before it did not live to answer.
    static var interruptAll: Query { IdempotencySQL.interruptAll }
}

private enum IdempotencySQL {
    static let find = Query("select fingerprint, status, headers, body from idempotency where owner = ? and key = ?")
    static let insert = Query("insert into idempotency (owner, key, fingerprint, at_ms) values (?, ?, ?, ?)")
    static let finish = Query(
        "update idempotency set status = ?3, headers = ?4, body = ?5 where owner = ?1 and key = ?2"
    )
    /// Stands in the column of the status: no answer has it.
    static let interrupted: Int64 = 0
    static let interruptAll = Query("update idempotency set status = 0 where status is null")
    static let interrupt = Query("update idempotency set status = 0 where owner = ? and key = ? and status is null")
    static let resume = Query("update idempotency set status = null where owner = ? and key = ?")
    static let abandon = Query("delete from idempotency where owner = ? and key = ? and status is null")
    static let forget = Query("delete from idempotency where owner = ? and key = ? and at_ms < ?")
}
