//  What is said of one method of one path: words, parameters, body, answers, errors. Pure.

import HTTPCore
import JSON

/// The description of one operation. Path, method, scope and size of body are the route's.
struct Operation: Sendable {
    var method: Method
    var path: String
    /// The name that generators give to the function.
    var id: String
    var tag: Tag
    var summary: String
    var detail: String?
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [Answer]
    /// Beside those that every operation may answer.
    var errors: [ProblemCode] = []

    /// A chapter of the description.
    enum Tag: String, CaseIterable, Sendable {
        case contacts, changes, connections, runs, webhooks, deliveries, configuration, service

        var summary: String {
            switch self {
            case .contacts: "Contacts of every connection: found, read, and written through to their vendors."
            case .changes: "Everything that happened to contacts, in order, from any place."
            case .connections: "The links to vendors: what they can do and how they are."
            case .runs: "Synchronisations: what they did, and those that wait for approval."
            case .webhooks: "Who is told about changes."
            case .deliveries: "What each webhook was sent, and what came of it."
            case .configuration: "The configuration in force, reloading it, and checking another."
            case .service: "Health, and this description."
            }
        }
    }

    /// What a request carries.
    struct Body: Sendable {
        var schema: String
        var mediaTypes = ["application/json"]
        var isRequired = true
        /// Whether another media type, and what is no JSON, is an error.
        var refusesUnreadable = true
    }
}

/// A parameter of the path, the query or the header. Each is a component, named by `component`.
struct Parameter: Sendable {
    enum Place: String, Sendable {
        case path, query, header
    }

    var component: String
    var name: String
    var place: Place
    var schema: Schema
    var description: String
    var isRequired = false

    var json: JSONValue {
        var members = [
            JSONMember("name", .string(name)), JSONMember("in", .string(place.rawValue)),
            JSONMember("description", .string(description)),
        ]
        if isRequired || place == .path { members.append(JSONMember("required", true)) }
        members.append(JSONMember("schema", schema.json))
        return .object(members)
    }
}

/// One answer that is no error.
struct Answer: Sendable {
    var status: Int
    var description: String
    var content: Content
    var fields: [AnswerField]
    /// Where the reader can go on.
    var links: [Link] = []

    /// Another operation that takes something of this answer as its path's `id`.
    struct Link: Sendable {
        var operation: String
        /// Where the id stands in the body: a JSON pointer.
        var pointer: String
    }

    enum Content: Sendable {
        case none
        /// JSON by a schema of `components`.
        case json(String)
        case other(mediaType: String, Schema)
    }

    init(_ status: Int, _ description: String, _ content: Content = .none, _ fields: [AnswerField] = []) {
        self.status = status
        self.description = description
        self.content = content
        self.fields = fields
    }

    /// The same answer, whose body has the `id` that other operations take.
    func leading(to operations: String..., at pointer: String = "/id") -> Answer {
        var answer = self
        answer.links += operations.map { Link(operation: $0, pointer: pointer) }
        return answer
    }
}

/// A header field of answers.
enum AnswerField: String, CaseIterable, Sendable {
    case requestID = "X-Request-Id"
    case syncedAt = "Synced-At"
    case link = "Link"
    case entityTag = "ETag"
    case location = "Location"
    case retryAfter = "Retry-After"
    case preferenceApplied = "Preference-Applied"
    case authenticate = "WWW-Authenticate"
    case cacheControl = "Cache-Control"
    case rateLimitPolicy = "RateLimit-Policy"
    case rateLimit = "RateLimit"

    /// Its name among the components: no hyphens.
    var component: String { rawValue.filter { $0 != "-" } }

    var reference: JSONMember {
        JSONMember(rawValue, ["$ref": .string("#/components/headers/\(component)")])
    }

    var json: JSONValue {
        let (description, isRequired, schema): (String, Bool, Schema) =
            switch self {
            case .requestID:
                ("The request's id, as in the log.", true, .string(pattern: "^[0-9a-f]{16}$"))
            case .syncedAt:
                ("The end of the connection's last good run; absent before the first.", false, .time)
            case .link:
                ("`<…>; rel=\"next\"` while there is a next page (RFC 8288).", false, .string())
            case .entityTag:
                ("The state's tag, for `If-Match` and `If-None-Match`.", true, .string(pattern: "^\".+\"$"))
            case .location: ("Where to find what the answer speaks of.", true, .string(format: "uri-reference"))
            case .retryAfter: ("Seconds to wait before trying again.", false, .integer(from: 0))
            case .preferenceApplied: ("Which preferences were followed (RFC 7240).", false, .string())
            case .authenticate: ("`Bearer`.", true, .string())
            case .rateLimitPolicy:
                (
                    "The key's limit: `q` requests in `w` seconds (draft-ietf-httpapi-ratelimit-headers); absent where it "
                        + "has none.",
                    false, .string(pattern: "^\"default\";q=[0-9]+;w=[0-9]+$")
                )
            case .rateLimit:
                (
                    "What is left of it: `r` requests, and `t` seconds until there are more.", false,
                    .string(pattern: "^\"default\";r=[0-9]+;t=[0-9]+$")
                )
            case .cacheControl: ("Whether and how long the answer may be kept.", true, .string())
            }
        var members = [JSONMember("description", .string(description))]
        if isRequired { members.append(JSONMember("required", true)) }
        members.append(JSONMember("schema", schema.json))
        return .object(members)
    }
}
