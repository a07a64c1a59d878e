//  A request as an owned value, for handlers that outlive the bytes it came in.

/// A request method (RFC 9110 §9).
public enum Method: String, CaseIterable, Sendable, BitwiseCopyable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
    case connect = "CONNECT"
    case trace = "TRACE"
}

/// One received request, whole.
public struct Request: Sendable {
    /// The method.
    public var method: Method
    /// The path in origin form, percent-encoded, without the query.
    public var path: String
    /// What follows `?`, percent-encoded; `nil` without one.
    public var query: String?
    /// The values of the pattern's placeholders, percent-decoded, in order of the pattern.
    public var parameters: [String]
    /// Header fields; trailers are never among them.
    public var fields: HeaderFields
    /// The whole body.
    public var body: [UInt8]
    /// This request's id, also sent as `X-Request-Id`.
    public var id: String
    /// Who asks, as the authorize hook of the router said.
    public var principal: (any AnyObject & Sendable)?

    /// Makes a request from its parts.
    public init(
        method: Method,
        path: String,
        query: String? = nil,
        parameters: [String] = [],
        fields: HeaderFields = HeaderFields(),
        body: [UInt8] = [],
        id: String = ""
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.parameters = parameters
        self.fields = fields
        self.body = body
        self.id = id
    }
}
