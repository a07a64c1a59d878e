//  Hot reload: read, decode, validate and build; only then swap. A bad file leaves the old configuration running.

import API
import Config
import Crypto
import HTTPServer
import Log
import Platform
import Synchronization

/// Puts configurations in force, one after the other, on a thread of its own where reading files blocks nobody.
final class Reload: Sendable {
    /// What asks for a reload.
    enum Trigger: String {
        case file, signal, api
        /// What could not be put in force is tried once more.
        case retry
    }

    /// What a new configuration is handed to, after the swap.
    typealias Follower = @Sendable (GatewayState) async -> Void

    private struct Request: Sendable {
        var work: @Sendable (Reload) async -> Void
    }

    private let file: ConfigFile
    private let listen: String?
    private let builder: ConnectionBuilder
    private let live: LiveState
    private let watcher: ConfigWatcher
    private let log: Log
    private let current: Mutex<ConfigStatus>
    /// Those that the configuration in force was drawn from.
    private let files: Mutex<[String]>
    private let follower: Follower
    private let identify = Mutex<@Sendable (TLSContext?) -> Void>({ _ in })
    private let report: @Sendable (ReloadOutcome) async -> Void
    private let retryPause: Duration
    private let (failures, failure) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let executor = ThreadExecutor(name: "reload")
    private let requests: AsyncStream<Request>
    private let queue: AsyncStream<Request>.Continuation

    /// Makes the reloader of a running program.
    ///
    /// The command line's `listen` goes before the file's. `follower` takes each new state after it is in force, and
    /// `report` tells of each outcome, for events. What failed for another reason than the file's is tried again after
    /// `retryPause`.
    init(
        loaded: LoadedConfig,
        listen: String?,
        builder: ConnectionBuilder,
        live: LiveState,
        log: Log,
        retryPause: Duration = .seconds(10),
        follower: @escaping Follower,
        report: @escaping @Sendable (ReloadOutcome) async -> Void
    ) {
        file = loaded.file
        self.listen = listen
        self.builder = builder
        self.live = live
        self.log = log
        self.retryPause = retryPause
        self.follower = follower
        self.report = report
        current = Mutex(loaded.status)
        files = Mutex(loaded.files)
        watcher = ConfigWatcher(path: loaded.file.path)
        watcher.include(loaded.files)
        (requests, queue) = AsyncStream.makeStream()
    }

    /// What the API calls.
    var control: ConfigControl {
        ConfigControl(
            status: { self.current.withLock { $0 } },
            reload: { try await self.ask { reload in try await reload.reload(.api) } },
            check: { bytes in try await self.ask { reload in try reload.check(bytes) } }
        )
    }

    /// Asks for a reload without waiting for it.
    func request(_ trigger: Trigger) {
        // What was wrong is logged, and seen in `last_error`: nobody waits for it here.
        queue.yield(Request { reload in _ = try? await reload.reload(trigger) })
    }

