//  TapTalk.io's PowerTalk server API for contacts, with state: who has whom in the contact list.

import Contacts
import HTTPCore
import JSON
import Platform

/// The chat service: users, and one-way pairs of users. POST is its only verb, and its answers are always envelopes.
struct SimulatedTapTalk: VendorBook {
    var knobs = Knobs(Self.switches)
    private var users: [String: TapTalkUser] = [:]
    private var pairs = RecordTable<TapTalkPair>()
    private var nextUserID = 1
    private var random: SplitMix64

    static let credentials = "key_id taptalk-key, key_secret taptalk-secret"
    static let actions: [String] = []

    /// An empty service; the seed decides the tickets that it gives out.
    init(seed: UInt64) {
        random = SplitMix64(state: seed &+ 0x5454)
    }

    mutating func answer(_ call: Call) -> Response {
        guard call.segments.starts(with: ["v1", "server"]), call.segments.count == 4 else {
            return failure(404, "Not found")
        }
        let operation = call.segments.dropFirst(2).joined(separator: "/")
        guard ["contact/sync", "user/update", "auth_ticket/request"].contains(operation) else {
            return failure(404, "Not found")
        }
        guard call.method == .post else {
            var response = failure(405, "Method not allowed")
            response.fields.add("Allow", "POST")
            return response
        }
        guard let key = call.fields["Server-Key"], !key.isEmpty else {
            return refused(400, "40001", "Request headers are required (Server-Key)")
        }
        guard Base64.decode(key) == Array("taptalk-key:taptalk-secret".utf8) else {
            return refused(401, "49102", "Server key is invalid")
        }
        guard call.mediaType == "application/json" else {
            return refused(400, "40001", "Request headers are required (Content-Type)")
        }
        guard let body = call.json, body.objectValue != nil else {
            return refused(400, "40002", "Request body is not valid JSON")
        }
        switch operation {
        case "contact/sync": return syncContacts(body)
        case "user/update": return updateUser(body, ticket: false)
        default: return updateUser(body, ticket: true)
        }
    }

    /// "Contact deletion always run the last": a pair that is deleted anywhere in the list ends deleted.
    private mutating func syncContacts(_ body: JSONValue) -> Response {
        if let odd = body.objectValue?.first(where: { $0.name != "contacts" }) { return unknown(odd.name) }
        guard let entries = body["contacts"]?.arrayValue, !entries.isEmpty else {
            return refused(400, "40002", "Param 'contacts' cannot be empty", field: "101")
        }
        let most = knobs.number("max_batch")
        guard most == 0 || entries.count <= most else {
            return refused(400, "40002", "Param 'contacts' has more than \(most) entries", field: "101")
        }
        var wanted: [TapTalkPair] = []
        var unwanted: [TapTalkPair] = []
        for entry in entries {
            switch read(entry) {
            case .refused(let response): return response
            case .skipped: break
            case .pair(let pair, let isDeleted):
                if isDeleted { unwanted.append(pair) } else { wanted.append(pair) }
            }
        }
        var inserted = 0
        var deleted = 0
        for pair in wanted {
            let isNew = pairs[pair.id] == nil
            pairs[pair.id] = pair
            if isNew || knobs.text("counts") == "asked" { inserted += 1 }
        }
        for pair in unwanted {
            let isThere = pairs[pair.id] != nil
            pairs[pair.id] = nil
            if isThere || knobs.text("counts") == "asked" { deleted += 1 }
        }
        return succeeded(["countInserted": .int(inserted), "countDeleted": .int(deleted)])
    }

    private enum Entry {
        case pair(TapTalkPair, isDeleted: Bool)
        case skipped
        case refused(Response)
    }

