//  Writes that wait for a vendor to come back: queued durably, sent in order for each connection.

import Config
import Contacts
import HTTPCore
import JSON
public import Log
import Platform
public import Store
import Synchronization

/// Queues writes, sends them when their vendor is back, and tells what became of them.
public final class QueuedWrites: Sendable {
    private let writes: ContactWrites
    private let store: Store
    private let state: LiveState
    private let log: Log
    private let clock: any Clock<Duration>
    /// The connections that a task is sending for.
    private let busy = Mutex<Set<Int64>>([])

    /// Makes the service.
    public init(
        writes: ContactWrites,
        store: Store,
        state: LiveState,
        log: Log,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.writes = writes
        self.store = store
        self.state = state
        self.log = log
        self.clock = clock
    }

    // MARK: For the API

    /// Queues a write.
    ///
    /// - Returns: 202 with the place to ask.
    func accept(_ order: WriteOrder, of request: Request, _ keyed: KeyedWrite?) async throws -> Response {
        let connection = try await connection(of: order, request.caller)
        let stored = order.encoded(caller: request.caller, terms: WriteTerms(request, nil)).encoded()
        return try await store.write { transaction in
            var row = WriteRow(connection: connection.key, operation: stored, contact: nil, createdAt: transaction.now)
            // What may have reached the vendor before it was queued is looked for there first.
            row.isUnderWay = keyed?.mayHaveHappened ?? false
            row.id = try transaction.writes.insert(row)
            let fields: HeaderFields = ["Location": "/v1/writes/wr_\(row.id)", "Preference-Applied": "respond-async"]
            let response = Response.json(202, row.json(connection: connection.id), fields: fields)
            try keyed?.keep(response, in: transaction)
            return response
        }
    }

    /// `GET /v1/writes/{id}`
    func answer(_ request: Request) async throws -> Response {
        guard let id = PublicID.key(of: request.parameters.first, prefix: "wr_"),
            let row = try await store.read({ try $0.writes.find(id) }),
            let connection = state.current.connections.connection(key: row.connection, for: request.caller)
        else { throw Problem.notFound("write") }
        return .json(200, row.json(connection: connection.id))
    }

    private func connection(of order: WriteOrder, _ caller: Caller) async throws -> LiveConnection {
        switch order {
        case .create(let contact), .upsert(_, let contact):
            return try writes.connection(of: ContactWrites.input(whole: contact, at: ""), at: "", caller)
        case .update(let id, _, _), .delete(let id):
            return try await writes.stored(id, caller).1
        }
    }

    // MARK: Sending

    /// Sends what is queued, now and whenever something is. Ends when cancelled.
    public func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let waiting = try await store.readAtLeisure { try $0.writes.waitingConnections() }
                for key in waiting where busy.withLock({ $0.insert(key).inserted }) {
                    group.addTask { await self.send(connection: key) }
                }
                try await clock.sleep(for: .seconds(1))
            }
        }
    }

    /// Sends the queue of one connection, in order, until it is empty or the vendor is out of reach.
    private func send(connection key: Int64) async {
        defer { _ = busy.withLock { $0.remove(key) } }
        do {
            while !Task.isCancelled, let row = try await store.readAtLeisure({ try $0.writes.next(connection: key) }) {
                let everyone = Caller(name: "queue", scopes: Set(Scope.allCases), connections: nil)
                // Not configured at the moment: its writes wait.
                guard state.current.connections.connection(key: key, for: everyone) != nil else { return }
                if let wait = try await attempt(row, everyone) {
                    try await clock.sleep(for: .seconds(wait))
                    return
                }
            }
        } catch is CancellationError {
            return
        } catch {
            log.error("write.queue_failed", ["error": "\(error)"])
        }
    }

    /// Tries one write.
    ///
    /// - Returns: Seconds to wait when the vendor is still out of reach or did not say what it did; `nil` when the write
    ///   is settled.
    private func attempt(_ row: WriteRow, _ caller: Caller) async throws -> Int? {
        var row = row
        // A process that stood here before did not live to say what came of it.
        let mayHaveHappened = row.isUnderWay
        row.attempts += 1
        row.isUnderWay = true
        try await note(row)
        do {
            guard let json = try? JSONValue(parsing: row.operation), let order = WriteOrder(stored: json) else {
                throw Problem(500, "internal_error", "The queued write cannot be read.")
            }
            var terms = WriteTerms(
                isStrict: json["strict"]?.boolValue ?? false,
                ifMatch: json["if_match"]?.stringValue
            )
            terms.mayHaveHappened = mayHaveHappened
            terms.storing = { [row] result, transaction in
                try transaction.writes.update(row.sent(result, at: transaction.now))
            }
            let trace = json["trace"]?.stringValue.flatMap { TraceContext(stored: $0) }
            let result = try await TraceContext.$current.withValue(trace) { [terms] in
                try await order.perform(by: writes, terms: terms, caller: caller)
            }
            row = row.sent(result, at: row.updatedAt)
        } catch {
            let problem = Problem(error)
            let wait = min(max(problem.retryAfter ?? 5, 1), 60)
            // It may have happened: it stays noted as under way, and the next attempt looks for it first.
            if problem.status == 504 || Task.isCancelled { return wait }
            if problem.status == 503 {
                row.isUnderWay = mayHaveHappened
                try await note(row)
                return wait
            }
            row.state = .failed
            row.outcome = problem.json(requestID: "").encoded()
        }
        try await note(row)
        log.info("write.settled", ["write": "wr_\(row.id)", "state": row.state.name, "attempts": String(row.attempts)])
        return nil
    }

    private func note(_ row: WriteRow) async throws {
        try await store.write { transaction in
            var row = row
            row.updatedAt = transaction.now
            try transaction.writes.update(row)
        }
    }
}

extension WriteRow {
    /// Whether it is being sent at this moment, or may have reached its vendor before.
    fileprivate var isUnderWay: Bool {
        get { state == .queued && outcome != nil }
        set { outcome = newValue ? Array("{}".utf8) : nil }
    }

    /// The same, sent.
    fileprivate func sent(_ result: WriteResult, at moment: Timestamp) -> WriteRow {
        var row = self
        row.state = .sent
        row.outcome = JSONValue.object([JSONMember("contact_id", .optional(result.contact?.id))]).encoded()
        row.updatedAt = moment
        return row
    }

    /// As the API shows it.
    fileprivate func json(connection: String) -> JSONValue {
        // Our own text; it always parses.
        let outcome = self.outcome.flatMap { try? JSONValue(parsing: $0) } ?? .null
        return [
            "id": .string("wr_\(id)"), "state": .string(state.name), "connection": .string(connection),
            "contact_id": state == .sent ? outcome["contact_id"] ?? .null : .null,
            "problem": state == .failed ? outcome : .null, "attempts": .int(attempts),
            "created_at": .string(createdAt.rfc3339), "updated_at": .string(updatedAt.rfc3339),
        ]
    }
}