    /// Works until the task is cancelled.
    ///
    /// - Parameter identify: Serves new connections under that certificate, or plainly without one.
    func run(identify: @escaping @Sendable (TLSContext?) -> Void) async {
        self.identify.withLock { $0 = identify }
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in self.watcher.changes { self.request(.file) } }
                group.addTask {
                    for await _ in self.failures {
                        // Cancelled, the stream ends with the pause.
                        try? await ContinuousClock().sleep(for: self.retryPause)
                        self.request(.retry)
                    }
                }
                group.addTask(executorPreference: executor) {
                    for await request in self.requests { await request.work(self) }
                }
            }
        } onCancel: {
            watcher.stop()
            queue.finish()
        }
    }

    private func ask<Result: Sendable>(
        _ work: @escaping @Sendable (Reload) async throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = queue.yield(
                Request { reload in
                    do {
                        continuation.resume(returning: try await work(reload))
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            )
            if case .enqueued = outcome { return }
            continuation.resume(throwing: CancellationError())
        }
    }

    private func check(_ bytes: [UInt8]) throws -> [ConfigChange] {
        let next = try GatewayConfig.decode(bytes, surroundings: .gateway).config
        return GatewayConfig.changes(from: live.current.config, to: overridden(next))
    }

    private func reload(_ trigger: Trigger) async throws -> ReloadReport {
        let loaded: LoadedConfig
        do throws(InvalidConfig) {
            loaded = try LoadedConfig(file: file)
        } catch {
            await reject(error, trigger)
            throw error
        }
        do {
            return try await putInForce(loaded, trigger)
        } catch {
            // The file is good, and the store or the machine is not: that may pass without a change of any file.
            await reject(InvalidConfig(unreadable: "could not be put in force: \(error)"), trigger)
            failure.yield()
            throw error
        }
    }

    private func putInForce(_ loaded: LoadedConfig, _ trigger: Trigger) async throws -> ReloadReport {
        files.withLock { $0 = loaded.files }
        watcher.include(loaded.files)
        let old = live.current
        let changes = GatewayConfig.changes(from: old.config, to: overridden(loaded.config))
        // What takes effect only at the next start stays as it is, so that what is shown is what is in force.
        var config = loaded.config
        let level = config.server.logLevel
        let tls = config.server.tls
        config.server = old.config.server
        config.server.logLevel = level
        config.server.tls = tls
        config.database = old.config.database
        let isNew = config != old.config
        if isNew {
            let isOther = tls != old.config.server.tls
            let identity = isOther ? try tls.map { try TLSContext($0.identity) } : nil
            let connections = try await builder.connections(for: config, keeping: old.connections.all)
            let next = GatewayState(
                config: config,
                keys: KeyRing(config.keys, after: old.keys),
                connections: ConnectionDirectory(connections)
            )
            live.replace(with: next)
            log.setLevel(level)
            if isOther { identify.withLock { $0 }(identity) }
            await follower(next)
        }
        let status = current.withLock { status in
            status = ConfigStatus(
                generation: status.generation + (isNew ? 1 : 0),
                sha256: loaded.status.sha256,
                loadedAt: loaded.status.loadedAt
            )
            return status
        }
        loaded.warn(log)
        let result = ReloadReport(status: status, changes: changes)
        if !changes.isEmpty {
            log.info(
                "config.reloaded",
                [
                    "trigger": trigger.rawValue, "generation": String(status.generation),
                    "changes": changes.map { "\($0.kind.rawValue) \($0.path)" }.joined(separator: ", "),
                ]
            )
            for change in changes where change.needsRestart {
                log.warning("config.needs_restart", ["path": change.path])
            }
            await report(.reloaded(result))
        }
        return result
    }

    private func reject(_ invalid: InvalidConfig, _ trigger: Trigger) async {
        watcher.include(Array(Set(invalid.files + files.withLock { $0 })))
        let rejection = ConfigStatus.Rejection(at: .now(), errors: invalid.errors)
        let isRepeated = current.withLock { status in
            let isRepeated = status.lastError?.errors == invalid.errors
            status.lastError = rejection
            return isRepeated
        }
        if !isRepeated || trigger != .retry { invalid.log(to: log, file.path, trigger.rawValue) }
        if !isRepeated { await report(.rejected(rejection)) }
    }

    private func overridden(_ config: GatewayConfig) -> GatewayConfig {
        var config = config
        if let listen { config.server.listen = listen }
        return config
    }
}

/// How a reload ended, for events.
enum ReloadOutcome: Sendable {
    case reloaded(ReloadReport)
    case rejected(ConfigStatus.Rejection)
}

/// A configuration file as it was read.
struct LoadedConfig: Sendable {
    var file: ConfigFile
    var config: GatewayConfig
    /// Secret and PEM files.
    var files: [String]
    /// What is allowed and should be looked at.
    var warnings: [ConfigError]
    var status: ConfigStatus

    /// Reads and validates the file.
    init(file: ConfigFile) throws(InvalidConfig) {
        let bytes = try file.read()
        let decoded = try GatewayConfig.decode(bytes, surroundings: .gateway)
        self.file = file
        config = decoded.config
        files = decoded.files
        warnings = decoded.warnings
        status = ConfigStatus(generation: 1, sha256: SHA256.hexDigest(of: bytes), loadedAt: .now())
    }
}

extension LoadedConfig {
    /// One line for each thing that should be looked at.
    func warn(_ log: Log) {
        for warning in warnings {
            log.warning(
                "config.warning",
                ["file": file.path, "pointer": warning.pointer, "warning": warning.message]
            )
        }
    }
}

extension InvalidConfig {
    /// One line for each complaint.
    func log(to log: Log, _ path: String, _ trigger: String) {
        for error in errors {
            log.error(
                "config.rejected",
                [
                    "trigger": trigger, "file": path, "line": String(error.line), "column": String(error.column),
                    "pointer": error.pointer, "error": error.message,
                ]
            )
        }
    }
}
