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
import Sync
import Vendors
import Webhooks

/// The long-lived parts, each made once.
final class Services: Sendable {
    let store: Store
    let client: Client
    let live: LiveState
    let log: Log
    let seal: Seal
    let vault: SecretVault
    let sync: SyncService
    let dispatcher: Dispatcher
    let writes: ContactWrites
    let queue: QueuedWrites
    /// Given when the program drains.
    let stop = StopSignal()
    private let deliveriesEnded = StopSignal()
    /// Somebody waits for a webhook and for a write that was accepted; nobody for a run or for old rows to go.
    private let outbound = BackgroundExecutor(name: "outbound", precedence: .second, threads: Processors.count)
    private let background = BackgroundExecutor(name: "background", precedence: .last, threads: Processors.count)

    init(store: Store, client: Client, live: LiveState, seal: Seal, log: Log) {
        self.store = store
        self.client = client
        self.live = live
        self.log = log
        self.seal = seal
        vault = SecretVault(seal: seal)
        sync = SyncService(store: store, log: log)
        let webhooks = live.current.config.webhooks
        dispatcher = Dispatcher(store: store, sender: client, config: webhooks, seal: seal, log: log)
        writes = ContactWrites(store: store, state: live, log: log)
        queue = QueuedWrites(writes: writes, store: store, state: live, log: log)
    }

    /// Runs everything that works in the background, until the task is cancelled.
    func run() async {
        sync.apply(live.current.targets)
        await withDiscardingTaskGroup { group in
            group.addTask(executorPreference: outbound) { [self] in
                await dispatcher.run()
                deliveriesEnded.stop()
            }
            group.addTask(executorPreference: outbound) { [self] in
                await untilCancelled("writes") { try await queue.run() }
            }
            group.addTask(executorPreference: background) { [self] in
                await untilCancelled("sync") { try await sync.run() }
            }
            group.addTask(executorPreference: background) { [self] in
                await untilCancelled("retention") { try await forget() }
            }
        }
    }

    /// Hands a new configuration to those that keep something of it.
    func follow(_ state: GatewayState) async {
        sync.apply(state.targets)
        dispatcher.replace(state.config.webhooks)
    }

    /// Makes the event of a reload.
    func report(_ outcome: ReloadOutcome) async {
        let (type, data) = outcome.event
        do {
            _ = try await store.write { try $0.events.emit(type: type, connection: nil, data: data) }
            dispatcher.wake()
        } catch {
            log.error("config.event_failed", ["type": type, "error": "\(error)"])
        }
    }

    /// Lets those who wait for something go, so that a drain does not wait for them.
    func drain() {
        stop.stop()
        dispatcher.drain()
    }

    /// Waits for deliveries under way, a few seconds at most: what is broken off is sent again at the next start.
    func settle() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.deliveriesEnded.signals() {} }
            // A cancelled sleep ends early, which is what it is cancelled for.
            group.addTask { try? await ContinuousClock().sleep(for: .seconds(5)) }
            await group.next()
            group.cancelAll()
        }
    }

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

extension Services {
    /// What the API needs to know of webhooks.
    var webhookRules: WebhookRules {
        WebhookRules(
            urlRefusal: { [live] url in
                AddressGuard(allowNetworks: live.current.config.webhooks.allowNetworks).refusal(ofURL: url)
            },
            eventTypes: EventFilter.types,
            makeSecret: { [vault] in vault.make() },
            messageID: { webhook, delivery in
                MessageID(webhook: webhook.id, createdAt: webhook.createdAt)
                    .make(sequence: delivery.sequence, event: delivery.event)
            },
            wake: { [dispatcher] in dispatcher.wake() }
        )
    }
}

extension GatewayState {
    /// The connections as synchronisation sees them.
    var targets: [SyncTarget] {
        connections.all.map { SyncTarget(key: $0.key, config: $0.config, adapter: $0.adapter) }
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

/// Synchronisation as the API asks for it.
struct SyncRequests: SyncControl {
    let sync: SyncService

    func start(connection: String, mode: String, isDry: Bool) async throws -> Int64 {
        guard let mode = RunMode(rawValue: mode) else {
            throw Problem.invalidInput([.init(pointer: "/mode", detail: "`mode` is full, delta or sweep.")])
        }
        return try await refusals { try await sync.sync(connection, mode: mode, dryRun: isDry) }
    }

    func approve(run: Int64) async throws {
        try await refusals { try await sync.approve(run) }
    }

    func nextRun(of connection: String) -> Timestamp? { sync.status(of: connection)?.nextAt }

    private func refusals<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let refusal as SyncRefusal {
            switch refusal {
            case .unknownConnection: throw Problem.notFound("connection")
            case .unknownRun: throw Problem.notFound("run")
            case .notHeld: throw Problem(409, "not_held", "Only a held run waits for approval.")
            case .unsupported(let mode):
                throw Problem(422, "unsupported_mode", "The vendor's protocol has no `\(mode.rawValue)` run.")
            }
        }
    }
}
