//  Deleting what a vendor no longer has: each missing contact is asked for once more where that can be done.

import Contacts
import HTTPCore
import Store
import Vendors

/// Deletes contacts of one connection.
struct Deletion {
    let store: Store
    let target: SyncTarget
    /// Kept on every change.
    let trace: TraceContext

    /// Deletes the contacts that the vendor said are deleted, and of the missing ones those that are really gone.
    ///
    /// - Returns: The run with its count.
    func delete(_ told: [Int64], confirming missing: [Int64], of run: RunRow) async throws -> RunRow {
        var run = try await delete(told, of: run)
        var gone: [Int64] = []
        for contact in missing {
            if try await isGone(contact) { gone.append(contact) }
            if gone.count == 100 {
                run = try await delete(gone, of: run)
                gone = []
            }
        }
        return try await delete(gone, of: run)
    }

    /// A dry run lists the deletes.
    func note(_ contacts: [Int64], of run: RunRow) async throws -> RunRow {
        try await store.write { transaction in
            var run = run
            var changes: [[UInt8]] = []
            for key in contacts {
                guard let stored = try transaction.contacts.find(key: key) else { continue }
                run.counts.deleted += 1
                changes.append(
                    DryChange(
                        type: "deleted",
                        vendorID: stored.contact.vendorID,
                        contactID: stored.contact.id,
                        fields: [],
                        content: nil
                    ).encoded()
                )
            }
            try transaction.runs.addDryChanges(run.id, changes)
            try transaction.runs.update(run)
            return run
        }
    }

    private func isGone(_ contact: Int64) async throws -> Bool {
        guard let deletes = target.adapter.deletes else { return true }
        let stored = try await store.readAtLeisure { try $0.contacts.find(key: contact) }
        guard let vendorID = stored?.contact.vendorID else { return false }
        try Task.checkCancellation()
        return try await deletes.isGone(vendorID: vendorID)
    }

    private func delete(_ contacts: [Int64], of run: RunRow) async throws -> RunRow {
        var run = run
        var rest = contacts[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(1000))
            rest = rest.dropFirst(1000)
            let key = target.key
            let trace = trace.stored
            let before = run
            run = try await store.write { transaction in
                var run = before
                for contact in some {
                    guard case .changed(let old) = try transaction.contacts.delete(contact, trace: trace) else {
                        continue
                    }
                    run.counts.deleted += 1
                    if let vendorID = old.contact.vendorID {
                        try transaction.quarantine.remove(connection: key, vendorID: vendorID)
                    }
                }
                try transaction.runs.update(run)
                return run
            }
        }
        return run
    }
}
