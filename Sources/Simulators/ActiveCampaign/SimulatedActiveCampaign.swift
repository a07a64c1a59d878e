//  An ActiveCampaign account's contacts (API v3), with state, a catalogue of custom fields and its rate limit.

import Contacts
import HTTPCore
import JSON
import Platform

/// The account: upsert by e-mail, the usual verbs by id, lists that ignore what they do not know.
struct SimulatedActiveCampaign: VendorBook {
    var knobs = Knobs(Self.switches)
    var catalogue = FieldCatalogue()
    /// In ascending order of id.
    var records: [ActiveCampaignRecord] = []
    private var idOfEmail: [String: Int64] = [:]
    private var nextValueID: Int64 = 14
    private var allowance: (tokens: Double, at: Timestamp)?

    static let credentials = "api_token activecampaign-token"
    static let actions: [String] = []

    mutating func answer(_ call: Call) -> Response {
        var response = limited(call) ?? routed(call)
        let limit = knobs.number("requests_per_second")
        if limit > 0 {
            response.fields.add("RateLimit-Limit", String(limit))
            response.fields.add("RateLimit-Remaining", String(max(0, Int(allowance?.tokens ?? 0))))
        }
        return response
    }

    private mutating func routed(_ call: Call) -> Response {
        guard call.fields["Api-Token"] == "activecampaign-token" else {
            return failure(knobs.number("forbidden_status"), "Forbidden")
        }
        guard call.segments.starts(with: ["api", "3"]) else { return failure(404, "No route found") }
        let path = Array(call.segments.dropFirst(2))
        let id = path.count > 1 ? Int64(path[1]) ?? 0 : 0
        switch (call.method, path.count, path.first, path.last) {
        case (.get, 2, "users", "me"):
            return .ok(["user": ["username": "simulator", "email": "simulator@example.com", "id": "1"]])
        case (.post, 2, "contact", "sync"): return sync(call)
        case (.post, 1, "contacts", _), (.post, 2, "contacts", "sync"): return create(call)
        case (.get, 1, "contacts", _): return list(call)
        case (.get, 2, "contacts", _): return show(id)
        case (.put, 2, "contacts", _): return update(call, id)
        case (.delete, 2, "contacts", _): return delete(id)
        case (.get, 3, "contacts", "fieldValues"): return showValues(id)
        case (.post, 1, "fieldValues", _): return createValue(call)
        case (.get, 1, "fields", _): return catalogue.list(call)
        case (.post, 1, "fields", _): return createField(call)
        case (_, 1, "contacts", _), (_, 2, "contacts", _), (_, 2, "contact", "sync"), (_, 1, "fields", _):
            return failure(405, "Method Not Allowed")
        default: return failure(404, "No route found")
        }
    }

    /// Five requests a second for the whole account; a late timer of the caller's is forgiven half a request.
    private mutating func limited(_ call: Call) -> Response? {
        let rate = knobs.number("requests_per_second")
        guard rate > 0 else { return nil }
        var tokens = Double(rate)
        if let allowance {
            let passed = max(0, Double(call.now.milliseconds - allowance.at.milliseconds) / 1000)
            tokens = min(Double(rate), allowance.tokens + passed * Double(rate))
        }
        guard tokens >= 0.5 else {
            allowance = (tokens, call.now)
            var response = failure(knobs.number("throttle_status"), "Too Many Requests")
            response.fields.add("Retry-After", String(knobs.number("retry_after")))
            return response
        }
        allowance = (tokens - 1, call.now)
        return nil
    }

    func failure(_ status: Int, _ message: String) -> Response {
        switch status {
        case 400: .json(400, [:])
        case 422: Self.refused(title: message, code: "invalid")
        default: .json(status, ["message": .string(message)])
        }
    }

