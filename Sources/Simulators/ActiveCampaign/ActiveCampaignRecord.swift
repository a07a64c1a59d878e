//  One contact of the account with its custom field values, and how the account writes it.

import JSON
import Platform

/// How an account writes moments: in its own zone, with seconds.
struct AccountDates: Sendable {
    /// The account's distance from UTC.
    var offsetMinutes: Int

    /// `2018-09-28T17:27:21-05:00`.
    func iso(_ moment: Timestamp) -> String {
        let minutes = abs(offsetMinutes)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let sign = offsetMinutes < 0 ? "-" : "+"
        return local(moment, "T") + sign + two(minutes / 60) + ":" + two(minutes % 60)
    }

    /// `2018-09-28 17:27:21`, the wall clock of the account; also in members that say UTC, as the examples show.
    func wallClock(_ moment: Timestamp) -> String { local(moment, " ") }

    /// `2018-09-28`.
    func day(_ moment: Timestamp) -> String { String(local(moment, " ").prefix(10)) }

    private func local(_ moment: Timestamp, _ separator: String) -> String {
        let text = moment.advanced(byMilliseconds: Int64(offsetMinutes) * 60_000).rfc3339
        return text.prefix(10) + separator + text.dropFirst(11).prefix(8)
    }
}

/// A contact of the account.
struct ActiveCampaignRecord: Sendable {
    /// One custom field's value.
    struct Value: Sendable {
        var id: Int64
        var field: String
        var text: String
        var created: Timestamp
        var updated: Timestamp
    }

    /// How much of a contact an answer shows.
    enum Style {
        /// After `POST /contacts`.
        case short
        /// After `POST /contact/sync` made a contact.
        case synced
        /// Everywhere else.
        case full
    }

    var id: Int64
    var email = ""
    var firstName = ""
    var lastName = ""
    var phone = ""
    var created: Timestamp
    var updated: Timestamp
    var values: [Value] = []

    init(id: Int64, at now: Timestamp) {
        self.id = id
        created = now
        updated = now
    }

    /// The contact; every scalar is a string but for the nulls and `email_empty`.
    func json(_ style: Style, dates: AccountDates, withValueIDs: Bool) -> JSONValue {
        let cdate = JSONMember("cdate", .string(dates.iso(created)))
        let udate = JSONMember("udate", .string(dates.iso(updated)))
        let email = JSONMember("email", .string(email))
        let names = [
            JSONMember("phone", .string(phone)), JSONMember("firstName", .string(firstName)),
            JSONMember("lastName", .string(lastName)),
        ]
        let links = JSONMember("links", self.links)
        let hash = JSONMember("hash", "75b8163f768dff1f0f7b5f69476b986a")
        let ids = JSONMember("fieldValues", .array(values.map { .string(String($0.id)) }))
        let id = JSONMember("id", .string(String(id)))
        switch style {
        case .short:
            return .object([
                email, cdate, udate, JSONMember("orgid", ""), links, hash, id, JSONMember("organization", ""),
            ])
        case .synced:
            let orgs = [JSONMember("orgid", ""), JSONMember("orgname", "")]
            let empty = JSONMember("email_empty", .bool(self.email.isEmpty))
            return .object(
                [email] + names + [empty, cdate, udate] + orgs + [links, hash, ids, id, JSONMember("organization", "")]
            )
        case .full:
            let local = JSONValue.string(dates.wallClock(created))
            let changed = JSONValue.string(dates.wallClock(updated))
            var members = [cdate, email] + names + Self.constants + [udate]
            members += [
                JSONMember("adate", .null), JSONMember("edate", .null),
                JSONMember("deleted_at", "0000-00-00 00:00:00"), JSONMember("created_utc_timestamp", local),
                JSONMember("updated_utc_timestamp", changed), JSONMember("created_timestamp", local),
                JSONMember("updated_timestamp", changed), JSONMember("created_by", "0"),
                JSONMember("updated_by", "0"), JSONMember("email_empty", .bool(self.email.isEmpty)), links,
            ]
            if withValueIDs { members.append(ids) }
            return .object(members + [id, JSONMember("organization", .null), JSONMember("accountContacts", [])])
        }
    }

    /// A custom field's value, as it stands beside the contact.
    func json(of value: Value, dates: AccountDates) -> JSONValue {
        let base = "\(Self.base)/fieldValues/\(value.id)"
        return [
            "contact": .string(String(id)), "field": .string(value.field), "value": .string(value.text),
            "cdate": .string(dates.iso(value.created)), "udate": .string(dates.iso(value.updated)),
            "created_by": .null, "updated_by": .null,
            "links": ["owner": .string("\(base)/owner"), "field": .string("\(base)/field")],
            "id": .string(String(value.id)), "owner": .string(String(id)),
        ]
    }

    private var links: JSONValue {
        .object(Self.linkNames.map { JSONMember($0, .string("\(Self.base)/contacts/\(id)/\($0)")) })
    }

    private static let base = "https://:account.api-us1.com/api/3"
    private static let linkNames = [
        "bounceLogs", "contactAutomations", "contactData", "contactGoals", "contactLists", "contactLogs",
        "contactTags", "contactDeals", "deals", "fieldValues", "geoIps", "notes", "organization", "plusAppend",
        "trackingLogs", "scoreValues", "accountContacts", "automationEntryCounts",
    ]
    /// What the documented example shows and this account never changes.
    private static let constants: [JSONMember] = [
        JSONMember("orgid", "0"), JSONMember("segmentio_id", ""), JSONMember("bounced_hard", "0"),
        JSONMember("bounced_soft", "0"), JSONMember("bounced_date", "0000-00-00"), JSONMember("ip", "0"),
        JSONMember("ua", ""), JSONMember("hash", ""), JSONMember("socialdata_lastcheck", "0000-00-00 00:00:00"),
        JSONMember("email_local", ""), JSONMember("email_domain", ""), JSONMember("sentcnt", "0"),
        JSONMember("rating_tstamp", "0000-00-00"), JSONMember("gravatar", "0"), JSONMember("deleted", "0"),
        JSONMember("anonymized", "0"),
    ]
}
