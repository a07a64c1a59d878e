//  From a vendor's records to committed changes: what is unchanged is passed over by its hash, the rest is merged and
//  made ready off the writer's thread, and the store decides by meaning whether anything has changed.

import Config
import Contacts
import HTTPCore
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
    var contacts = KeySet()
    /// Ids that stand for no contact: new in a dry run, or set aside.
    var strangers: [String] = []
    /// Records whose id could not be read.
    var unidentified = 0
    /// Pages whose every record is stored now as it stands in them.
    var pages: [ReadPage] = []
    /// Whether the run's place is on disk.
    var isSaved = true
    /// Why the batch's last page could not be read.
    var error: VendorError?
}

/// Brings one connection's records into the store.
struct Ingest: Sendable {
    /// Hashes raw records. Its seed is part of what is stored: another one makes every record look changed once.
    private static let hash = Hash64(seed: 0x636F_6E74_6163_7473)

    let store: Store
    let target: SyncTarget
    /// Kept on every change.
    let trace: TraceContext

    /// The hash by which an unchanged record is recognised.
    static func contentHash(_ bytes: ArraySlice<UInt8>) -> UInt64 { hash(bytes.span) }

    /// Understands and compares a batch, and makes ready what is to be stored. Nothing is written yet, so that it can be
    /// done while the batch before is being stored.
    ///
    /// - Parameters:
    ///   - batch: Pages of the list or the delta.
    ///   - isDry: Whether the run only tells what it would do.
    ///   - known: What was known of all records when the run began; `nil` to ask for each.
    /// - Returns: What is to be stored.
    /// - Throws: ``StoreError``.
    func prepare(_ batch: IngestBatch, isDry: Bool, knowing known: KnownList?) async throws -> Decisions {
        let known = try await known?.learning(for: batch, of: target.key, in: store)
        var sorted = Sorted(batch, knowing: known)
        var found = try await resolve(sorted.others, since: known?.pages.asOf)
        if found.areSomeGone {
            // A record may stand for a contact that was deleted here since, and has to be asked for after all.
            sorted = Sorted(batch, knowing: nil)
            found = try await resolve(sorted.others, since: nil)
        }
        var decisions = Decisions(
            asOf: found.asOf,
            creations: store.batch(connection: target.key, named: target.config.id)
        )
        if !isDry {
            decisions.creations.reserve(found.known.count { if case .nothing = $0 { true } else { false } })
        }
        decisions.contacts = sorted.unchanged
        decisions.counts.unchanged = sorted.unchanged.count
        var made = [0]
        for (item, known) in zip(sorted.others, found.known) {
            decide(item, known: known, isDry: isDry, into: &decisions)
            made.append(decisions.creations.count)
        }
        decisions.known = known
        decisions.pages = sorted.knownPages
        decisions.createdPages = sorted.newPages.compactMap { fingerprint, others in
            let places = made[others.lowerBound]..<made[others.upperBound]
            return places.count == others.count ? (fingerprint, places) : nil
        }
        for rejected in sorted.rejected { decisions.setAside(rejected) }
        decisions.creations.finish()
        decisions.counts.pages = sorted.pages
        decisions.counts.seen = sorted.unchanged.count + sorted.others.count + decisions.unidentified
        decisions.cursor = sorted.error == nil ? batch.next?.text : sorted.next?.text
        decisions.error = sorted.error
        return decisions
    }

