//  `/v1/runs`: what synchronisation did, does, and waits to be allowed.

import Config
import HTTPCore
public import HTTPServer
import JSON
public import Log
import Platform
public import Store

/// The runs.
public struct RunsAPI: Sendable {
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
            .get("/v1/runs", access: "admin", .later { request in await answering(request, log: log, list) }),
            .get("/v1/runs/{id}", access: "admin", .later { request in await answering(request, log: log, show) }),
            .post(
                "/v1/runs/{id}/approve",
                access: "admin",
                .later { request in
                    await answering(request, log: log) {
                        try await idempotency.once($0) { request, _ in try await approve(request) }
                    }
                }
            ),
        ]
    }

    /// Newest first.
    func list(_ request: Request) async throws -> Response {
        let list = try ListRequest(request, filters: ["connection", "state"])
        let (limit, after) = (list.limit, list.after)
        let directory = live.current.connections
        var keys = directory.visibleKeys(for: request.caller)
        if let id = list.parameters["connection"] {
            guard let one = directory.connection(id, for: request.caller) else { throw Problem.notFound("connection") }
            keys = [one.key]
        }
        let state = try list.parameters["state"].map { word throws(Problem) in
            guard let state = RunState(rawValue: word) else {
                throw .invalidParameter("state", "`state` is running, done, failed or held.")
            }
            return state
        }
        let visible = keys
        let runs = try await store.read { snapshot in
            var found: [RunRow] = []
            var before = after > 0 ? after : nil
            while found.count <= limit {
                let page = try snapshot.runs.page(before: before, limit: limit + 1, connections: visible)
                found += page.filter { state == nil || $0.state == state }
                guard page.count > limit, let last = page.last else { break }
                before = last.id
            }
            return Array(found.prefix(limit + 1))
        }
        return list.answer(runs, key: \.id) { RunJSON.write($0, connection: name(of: $0, directory, request.caller)) }
    }

    /// One run; a dry one with the changes it would make.
    func show(_ request: Request) async throws -> Response {
        let run = try await find(request)
        let (changes, held) = try await store.read { snapshot in
            let changes = run.isDry ? try snapshot.runs.dryChanges(run.id, limit: RunJSON.mostChanges).map(\.body) : nil
            return (changes, run.state == .held ? try snapshot.runs.heldDeletes(run.id).count : nil)
        }
        let name = name(of: run, live.current.connections, request.caller)
        return .json(bytes: RunJSON.write(run, connection: name, changes: changes, heldDeletes: held))
    }

    /// Lets a held run go on.
    func approve(_ request: Request) async throws -> Response {
        let run = try await find(request)
        guard run.state == .held else {
            throw Problem(409, "not_held", "This run is \(run.state.rawValue); only a held one can be approved.")
        }
        try await sync.approve(run: run.id)
        return try await show(request)
    }

    private func find(_ request: Request) async throws -> RunRow {
        guard let id = RunJSON.key(of: request.parameters[0]),
            let run = try await store.read({ try $0.runs.find(id) }),
            live.current.connections.connection(key: run.connection, for: request.caller) != nil
        else { throw Problem.notFound("run") }
        return run
    }

    private func name(of run: RunRow, _ directory: ConnectionDirectory, _ caller: Caller) -> String? {
        directory.connection(key: run.connection, for: caller)?.id
    }
}

/// A run as JSON.
enum RunJSON {
    /// The most changes that a dry run lists.
    static let mostChanges = 10_000

    /// `run_12` → 12.
    static func key(of id: String) -> Int64? {
        guard id.hasPrefix("run_"), let key = Int64(id.dropFirst(4)), key > 0, id == "run_\(key)" else { return nil }
        return key
    }

    /// `{"id","connection","mode","state","dry_run","counts","pages","started_at","ended_at","error"}`, with `changes`
    /// for a dry run and `held_deletes` for a held one.
    static func write(
        _ run: RunRow,
        connection: String?,
        changes: [[UInt8]]? = nil,
        heldDeletes: Int? = nil
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.name("id")
        writer.string("run_\(run.id)")
        writer.name("connection")
        writer.string(connection)
        writer.name("mode")
        writer.string(run.mode)
        writer.name("state")
        writer.string(run.state.rawValue)
        writer.name("dry_run")
        writer.bool(run.isDry)
        writer.name("counts")
        writeCounts(run.counts, &writer)
        writer.name("pages")
        writer.int(run.counts.pages)
        writer.name("started_at")
        writer.string(run.startedAt.rfc3339)
        writer.name("ended_at")
        writer.string(run.endedAt?.rfc3339)
        writer.name("error")
        if let error = run.error { writer.raw(Array(error.utf8)) } else { writer.null() }
        if let heldDeletes {
            writer.name("held_deletes")
            writer.int(heldDeletes)
        }
        if let changes {
            writer.name("changes")
            writer.beginArray()
            for change in changes { writer.raw(change) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }

    private static func writeCounts(_ counts: RunCounts, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("seen")
        writer.int(counts.seen)
        writer.name("created")
        writer.int(counts.created)
        writer.name("updated")
        writer.int(counts.updated)
        writer.name("deleted")
        writer.int(counts.deleted)
        writer.name("unchanged")
        writer.int(counts.unchanged)
        writer.name("quarantined")
        writer.int(counts.quarantined)
        writer.endObject()
    }
}
