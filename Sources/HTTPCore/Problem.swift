//  The one shape of every error answer (RFC 9457).

public import JSON

/// An error as the client sees it: `application/problem+json`.
public struct Problem: Error, Equatable, Sendable {
    /// One complaint about the input.
    public struct InputError: Equatable, Sendable {
        /// JSON pointer (RFC 6901) into the body, or the name of a query parameter or header field.
        public var pointer: String
        /// What is wrong there and what to do.
        public var detail: String

        /// Makes a complaint.
        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    /// The vendor's part in the failure.
    public struct VendorDetail: Equatable, Sendable {
        /// The connection's vendor, such as `portsip`.
        public var name: String
        /// The status that the vendor answered; `nil` when it did not.
        public var status: Int?
        /// The vendor's own code.
        public var code: String?
        /// The vendor's own words.
        public var message: String?

        /// Makes a vendor detail.
        public init(name: String, status: Int?, code: String?, message: String?) {
            self.name = name
            self.status = status
            self.code = code
            self.message = message
        }
    }

    /// The HTTP status.
    public var status: Int
    /// A stable snake_case word.
    public var code: String
    /// This occurrence in words.
    public var detail: String
    /// Complaints about the input, each with its place.
    public var errors: [InputError] = []
    /// The vendor's part, where a vendor is the cause.
    public var vendor: VendorDetail?
    /// Whether the same request may succeed later.
    public var retryable: Bool?
    /// Seconds to wait before trying again.
    public var retryAfter: Int?
    /// Further members, such as `candidates`.
    public var extensions: [(name: String, value: JSONValue)] = []

    /// Makes a problem.
    public init(_ status: Int, _ code: String, _ detail: String, errors: [InputError] = []) {
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
    }

    /// Equal but for ``extensions`` and the hints on trying again.
    public static func == (left: Problem, right: Problem) -> Bool {
        left.status == right.status && left.code == right.code && left.detail == right.detail
            && left.errors == right.errors && left.vendor == right.vendor
    }

    /// The JSON object; `type` is `about:blank`, so `title` is the status phrase (RFC 9457 §4.2.1).
    public func json(requestID: String) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("type", "about:blank"), ("title", .string(StatusPhrase.of(status))), ("status", .int(status)),
            ("detail", .string(detail)), ("code", .string(code)), ("request_id", .string(requestID)),
        ]
        if !errors.isEmpty {
            members.append(
                ("errors", .array(errors.map { ["pointer": .string($0.pointer), "detail": .string($0.detail)] }))
            )
        }
        if let vendor {
            members.append(
                (
                    "vendor",
                    [
                        "name": .string(vendor.name), "status": vendor.status.map { .int($0) } ?? .null,
                        "code": vendor.code.map { .string($0) } ?? .null,
                        "message": vendor.message.map { .string($0) } ?? .null,
                    ]
                )
            )
        }
        if let retryable { members.append(("retryable", .bool(retryable))) }
        if let retryAfter { members.append(("retry_after", .int(retryAfter))) }
        members += extensions.map { ($0.name, $0.value) }
        return .object(members.map { JSONMember($0.0, $0.1) })
    }

    /// The whole answer.
    public func response(requestID: String) -> Response {
        var fields: HeaderFields = ["Content-Type": "application/problem+json"]
        if let retryAfter { fields.add("Retry-After", String(retryAfter)) }
        if status == 401 { fields.add("WWW-Authenticate", "Bearer") }
        return Response(status: status, fields: fields, body: json(requestID: requestID).encoded())
    }
}

/// Reason phrases (RFC 9110 §15).
public enum StatusPhrase {
    /// The phrase of a status that this program sends, else an empty text.
    public static func of(_ status: Int) -> String { phrases[status] ?? "" }

    private static let phrases: [Int: String] = [
        100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 304: "Not Modified",
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
        408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
        413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
        422: "Unprocessable Content", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
        500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
        504: "Gateway Timeout", 505: "HTTP Version Not Supported", 507: "Insufficient Storage",
    ]
}
