//  A PortSIP PBX 22's personal contacts, with state (PortSIP's OpenAPI 22.0 and its knowledge base).

import HTTPCore
import JSON
import Platform

/// The PBX of one user: sign-in, the contact book and its sync tokens. GET and POST are its only verbs.
struct SimulatedPortSIP: VendorBook {
    var knobs = Knobs(Self.switches)
    var logins: PortSIPLogins
    private var book = RecordTable<PortSIPRecord>()
    private var journal = Journal()
    private var syncTokens: [String: (place: Int, issued: Timestamp)] = [:]
    private var nextNumber: Int64 = 700_551_909_773_148_160
    private var random: SplitMix64

    static let credentials = "token portsip-token, or username 1001, password portsip-password, domain pbx.example"
    static let actions = ["expire_tokens", "forget_sync_tokens"]

    /// An empty book; the seed decides the tokens that it gives out.
    init(seed: UInt64) {
        random = SplitMix64(state: seed &+ 0x5053)
        logins = PortSIPLogins(seed: seed)
    }

    mutating func answer(_ call: Call) -> Response {
        guard call.segments.first == "api" else { return failure(404, "not found") }
        let path = Array(call.segments.dropFirst())
        if path.first == "login" || path.first == "auth" || path.first == "account" {
            return logins.answer(call, path: path, knobs: knobs) ?? error(404, .notFound, "not found")
        }
        guard path.starts(with: ["user", "contacts"]) else { return error(404, .notFound, "not found") }
        guard logins.isValid(call.bearer, at: call.now) else {
            return error(knobs.number("expired_status"), .unauthorized, "invalid or expired access token")
        }
        let rest = Array(path.dropFirst(2))
        switch (rest.count, rest.first, rest.last) {
        case (0, _, _): return Self.allowing([.get, .post], call) { $0.method == .get ? list($0) : create($0) }
        case (1, "sync_tokens", _): return Self.allowing([.post], call) { issueSyncToken($0) }
        case (2, "sync_tokens", _) where knobs.text("diff_path") != "diff",
            (3, "sync_tokens", "diff") where knobs.text("diff_path") != "bare":
            return Self.allowing([.post], call) { difference($0, since: rest[1]) }
        case (1, let id?, _):
            return Self.allowing([.get, .post], call) { $0.method == .get ? show(id) : update($0, id) }
        case (2, let id?, "destroy"): return Self.allowing([.post], call) { destroy($0, id) }
        case (2, let id?, "favorite"): return Self.allowing([.post], call) { setFavorite($0, id, true) }
        case (2, let id?, "unfavorite"): return Self.allowing([.post], call) { setFavorite($0, id, false) }
        default: return error(404, .notFound, "not found")
        }
    }

    private static func allowing(_ methods: [Method], _ call: Call, _ answer: (Call) -> Response) -> Response {
        guard methods.contains(call.method) else {
            var response = Self.error(405, .unknown, "method not allowed")
            response.fields.add("Allow", methods.map(\.rawValue).joined(separator: ", "))
            return response
        }
        return answer(call)
    }
}

// MARK: - Contacts

