//  Synchronisation of every connection: a task for each, started and stopped as the configuration says.

import Config
public import Log
public import Platform
public import Store
import Synchronization
public import Vendors

/// Keeps all connections in step with their vendors.
///
/// ``run()`` does the work; ``apply(_:)`` says which connections there are and leaves alone those whose settings did
/// not change.
public final class SyncService: Sendable {
    private enum Command: Sendable {
        case start(ConnectionWorker, after: ConnectionWorker?)
        case approve(RunRow, SyncTarget, AsyncStream<Never>.Continuation)
    }

    /// What the runs came to.
    public let meter = SyncMeter()
    private let book: RunBook
    private let log: Log
    private let clock: any Clock<Duration>
    private let jitter: @Sendable () -> Double
    private let workers = Mutex<[String: ConnectionWorker]>([:])
    private let commands: AsyncStream<Command>
    private let command: AsyncStream<Command>.Continuation

    /// Makes a service that does nothing yet.
    ///
    /// - Parameters:
    ///   - store: Where contacts are kept.
    ///   - log: One line for each run.
    ///   - clock: Sleeps until the next run.
    ///   - wallClock: Says when that is.
    ///   - jitter: -1 … 1, drawn anew for each wait.
    public init(
        store: Store,
        log: Log,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
        jitter: @escaping @Sendable () -> Double = { Double.random(in: -1...1) }
    ) {
        book = RunBook(store: store, meter: meter, clock: wallClock)
        self.log = log
        self.clock = clock
        self.jitter = jitter
        (commands, command) = AsyncStream.makeStream(of: Command.self)
    }

    /// Works until cancelled. What is interrupted then goes on at the next start.
    public func run() async throws {
        await withDiscardingTaskGroup { group in
            for await command in commands {
                switch command {
                case .start(let worker, let predecessor): group.addTask { await worker.work(after: predecessor) }
                case .approve(let run, let target, let done):
                    group.addTask {
                        await self.approve(run, target)
                        done.finish()
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Puts a configuration's connections in force. A connection whose settings did not change goes on undisturbed;
    /// one that changed or went ends its run first.
    public func apply(_ targets: [SyncTarget]) {
        workers.withLock { workers in
            var next: [String: ConnectionWorker] = [:]
            for target in targets {
                let old = workers.removeValue(forKey: target.config.id)
                if let old, old.target.config == target.config, old.target.key == target.key {
                    next[target.config.id] = old
                    continue
                }
                old?.stop()
                let worker = ConnectionWorker(target: target, book: book, log: log, clock: clock, jitter: jitter)
                next[target.config.id] = worker
                command.yield(.start(worker, after: old))
            }
            for worker in workers.values { worker.stop() }
            workers = next
        }
    }

    /// Starts a run now, or as soon as the connection's present one has ended.
    ///
    /// - Returns: The run's key.
    /// - Throws: ``SyncRefusal``, or the store's errors.
    public func sync(_ connection: String, mode: RunMode, dryRun: Bool = false) async throws -> Int64 {
        guard let worker = workers.withLock({ $0[connection] }) else { throw SyncRefusal.unknownConnection }
        guard worker.target.supports(mode) else { throw SyncRefusal.unsupported(mode) }
        let run = try await book.begin(mode, of: worker.target, isDry: dryRun)
        worker.enqueue(run)
        return run.id
    }

    /// Lets a held run delete what it wanted to. Returns when that is done, except where the vendor has to be asked
    /// about each contact: then the run is `running` meanwhile.
    ///
    /// - Throws: ``SyncRefusal``, or the store's errors.
    public func approve(_ run: Int64) async throws {
        let store = book.store
        guard let row = try await store.read({ try $0.runs.find(run) }) else { throw SyncRefusal.unknownRun }
        let worker = workers.withLock { $0.values.first { $0.target.key == row.connection } }
        guard let worker else { throw SyncRefusal.unknownConnection }
        let held = try await book.takeHeld(run)
        let (done, finish) = AsyncStream.makeStream(of: Never.self)
        command.yield(.approve(held, worker.target, finish))
        guard worker.target.adapter.deletes == nil else { return }
        for await _ in done {}
    }

    /// How synchronisation of a connection stands; `nil` for one that is not configured.
    public func status(of connection: String) -> SyncStatus? {
        workers.withLock { $0[connection] }?.status
    }

    private func approve(_ run: RunRow, _ target: SyncTarget) async {
        do {
            try await book.approve(run, target: target)
            log.info("sync.approved", ["connection": target.config.id, "run": "run_\(run.id)"])
        } catch {
            log.error("sync.approve_failed", ["run": "run_\(run.id)", "error": "\(error)"])
        }
    }
}