    /// Stores what was decided. The run's counts and place are saved with it, so that it goes on from there after a
    /// crash.
    ///
    /// - Parameters:
    ///   - decisions: From ``prepare(_:isDry:knowing:)``.
    ///   - run: The run with its counts and its place before them.
    ///   - unsaved: What the run has seen that is not on disk yet.
    ///   - isPatient: Whether a place that is reached without writing a contact may be saved with a later one.
    /// - Returns: The run after it.
    /// - Throws: ``StoreError``.
    func store(
        _ decisions: Decisions,
        of run: RunRow,
        alsoSeen unsaved: KeySet = KeySet(),
        isPatient: Bool = false
    ) async throws -> IngestResult {
        var result = IngestResult(run: run)
        result.run.counts.add(decisions.counts)
        result.run.cursor = decisions.cursor
        result.contacts = decisions.contacts
        result.strangers = decisions.strangers
        result.unidentified = decisions.unidentified
        result.pages = decisions.pages
        result.error = decisions.error
        if run.isDry { return try await note(decisions, result) }
        if isPatient, decisions.writesNothing {
            result.isSaved = false
            return result
        }
        return try await commit(decisions, result, alsoSeen: unsaved)
    }

    private func resolve(
        _ incoming: [Incoming],
        since sequence: Int64?
    ) async throws -> (known: [Known], asOf: Int64, areSomeGone: Bool) {
        // Nothing to ask for, and nothing was deleted since.
        if incoming.isEmpty, let sequence, store.lastSequence == sequence { return ([], sequence, false) }
        let connection = target.key
        let probes = incoming.map { LinkProbe(vendorID: $0.record.vendorID, contentHash: $0.hash) }
        return try await store.readAtLeisure { snapshot in
            if let sequence, try snapshot.changes.hasDeletes(of: connection, after: sequence) {
                return ([], sequence, true)
            }
            let contacts = snapshot.contacts
            let known: [Known] = try snapshot.links.resolve(connection: connection, probes).map { match in
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
            return (known, try snapshot.changes.last(), false)
        }
    }

    private func decide(_ item: Incoming, known: Known, isDry: Bool, into decisions: inout Decisions) {
        do throws(RecordError) {
            switch known {
            case .unchanged(let contact):
                decisions.counts.unchanged += 1
                decisions.contacts.insert(contact)
            case .nothing:
                let merged = try target.adapter.mapping.merge(item.record.bytes, previous: nil, into: nil)
                create(item, try normalised(merged, item.record.vendorID), isDry: isDry, into: &decisions)
            case .differing(let stored, let previous):
                decisions.contacts.insert(stored.key)
                // Changed here since the page was asked for: the page is older than what we have.
                guard stored.contact.revision <= item.askedAt else {
                    decisions.counts.unchanged += 1
                    return
                }
                let merged = try target.adapter.mapping.merge(
                    item.record.bytes,
                    previous: previous,
                    into: stored.contact.content
                )
                decisions.updates.append(
                    Update(item: item, stored: stored, merged: try normalised(merged, item.record.vendorID))
                )
            }
        } catch {
            if case .nothing = known { decisions.strangers.append(item.record.vendorID) }
            decisions.setAside(
                RejectedRecord(vendorID: item.record.vendorID, reason: error.reason, bytes: item.record.bytes)
            )
        }
    }

    private func create(_ item: Incoming, _ merged: MergedContent, isDry: Bool, into decisions: inout Decisions) {
        guard !isDry else {
            decisions.dryCreations.append((item.record.vendorID, merged.content))
            return
        }
        decisions.creations.add(
            vendorID: item.record.vendorID,
            content: merged.content,
            readOnly: merged.readOnly ?? false,
            contentHash: item.hash,
            raw: item.record.bytes
        )
        decisions.createdFrom.append(item.askedAt)
    }

    private func normalised(_ merged: MergedContent, _ vendorID: String) throws(RecordError) -> MergedContent {
        if let field = merged.content.overfullField {
            throw RecordError(reason: "\(field.rawValue) has more than \(ContactLimits.entries) entries")
        }
        var merged = merged
        merged.content = merged.content.normalised(vendorID: vendorID, region: target.config.region)
        return merged
    }
}

// MARK: - Writing

extension Ingest {
    private func commit(
        _ decisions: Decisions,
        _ start: IngestResult,
        alsoSeen unsaved: KeySet
    ) async throws -> IngestResult {
        try await store.write { transaction in
            var result = start
            let hasQuarantine = try !transaction.quarantine.isEmpty(connection: self.target.key)
            let superseded = try self.superseded(decisions, in: transaction, &result)
            let created = try transaction.contacts.create(
                decisions.creations,
                without: superseded,
                trace: self.trace.stored
            )
            result.run.counts.created += created.count
            result.contacts.formUnion(created)
            if superseded.isEmpty { result.pages += decisions.pages(created: created) }
            for update in decisions.updates { try self.update(update, in: transaction, &result) }
            if hasQuarantine { try self.release(decisions, in: transaction) }
            for record in decisions.rejected { try self.setAside(record, in: transaction, run: result.run.id) }
            try transaction.runs.update(result.run)
            var seen = result.contacts
            seen.formUnion(unsaved)
            try transaction.runs.addSeen(result.run.id, seen)
            return result
        }
    }

