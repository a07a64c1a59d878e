//  TapTalk's JSON (docs.taptalk.io, PowerTalk Server API, "Contact" and "User"): pairs of user ids in, an envelope out.

import HTTPCore
import JSON

/// What a contact is at TapTalk: a pair of user ids, and the user that the second one names.
struct TapTalkRecord: Equatable, Sendable {
    /// Who owns the contact.
    var owner = ""
    /// The contact's own user id, at most 50 characters.
    var contact = ""
    var fullName = ""
    var email = ""
    /// "Should start with country code".
    var phone = ""
    /// The owner that a write takes the contact away from; empty for none.
    var formerOwner = ""

    /// Reads the canonical form.
    init(canonical bytes: some Sequence<UInt8>) throws(RecordError) {
        // Why it is no JSON helps nobody here: these are our own bytes.
        guard let json = try? JSONValue(parsing: Array(bytes), repeated: .lastCounts), json.objectValue != nil else {
            throw RecordError(reason: "the record is no JSON object")
        }
        func text(_ name: String) throws(RecordError) -> String {
            switch json[name] {
            case nil, .null: return ""
            case .string(let text): return text
            default: throw RecordError(reason: "`\(name)` is no text")
            }
        }
        owner = try text("ownerXCUserID")
        contact = try text("contactXCUserID")
        fullName = try text("fullName")
        email = try text("email")
        phone = try text("phone")
        formerOwner = try text("formerOwnerXCUserID")
    }

    /// Nothing yet.
    init() {}

    /// The canonical form, in the vendor's words.
    func encoded() -> [UInt8] {
        var members = [
            JSONMember("ownerXCUserID", .string(owner)), JSONMember("contactXCUserID", .string(contact)),
            JSONMember("fullName", .string(fullName)), JSONMember("email", .string(email)),
            JSONMember("phone", .string(phone)),
        ]
        if !formerOwner.isEmpty { members.append(JSONMember("formerOwnerXCUserID", .string(formerOwner))) }
        return JSONValue.object(members).encoded()
    }

    /// The body of `user/update` that makes a bare id known: the full name is required, so the id stands in.
    static func standIn(for id: String) -> [UInt8] {
        JSONValue.object([JSONMember("xcUserID", .string(id)), JSONMember("fullName", .string(id))]).encoded()
    }

    /// The body of `user/update`. Only the id and the full name are required; empty values are sent, so that the user
    /// ends as told whether the server takes them for "clear" or for "keep".
    var userBody: [UInt8] {
        JSONValue.object([
            JSONMember("xcUserID", .string(contact)), JSONMember("fullName", .string(fullName)),
            JSONMember("email", .string(email)), JSONMember("phone", .string(phone)),
        ]).encoded()
    }
}

/// One owner-contact pair of a synchronisation.
struct TapTalkPair: Hashable, Sendable {
    var owner: String
    var contact: String
    var isDeleted: Bool

    /// Cuts pairs into requests. A pair occurs once in all of them, and is deleted where any of its occurrences is:
    /// "Contact deletion always run the last", but only within one request.
    static func batches(of pairs: [TapTalkPair], size: Int = 500) -> [[TapTalkPair]] {
        var places: [[String]: Int] = [:]
        var distinct: [TapTalkPair] = []
        for pair in pairs {
            if let place = places[[pair.owner, pair.contact]] {
                distinct[place].isDeleted = distinct[place].isDeleted || pair.isDeleted
            } else {
                places[[pair.owner, pair.contact]] = distinct.count
                distinct.append(pair)
            }
        }
        let ordered = distinct.filter { !$0.isDeleted } + distinct.filter(\.isDeleted)
        return stride(from: 0, to: ordered.count, by: size).map { Array(ordered[$0..<min($0 + size, ordered.count)]) }
    }

    /// The body of `contact/sync`; `isDeleted` "may be omitted if false".
    static func body(_ pairs: [TapTalkPair]) -> [UInt8] {
        let contacts = pairs.map { pair in
            var members = [
                JSONMember("ownerXCUserID", .string(pair.owner)), JSONMember("contactXCUserID", .string(pair.contact)),
            ]
            if pair.isDeleted { members.append(JSONMember("isDeleted", true)) }
            return JSONValue.object(members)
        }
        return JSONValue.object([JSONMember("contacts", .array(contacts))]).encoded()
    }
}

/// The envelope of every answer. What counts is `status` in the body, not the HTTP status: the vendor's own clients
/// decide by it, and servers send errors with HTTP 200.
struct TapTalkEnvelope {
    private let response: ClientResponse
    private let json: JSONValue?

    /// Reads an answer, whatever its HTTP status.
    init(_ response: ClientResponse) {
        self.response = response
        // An answer that is no JSON is judged by its HTTP status.
        let json = try? JSONValue(parsing: response.body, repeated: .lastCounts)
        self.json = json?.objectValue == nil ? nil : json
    }

    /// Why the call did not succeed; `nil` for a success.
    var error: VendorError? {
        if response.status == 503 { return make(.throttled) }
        guard json != nil else {
            guard (200..<300).contains(response.status) else { return make(kind(ofStatus: response.status)) }
            return .malformed(response, "the answer is no TapTalk envelope")
        }
        let isFine = (200..<300).contains(status) && (code.isEmpty || code == "0")
        return isFine ? nil : make(kind)
    }

    /// The number of the parameter at fault: 102 the owner's id, 103 the contact's; empty where there is none.
    var field: String { json?["error"]?["field"]?.stringValue ?? "" }

    /// `status` of the body, as number or digits; without one, that of HTTP.
    private var status: Int {
        json?["status"].flatMap { $0.intValue ?? $0.stringValue.flatMap { Int($0) } } ?? response.status
    }

    private var code: String {
        switch json?["error"]?["code"] {
        case .string(let text): text
        case .number(let digits): digits
        default: ""
        }
    }

    /// The table of error codes (docs.taptalk.io, "Error codes"; the server keys' ones from the vendor's SDK).
    private var kind: VendorError.Kind {
        switch code {
        case "40001", "40301": .unauthorized
        case "40002": .refused
        case "40401": .notFound
        case "50001": .unavailable
        case _ where code.count == 5 && (code.hasPrefix("401") || code.hasPrefix("491") || code.hasPrefix("492")):
            .unauthorized
        default: kind(ofStatus: (200..<300).contains(status) ? 400 : status)
        }
    }

    private func kind(ofStatus status: Int) -> VendorError.Kind {
        switch status {
        case 401, 403: .unauthorized
        case 404: .notFound
        case 405, 501: .unsupported
        case 429, 503: .throttled
        case 500...: .unavailable
        default: .refused
        }
    }

    private func make(_ kind: VendorError.Kind) -> VendorError {
        let words = json?["error"]?["message"]?.stringValue ?? VendorWords(response.body).message ?? ""
        let place = field.isEmpty ? "" : " (field \(field))"
        return VendorError(
            kind,
            status: json == nil ? response.status : status,
            code: code.isEmpty ? nil : code,
            message: words.isEmpty ? "TapTalk refused without a reason\(place)" : words + place,
            retryAfterSeconds: response.fields["Retry-After"].flatMap { Int($0) }
        )
    }
}
