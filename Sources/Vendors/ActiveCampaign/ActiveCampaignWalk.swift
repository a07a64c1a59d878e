//  Walking the contact list by ascending id, and knowing when a page cannot be what it claims. Pure.

import HTTPCore
import JSON
import Platform

/// A place in a walk over `/contacts`: "`orders[id]=ASC&id_greater=<last>&limit=100`" (API v3 reference, "Pagination":
/// offsets are slow, and they drift).
struct ActiveCampaignWalk: Equatable, Sendable {
    /// The greatest id so far; 0 before the first page.
    var lastID: UInt64 = 0
    /// How many contacts have been seen.
    var seen = 0
    /// Whether `filters[updated_after]` narrows the walk.
    var isFiltered = false
    /// In a delta: where the next one starts, in milliseconds; 0 in a list.
    var nextMark: Int64 = 0

    /// The first page of everything.
    init() {}

    /// Reads a cursor back.
    init(_ cursor: Cursor) throws(VendorError) {
        let parts = cursor.text.split(separator: " ")
        guard parts.count == 4, let lastID = UInt64(parts[0]), let seen = Int(parts[1]), let mark = Int64(parts[3])
        else { throw VendorError(.malformed, message: "the cursor is none of ours") }
        self.lastID = lastID
        self.seen = seen
        isFiltered = parts[2] == "filtered"
        nextMark = mark
    }

    /// The place as text.
    var cursor: Cursor { Cursor("\(lastID) \(seen) \(isFiltered ? "filtered" : "whole") \(nextMark)") }

    /// The query of the next page.
    func query(limit: Int, sideLoads: Bool, updatedAfter: String? = nil) -> [(String, String)] {
        var query = [("orders[id]", "ASC"), ("limit", String(limit))]
        if lastID > 0 { query.insert(("id_greater", String(lastID)), at: 1) }
        if sideLoads { query.append(("include", "fieldValues")) }
        if let updatedAfter { query.append(("filters[updated_after]", updatedAfter)) }
        return query
    }

    /// Moves past a page.
    ///
    /// - Returns: True when the page was the last.
    /// - Throws: Kind `malformed` for a page that repeats, runs backwards, or is empty and promises more.
    mutating func take(_ page: ActiveCampaignPage, limit: Int) throws(VendorError) -> Bool {
        guard !page.contacts.isEmpty else {
            // With `id_greater` the total counts what is left or everything; both are covered by what was seen.
            if !isFiltered, let total = page.total, total > seen {
                throw VendorError(
                    .malformed,
                    message: "the vendor promises \(total) contacts, but the page after \(seen) is empty"
                )
            }
            return true
        }
        let ids = page.contacts.compactMap { ActiveCampaignID.of($0).flatMap { UInt64($0) } }
        guard !ids.isEmpty else { throw VendorError(.malformed, message: "no contact of the page has a number as id") }
        var last = lastID
        for id in ids {
            guard id > last else {
                throw VendorError(
                    .malformed,
                    message: last == lastID
                        ? "the page after id \(lastID) starts again at \(id): the vendor ignores `id_greater`"
                        : "id \(id) comes after \(last): the vendor ignores `orders[id]=ASC`"
                )
            }
            last = id
        }
        lastID = last
        seen += page.contacts.count
        // A server may give less than it was asked for, so a short page is the last only when the total agrees.
        return page.contacts.count < limit && (page.total == page.contacts.count || page.total == seen)
    }
}

/// One page of `/contacts`.
struct ActiveCampaignPage: Sendable {
    /// As the vendor sent them.
    let contacts: [JSONValue]
    /// Their custom field values, where they came along.
    let values: ActiveCampaignSideLoad
    /// `meta.total`: of this query, by most servers.
    let total: Int?
    /// The vendor's clock.
    let date: Timestamp?

    /// Reads an answer.
    init(_ answer: JSONValue, fields: HeaderFields) throws(VendorError) {
        guard let contacts = answer["contacts"]?.arrayValue else {
            throw VendorError(.malformed, message: "the list has no `contacts`")
        }
        self.contacts = contacts
        values = ActiveCampaignSideLoad(of: answer)
        total = ActiveCampaignWire.count(answer["meta"]?["total"])
        date = fields["Date"].flatMap { Timestamp(httpDate: $0) }
    }

    /// The contacts that are not marked as deleted.
    var living: [JSONValue] { contacts.filter { !ActiveCampaignWire.isDeleted($0) } }
}

/// Days, as the filters are typed.
enum ActiveCampaignDate {
    /// `YYYY-MM-DD` in UTC.
    static func day(_ moment: Timestamp) -> String { String(moment.rfc3339.prefix(10)) }
}
