//  A held run that a person has approved: its deletes are carried out.

import Config
import Contacts
import HTTPCore
import JSON
import Platform
import Store
import Vendors

extension RunBook {
    /// Moves a held run back to `running`, so that an approval survives a crash.
    ///
    /// - Returns: The run.
    /// - Throws: ``SyncRefusal`` when there is none or when it is not held.
    func takeHeld(_ id: Int64) async throws -> RunRow {
        try await store.write { transaction in
            guard var run = try transaction.runs.find(id) else { throw SyncRefusal.unknownRun }
            guard run.state == .held else { throw SyncRefusal.notHeld }
            run.state = .running
            run.endedAt = nil
            run.detail = #"{"approved":true}"#
            run.error = nil
            try transaction.runs.update(run)
            return run
        }
    }

    /// Deletes what an approved run wanted to delete, where it is still gone; a vendor that cannot be asked leaves
    /// the run held.
    func approve(_ run: RunRow, target: SyncTarget) async throws {
        let (id, start) = (run.id, run.startedAt)
        let wanted = try await store.read { snapshot in
            try snapshot.runs.heldDeletes(id).filter { contact in
                // What has changed since was alive then.
                try snapshot.contacts.find(key: contact).map { $0.contact.updatedAt < start } ?? false
            }
        }
        var ended = run
        let trace = TraceContext()
        do {
            let deletion = Deletion(store: store, target: target, trace: trace)
            ended = try await TraceContext.$current.withValue(trace) {
                try await deletion.delete([], confirming: wanted, of: run)
            }
            ended.state = .done
        } catch let error as VendorError {
            if error.kind == .cancelled { return }
            ended.state = .held
            ended.error = RunFailure(error).text
        }
        ended.detail = nil
        ended.endedAt = clock()
        let counts = try await store.write { [ended] transaction in
            // The deletes that were made before a failure are counted already.
            var run = ended
            if let stored = try transaction.runs.find(run.id) { run.counts = stored.counts }
            try transaction.runs.update(run)
            if run.state == .done { try transaction.runs.setHeldDeletes(run.id, []) }
            return run.counts
        }
        meter.moved(target.config.id, from: run.counts, to: counts)
    }
}
