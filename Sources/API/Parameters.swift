//  What requests say besides their body: query items, paging, `Prefer`, `If-Match`.

public import HTTPCore
public import JSON
public import Platform

/// The query of one request, each item checked where it is used.
public struct Parameters: Sendable {
    private let items: QueryItems

    /// Reads a query.
    ///
    /// - Parameters:
    ///   - query: Percent-encoded; `nil` for none.
    ///   - known: The names that this path takes.
    /// - Throws: ``Problem`` 400 for bad percent-encoding, a repeated name, or one that is not known: a filter that is
    ///   passed over in silence answers a question nobody asked.
    public init(_ query: String?, known: Set<String>) throws(Problem) {
        items = QueryItems(query)
        guard items.isWellFormed else {
            throw Problem(400, "invalid_parameter", "The query is not percent-encoded UTF-8.")
        }
        var seen = Set<String>()
        for item in items.items {
            guard known.contains(item.name) else {
                throw .invalidParameter(
                    item.name,
                    "Unknown parameter `\(item.name)`; here are: \(known.sorted().joined(separator: ", "))."
                )
            }
            guard seen.insert(item.name).inserted else {
                throw .invalidParameter(item.name, "The parameter `\(item.name)` stands twice.")
            }
        }
    }

    /// The text of an item; `nil` when absent.
    public subscript(_ name: String) -> String? { items[name] }

    /// The `limit` of a list: 1 to 1000, 100 when absent.
    public func limit() throws(Problem) -> Int {
        guard let text = items["limit"] else { return 100 }
        guard let limit = Int(text), (1...1000).contains(limit) else {
            throw .invalidParameter("limit", "`limit` is a whole number from 1 to 1000.")
        }
        return limit
    }

    /// The key after which a list goes on: what ``PageToken`` made of it; 0 for the first page.
    public func after() throws(Problem) -> Int64 {
        guard let text = items["after"] else { return 0 }
        guard let key = PageToken.key(of: text) else {
            throw .invalidParameter("after", "`after` is the `next` of a former page, unchanged.")
        }
        return key
    }

    /// A moment in RFC 3339.
    public func time(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = items[name] else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw .invalidParameter(name, "`\(name)` is a time in RFC 3339, such as 2026-11-20T10:00:00Z.")
        }
        return time
    }

    /// `true` or `false`.
    public func flag(_ name: String) throws(Problem) -> Bool {
        switch items[name] {
        case nil, "false": return false
        case "true": return true
        default: throw .invalidParameter(name, "`\(name)` is true or false.")
        }
    }
}

/// The opaque `next` of lists: a key with a check, so that a value that is not ours is told from one that is.
public enum PageToken {
    /// As long as a token can be.
    static var longest: String { String(repeating: "z", count: 13 + 1 + 7) }

    /// The token after which a list goes on behind that key.
    public static func make(after key: Int64) -> String {
        let text = String(key, radix: 36)
        return "\(text)-\(check(text))"
    }

    /// The key of a token; `nil` for what is none.
    public static func key(of token: String) -> Int64? {
        let parts = token.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Int64(parts[0], radix: 36), key > 0, String(key, radix: 36) == parts[0],
            check(String(parts[0])) == parts[1]
        else { return nil }
        return key
    }

    private static func check(_ text: String) -> String {
        var sum: UInt32 = 2_166_136_261  // FNV-1a: a guard against slips, not against malice
        for byte in text.utf8 { sum = (sum ^ UInt32(byte)) &* 16_777_619 }
        return String(sum, radix: 36)
    }
}

/// A page of a list as it is answered.
public enum ListAnswer {
    /// `{"items": […], "next": …}` with the `Link` header.
    ///
    /// - Parameters:
    ///   - items: JSON texts, in order.
    ///   - next: The key of the last item when more follow; `nil` at the end.
    ///   - request: Whose path and query the link repeats.
    ///   - fields: Further header fields, such as `Synced-At`.
    /// - Returns: The answer.
    public static func make(
        items: [[UInt8]],
        next: Int64?,
        request: Request,
        fields: HeaderFields = HeaderFields()
    ) -> Response {
        var writer = JSONWriter(capacity: items.reduce(64) { $0 + $1.count + 1 })
        let token = next.map { PageToken.make(after: $0) }
        writer.beginObject()
        writer.name("items")
        writer.beginArray()
        for item in items { writer.raw(item) }
        writer.endArray()
        writer.name("next")
        writer.string(token)
        writer.endObject()
        var fields = fields
        if let token { fields.add("Link", link(to: token, path: request.path, query: request.query)) }
        return .json(bytes: writer.bytes, fields: fields)
    }

    /// `<path?query&after=TOKEN>; rel="next"` (RFC 8288): the same question, one page on.
    public static func link(to token: String, path: String, query: String?) -> String {
        var items = (query ?? "").split(separator: "&").filter { !$0.hasPrefix("after=") }.map(String.init)
        items.append("after=\(token)")
        return "<\(path)?\(items.joined(separator: "&"))>; rel=\"next\""
    }
}

/// What a client prefers (RFC 7240).
public struct Preferences: Equatable, Sendable {
    /// `handling=strict`: any loss is an error.
    public var isStrict = false
    /// `respond-async`: queue rather than fail.
    public var respondsAsync = false
    /// `wait=SECONDS`, at most 300.
    public var waitSeconds: Int?

    /// Reads every `Prefer` field; unknown preferences are passed over, as RFC 7240 §2 wants.
    public init(_ fields: HeaderFields) {
        for value in fields.all("Prefer") {
            for part in value.split(separator: ",") {
                let preference = part.split(separator: ";")[0].filter { $0 != " " && $0 != "\"" }.lowercased()
                switch preference {
                case "handling=strict": isStrict = true
                case "respond-async": respondsAsync = true
                default:
                    if preference.hasPrefix("wait="), let seconds = Int(preference.dropFirst(5)), seconds >= 0 {
                        waitSeconds = min(seconds, 300)
                    }
                }
            }
        }
    }
}

/// Entity tags (RFC 9110 §8.8.3): the revision in quotes.
public enum EntityTag {
    /// The tag of a revision.
    public static func make(_ revision: Int64) -> String { "\"\(revision)\"" }

    /// Whether an `If-Match` or `If-None-Match` list has that revision, or is `*`. Weak tags match for reads.
    public static func list(_ value: String, contains revision: Int64, weakly: Bool) -> Bool {
        list(value, contains: make(revision), weakly: weakly)
    }

    /// The same for a tag as it stands in `ETag`, its quotes included.
    static func list(_ value: String, contains wanted: String, weakly: Bool) -> Bool {
        value.split(separator: ",").contains { part in
            let tag = part.filter { $0 != " " && $0 != "\t" }
            return tag == "*" || tag == wanted || (weakly && tag == "W/\(wanted)")
        }
    }
}

extension Request {
    /// The body as a JSON tree with its places.
    ///
    /// - Throws: ``Problem`` 400 for what is no JSON or has a repeated member; 415 for another media type.
    public func jsonBody() throws(Problem) -> JSONValue {
        if let type = fields["Content-Type"]?.lowercased(),
            !type.hasPrefix("application/json"), !type.hasPrefix("application/merge-patch+json")
        {
            throw Problem(415, "unsupported_media_type", "Send the body as application/json.")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw Problem(json: error, in: body)
        }
    }
}
