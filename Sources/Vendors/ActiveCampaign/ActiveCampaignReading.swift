//  Reading ActiveCampaign: the list, the delta, and the ids for finding deletes.

import Contacts
import HTTPCore
import JSON
import Platform
import Synchronization

/// The three reading roles. All of them are walks by ascending id.
struct ActiveCampaignReading: ContactListing, ContactDelta, DeleteFinding {
    let account: ActiveCampaignAccount

    /// How long a delta asks again for, because the clocks may not agree.
    private static let overlapMs: Int64 = 300_000
    private static let dayMs: Int64 = 86_400_000

    // MARK: The list

    func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage {
        if cursor == nil { try await account.loadCatalogue() }
        var walk =
            try cursor.map { cursor throws(VendorError) in try ActiveCampaignWalk(cursor) } ?? ActiveCampaignWalk()
        let received = try await account.page(.list, walk.query(limit: account.pageSize, sideLoads: true))
        let isLast = try walk.take(received, limit: account.pageSize)
        var page = try await records(received.living, of: received)
        if cursor == nil { page.total = received.total }
        if !isLast { page.next = walk.cursor }
        return page
    }

    // MARK: The delta

    func mark(now: Timestamp) async throws(VendorError) -> Cursor {
        if account.earlierClock(at: now) == nil {
            account.note(vendorsClock: try await account.page(.changes, [("limit", "1")]).date, at: now)
        }
        return Cursor(String(nextMark(now)))
    }

    func changes(since mark: Cursor, after cursor: Cursor?, now: Timestamp) async throws(VendorError) -> RecordPage {
        guard let since = Int64(mark.text).map({ Timestamp(milliseconds: $0) }) else {
            throw VendorError(.markExpired, message: "the mark is none of ours")
        }
        var walk: ActiveCampaignWalk
        if let cursor {
            walk = try ActiveCampaignWalk(cursor)
        } else {
            walk = ActiveCampaignWalk()
            walk.isFiltered = try await filterIsHonoured(now: now)
        }
        // "typed date": a day earlier is asked for, whatever the zone, and `udate` decides here.
        let day = ActiveCampaignDate.day(since.advanced(byMilliseconds: -Self.dayMs))
        let query = walk.query(limit: account.pageSize, sideLoads: true, updatedAfter: walk.isFiltered ? day : nil)
        let received = try await account.page(.changes, query)
        if walk.nextMark == 0 {
            account.note(vendorsClock: received.date, at: now)
            walk.nextMark = nextMark(now)
        }
        let isLast = try walk.take(received, limit: account.pageSize)
        let changed = received.contacts.filter { wasTouched($0, since: since) }
        var page = try await records(changed.filter { !ActiveCampaignWire.isDeleted($0) }, of: received)
        page.deleted = changed.filter(ActiveCampaignWire.isDeleted).compactMap { ActiveCampaignID.of($0) }
        if isLast { page.mark = Cursor(String(walk.nextMark)) } else { page.next = walk.cursor }
        return page
    }

    /// The start of the run by the earlier clock, minus the overlap. (Not the latest `udate` seen: that loses what
    /// changed while we paged.)
    private func nextMark(_ now: Timestamp) -> Int64 {
        (account.earlierClock(at: now) ?? now).milliseconds - Self.overlapMs
    }

    /// Unknown filters are ignored silently, so this one is put to the test before it is trusted: nothing may have
    /// changed after the day after tomorrow (nowhere is that still today), and something must have since 1970. The first
    /// is asked anew for each delta, the second until it was true once.
    private func filterIsHonoured(now: Timestamp) async throws(VendorError) -> Bool {
        let future = ActiveCampaignDate.day(now.advanced(byMilliseconds: 2 * Self.dayMs))
        guard try await account.page(.changes, [("filters[updated_after]", future), ("limit", "1")]).contacts.isEmpty
        else {
            return false
        }
        if account.filterReadsDates.withLock({ $0 }) { return true }
        let past = try await account.page(.changes, [("filters[updated_after]", "1970-01-02"), ("limit", "1")])
        account.filterReadsDates.withLock { $0 = !past.contacts.isEmpty }
        return !past.contacts.isEmpty
    }

    /// `>=`, because several changes share a second; a record without a readable time is always looked at.
    private func wasTouched(_ contact: JSONValue, since: Timestamp) -> Bool {
        guard let udate = contact["udate"]?.stringValue, let moment = Timestamp(rfc3339: udate) else { return true }
        // `udate` has whole seconds.
        return moment.seconds >= since.seconds
    }

    // MARK: Finding deletes

    func ids(after cursor: Cursor?) async throws(VendorError) -> IDPage {
        var walk =
            try cursor.map { cursor throws(VendorError) in try ActiveCampaignWalk(cursor) } ?? ActiveCampaignWalk()
        let received = try await account.page(.list, walk.query(limit: account.pageSize, sideLoads: false))
        let isLast = try walk.take(received, limit: account.pageSize)
        return IDPage(
            ids: received.living.compactMap { ActiveCampaignID.of($0) },
            next: isLast ? nil : walk.cursor
        )
    }

    func isGone(vendorID: String) async throws(VendorError) -> Bool {
        try await account.contact(vendorID) == nil
    }

    // MARK: Records

    /// Reads contacts of a page; the custom field values that did not come along are asked for contact by contact.
    private func records(_ contacts: [JSONValue], of received: ActiveCampaignPage) async throws(VendorError)
        -> RecordPage
    {
        var page = RecordPage()
        for contact in contacts {
            guard let id = ActiveCampaignID.of(contact), UInt64(id) != nil else {
                let reason = "`id` is absent or no number"
                page.rejected.append(RejectedRecord(vendorID: nil, reason: reason, bytes: contact.encoded()[...]))
                continue
            }
            let told = received.values.values(of: contact, id: id) ?? (account.catalogue.isKnownEmpty ? [] : nil)
            var record: ActiveCampaignRecord
            do throws(RecordError) {
                record = try ActiveCampaignRecord(contact: contact, values: told ?? [], listed: true)
            } catch {
                page.rejected.append(
                    RejectedRecord(vendorID: id, reason: error.reason, bytes: contact.encoded()[...])
                )
                continue
            }
            if told == nil {
                // Deleted since the page was made: the next sweep says so.
                guard let whole = try await account.contact(id) else { continue }
                record.values = whole.values
            }
            record.dropClears()
            page.records.append(VendorRecord(vendorID: id, bytes: record.encoded()[...]))
        }
        return page
    }
}
