//  A Custom Contact Source as Bicom PBXware reads it, with state and tombstones.

import HTTPCore
import JSON
import Platform

/// The customer's own server: a token, all contacts, and what changed since a moment. GET is its only verb.
struct SimulatedContactSource: VendorBook {
    var knobs = Knobs(Self.switches)
    private var book = RecordTable<ContactSourceRecord>()
    private var journal = Journal()
    private var tokens: [String: Timestamp] = [:]
    private var nextID = 100
    private var random: SplitMix64
    private var lastDelta = Delta(since: -1, version: -1, updated: [], deleted: [])

    static let credentials = "client_id test_id, client_secret test_secret"
    static let actions = ["expire_tokens"]

    /// What one question for changes found, kept for its further pages.
    private struct Delta {
        var since: Int
        var version: Int
        var updated: [String]
        var deleted: [String]
    }

    /// An empty source; the seed decides the tokens that it gives out.
    init(seed: UInt64) {
        random = SplitMix64(state: seed &+ 0x4353)
    }

    mutating func answer(_ call: Call) -> Response {
        let path = call.segments.joined(separator: "/")
        guard ["token", "contacts", "contacts/delta"].contains(path) else { return failure(404, "no such resource") }
        guard call.method == .get else {
            var response = failure(405, "only GET is allowed")
            response.fields.add("Allow", "GET")
            return response
        }
        if path == "token" { return issueToken(call) }
        guard let token = call.bearer, let ends = tokens[token], call.now < ends else {
            var response = failure(knobs.number("expired_status"), "invalid or expired token")
            response.fields.add("WWW-Authenticate", "Bearer")
            return response
        }
        let known: Set = path == "contacts" ? ["limit", "page"] : ["limit", "page", "timestamp"]
        if let odd = call.query.first(where: { !known.contains($0.name) }) {
            return failure(400, "unknown parameter \(odd.name)")
        }
        guard let window = Window(call, knobs) else { return failure(400, "limit and page must be whole numbers") }
        guard path == "contacts/delta" else { return list(window) }
        guard let since = call.parameter("timestamp").flatMap({ Int($0) }), since >= 0 else {
            return failure(400, "timestamp must be a UNIX time in seconds")
        }
        return changes(since: since, window)
    }

    /// A signed token with an expiry, as the page asks for; what is inside is the source's own business.
    private mutating func issueToken(_ call: Call) -> Response {
        let given = call.credentials(scheme: "basic").flatMap { Base64.decode($0) }
        guard given == Array("test_id:test_secret".utf8) else {
            var response = failure(401, "invalid client credentials")
            response.fields.add("WWW-Authenticate", "Basic realm=\"contacts\"")
            return response
        }
        let ends = call.now.advanced(byMilliseconds: Int64(knobs.number("token_ttl")) * 1000)
        let nonce = random.text(16, of: "abcdefghijklmnopqrstuvwxyz0123456789")
        var claims: [JSONMember] = [
            JSONMember("sub", "test_id"), JSONMember("jti", .string(nonce)),
            JSONMember("iat", .int(call.now.seconds)),
        ]
        if knobs.text("token_form") == "jwt" { claims.append(JSONMember("exp", .int(ends.seconds))) }
        let token =
            knobs.text("token_form") == "opaque" ? nonce + nonce : JSONWebToken.signed(claims, key: "simulated")
        tokens[token] = ends
        return .ok(["token": .string(token)])
    }

    private mutating func list(_ window: Window) -> Response {
        let page = book.page(skip: window.skip, limit: window.limit)
        var writer = JSONWriter(capacity: page.reduce(64) { $0 + $1.bytes.count + 1 })
        writer.beginObject()
        writer.name("contacts")
        write(page, to: &writer)
        writer.name("has_more")
        writer.bool(hasMore(window.skip + page.count < book.count))
        writer.endObject()
        return .json(bytes: writer.bytes)
    }

    /// The limit counts updated contacts and deleted ids apart, and there is more while either has more.
    private mutating func changes(since: Int, _ window: Window) -> Response {
        let delta = delta(since: since)
        let updated = delta.updated.dropFirst(window.skip).prefix(window.limit)
        let deleted = delta.deleted.dropFirst(window.skip).prefix(window.limit)
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("updated")
        write(updated.compactMap { book[$0] }, to: &writer)
        writer.name("deleted")
        writer.beginArray()
        for id in deleted { writer.string(id) }
        writer.endArray()
        writer.name("has_more")
        writer.bool(hasMore(window.skip + window.limit < max(delta.updated.count, delta.deleted.count)))
        writer.endObject()
        return .json(bytes: writer.bytes)
    }

