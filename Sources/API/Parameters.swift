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
    ///   - query: Percent-encoded; empty for none.
    ///   - known: The names that this path takes.
    /// - Throws: ``Problem`` 400 for bad percent-encoding, a repeated name, or one that is not known: a filter that is
    ///   passed over in silence answers a question nobody asked.
    public init(_ query: Span<UInt8>, known: [String]) throws(Problem) {
        items = QueryItems(query)
        guard items.isWellFormed else {
            throw Problem(400, "invalid_parameter", "The query is not percent-encoded UTF-8.")
        }
        for (index, item) in items.items.enumerated() {
            guard known.contains(item.name) else {
                throw .invalidParameter(
                    item.name,
                    "Unknown parameter `\(item.name)`; here are: \(known.sorted().joined(separator: ", "))."
                )
            }
            guard !items.items[..<index].contains(where: { $0.name == item.name }) else {
                throw .invalidParameter(item.name, "The parameter `\(item.name)` stands twice.")
            }
        }
    }

    /// Reads a query that may be absent; see the other form.
    public init(_ query: String?, known: [String]) throws(Problem) {
        try self.init((query ?? "").utf8.span, known: known)
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
    /// As long as a token can be: 64 bits and 32 bits to the base 36.
    static let mostBytes = 13 + 1 + 7

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

/// What a list is asked for, and how its page is answered: the one head of every list but the contacts' own.
struct ListRequest {
    /// The whole query.
    let parameters: Parameters
    /// How many items a page has at most.
    let limit: Int
    /// The key after which the page begins; 0 for the first.
    let after: Int64
    private let request: Request

    /// Reads the query.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - filters: The names of the list's own parameters.
    /// - Throws: ``Problem`` 400.
    init(_ request: Request, filters: [String] = []) throws(Problem) {
        self.request = request
        parameters = try Parameters(request.query, known: filters + ["limit", "after"])
        limit = try parameters.limit()
        after = try parameters.after()
    }

    /// `{"items": […], "next": …}` with the `Link` header.
    ///
    /// - Parameters:
    ///   - rows: In order, one more than ``limit`` where there are more: that one says so and is not shown.
    ///   - key: What ``after`` of the next page is made of.
    ///   - json: An item.
    /// - Returns: The answer.
    func answer<Row>(_ rows: [Row], key: (Row) -> Int64, json: (Row) -> [UInt8]) -> Response {
        let shown = rows.prefix(limit)
        let token = rows.count > limit ? shown.last.map { PageToken.make(after: key($0)) } : nil
        var writer = JSONWriter(capacity: 512 * shown.count)
        writer.beginObject()
        writer.name("items")
        writer.beginArray()
        for row in shown { writer.raw(json(row)) }
        writer.endArray()
        writer.name("next")
        writer.string(token)
        writer.endObject()
        var fields = HeaderFields()
        if let token { fields.add("Link", ListAnswer.link(to: token, path: request.path, query: request.query)) }
        return .json(bytes: writer.bytes, fields: fields)
    }
}

/// What every page of a list says besides its items.
enum ListAnswer {
    /// `<path?query&after=TOKEN>; rel="next"` (RFC 8288): the same question, one page on.
    static func link(to token: String, path: String, query: String?) -> String {
        var items = (query ?? "").split(separator: "&").filter { !$0.hasPrefix("after=") }.map(String.init)
        items.append("after=\(token)")
        return "<\(path)?\(items.joined(separator: "&"))>; rel=\"next\""
    }

    /// No link is longer, whatever its token is.
    static func longestLink(path: String, query: String?) -> Int {
        "<?&after=>; rel=\"next\"".utf8.count + path.utf8.count + (query?.utf8.count ?? 0) + PageToken.mostBytes
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

    /// Reads every `Prefer` field; unknown preferences are passed over, and the first of two is taken, as RFC 7240 §2
    /// wants.
    public init(_ fields: HeaderFields) {
        for value in fields.all("Prefer") {
            for part in value.split(separator: ",") {
                let preference = part.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" && $0 != "\"" }.lowercased()
                switch preference {
                case "handling=strict": isStrict = true
                case "respond-async": respondsAsync = true
                default:
                    if preference.hasPrefix("wait="), let seconds = Int(preference.dropFirst(5)), seconds >= 0 {
                        waitSeconds = waitSeconds ?? min(seconds, 300)
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
    /// - Parameter isPatch: Whether `application/merge-patch+json` is taken as well (RFC 7396).
    /// - Returns: The value.
    /// - Throws: ``Problem`` 400 for what is no JSON or has a repeated member; 415 for another media type.
    public func jsonBody(isPatch: Bool = false) throws(Problem) -> JSONValue {
        if let field = fields["Content-Type"] {
            guard MediaType.isJSON(field.utf8.span, orPatch: isPatch) else {
                throw Problem(415, "unsupported_media_type", "Send the body as application/json.")
            }
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw Problem(json: error, in: body)
        }
    }
}

/// Media types of request bodies.
enum MediaType {
    /// Whether a `Content-Type` says JSON, whatever its parameters.
    static func isJSON(_ field: Span<UInt8>, orPatch: Bool = false) -> Bool {
        let end = field.indices.first {
            [UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t")].contains(field[$0])
        }
        let type = field.extracting(first: end ?? field.count)
        return type.equalsIgnoringCase("application/json")
            || orPatch && type.equalsIgnoringCase("application/merge-patch+json")
    }
}
