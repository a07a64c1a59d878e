//  From a vendor's records to committed changes: what is unchanged is passed over by its hash, the rest is merged,
//  and the store decides by meaning whether anything has changed. Ten pages go into one transaction.

import Config
import Contacts
import JSON
import Platform
import Store
import Vendors

/// Pages on their way into the store.
struct IngestBatch: Sendable {
    /// One page, and the last sequence when it was asked for: what changed after that is newer than the page.
    struct Page: Sendable {
        var page: RecordPage
        var askedAt: Int64
    }

    var pages: [Page] = []
    /// Where the next batch starts; `nil` at the explicit end.
    var next: Cursor?
}

/// What became of a batch.
struct IngestResult: Sendable {
    /// The run with its counts and its place.
    var run: RunRow
    /// Contacts that the records stand for, those of records that were set aside included.
    var contacts: [Int64] = []
    /// Ids that stand for no contact: new in a dry run, or set aside.
    var strangers: [String] = []
    /// Records whose id could not be read.
    var unidentified = 0
}

/// Brings one connection's records into the store.
struct Ingest: Sendable {
    /// Hashes raw records. Its seed is part of what is stored: another one makes every record look changed once.
    private static let hash = Hash64(seed: 0x636F_6E74_6163_7473)

    let store: Store
    let target: SyncTarget

    /// The hash by which an unchanged record is recognised.
    static func contentHash(_ bytes: ArraySlice<UInt8>) -> UInt64 { hash(bytes.span) }

    /// Understands, compares and stores a batch. The run's counts and place are saved with it, so that it goes on from
    /// there after a crash.
    func take(_ batch: IngestBatch, of run: RunRow) async throws -> IngestResult {
        let incoming = Self.latest(of: batch)
        let known = try await resolve(incoming)
        var decisions = Decisions(result: IngestResult(run: run))
        for (item, known) in zip(incoming, known) { decide(item, known: known, into: &decisions) }
        for page in batch.pages {
            for rejected in page.page.rejected { decisions.setAside(rejected) }
        }
        decisions.result.run.counts.pages += batch.pages.count
        decisions.result.run.counts.seen += incoming.count + decisions.result.unidentified
        decisions.result.run.cursor = batch.next?.text
        return run.isDry ? try await note(decisions) : try await commit(decisions)
    }

    /// Pages may overlap when the list moves: of several records with one id the last one counts.
    private static func latest(of batch: IngestBatch) -> [Incoming] {
        let count = batch.pages.reduce(0) { $0 + $1.page.records.count }
        var places: [String: Int] = [:]
        var incoming: [Incoming] = []
        incoming.reserveCapacity(count)
        places.reserveCapacity(count)
        for page in batch.pages {
            for record in page.page.records {
                let item = Incoming(record: record, hash: contentHash(record.bytes), askedAt: page.askedAt)
                if let place = places.updateValue(incoming.count, forKey: record.vendorID) {
                    places[record.vendorID] = place
                    incoming[place] = item
                } else {
                    incoming.append(item)
                }
            }
        }
        return incoming
    }

    private func resolve(_ incoming: [Incoming]) async throws -> [Known] {
        let connection = target.key
        let probes = incoming.map { LinkProbe(vendorID: $0.record.vendorID, contentHash: $0.hash) }
        return try await store.read { snapshot in
            let contacts = snapshot.contacts
            return try snapshot.links.resolve(connection: connection, probes).map { match in
                switch match {
                case .new: return .nothing
                case .unchanged(let contact): return .unchanged(contact)
                case .changed(let contact):
                    guard let stored = try contacts.find(key: contact) else { return .nothing }
                    // After a write of ours the vendor holds what we sent: a cut name is no edit of the vendor's.
                    let known = try contacts.projection(contact)
                    return .differing(stored, previous: known.map { $0.projected ?? $0.raw })
                }
            }
        }
    }

    private func decide(_ item: Incoming, known: Known, into decisions: inout Decisions) {
        do throws(RecordError) {
            switch known {
            case .unchanged(let contact):
                decisions.result.run.counts.unchanged += 1
                decisions.result.contacts.append(contact)
            case .nothing:
                let merged = try target.adapter.mapping.merge(item.record.bytes, previous: nil, into: nil)
                decisions.creations.append(Creation(item: item, merged: normalised(merged, item.record.vendorID)))
            case .differing(let stored, let previous):
                decisions.result.contacts.append(stored.key)
                // Changed here since the page was asked for: the page is older than what we have.
                guard stored.contact.revision <= item.askedAt else {
                    decisions.result.run.counts.unchanged += 1
                    return
                }
                let merged = try target.adapter.mapping.merge(
                    item.record.bytes,
                    previous: previous,
                    into: stored.contact.content
                )
                decisions.updates.append(
                    Update(item: item, stored: stored, merged: normalised(merged, item.record.vendorID))
                )
            }
        } catch {
            if case .nothing = known { decisions.result.strangers.append(item.record.vendorID) }
            decisions.setAside(
                RejectedRecord(vendorID: item.record.vendorID, reason: error.reason, bytes: item.record.bytes)
            )
        }
    }

    private func normalised(_ merged: MergedContent, _ vendorID: String) -> MergedContent {
        var merged = merged
        merged.content = merged.content.normalised(vendorID: vendorID, region: target.config.region)
        return merged
    }
}

// MARK: - Writing

extension Ingest {
    private func commit(_ decisions: Decisions) async throws -> IngestResult {
        try await store.write { transaction in
            var result = decisions.result
            let deleted = try self.deletedMeanwhile(decisions.creations, in: transaction)
            for creation in decisions.creations {
                try self.create(creation, unlessIn: deleted, in: transaction, &result)
            }
            for update in decisions.updates { try self.update(update, in: transaction, &result) }
            for record in decisions.rejected { try self.setAside(record, in: transaction, run: result.run.id) }
            try transaction.runs.update(result.run)
            try transaction.runs.addSeen(result.run.id, result.contacts)
            return result
        }
    }

