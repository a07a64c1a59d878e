//  `/livez` and `/readyz`: whether the process lives, and whether it can serve.

import HTTPCore
public import HTTPServer
import JSON
public import Log
public import Store

/// The two questions of an orchestrator; neither needs a key.
public struct HealthAPI: Sendable {
    private let store: Store
    private let stop: StopSignal
    private let log: Log

    /// Makes the resource; it is not ready any more once the signal is given.
    public init(store: Store, stop: StopSignal, log: Log) {
        self.store = store
        self.stop = stop
        self.log = log
    }

    /// Its rows of the table.
    public var routes: [Route] {
        [
            .get("/livez", .now { _, writer in writer.write(Response.json(200, ["status": "ok"])) }),
            .get("/readyz", .later { request in await answering(request, log: log, ready) }),
        ]
    }

    /// 200 when the store answers and the server does not drain; else 503.
    func ready(_ request: Request) async throws -> Response {
        guard !stop.isStopped else { throw Problem(503, "draining", "The gateway is stopping.") }
        do {
            _ = try await store.read { try $0.changes.last() }
        } catch {
            throw Problem(503, "storage_unavailable", "The database does not answer.")
        }
        return .json(200, ["status": "ok"])
    }
}
