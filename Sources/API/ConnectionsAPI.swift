//  `/v1/connections`: what each connection can do, how it is doing, and orders to synchronise.

import Config
import HTTPCore
public import HTTPServer
import JSON
public import Log
import Platform
public import Store
import Vendors

/// The connections.
public struct ConnectionsAPI: Sendable {
    private let live: LiveState
    private let store: Store
    private let sync: any SyncControl
    private let log: Log
    private let idempotency: Idempotency

    /// Makes the resource.
    public init(live: LiveState, store: Store, sync: any SyncControl, log: Log) {
        self.live = live
        self.store = store
        self.sync = sync
        self.log = log
        idempotency = Idempotency(store: store)
    }

    /// Its rows of the table.
    public var routes: [Route] {
        [
            .get("/v1/connections", access: "read", .later { await answering($0, log: log, list) }),
            .get("/v1/connections/{id}", access: "read", .later { await answering($0, log: log, show) }),
            .delete("/v1/connections/{id}", access: "admin", .later { await answering($0, log: log, purge) }),
            .post(
                "/v1/connections/{id}/sync",
                access: "admin",
                .later { request in
                    await answering(request, log: log) {
                        try await idempotency.once($0) { request, _ in try await start(request) }
                    }
                }
            ),
        ]
    }

    /// Those of the configuration and those that left it, by their age.
    func list(_ request: Request) async throws -> Response {
        let list = try ListRequest(request)
        let (caller, after, most) = (request.caller, list.after, list.limit + 1)
        let memories = try await store.read { snapshot in
            try snapshot.connections.all().filter { $0.key > after && caller.sees($0.name) }
                .sorted { $0.key < $1.key }.prefix(most).map { try ConnectionMemory($0, in: snapshot) }
        }
        return list.answer(memories, key: \.row.key, json: json)
    }

    /// One of them.
    func show(_ request: Request) async throws -> Response {
        let memory = try await find(request)
        var fields = HeaderFields()
        if let syncedAt = memory.row.lastGoodRunAt { fields.add("Synced-At", syncedAt.rfc3339) }
        return .json(bytes: json(memory), fields: fields)
    }

    /// Deletes what is left of a connection that has left the configuration.
    func purge(_ request: Request) async throws -> Response {
        let row = try await find(request).row
        guard row.removedAt != nil, live.current.config.connection(row.name) == nil else {
            throw Problem(
                409,
                "connection_in_use",
                "`\(row.name)` is in the configuration; take it out first, then its contacts can be purged."
            )
        }
        while try await !store.write({ try $0.connections.purge(row.key) }) {}
        return Response(status: 204)
    }

    /// Orders a run.
    func start(_ request: Request) async throws -> Response {
        guard let connection = live.current.connections.connection(request.parameters[0], for: request.caller) else {
            throw Problem.notFound("connection")
        }
        let order = try SyncOrder(request, connection.adapter)
        let run = try await sync.start(connection: connection.id, mode: order.mode, isDry: order.isDry)
        guard let row = try await store.read({ try $0.runs.find(run) }) else { throw Problem.notFound("run") }
        return .json(
            202,
            bytes: RunJSON.write(row, connection: connection.id),
            fields: ["Location": "/v1/runs/run_\(run)"]
        )
    }

    private func find(_ request: Request) async throws -> ConnectionMemory {
        let name = request.parameters[0]
        guard request.caller.sees(name),
            let memory = try await store.read({ snapshot in
                try snapshot.connections.find(name).map { try ConnectionMemory($0, in: snapshot) }
            })
        else { throw Problem.notFound("connection") }
        return memory
    }

    private func json(_ memory: ConnectionMemory) -> [UInt8] {
        let connection = live.current.connections.all.first { $0.key == memory.row.key }
        let next = connection.flatMap { sync.nextRun(of: $0.id) }
        return ConnectionJSON(memory: memory, connection: connection, nextRun: next).write()
    }
}

/// What the store remembers of a connection.
struct ConnectionMemory: Sendable {
    let row: ConnectionRow
    let contacts: Int
    let quarantined: Int
    let queuedWrites: Int
    let lastRun: RunRow?

    /// Reads it.
    init(_ row: ConnectionRow, in snapshot: Snapshot) throws {
        self.row = row
        contacts = try snapshot.contacts.count(connection: row.key)
        quarantined = try snapshot.quarantine.count(connection: row.key)
        queuedWrites = try snapshot.writes.queuedCount(connection: row.key)
        lastRun = try snapshot.runs.latest(connection: row.key)
    }
}

/// The body of `POST /v1/connections/{id}/sync`: `{"mode"?, "dry_run"?}`, checked against what the vendor has.
struct SyncOrder: Equatable {
    let mode: String
    let isDry: Bool

    /// Reads it; an empty body means the vendor's cheapest run.
    init(_ request: Request, _ adapter: any VendorAdapter) throws(Problem) {
        let body = request.body.isEmpty ? JSONValue.object([]) : try request.jsonBody()
        guard let members = body.objectValue else {
            throw .invalidInput([Problem.InputError(pointer: "", detail: "The body is an object.")])
        }
        var errors: [Problem.InputError] = []
        var mode = adapter.delta != nil ? "delta" : "full"
        var isDry = false
        for member in members where member.value != .null {
            switch member.name {
            case "mode":
                if let word = member.value.stringValue, ["delta", "full", "sweep"].contains(word) {
                    mode = word
                } else {
                    errors.append(.init(pointer: "/mode", detail: "`mode` is delta, full or sweep."))
                }
            case "dry_run":
                if let truth = member.value.boolValue {
                    isDry = truth
                } else {
                    errors.append(.init(pointer: "/dry_run", detail: "`dry_run` is true or false."))
                }
            default:
                let detail = "Unknown member `\(member.name)`; here are `mode` and `dry_run`."
                errors.append(.init(pointer: JSONPointer.appending(member.name, to: ""), detail: detail))
            }
        }
        guard errors.isEmpty else { throw .invalidInput(errors) }
        self.mode = mode
        self.isDry = isDry
        let has = [
            ("delta", adapter.delta != nil), ("full", adapter.listing != nil), ("sweep", adapter.deletes != nil),
        ].filter(\.1).map(\.0)
        guard has.contains(mode) else {
            let can = has.isEmpty ? "it cannot be read at all" : "it has \(has.joined(separator: ", "))"
            throw Problem(422, "unsupported_mode", "This connection's vendor has no \(mode) run; \(can).")
        }
    }
}
