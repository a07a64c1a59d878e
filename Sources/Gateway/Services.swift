//  What runs behind the routes, and what a new configuration is handed to.

import API
import Config
import Crypto
import HTTPClient
import HTTPCore
import JSON
import Log
import Platform
import Store
import Vendors

/// The long-lived parts, each made once.
final class Services: Sendable {
    let store: Store
    let client: Client
    let live: LiveState
    let log: Log
    let writes: ContactWrites
    let queue: QueuedWrites

    init(store: Store, client: Client, live: LiveState, seal: Seal, log: Log) {
        self.store = store
        self.client = client
        self.live = live
        self.log = log
        writes = ContactWrites(store: store, state: live, log: log)
        queue = QueuedWrites(writes: writes, store: store, state: live, log: log)
    }

    /// Runs everything that works in the background, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await untilCancelled("writes") { try await queue.run() } }
            group.addTask { [self] in await untilCancelled("retention") { try await forget() } }
        }
    }

    /// Hands a new configuration to those that keep something of it.
    func follow(_ state: GatewayState) async {
    }

    /// Makes the event of a reload.
    func report(_ outcome: ReloadOutcome) async {
        let (type, data) = outcome.event
        do {
            _ = try await store.write { try $0.events.emit(type: type, connection: nil, data: data) }
        } catch {
            log.error("config.event_failed", ["type": type, "error": "\(error)"])
        }
    }

    /// Lets those who wait for something go, so that a drain does not wait for them.
    func drain() {
    }

    func settle() async {}

    /// Ends what is left, the store last.
    func close() async {
        await client.close()
        await store.close()
    }

    /// Forgets what is older than the configuration says, every ten minutes.
    private func forget() async throws {
        while true {
            let config = live.current.config
            try await store.forgetOld(
                RetentionLimits(changes: config.changes.retain, deliveries: config.webhooks.retain)
            )
            try await ContinuousClock().sleep(for: .seconds(600))
        }
    }

    /// A part that fails is started again: one part's trouble stops no other.
    private func untilCancelled(_ part: String, _ body: @Sendable () async throws -> Void) async {
        while !Task.isCancelled {
            do {
                try await body()
            } catch is CancellationError {
                return
            } catch {
                log.error("service.failed", ["service": part, "error": "\(error)"])
            }
            // Cancelled in the pause, the loop ends.
            try? await ContinuousClock().sleep(for: .seconds(5))
        }
    }
}

extension ReloadOutcome {
    /// Type and data of the outcome's event.
    var event: (type: String, data: [UInt8]) {
        switch self {
        case .reloaded(let report):
            let data: JSONValue = [
                "generation": .int(report.status.generation), "sha256": .string(report.status.sha256),
                "changes": .array(report.changes.map(\.json)),
            ]
            return ("config.reloaded", data.encoded())
        case .rejected(let rejection):
            let errors = rejection.errors.map { error in
                [
                    "pointer": .string(error.pointer), "line": .int(error.line), "column": .int(error.column),
                    "detail": .string(error.message),
                ] as JSONValue
            }
            return ("config.rejected", (["errors": .array(errors)] as JSONValue).encoded())
        }
    }
}