    private mutating func read(_ entry: JSONValue) -> Entry {
        let names = ["ownerXCUserID", "contactXCUserID", "isDeleted"]
        guard let members = entry.objectValue else {
            return .refused(refused(400, "40002", "Param 'contacts' must be a list of objects", field: "101"))
        }
        if let odd = members.first(where: { !names.contains($0.name) }) { return .refused(unknown(odd.name)) }
        var ids: [String] = []
        for (name, field) in [(names[0], "102"), (names[1], "103")] {
            guard let id = entry[name]?.stringValue, !id.isEmpty else {
                return .refused(refused(400, "40002", "Param '\(name)' is required", field: field))
            }
            if users[id] == nil {
                switch knobs.text("unknown_ids") {
                case "skip": return .skipped
                case "create": _ = addUser(id)
                default: return .refused(refused(400, "40002", "User of param '\(name)' is not found", field: field))
                }
            }
            ids.append(id)
        }
        let isDeleted: Bool
        switch (entry["isDeleted"], knobs.flag("loose_types")) {
        case (nil, _), (.null, true): isDeleted = false
        case (.bool(let truth), _): isDeleted = truth
        case (.string("true"), true): isDeleted = true
        case (.string("false"), true): isDeleted = false
        default: return .refused(refused(400, "40002", "Param 'isDeleted' must be a boolean", field: "104"))
        }
        return .pair(TapTalkPair(owner: ids[0], contact: ids[1]), isDeleted: isDeleted)
    }

    /// `user/update` upserts by the caller's id; a ticket request does so too and adds a ticket.
    private mutating func updateUser(_ body: JSONValue, ticket: Bool) -> Response {
        let own = ["userIPAddress", "userAgent", "userPlatform", "userDeviceID"]
        for member in body.objectValue ?? [] {
            guard TapTalkUser.fields[member.name] != nil || (ticket && own.contains(member.name)) else {
                return unknown(member.name)
            }
            guard member.value.stringValue != nil else {
                let field = TapTalkUser.fields[member.name] ?? ""
                return refused(400, "40002", "Param '\(member.name)' must be a string", field: field)
            }
        }
        for name in ["xcUserID", "fullName"] where body[name]?.stringValue?.isEmpty ?? true {
            return refused(400, "40002", "Param '\(name)' is required", field: TapTalkUser.fields[name] ?? "")
        }
        guard let id = body["xcUserID"]?.stringValue, id.unicodeScalars.count <= 50 else {
            return refused(400, "40002", "Param 'xcUserID' must be at most 50 characters", field: "105")
        }
        var user = users[id] ?? addUser(id)
        for member in body.objectValue ?? [] where TapTalkUser.fields[member.name] != nil {
            let text = member.value.stringValue ?? ""
            if text.isEmpty, knobs.text("blank_optional") == "keep" { continue }
            user.values[member.name] = text.isEmpty ? nil : text
        }
        users[id] = user
        var data = [JSONMember("userID", .string(user.userID))]
        if ticket {
            let alphabet: StaticString = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
            data.insert(JSONMember("ticket", .string(random.text(64, of: alphabet))), at: 0)
        }
        return succeeded(.object(data))
    }

    @discardableResult
    private mutating func addUser(_ id: String) -> TapTalkUser {
        let user = TapTalkUser(userID: String(nextUserID), values: ["xcUserID": id])
        nextUserID += 1
        users[id] = user
        return user
    }

    static let switches: [Knob] = [
        .choice("http_status", ["mirror", "always_200"], "whether the HTTP status is that of the body, or always 200"),
        .choice("unknown_ids", ["refuse", "skip", "create"], "what a pair with an unknown user gets"),
        .choice("counts", ["changed", "asked"], "whether counts tell rows that changed, or entries that were sent"),
        .choice("blank_optional", ["clear", "keep"], "what an empty optional value does to a user"),
        .flag("loose_types", false, "isDeleted may also be the text true or false, or null"),
        .number("max_batch", 0, in: 0...1_000_000, "most pairs in one call; 0 for any number"),
    ]
}

// MARK: - The envelope