    /// The shape of 422 answers.
    static func refused(_ status: Int = 422, title: String, code: String, detail: String = "", pointer: String? = nil)
        -> Response
    {
        var members: [JSONMember] = [
            JSONMember("title", .string(title)), JSONMember("detail", .string(detail)),
            JSONMember("code", .string(code)),
        ]
        if let pointer { members.append(JSONMember("source", ["pointer": .string(pointer)])) }
        return .json(status, ["errors": [.object(members)]])
    }

    static let switches: [Knob] = [
        .choice("filters", ["honoured", "ignored"], "whether filters[…] do anything"),
        .choice("filter_granularity", ["second", "day"], "how exactly filters[updated_after] compares"),
        .choice("include", ["honoured", "ignored"], "whether include=fieldValues on the list does anything"),
        .choice("unknown_fields", ["refuse", "ignore"], "what unknown members of a contact or unknown fields get"),
        .choice("sync_update_status", ["201", "200"], "status of POST /contact/sync for a known e-mail"),
        .number("bad_email_status", 422, in: 400...499, "status for an e-mail that is none"),
        .flag("allow_null_email", true, "contacts without an e-mail may be made with allowNullEmail"),
        .number("requests_per_second", 5, in: 0...100_000, "the account's limit; 0 for none"),
        .number("throttle_status", 429, in: 400...599, "status for more than that; the field also saw 503"),
        .number("retry_after", 1, in: 0...86_400, "seconds in Retry-After"),
        .number("forbidden_status", 403, in: 400...499, "status for a bad key"),
        .number("utc_offset_minutes", -300, in: -840...840, "the account's time zone"),
    ]
}

// MARK: - Contacts

