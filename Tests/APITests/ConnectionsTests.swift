//  Connections, runs and health as clients see them.

import Config
import HTTPCore
import JSON
import Log
import Platform
import Store
import Synchronization
import Testing

@testable import API

/// A synchronisation that writes down what it is asked.
private final class NotedSync: SyncControl {
    private let notes = Mutex<[String]>([])
    private let store: Store
    private let key: Int64

    init(_ store: Store, _ key: Int64) {
        self.store = store
        self.key = key
    }

    var asked: [String] { notes.withLock { $0 } }

    func start(connection: String, mode: String, isDry: Bool) async throws -> Int64 {
        notes.withLock { $0.append("start \(connection) \(mode)\(isDry ? " dry" : "")") }
        return try await store.write { [key] transaction in
            try transaction.runs.insert(RunRow(connection: key, mode: mode, startedAt: transaction.now))
        }
    }

    func approve(run: Int64) async throws {
        notes.withLock { $0.append("approve \(run)") }
        try await store.write { transaction in
            guard var row = try transaction.runs.find(run) else { return }
            row.state = .done
            try transaction.runs.update(row)
        }
    }

    func nextRun(of connection: String) -> Timestamp? { nil }
}

@Suite struct ConnectionsTests {
    private func resources(_ bench: ReadingBench) -> (ConnectionsAPI, RunsAPI, NotedSync) {
        let sync = NotedSync(bench.store, bench.book)
        return (
            ConnectionsAPI(live: bench.live, store: bench.store, sync: sync, log: .silent),
            RunsAPI(live: bench.live, store: bench.store, sync: sync, log: .silent), sync
        )
    }

    @Test func `connections are listed by key, and unseen ones are not there`() async throws {
        try await withReadingBench { bench in
            let (api, _, _) = resources(bench)
            try await bench.create("Ann")
            let first = try await api.list(bench.request(.get, "/v1/connections", "limit=1")).tree
            #expect(first["items"]?.arrayValue?.map { $0["id"] } == ["book"])
            let next = first["next"]?.stringValue ?? ""
            let second = try await api.list(bench.request(.get, "/v1/connections", "limit=1&after=\(next)")).tree
            #expect(second["items"]?.arrayValue?.map { $0["id"] } == ["desk"])
            #expect(second["next"] == .null)
            let shown = try await api.show(bench.request(.get, "/v1/connections/book", parameters: ["book"])).tree
            #expect(shown["contacts"] == 1)
            #expect(shown["state"] == "ok")
            #expect(shown["capabilities"]?["deletes"] == "none")
            #expect(shown["rate_limit"] == .null)
            let hidden = await problem {
                try await api.show(bench.request(.get, "/v1/connections/book", seeing: ["desk"], parameters: ["book"]))
            }
            #expect(hidden?.status == 404)
        }
    }

    @Test func `only a connection that left the configuration is purged`() async throws {
        try await withReadingBench { bench in
            let (api, _, _) = resources(bench)
            try await bench.create("Ann")
            let delete = bench.request(.delete, "/v1/connections/book", parameters: ["book"])
            let refusal1 = await problem { try await api.purge(delete) }
            #expect(refusal1?.code == "connection_in_use")
            var config = bench.live.current.config
            config.connections.removeFirst()
            let desk = bench.live.current.connections.all.filter { $0.id == "desk" }
            bench.live.replace(
                with: GatewayState(config: config, keys: KeyRing([]), connections: ConnectionDirectory(desk))
            )
            _ = try await bench.store.write {
                try $0.connections.register([(name: "desk", vendor: "local")], at: $0.now)
            }
            let shown = try await api.show(bench.request(.get, "/v1/connections/book", parameters: ["book"])).tree
            #expect(shown["state"] == "removed")
            #expect(try await api.purge(delete).status == 204)
            let refusal2 = await problem { try await api.purge(delete) }
            #expect(refusal2?.status == 404)
        }
    }

    @Test func `a run is ordered only where the vendor has it, and words are checked`() async throws {
        try await withReadingBench { bench in
            let (api, _, sync) = resources(bench)
            func order(_ body: JSONValue?) -> Request {
                bench.request(.post, "/v1/connections/book/sync", parameters: ["book"], body: body)
            }
            let refusal3 = await problem { try await api.start(order(["mode": "full"])) }
            #expect(refusal3?.code == "unsupported_mode")
            let refused = await problem { try await api.start(order(["mode": "fast", "dry_run": 1, "x": 1])) }
            #expect(refused?.errors.map(\.pointer) == ["/mode", "/dry_run", "/x"])
            #expect(sync.asked.isEmpty)
        }
    }

    @Test func `runs are listed newest first, and only a held one is approved`() async throws {
        try await withReadingBench { bench in
            let (_, api, sync) = resources(bench)
            let first = try await sync.start(connection: "book", mode: "full", isDry: false)
            let second = try await sync.start(connection: "book", mode: "delta", isDry: false)
            let page = try await api.list(bench.request(.get, "/v1/runs", "limit=1")).tree
            #expect(page["items"]?.arrayValue?.map { $0["id"] } == [.string("run_\(second)")])
            let next = page["next"]?.stringValue ?? ""
            let rest = try await api.list(bench.request(.get, "/v1/runs", "limit=1&after=\(next)")).tree
            #expect(rest["items"]?.arrayValue?.map { $0["id"] } == [.string("run_\(first)")])
            #expect(rest["next"] == .null)
            let approve = bench.request(.post, "/v1/runs/run_\(first)/approve", parameters: ["run_\(first)"])
            let refusal4 = await problem { try await api.approve(approve) }
            #expect(refusal4?.code == "not_held")
            try await bench.store.write { transaction in
                guard var row = try transaction.runs.find(first) else { return }
                row.state = .held
                try transaction.runs.update(row)
            }
            #expect(try await api.approve(approve).tree["state"] == "done")
            #expect(sync.asked.last == "approve \(first)")
            for id in ["run_0", "run_x", "1", "run_999", "run_01"] {
                let missing = await problem {
                    try await api.show(bench.request(.get, "/v1/runs/\(id)", parameters: [id]))
                }
                #expect(missing?.status == 404)
            }
        }
    }

    @Test func `ready as long as the store answers and nobody drains`() async throws {
        try await withReadingBench { bench in
            let api = HealthAPI(store: bench.store, stop: bench.stop, log: .silent)
            let ready = try await api.ready(bench.request(.get, "/readyz"))
            #expect(ready.status == 200)
            bench.stop.stop()
            let draining = await problem { try await api.ready(bench.request(.get, "/readyz")) }
            #expect(draining?.status == 503)
        }
    }
}
