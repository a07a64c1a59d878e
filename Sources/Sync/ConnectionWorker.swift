//  One connection's task: waits for what is due or asked for, and runs one run at a time.

import Config
import HTTPCore
import Log
import Platform
import Store
import Synchronization
import Vendors

/// Keeps one connection in step.
final class ConnectionWorker: Sendable {
    private enum Signal: Sendable {
        case due(Int)
        case run(RunRow)
    }

    let target: SyncTarget
    private let book: RunBook
    private let log: Log
    private let clock: any Clock<Duration>
    private let jitter: @Sendable () -> Double
    private let signals: AsyncStream<Signal>
    private let signal: AsyncStream<Signal>.Continuation
    private let state = Mutex(SyncStatus())
    /// The list's pages as the last full run has left them.
    private let pages = Mutex(KnownPages())
    private let ended: AsyncStream<Never>
    private let end: AsyncStream<Never>.Continuation
    private let stopped: AsyncStream<Never>
    private let stopper: AsyncStream<Never>.Continuation
    private let isReplaced = Atomic(false)
    /// Runs from before this are another worker's, or another process's.
    private let born: Timestamp

    init(
        target: SyncTarget,
        book: RunBook,
        log: Log,
        clock: any Clock<Duration>,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.target = target
        self.book = book
        self.log = log
        self.clock = clock
        self.jitter = jitter
        born = book.clock()
        (signals, signal) = AsyncStream.makeStream(of: Signal.self)
        (ended, end) = AsyncStream.makeStream(of: Never.self)
        (stopped, stopper) = AsyncStream.makeStream(of: Never.self)
    }

    /// How it stands.
    var status: SyncStatus { state.withLock { $0 } }

    /// Takes a run that was stored already.
    func enqueue(_ run: RunRow) { signal.yield(.run(run)) }

    /// Ends the work for good: the connection's settings are no longer in force.
    func stop() {
        isReplaced.store(true, ordering: .relaxed)
        stopper.finish()
    }

    /// Works until stopped or cancelled.
    ///
    /// - Parameter predecessor: The worker of the same connection under its former settings; it ends first.
    func work(after predecessor: ConnectionWorker?) async {
        if let predecessor { for await _ in predecessor.ended {} }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.loop() }
            group.addTask { for await _ in self.stopped {} }
            _ = await group.next()
            group.cancelAll()
        }
        end.finish()
    }

    private func loop() async {
        await withTaskGroup(of: Void.self) { timers in
            var number = 0
            await keepGoing { for run in try await book.unfinished(of: target, before: born) { try await resume(run) } }
            await keepGoing { try await schedule(number, &timers) }
            for await signal in signals {
                await keepGoing { try await take(signal, due: number) }
                if Task.isCancelled { break }
                if case .due(let due) = signal, due != number { continue }
                number += 1
                await keepGoing { try await schedule(number, &timers) }
            }
            timers.cancelAll()
        }
    }

    /// The store may be in trouble (a full disk): that ends a step, after a pause, and not the work.
    private func keepGoing(_ step: () async throws -> Void) async {
        while !Task.isCancelled {
            do {
                return try await step()
            } catch {
                if Task.isCancelled { return }
                log.error("sync.store_failed", ["connection": target.config.id, "error": "\(error)"])
                // Cancelled in the pause, the loop ends.
                try? await clock.sleep(for: .seconds(5))
            }
        }
    }

    private func take(_ signal: Signal, due number: Int) async throws {
        switch signal {
        case .due(let due):
            guard due == number, let mode = status.nextMode else { return }
            try await carryOut(try await book.begin(mode, of: target))
        case .run(let run):
            // It may have been taken up as unfinished.
            if try await book.isOpen(run) { try await carryOut(run) }
        }
    }

    /// Works out what is due next and sets the timer for it.
    private func schedule(_ number: Int, _ timers: inout TaskGroup<Void>) async throws {
        let planner = RunPlanner(
            sync: target.config.sync,
            deletes: target.config.deletes,
            capabilities: target.adapter.capabilities
        )
        let now = book.clock()
        let plan = planner.next(after: try await book.history(of: target), now: now, jitter: jitter())
        state.withLock { state in
            state.running = nil
            state.nextMode = plan?.mode
            state.nextAt = plan?.at
        }
        guard let plan else { return }
        let wait = Duration.milliseconds(max(0, plan.at.milliseconds - now.milliseconds))
        let clock = clock
        let signal = signal
        timers.addTask {
            // Cancelled means that nobody waits for the timer any more.
            guard (try? await clock.sleep(for: wait)) != nil else { return }
            signal.yield(.due(number))
        }
    }

    private func resume(_ run: RunRow) async throws {
        if run.isDry {
            let failure = RunFailure(code: "interrupted", message: "the gateway was stopped during this dry run")
            return try await book.abandon(run, failure)
        }
        guard run.detail == nil else { return try await book.approve(run, target: target) }
        try await carryOut(run)
    }

    private func carryOut(_ row: RunRow) async throws {
        state.withLock { $0.running = row.id }
        let began = Monotonic.nanoseconds()
        var run = Run(
            row,
            target: target,
            store: book.store,
            knowing: pages.withLock { $0 },
            meter: book.meter,
            log: log,
            clock: book.clock
        )
        log.debug(
            "sync.began",
            [
                "connection": target.config.id, "run": "run_\(row.id)", "mode": row.mode,
                "trace_id": run.trace.id,
            ]
        )
        let outcome = await run.run()
        if outcome == .interrupted {
            // At the next start the run goes on; under other settings it cannot.
            guard isReplaced.load(ordering: .relaxed) else { return }
            let failure = RunFailure(code: "interrupted", message: "the connection's settings changed during this run")
            try await book.abandon(run.row, failure)
            return report(run, .failed(failure), since: began)
        }
        let ended = run
        if outcome == .done, let known = run.knownPages { pages.withLock { $0 = known } }
        await keepGoing { try await book.finish(ended, outcome) }
        report(run, outcome, since: began)
    }

    private func report(_ run: Run, _ outcome: RunOutcome, since began: Int64) {
        let row = run.row
        let counts = row.counts
        let nanoseconds = Monotonic.nanoseconds() - began
        if let state = outcome.state, let mode = RunMode(rawValue: row.mode), !row.isDry {
            book.meter.ended(target.config.id, mode, state, nanoseconds: nanoseconds)
        }
        let word: String
        var message: String?
        switch outcome {
        case .done: word = "done"
        case .interrupted: word = "interrupted"
        case .held(let failure): (word, message) = ("held", failure.message)
        case .failed(let failure): (word, message) = ("failed", "\(failure.code): \(failure.message)")
        }
        let fields: KeyValuePairs<String, String?> = [
            "connection": target.config.id, "run": "run_\(row.id)", "mode": row.mode, "state": word,
            "seen": String(counts.seen), "created": String(counts.created), "updated": String(counts.updated),
            "deleted": String(counts.deleted), "unchanged": String(counts.unchanged),
            "quarantined": String(counts.quarantined), "duration_ms": String(nanoseconds / 1_000_000),
            "trace_id": run.trace.id, "error": message,
        ]
        if message == nil { log.info("sync.ended", fields) } else { log.warning("sync.ended", fields) }
    }
}
