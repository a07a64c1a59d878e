//  Beginning and ending runs: what the run, its connection and the listeners to events get to know, in one transaction.

import Config
import JSON
import Platform
import Store
import Vendors

/// Keeps the book of runs.
struct RunBook: Sendable {
    let store: Store
    let meter: SyncMeter
    let clock: @Sendable () -> Timestamp

    /// Stores a run that begins.
    func begin(_ mode: RunMode, of target: SyncTarget, isDry: Bool = false) async throws -> RunRow {
        let now = clock()
        return try await store.write { transaction in
            var run = RunRow(connection: target.key, mode: mode.rawValue, startedAt: now)
            run.isDry = isDry
            if mode == .delta { run.mark = try transaction.connections.find(key: target.key)?.mark }
            run.id = try transaction.runs.insert(run)
            return run
        }
    }

    /// What the planner needs to know.
    func history(of target: SyncTarget) async throws -> RunPlanner.History {
        try await store.readAtLeisure { snapshot in
            var history = RunPlanner.History()
            guard let row = try snapshot.connections.find(key: target.key) else { return history }
            let memory = ConnectionMemory(row.state)
            history.lastGoodAt = row.lastGoodRunAt
            history.lastFullAt = row.lastFullAt
            history.lastSweepAt = row.lastSweepAt
            history.hasMark = row.mark != nil
            history.needsFull = memory.needsFull
            history.failures = memory.failures
            history.lastFailureAt = memory.lastFailureAt
            history.retryAfterSeconds = memory.retryAfterSeconds
            return history
        }
    }

    /// Runs of the connection that were begun before a moment and have not ended, oldest first.
    func unfinished(of target: SyncTarget, before moment: Timestamp) async throws -> [RunRow] {
        try await store.readAtLeisure { snapshot in
            try snapshot.runs.open().filter { run in
                run.connection == target.key && run.state == .running && run.startedAt < moment
            }
        }
    }

    /// Whether the run has still to be carried out.
    func isOpen(_ run: RunRow) async throws -> Bool {
        try await store.readAtLeisure { try $0.runs.find(run.id)?.state == .running }
    }

    /// Ends a run.
    func finish(_ run: Run, _ outcome: RunOutcome) async throws {
        let ending = Ending(
            run: run.row,
            outcome: outcome,
            seen: run.seen,
            nextMark: run.nextMark,
            wantsFull: run.wantsFull
        )
        let target = run.target
        let now = clock()
        try await store.write { try ending.write(of: target, at: now, in: $0) }
    }

    /// Ends a run that never got to its end.
    func abandon(_ run: RunRow, _ failure: RunFailure) async throws {
        var run = run
        run.state = .failed
        run.endedAt = clock()
        run.error = failure.text
        run.cursor = nil
        try await store.write { [run] transaction in
            try transaction.runs.update(run)
            try transaction.runs.forgetSeen(run.id)
        }
    }
}

/// Everything that follows from a run's end.
private struct Ending: Sendable {
    var run: RunRow
    var outcome: RunOutcome
    var seen: KeySet
    var nextMark: String?
    var wantsFull: Bool

    func write(of target: SyncTarget, at now: Timestamp, in transaction: Transaction) throws {
        var run = run
        run.endedAt = now
        run.cursor = nil
        switch outcome {
        case .interrupted: return
        case .done: run.state = .done
        case .held(let reason):
            run.state = .held
            run.error = reason.text
        case .failed(let failure):
            run.state = .failed
            run.error = failure.text
        }
        try transaction.runs.update(run)
        try transaction.runs.forgetSeen(run.id)
        guard !run.isDry else { return }
        try writeConnection(target, at: now, in: transaction)
        try supersede(in: transaction, at: now)
    }

    private func writeConnection(_ target: SyncTarget, at now: Timestamp, in transaction: Transaction) throws {
        guard var row = try transaction.connections.find(key: target.key) else { return }
        var memory = ConnectionMemory(row.state)
        if case .failed(let failure) = outcome {
            memory.failures += 1
            memory.lastFailureAt = now
            memory.retryAfterSeconds = failure.retryAfterSeconds
            let about: [JSONMember] = [
                JSONMember("connection", .string(target.config.id)), JSONMember("run", .string("run_\(run.id)")),
                JSONMember("error", failure.json),
            ]
            if memory.failures == 1 { try tell("connection.degraded", about, target, in: transaction) }
            try tell("run.failed", about, target, in: transaction)
        } else {
            if memory.failures > 0 {
                let about = [JSONMember("connection", .string(target.config.id))]
                try tell("connection.recovered", about, target, in: transaction)
            }
            let stillNeedsFull = memory.needsFull && run.mode != RunMode.full.rawValue
            memory = ConnectionMemory()
            memory.needsFull = wantsFull || stillNeedsFull
            row.lastGoodRunAt = now
            switch RunMode(rawValue: run.mode) {
            case .full:
                row.mark = nextMark
                row.lastFullAt = now
                row.lastSweepAt = now
                // A whole list has met every record anew.
                try transaction.quarantine.removeAll(connection: target.key, beforeRun: run.id)
            case .delta: row.mark = nextMark ?? row.mark
            case .sweep: row.lastSweepAt = now
            case nil: break
            }
            if case .held(let reason) = outcome {
                let about: [JSONMember] = [
                    JSONMember("connection", .string(target.config.id)), JSONMember("run", .string("run_\(run.id)")),
                    JSONMember("reason", .string(reason.message)),
                ]
                try tell("run.held", about, target, in: transaction)
            }
        }
        row.state = memory.text
        try transaction.connections.update(row)
    }

    /// A held run whose deletes a later run has seen alive is over.
    private func supersede(in transaction: Transaction, at now: Timestamp) throws {
        guard !seen.isEmpty else { return }
        for var held in try transaction.snapshot.runs.open()
        where held.state == .held && held.connection == run.connection && held.id != run.id {
            guard try transaction.runs.heldDeletes(held.id).contains(where: seen.contains) else { continue }
            held.state = .failed
            held.endedAt = now
            held.error =
                RunFailure(
                    code: "superseded",
                    message: "run_\(run.id) found contacts that this run wanted to delete"
                ).text
            try transaction.runs.update(held)
            try transaction.runs.setHeldDeletes(held.id, [])
        }
    }

    private func tell(
        _ type: String,
        _ about: [JSONMember],
        _ target: SyncTarget,
        in transaction: Transaction
    ) throws {
        try transaction.events.emit(
            type: type,
            connection: target.key,
            data: JSONValue.object(about).encoded()
        )
    }
}