    /// Creations that are none any more: what was created or deleted here since we looked is newer than the page.
    private func superseded(
        _ decisions: Decisions,
        in transaction: Transaction,
        _ result: inout IngestResult
    ) throws -> Set<Int> {
        var superseded: Set<Int> = []
        guard decisions.creations.count > 0 else { return superseded }
        if decisions.asOf < transaction.sequence {
            // A client may have created it through us, or the list has moved and the batch before had it too.
            let probes = decisions.creations.vendorIDs.map { LinkProbe(vendorID: $0, contentHash: 0) }
            let matches = try transaction.links.resolve(connection: target.key, probes)
            for (place, match) in matches.enumerated() {
                guard let contact = match.contact else { continue }
                superseded.insert(place)
                result.contacts.insert(contact)
            }
        }
        let deleted = try deletedMeanwhile(decisions, in: transaction)
        if !deleted.isEmpty {
            for (place, vendorID) in decisions.creations.vendorIDs.enumerated() where !superseded.contains(place) {
                guard let deletedAt = deleted[ExactID(vendorID)], deletedAt > decisions.createdFrom[place] else {
                    continue
                }
                superseded.insert(place)
                result.strangers.append(vendorID)
            }
        }
        result.run.counts.unchanged += superseded.count
        return superseded
    }

    /// Ids that were deleted here since their page was asked for: the page is older than the deletion.
    private func deletedMeanwhile(_ decisions: Decisions, in transaction: Transaction) throws -> [ExactID: Int64] {
        guard let oldest = decisions.createdFrom.min(),
            try transaction.changes.hasDeletes(of: target.key, after: oldest)
        else { return [:] }
        var deleted: [ExactID: Int64] = [:]
        let found = try transaction.changes.deletes(
            after: oldest,
            through: transaction.sequence,
            limit: .max,
            connections: [target.key],
            passingOver: .max
        )
        for change in found.changes {
            guard let document = change.previous, let last = try? Contact(document: document) else { continue }
            if let vendorID = last.vendorID { deleted[ExactID(vendorID)] = change.sequence }
        }
        return deleted
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
                expectedRevision: update.stored.contact.revision,
                trace: trace.stored
            )
        )
        switch outcome {
        case .changed: result.run.counts.updated += 1
        case .unchanged, .stale: result.run.counts.unchanged += 1
        case .gone: break
        }
    }

    /// Records that were set aside and are understood now.
    private func release(_ decisions: Decisions, in transaction: Transaction) throws {
        for vendorID in decisions.creations.vendorIDs {
            try transaction.quarantine.remove(connection: target.key, vendorID: vendorID)
        }
        for update in decisions.updates {
            try transaction.quarantine.remove(connection: target.key, vendorID: update.item.record.vendorID)
        }
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
    private func note(_ decisions: Decisions, _ start: IngestResult) async throws -> IngestResult {
        var result = start
        var changes: [[UInt8]] = []
        for (vendorID, content) in decisions.dryCreations {
            result.run.counts.created += 1
            result.strangers.append(vendorID)
            changes.append(
                DryChange(type: "created", vendorID: vendorID, contactID: nil, fields: [], content: content).encoded()
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
