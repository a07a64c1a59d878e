//  The account's lists: contacts with filters and orders, and the catalogue of custom fields.

import HTTPCore
import JSON
import Platform

extension SimulatedActiveCampaign {
    /// `GET /contacts`. A parameter that is unknown or cannot be read is ignored without a word, as the vendor does.
    func list(_ call: Call) -> Response {
        let window = ListWindow(call)
        var filters: [(ActiveCampaignRecord) -> Bool] = []
        for (name, value) in call.query {
            if let filter = filter(name, value) { filters.append(filter) }
        }
        let ids = call.query.filter { $0.name == "ids[]" || $0.name == "ids" }.compactMap { Int64($0.value) }
        if !ids.isEmpty { filters.append { ids.contains($0.id) } }

        var rows = records[...]
        if let least = call.parameter("id_greater").flatMap({ Int64($0) }) {
            rows = rows[place(of: least < .max ? least + 1 : least).index...]
        }
        if !filters.isEmpty { rows = rows.filter { row in filters.allSatisfy { $0(row) } }[...] }
        sort(&rows, by: call)
        let page = rows.dropFirst(window.offset).prefix(window.limit)
        let includes = call.parameter("include")?.split(separator: ",").contains("fieldValues") ?? false
        let withValues = includes && knobs.text("include") == "honoured"

        var members = [JSONMember("scoreValues", [])]
        if withValues {
            members.append(
                JSONMember(
                    "fieldValues",
                    .array(page.flatMap { row in row.values.map { row.json(of: $0, dates: dates) } })
                )
            )
        }
        members.append(
            JSONMember("contacts", .array(page.map { $0.json(.full, dates: dates, withValueIDs: withValues) }))
        )
        members.append(JSONMember("meta", ["total": .string(String(rows.count)), "page_input": window.json]))
        return .ok(.object(members))
    }

    private func filter(_ name: String, _ value: String) -> ((ActiveCampaignRecord) -> Bool)? {
        let text = value.lowercased()
        switch name {
        case "email": return { $0.email.lowercased() == text }
        case "email_like": return { $0.email.lowercased().contains(text) }
        case "phone": return { $0.phone.hasPrefix(value) }
        case "id_less": return Int64(value).map { most in { $0.id < most } }
        case "search":
            return { row in
                [row.email, row.firstName, row.lastName, row.phone].contains { $0.lowercased().contains(text) }
            }
        case "status": return value == "-1" || value == "1" ? nil : { _ in false }
        case "filters[updated_after]": return moments(value).map { after in { after($0.updated) == .after } }
        case "filters[updated_before]": return moments(value).map { after in { after($0.updated) == .before } }
        case "filters[created_after]": return moments(value).map { after in { after($0.created) == .after } }
        case "filters[created_before]": return moments(value).map { after in { after($0.created) == .before } }
        default: return nil
        }
    }

    private enum Side {
        case before, same, after
    }

    /// Compares moments with that of a filter; `nil` when filters are ignored or it cannot be read.
    private func moments(_ value: String) -> ((Timestamp) -> Side)? {
        guard knobs.text("filters") == "honoured" else { return nil }
        let offset = Int64(knobs.number("utc_offset_minutes")) * 60_000
        let midnight = Timestamp(rfc3339: value.prefix(10) + "T00:00:00Z")?.advanced(byMilliseconds: -offset)
        guard let edge = value.count == 10 ? midnight : Timestamp(rfc3339: value) else { return nil }
        let dates = dates
        let byDay = knobs.text("filter_granularity") == "day"
        return { moment in
            if byDay {
                let (left, right) = (dates.day(moment), dates.day(edge))
                return left == right ? .same : left < right ? .before : .after
            }
            return moment.seconds == edge.seconds ? .same : moment < edge ? .before : .after
        }
    }

    private func sort(_ rows: inout ArraySlice<ActiveCampaignRecord>, by call: Call) {
        for (name, value) in call.query.reversed() where name.hasPrefix("orders[") {
            let down = value.uppercased() == "DESC"
            switch name {
            case "orders[id]": if down { rows.reverse() }
            case "orders[email]": rows.sort { down ? $1.email < $0.email : $0.email < $1.email }
            case "orders[cdate]": rows.sort { down ? $1.created < $0.created : $0.created < $1.created }
            case "orders[first_name]": rows.sort { down ? $1.firstName < $0.firstName : $0.firstName < $1.firstName }
            case "orders[last_name]", "orders[lastName]":
                rows.sort { down ? $1.lastName < $0.lastName : $0.lastName < $1.lastName }
            default: break
            }
        }
    }
}

/// `limit` and `offset` as the vendor reads them: 20 where none is given, never more than 100.
struct ListWindow: Sendable {
    var limit: Int
    var offset: Int

    init(_ call: Call) {
        limit = min(100, call.parameter("limit").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? 20)
        offset = max(0, call.parameter("offset").flatMap { Int($0) } ?? 0)
    }

    var json: JSONValue { ["limit": .int(limit), "offset": .int(offset)] }
}

/// The account's custom fields: 24 from the start, so that the default page of 20 does not show all.
struct FieldCatalogue: Sendable {
    private var fields: [JSONValue] = []
    private var ids: Set<String> = []

    /// Holds a contact's company.
    static let organization = "4"
    /// Holds a contact's job title.
    static let title = "5"
    /// Holds a contact's notes; beyond the first page.
    static let notes = "21"
    /// Holds a contact's address; beyond the first page.
    static let address = "22"

    init() {
        let titles = [
            "First Field", "City", "State", "Organization", "Job Title", "Birthday", "Source", "Language", "Website",
            "Department", "Region", "Score", "Segment", "Budget", "Plan", "Renewal", "Referrer", "Campaign", "Industry",
            "Size", "Notes", "Address", "Second E-mail", "Assistant",
        ]
        for title in titles { _ = add(title: title, type: title == "Birthday" ? "date" : "text", tag: nil) }
    }

    /// Whether there is a field of that id.
    func has(_ id: String) -> Bool { ids.contains(id) }

    /// Makes sure that there is a field of that id.
    mutating func ensure(_ id: String) {
        if !has(id) { insert(id, title: "Field \(id)", type: "text", tag: nil) }
    }

    /// Adds a field; `nil` when there is one of that title.
    mutating func add(title: String, type: String, tag: String?) -> JSONValue? {
        guard !fields.contains(where: { $0["title"]?.stringValue == title }) else { return nil }
        var number = fields.count + 1
        while has(String(number)) { number += 1 }
        return insert(String(number), title: title, type: type, tag: tag)
    }

    @discardableResult
    private mutating func insert(_ id: String, title: String, type: String, tag: String?) -> JSONValue {
        let derived = title.uppercased().split(separator: " ").joined(separator: "_")
        let field: JSONValue = [
            "title": .string(title), "descript": "", "type": .string(type), "isrequired": "0",
            "perstag": .string(tag ?? derived), "defval": "", "visible": "1", "ordernum": .string(id), "options": [],
            "relations": ["0"], "links": [:], "id": .string(id),
        ]
        fields.append(field)
        ids.insert(id)
        return field
    }

    /// `GET /fields`.
    func list(_ call: Call) -> Response {
        let window = ListWindow(call)
        return .ok([
            "fieldOptions": [], "fieldRels": [],
            "fields": .array(Array(fields.dropFirst(window.offset).prefix(window.limit))),
            "meta": ["total": .string(String(fields.count))],
        ])
    }
}