extension SimulatedPortSIP {
    private mutating func list(_ call: Call) -> Response {
        guard let skip = Int(call.parameter("skip") ?? "0"), skip >= 0 else { return invalid("skip must be 0 or more") }
        guard let top = Int(call.parameter("top") ?? "100"), (1...100).contains(top) else {
            return invalid("top must be from 1 to 100")
        }
        if skip > 0, knobs.number("list_drift") > 0 {
            book.rotate()
            try? knobs.set("list_drift", to: .int(knobs.number("list_drift") - 1))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("count")
        writer.int(Int64(book.count + knobs.number("count_offset")))
        writer.name("items")
        writer.beginArray()
        for record in book.page(skip: skip, limit: top) { record.write(to: &writer, blank: knobs.text("blank")) }
        writer.endArray()
        writer.endObject()
        return .json(bytes: writer.bytes)
    }

    private mutating func create(_ call: Call) -> Response {
        var record = PortSIPRecord(id: newID())
        if let refused = fill(&record, from: call) { return refused }
        book[record.id] = record
        journal.note(.created, record.id, at: call.now)
        return .json(201, ["id": .string(record.id)])
    }

    private func show(_ id: String) -> Response {
        guard let record = book[id] else { return unknownContact }
        return .ok(record.json(blank: knobs.text("blank")))
    }

    private mutating func update(_ call: Call, _ id: String) -> Response {
        guard let old = book[id] else { return unknownContact }
        guard old.syncType == nil else { return invalid("a synchronized contact cannot be changed") }
        var record = old
        if knobs.text("update") == "replace" { record.values = PortSIPRecord(id: id).values }
        if let refused = fill(&record, from: call) { return refused }
        store(record, insteadOf: old, at: call.now)
        return Response(status: 200)
    }

    private mutating func destroy(_ call: Call, _ id: String) -> Response {
        guard book[id] != nil else { return unknownContact }
        guard call.body.isEmpty else { return invalid("this operation takes no body") }
        book[id] = nil
        journal.note(.deleted, id, at: call.now)
        return Response(status: 204)
    }

    private mutating func setFavorite(_ call: Call, _ id: String, _ favorite: Bool) -> Response {
        guard let old = book[id] else { return unknownContact }
        guard call.body.isEmpty else { return invalid("this operation takes no body") }
        var record = old
        record.favorite = favorite
        store(record, insteadOf: old, at: call.now)
        return Response(status: 200)
    }

    private mutating func store(_ record: PortSIPRecord, insteadOf old: PortSIPRecord, at now: Timestamp) {
        guard record != old else { return }
        book[record.id] = record
        journal.note(.updated, record.id, at: now)
    }

    /// Reads the fifteen writable fields from the body; an answer when they are not to be had.
    private func fill(_ record: inout PortSIPRecord, from call: Call) -> Response? {
        guard call.mediaType == "application/json" else {
            return error(415, .validateFailed, "the content type must be application/json")
        }
        guard let members = call.json?.objectValue else { return invalid("the body must be a JSON object") }
        for member in members {
            guard let slot = PortSIPRecord.fields.firstIndex(where: { "\($0.name)" == member.name }) else {
                return invalid("unknown field \(member.name)")
            }
            let field = PortSIPRecord.fields[slot]
            switch member.value {
            case .null:
                guard knobs.text("blank_input") != "text" else { return invalid("\(field.name) must be a string") }
                record.values[slot] = nil
            case .string(""):
                guard knobs.text("blank_input") != "null", slot != 0 else {
                    return invalid("\(field.name) must not be empty")
                }
                record.values[slot] = nil
            case .string(let text):
                guard text.unicodeScalars.count <= field.max else {
                    return invalid("\(field.name) must be at most \(field.max) characters")
                }
                record.values[slot] = text
            default: return invalid("\(field.name) must be a string")
            }
        }
        return nil
    }

    /// The documentation's example id is the base64 of a number; nobody may rely on it.
    private mutating func newID() -> String {
        repeat { nextNumber += 4_099 } while book[Base64.encode(Array("\(nextNumber)".utf8))] != nil
        return Base64.encode(Array("\(nextNumber)".utf8))
    }
}

// MARK: - Sync tokens

extension SimulatedPortSIP {
    private mutating func issueSyncToken(_ call: Call) -> Response {
        .json(201, ["token": .string(newSyncToken(at: call.now))])
    }

    private mutating func newSyncToken(at now: Timestamp) -> String {
        let token =
            random.text(43, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") + "."
        syncTokens[token] = (journal.version, now)
        return token
    }

    private mutating func difference(_ call: Call, since token: String) -> Response {
        let life = knobs.number("sync_token_ttl")
        guard let known = syncTokens[token], !knobs.flag("sync_token_forget"),
            life == 0 || call.now.seconds < known.issued.seconds + Int64(life)
        else { return error(403, .forbidden, "the sync token is not recognised") }
        if knobs.flag("sync_token_single_use") { syncTokens[token] = nil }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("token")
        writer.string(newSyncToken(at: call.now))
        writer.name("items")
        writer.beginArray()
        for change in journal.collapsed(after: known.place) {
            let type: String
            switch (change.first, change.last) {
            case (.created, .deleted): continue
            case (_, .deleted): type = "DELETED"
            case (.created, _): type = "CREATED"
            default: type = "UPDATED"
            }
            let record = book[change.id] ?? PortSIPRecord(id: change.id)
            record.write(to: &writer, blank: knobs.text("blank"), changeType: type)
        }
        writer.endArray()
        writer.endObject()
        return .json(bytes: writer.bytes)
    }
}

// MARK: - Errors

extension SimulatedPortSIP {
    /// The codes of the registry, and what a newer server may add.
    enum Code: String {
        case unknown = "UNKNOWN"
        case validateFailed = "VALIDATE_FAILED"
        case unauthorized = "UNAUTHORIZED"
        case forbidden = "FORBIDDEN"
        case notFound = "NOT_FOUND"
    }

