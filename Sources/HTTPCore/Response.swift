//  A response as an owned value.

public import JSON

/// One response, whole. Content-Length, Date, Connection and X-Request-Id are the server's to add.
public struct Response: Sendable {
    /// The status code.
    public var status: Int
    /// Header fields besides those that the server adds.
    public var fields: HeaderFields
    /// The whole body.
    public var body: [UInt8]

    /// Makes a response from its parts.
    public init(status: Int, fields: HeaderFields = HeaderFields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A JSON answer.
    public static func json(_ status: Int = 200, _ value: JSONValue, fields: HeaderFields = HeaderFields()) -> Response {
        .json(status, bytes: value.encoded(), fields: fields)
    }

    /// A JSON answer from bytes already written.
    public static func json(_ status: Int = 200, bytes: [UInt8], fields: HeaderFields = HeaderFields()) -> Response {
        var fields = fields
        fields.set("Content-Type", "application/json")
        return Response(status: status, fields: fields, body: bytes)
    }

    /// A plain text answer.
    public static func text(_ status: Int = 200, _ text: String) -> Response {
        Response(status: status, fields: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}