    /// Ids that were deleted here since their page was asked for: the page is older than the deletion.
    private func deletedMeanwhile(
        _ creations: [Creation],
        in transaction: Transaction
    ) throws -> [String: Int64] {
        guard let oldest = creations.map(\.item.askedAt).min(), oldest < transaction.sequence else { return [:] }
        var deleted: [String: Int64] = [:]
        let found = try transaction.changes.deletes(
            after: oldest,
            through: transaction.sequence,
            limit: .max,
            connections: [target.key]
        )
        for change in found.changes {
            guard let document = change.previous, let last = try? Contact(document: document) else { continue }
            if let vendorID = last.vendorID { deleted[vendorID] = change.sequence }
        }
        return deleted
    }

    private func create(
        _ creation: Creation,
        unlessIn deleted: [String: Int64],
        in transaction: Transaction,
        _ result: inout IngestResult
    ) throws {
        let item = creation.item
        // A client may have created it through us since we looked.
        if let link = try transaction.links.find(connection: target.key, vendorID: item.record.vendorID) {
            result.run.counts.unchanged += 1
            result.contacts.append(link.contact)
            return
        }
        if let deletedAt = deleted[item.record.vendorID], deletedAt > item.askedAt {
            result.run.counts.unchanged += 1
            result.strangers.append(item.record.vendorID)
            return
        }
        var new = NewContact(
            connection: target.key,
            vendorID: item.record.vendorID,
            content: creation.merged.content
        )
        new.readOnly = creation.merged.readOnly ?? false
        new.vendorState = VendorState(contentHash: item.hash, raw: Array(item.record.bytes))
        let stored = try transaction.contacts.create(new)
        try transaction.quarantine.remove(connection: target.key, vendorID: item.record.vendorID)
        result.run.counts.created += 1
        result.contacts.append(stored.key)
    }

    private func update(_ update: Update, in transaction: Transaction, _ result: inout IngestResult) throws {
        let item = update.item
        let outcome = try transaction.contacts.update(
            update.stored.key,
            ContactUpdate(
                content: update.merged.content,
                vendorID: item.record.vendorID,
                readOnly: update.merged.readOnly ?? update.stored.contact.readOnly,
                vendorState: VendorState(contentHash: item.hash, raw: Array(item.record.bytes)),
                expectedRevision: update.stored.contact.revision
            )
        )
        switch outcome {
        case .changed: result.run.counts.updated += 1
        case .unchanged, .stale: result.run.counts.unchanged += 1
        case .gone: break
        }
        try transaction.quarantine.remove(connection: target.key, vendorID: item.record.vendorID)
    }

    private func setAside(_ record: RejectedRecord, in transaction: Transaction, run: Int64) throws {
        try transaction.quarantine.put(
            QuarantineRow(
                connection: target.key,
                vendorID: record.vendorID,
                reason: record.reason,
                raw: Array(record.bytes.prefix(65_536)),
                run: run,
                at: transaction.now
            )
        )
    }

    /// A dry run notes what it would do and changes no contact.
    private func note(_ decisions: Decisions) async throws -> IngestResult {
        var result = decisions.result
        var changes: [[UInt8]] = []
        for creation in decisions.creations {
            result.run.counts.created += 1
            result.strangers.append(creation.item.record.vendorID)
            changes.append(
                DryChange(
                    type: "created",
                    vendorID: creation.item.record.vendorID,
                    contactID: nil,
                    fields: [],
                    content: creation.merged.content
                ).encoded()
            )
        }
        for update in decisions.updates {
            let old = update.stored.contact
            let difference = ContactDifference(
                from: old.content,
                to: update.merged.content,
                oldVendorID: old.vendorID,
                newVendorID: update.item.record.vendorID,
                oldReadOnly: old.readOnly,
                newReadOnly: update.merged.readOnly ?? old.readOnly
            )
            if difference.fields.isEmpty {
                result.run.counts.unchanged += 1
                continue
            }
            result.run.counts.updated += 1
            changes.append(
                DryChange(
                    type: "updated",
                    vendorID: update.item.record.vendorID,
                    contactID: old.id,
                    fields: difference.fields,
                    content: update.merged.content
                ).encoded()
            )
        }
        return try await store.write { [result, changes] transaction in
            try transaction.runs.update(result.run)
            try transaction.runs.addDryChanges(result.run.id, changes)
            return result
        }
    }
}

// MARK: - What was decided

extension Ingest {
    /// One record, its hash, and the last sequence when it was asked for.
    private struct Incoming: Sendable {
        var record: VendorRecord
        var hash: UInt64
        var askedAt: Int64
    }

    /// What the store knows of a record.
    private enum Known: Sendable {
        case nothing
        case unchanged(Int64)
        case differing(StoredContact, previous: [UInt8]?)
    }

    /// A record that is new to us.
    private struct Creation: Sendable {
        var item: Incoming
        var merged: MergedContent
    }

    /// A record that reads differently; whether it means something else is the store's to decide.
    private struct Update: Sendable {
        var item: Incoming
        var stored: StoredContact
        var merged: MergedContent
    }

    /// Everything that a batch comes to, before anything is written.
    private struct Decisions: Sendable {
        var creations: [Creation] = []
        var updates: [Update] = []
        var rejected: [RejectedRecord] = []
        var result: IngestResult

        mutating func setAside(_ record: RejectedRecord) {
            rejected.append(record)
            result.run.counts.quarantined += 1
            if record.vendorID == nil { result.unidentified += 1 }
        }
    }
}