    private mutating func delta(since: Int) -> Delta {
        if lastDelta.since == since, lastDelta.version == journal.version { return lastDelta }
        var delta = Delta(since: since, version: journal.version, updated: [], deleted: [])
        let place = journal.place(notBefore: Int64(since) + (knobs.flag("inclusive") ? 0 : 1))
        for change in journal.collapsed(after: place) {
            if change.last != .deleted { delta.updated.append(change.id) }
            if change.last == .deleted || (knobs.flag("duplicate_in_deleted") && change.first == .deleted) {
                delta.deleted.append(change.id)
            }
        }
        lastDelta = delta
        return delta
    }

    private func write(_ records: [ContactSourceRecord], to writer: inout JSONWriter) {
        let isOdd = knobs.flag("odd_labels")
        writer.beginArray()
        for record in records { writer.raw(isOdd ? record.withOddLabels.bytes : record.bytes) }
        writer.endArray()
    }

    private func hasMore(_ truth: Bool) -> Bool { truth || knobs.text("has_more") == "always" }

    func failure(_ status: Int, _ message: String) -> Response {
        .json(status, ["error": .string(message)])
    }

    /// Which part of the lists a page is.
    private struct Window {
        var skip: Int
        var limit: Int

        init?(_ call: Call, _ knobs: Knobs) {
            let base = knobs.number("page_base")
            guard let limit = Int(call.parameter("limit") ?? "100"), limit >= 1,
                let page = Int(call.parameter("page") ?? String(base)), page >= base, page < 1 << 40,
                limit <= knobs.number("max_limit") || knobs.text("over_limit") == "clamp"
            else { return nil }
            self.limit = min(limit, knobs.number("max_limit"))
            skip = (page - base) * self.limit
        }
    }

    static let switches: [Knob] = [
        .flag("inclusive", true, "changes of the very second of the timestamp are told"),
        .number("page_base", 1, in: 0...1, "the number of the first page"),
        .number("max_limit", 1000, in: 1...100_000, "the largest page"),
        .choice("over_limit", ["clamp", "refuse"], "what happens to a larger limit: the largest page, or 400"),
        .flag("odd_labels", false, "labels and types are spelled in ways that the page does not list"),
        .number("token_ttl", 3600, in: 1...100_000_000, "seconds that a token lives"),
        .choice("token_form", ["jwt", "jwt_without_exp", "opaque"], "what a token looks like"),
        .number("expired_status", 401, in: 400...499, "status for a bad or expired token"),
        .choice("has_more", ["honest", "always"], "always promises another page, also after an empty one"),
        .flag("duplicate_in_deleted", false, "an id that was deleted and made again stands in both lists"),
    ]
}

// MARK: - Behind the vendor's back

extension SimulatedContactSource {
    var count: Int { book.count }

    mutating func records(skip: Int, limit: Int) -> [JSONValue] {
        book.page(skip: skip, limit: limit).map(\.json)
    }

    func record(_ id: String) -> JSONValue? { book[id]?.json }

    mutating func add(_ contact: SimulatedContact, at now: Timestamp) throws(Refusal) -> String {
        let id: String
        if let given = contact.vendorID {
            id = given
        } else {
            while book[String(nextID)] != nil { nextID += 1 }
            id = String(nextID)
        }
        guard book[id] == nil else { throw Refusal(409, "there is already a contact with the id \(id)") }
        guard let record = ContactSourceRecord(id: id, contact) else {
            throw Refusal(422, "the source knows no contact without a name")
        }
        book[id] = record
        journal.note(.created, id, at: now)
        return id
    }

    mutating func patch(_ id: String, with patch: [JSONMember], at now: Timestamp) throws(Refusal) {
        guard let old = book[id] else { throw .unknown(id) }
        if let odd = patch.first(where: { !ContactSourceRecord.writable.contains($0.name) }) {
            throw Refusal(422, "a contact has no field \(odd.name)")
        }
        let record = ContactSourceRecord(.object((old.json.objectValue ?? []).merged(with: patch)))
        guard record != old else { return }
        book[id] = record
        journal.note(.updated, id, at: now)
    }

    mutating func remove(_ id: String, at now: Timestamp) throws(Refusal) {
        guard book[id] != nil else { throw .unknown(id) }
        book[id] = nil
        journal.note(.deleted, id, at: now)
    }

    mutating func perform(_ action: String) {
        if action == "expire_tokens" { tokens = [:] }
    }
}