extension SimulatedActiveCampaign {
    /// Where the contact of an id stands, or would stand.
    func place(of id: Int64) -> (index: Int, found: Bool) {
        var low = 0
        var high = records.count
        while low < high {
            let middle = (low + high) / 2
            if records[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return (low, low < records.count && records[low].id == id)
    }

    private mutating func sync(_ call: Call) -> Response {
        let input: ContactInput
        switch ContactInput.read(call, knobs, catalogue) {
        case .success(let read): input = read
        case .failure(let refusal): return refusal.response
        }
        guard let email = input.email, !email.isEmpty else {
            return Self.refused(title: "The email is required.", code: "email_required", pointer: "/data/email")
        }
        guard let id = idOfEmail[email.lowercased()] else { return stored(input, call, style: .synced) }
        let index = place(of: id).index
        apply(input, at: index, now: call.now)
        return answer(with: records[index], Int(knobs.text("sync_update_status")) ?? 201, .full)
    }

    private mutating func create(_ call: Call) -> Response {
        switch ContactInput.read(call, knobs, catalogue) {
        case .failure(let refusal): return refusal.response
        case .success(let input):
            let email = input.email ?? ""
            guard !email.isEmpty || (input.allowsNullEmail && knobs.flag("allow_null_email")) else {
                return Self.refused(title: "The email is required.", code: "email_required", pointer: "/data/email")
            }
            guard idOfEmail[email.lowercased()] == nil else { return Self.duplicate }
            return stored(input, call, style: .short)
        }
    }

    private mutating func stored(_ input: ContactInput, _ call: Call, style: ActiveCampaignRecord.Style) -> Response {
        records.append(ActiveCampaignRecord(id: (records.last?.id ?? 0) + 1, at: call.now))
        apply(input, at: records.count - 1, now: call.now)
        return answer(with: records[records.count - 1], 201, style)
    }

    private mutating func apply(_ input: ContactInput, at index: Int, now: Timestamp) {
        let old = records[index].email.lowercased()
        input.apply(
            to: &records[index],
            now: now,
            nextValueID: &nextValueID,
            offset: knobs.number("utc_offset_minutes")
        )
        let new = records[index].email.lowercased()
        guard old != new else { return }
        if !old.isEmpty { idOfEmail[old] = nil }
        if !new.isEmpty { idOfEmail[new] = records[index].id }
    }

    private func show(_ id: Int64) -> Response {
        let (index, found) = place(of: id)
        guard found else { return failure(404, "No Result found for Subscriber with id \(id)") }
        var members = ["contactAutomations", "contactLists", "deals"].map { JSONMember($0, []) }
        members.append(JSONMember("fieldValues", values(of: records[index])))
        members += ["geoIps", "geoAddresses", "accountContacts"].map { JSONMember($0, []) }
        members.append(JSONMember("contact", shown(records[index], .full)))
        return .ok(.object(members))
    }

    private mutating func update(_ call: Call, _ id: Int64) -> Response {
        let (index, found) = place(of: id)
        guard found else { return failure(404, "No Result found for Subscriber with id \(id)") }
        switch ContactInput.read(call, knobs, catalogue) {
        case .failure(let refusal): return refusal.response
        case .success(let input):
            if let email = input.email {
                guard (idOfEmail[email.lowercased()] ?? id) == id else { return Self.duplicate }
                guard !email.isEmpty || knobs.flag("allow_null_email") else {
                    return Self.refused(title: "The email is required.", code: "email_required")
                }
            }
            apply(input, at: index, now: call.now)
            return answer(with: records[index], 200, .full)
        }
    }

    private mutating func delete(_ id: Int64) -> Response {
        let (index, found) = place(of: id)
        guard found else { return failure(404, "No result found for contact with id \(id)") }
        forget(index)
        return .ok([:])
    }

    private mutating func forget(_ index: Int) {
        let gone = records.remove(at: index)
        if !gone.email.isEmpty { idOfEmail[gone.email.lowercased()] = nil }
    }

    private func showValues(_ id: Int64) -> Response {
        let (index, found) = place(of: id)
        guard found else { return failure(404, "No Result found for Subscriber with id \(id)") }
        return .ok(["fieldValues": values(of: records[index])])
    }

    private mutating func createValue(_ call: Call) -> Response {
        guard call.mediaType == "application/json", let value = call.json?["fieldValue"],
            let contact = value["contact"]?.looseText.flatMap({ Int64($0) }),
            let field = value["field"]?.looseText, let text = value["value"]?.stringValue
        else { return failure(400, "") }
        let (index, found) = place(of: contact)
        guard found, catalogue.has(field) else { return failure(404, "No Result found for Field with id \(field)") }
        apply(ContactInput(values: [(field, text)]), at: index, now: call.now)
        let stored = records[index].values.first { $0.field == field }
        return .ok([
            "contacts": [shown(records[index], .full)],
            "fieldValue": stored.map { records[index].json(of: $0, dates: dates) } ?? .null,
        ])
    }

    private mutating func createField(_ call: Call) -> Response {
        guard call.mediaType == "application/json", let field = call.json?["field"],
            let title = field["title"]?.stringValue, let type = field["type"]?.stringValue
        else { return failure(400, "") }
        guard let made = catalogue.add(title: title, type: type, tag: field["perstag"]?.stringValue) else {
            return Self.refused(
                title: "There is already a field with this title",
                code: "duplicate",
                detail: "There is already a field named '\(title)' -- choose another name"
            )
        }
        return .json(201, ["field": made])
    }

    private func answer(with record: ActiveCampaignRecord, _ status: Int, _ style: ActiveCampaignRecord.Style)
        -> Response
    {
        .json(status, ["fieldValues": values(of: record), "contact": shown(record, style)])
    }

    /// The contact; outside lists its `fieldValues` are ids, while the objects stand beside it.
    private func shown(_ record: ActiveCampaignRecord, _ style: ActiveCampaignRecord.Style) -> JSONValue {
        record.json(style, dates: dates, withValueIDs: true)
    }

    private func values(of record: ActiveCampaignRecord) -> JSONValue {
        .array(record.values.map { record.json(of: $0, dates: dates) })
    }

    /// How this account writes moments.
    var dates: AccountDates { AccountDates(offsetMinutes: knobs.number("utc_offset_minutes")) }

    private static let duplicate = refused(
        title: "Email address already exists in the system",
        code: "duplicate",
        pointer: "/data/attributes/email"
    )
}

// MARK: - Behind the vendor's back

extension SimulatedActiveCampaign {
    var count: Int { records.count }

    mutating func records(skip: Int, limit: Int) -> [JSONValue] {
        records.dropFirst(skip).prefix(limit).map(described)
    }

    func record(_ id: String) -> JSONValue? {
        guard let id = Int64(id) else { return nil }
        let (index, found) = place(of: id)
        return found ? described(records[index]) : nil
    }

    /// What a person wants to see of a record: its members and its custom fields by id.
    private func described(_ record: ActiveCampaignRecord) -> JSONValue {
        var custom: [JSONMember] = []
        for value in record.values { custom.append(JSONMember(value.field, .string(value.text))) }
        return [
            "id": .string(String(record.id)), "email": .string(record.email), "firstName": .string(record.firstName),
            "lastName": .string(record.lastName), "phone": .string(record.phone),
            "cdate": .string(dates.iso(record.created)), "udate": .string(dates.iso(record.updated)),
            "fields": .object(custom),
        ]
    }

    /// The e-mail is unique here: a contact whose first one is taken gets its next free one, or none.
    mutating func add(_ contact: SimulatedContact, at now: Timestamp) throws(Refusal) -> String {
        let wanted = contact.vendorID.flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
        let id = wanted ?? (records.last?.id ?? 0) + 1
        let (index, found) = place(of: id)
        guard !found else { throw Refusal(409, "there is already a contact with the id \(id)") }
        let content = contact.content
        var input = ContactInput()
        input.email = content.emails.first { idOfEmail[$0.address.lowercased()] == nil }?.address ?? ""
        input.firstName = contact.twoNames?.first
        input.lastName = contact.twoNames?.last
        input.phone = content.phones.first?.number
        let held = [
            (FieldCatalogue.organization, content.organization), (FieldCatalogue.title, content.title),
            (FieldCatalogue.notes, content.notes), (FieldCatalogue.address, content.addresses.first?.full),
        ]
        for case (let field, let text?) in held { input.values.append((field, text)) }
        for field in content.customFields {
            catalogue.ensure(field.id)
            input.values.removeAll { $0.field == field.id }
            input.values.append((field.id, field.value))
        }
        records.insert(ActiveCampaignRecord(id: id, at: now), at: index)
        apply(input, at: index, now: now)
        return String(id)
    }

    mutating func patch(_ id: String, with patch: [JSONMember], at now: Timestamp) throws(Refusal) {
        guard let number = Int64(id), case let (index, true) = place(of: number) else { throw .unknown(id) }
        var input = ContactInput()
        for member in patch {
            let text = member.value == .null ? "" : member.value.stringValue
            switch (member.name, text, member.value.objectValue) {
            case ("email", let email?, _):
                guard email.isEmpty || (idOfEmail[email.lowercased()] ?? number) == number else {
                    throw Refusal(409, "another contact has the e-mail")
                }
                input.email = email
            case ("firstName", let text?, _): input.firstName = text
            case ("lastName", let text?, _): input.lastName = text
            case ("phone", let text?, _): input.phone = text
            case ("fields", _, let fields?):
                for field in fields {
                    catalogue.ensure(field.name)
                    input.values.append((field.name, field.value.stringValue ?? ""))
                }
            default:
                throw Refusal(
                    422,
                    "\(member.name) cannot be set so; there are email, firstName, lastName, phone, fields"
                )
            }
        }
        apply(input, at: index, now: now)
    }

    mutating func remove(_ id: String, at now: Timestamp) throws(Refusal) {
        guard let number = Int64(id), case let (index, true) = place(of: number) else { throw .unknown(id) }
        forget(index)
    }

    mutating func perform(_ action: String) {}
}