extension SimulatedTapTalk {
    private func succeeded(_ data: JSONValue) -> Response {
        .ok(["status": 200, "error": ["code": "", "message": "", "field": ""], "data": data])
    }

    private func refused(_ status: Int, _ code: String, _ message: String, field: String = "") -> Response {
        .json(
            knobs.text("http_status") == "mirror" ? status : 200,
            [
                "status": .int(status),
                "error": ["code": .string(code), "message": .string(message), "field": .string(field)], "data": [:],
            ]
        )
    }

    private func unknown(_ name: String) -> Response {
        refused(400, "40002", "Param '\(name)' is unknown")
    }

    func failure(_ status: Int, _ message: String) -> Response {
        let code =
            switch status {
            case 400: "40002"
            case 401: "49102"
            case 403: "40301"
            case 404: "40401"
            default: "\(status)01"
            }
        return refused(status, code, message)
    }
}

// MARK: - Behind the vendor's back

extension SimulatedTapTalk {
    /// Pairs, not users.
    var count: Int { pairs.count }

    mutating func records(skip: Int, limit: Int) -> [JSONValue] {
        pairs.page(skip: skip, limit: limit).map(described)
    }

    func record(_ id: String) -> JSONValue? { pairs[id].map(described) }

    /// A pair with what is known of the user at its far end; its id here is `owner:contact`.
    private func described(_ pair: TapTalkPair) -> JSONValue {
        let user = users[pair.contact]
        let names = TapTalkUser.fields.keys.sorted().filter { user?.values[$0] != nil }
        var members = names.map { JSONMember($0, .optional(user?.values[$0])) }
        members.append(JSONMember("userID", .optional(user?.userID)))
        return [
            "id": .string(pair.id), "ownerXCUserID": .string(pair.owner), "contactXCUserID": .string(pair.contact),
            "user": .object(members),
        ]
    }

    mutating func add(_ contact: SimulatedContact, at now: Timestamp) throws(Refusal) -> String {
        let owner = contact.content.owner ?? "1"
        let id = contact.vendorID ?? String(nextUserID + 1)
        guard id.unicodeScalars.count <= 50, !id.isEmpty else { throw Refusal(422, "no user can have the id \(id)") }
        if users[owner] == nil { addUser(owner) }
        var user = users[id] ?? addUser(id)
        user.values["fullName"] = contact.fullName ?? id
        user.values["email"] = contact.content.emails.first?.address
        user.values["phone"] = contact.content.phones.first?.number
        users[id] = user
        let pair = TapTalkPair(owner: owner, contact: id)
        pairs[pair.id] = pair
        return pair.id
    }

    mutating func patch(_ id: String, with patch: [JSONMember], at now: Timestamp) throws(Refusal) {
        guard let pair = pairs[id], var user = users[pair.contact] else { throw .unknown(id) }
        for member in patch {
            guard TapTalkUser.fields[member.name] != nil, member.name != "xcUserID" else {
                throw Refusal(422, "a user has no field \(member.name)")
            }
            user.values[member.name] = member.value.stringValue
        }
        users[pair.contact] = user
    }

    mutating func remove(_ id: String, at now: Timestamp) throws(Refusal) {
        guard pairs[id] != nil else { throw .unknown(id) }
        pairs[id] = nil
    }

    mutating func perform(_ action: String) {}
}

/// One user; TapTalk's own id is another than the caller's.
struct TapTalkUser: Sendable {
    var userID: String
    /// By the names of ``fields``.
    var values: [String: String]

    /// What a user may have, with the numbers that errors name them by.
    static let fields = [
        "xcUserID": "105", "fullName": "106", "email": "107", "phone": "108", "username": "109",
        "photoThumbnailURL": "110", "photoFullsizeURL": "111", "userRoleCode": "112",
    ]
}

/// That a user has another one in the contact list; says nothing about the other way.
struct TapTalkPair: Sendable {
    var owner: String
    var contact: String

    /// How the control endpoints name it.
    var id: String { "\(owner):\(contact)" }
}