    /// `{"errors":[{"code","message"}]}`; codes outside the registry only when the knob says so.
    func error(_ status: Int, _ code: Code, _ message: String) -> Response {
        let registered = code == .unknown || code == .validateFailed || code == .unauthorized
        let shown = registered || knobs.text("error_codes") == "extended" ? code : .unknown
        return Self.error(status, shown, message)
    }

    static func error(_ status: Int, _ code: Code, _ message: String) -> Response {
        .json(status, ["errors": [["code": .string(code.rawValue), "message": .string(message)]]])
    }

    func failure(_ status: Int, _ message: String) -> Response {
        switch status {
        case 400, 415, 422: error(status, .validateFailed, message)
        case 401: error(status, .unauthorized, message)
        case 403: error(status, .forbidden, message)
        case 404: error(status, .notFound, message)
        default: error(status, .unknown, message)
        }
    }

    private func invalid(_ message: String) -> Response { error(400, .validateFailed, message) }
    private var unknownContact: Response { error(knobs.number("unknown_id_status"), .notFound, "contact not found") }

    static let switches: [Knob] = [
        .choice("update", ["replace", "merge"], "what POST of a contact does with fields that are left out"),
        .choice("blank", ["null", "empty"], "whether blank fields are shown as null or as an empty string"),
        .choice("blank_input", ["any", "null", "text"], "how blank fields may be sent: either way, null, or \"\""),
        .choice("login", ["both", "oauth", "json"], "which of the two sign-ins exist"),
        .flag("two_factor", false, "sign_in asks for a second factor; the code is 123456"),
        .number("token_ttl", 1800, in: 1...100_000_000, "seconds that an access token lives"),
        .number("expired_status", 401, in: 400...499, "status for a bad or expired access token"),
        .flag("sync_token_single_use", false, "a sync token is forgotten once it was used"),
        .number("sync_token_ttl", 0, in: 0...100_000_000, "seconds that a sync token lives; 0 for ever"),
        .flag("sync_token_forget", false, "every sync token is answered with 403"),
        .choice(
            "diff_path",
            ["both", "diff", "bare"],
            "whether changes are read at …/{token}/diff, …/{token} or both"
        ),
        .number("list_drift", 0, in: 0...1_000_000, "how many more times the list shifts by one between two pages"),
        .number("count_offset", 0, in: -1_000_000...1_000_000, "added to the count that lists state"),
        .number("unknown_id_status", 404, in: 400...499, "status for an unknown contact id"),
        .choice("error_codes", ["documented", "extended"], "whether codes outside the registry occur"),
    ]
}

// MARK: - Behind the vendor's back

extension SimulatedPortSIP {
    var count: Int { book.count }

    mutating func records(skip: Int, limit: Int) -> [JSONValue] {
        book.page(skip: skip, limit: limit).map { $0.json(blank: "null") }
    }

    func record(_ id: String) -> JSONValue? { book[id]?.json(blank: "null") }

    mutating func add(_ contact: SimulatedContact, at now: Timestamp) throws(Refusal) -> String {
        let id = contact.vendorID ?? newID()
        guard !id.isEmpty, id != "sync_tokens" else { throw Refusal(422, "no contact can have the id \(id)") }
        guard book[id] == nil else { throw Refusal(409, "there is already a contact with the id \(id)") }
        book[id] = PortSIPRecord(id: id, contact)
        journal.note(.created, id, at: now)
        return id
    }

    mutating func patch(_ id: String, with patch: [JSONMember], at now: Timestamp) throws(Refusal) {
        guard let old = book[id] else { throw .unknown(id) }
        var record = old
        try record.apply(patch)
        store(record, insteadOf: old, at: now)
    }

    mutating func remove(_ id: String, at now: Timestamp) throws(Refusal) {
        guard book[id] != nil else { throw .unknown(id) }
        book[id] = nil
        journal.note(.deleted, id, at: now)
    }

    mutating func perform(_ action: String) {
        switch action {
        case "expire_tokens": logins.expireAll()
        case "forget_sync_tokens": syncTokens = [:]
        default: break
        }
    }
}
