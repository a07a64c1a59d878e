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
    /// Writes the body piece by piece instead, until it returns; ``body`` is not sent then. An error breaks the
    /// connection off. The task is cancelled when the client has gone or the server drains.
    public var stream: (@Sendable (BodyWriter) async throws -> Void)?

    /// Makes a response from its parts.
    public init(status: Int, fields: HeaderFields = HeaderFields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A JSON answer.
    public static func json(_ status: Int = 200, _ value: JSONValue, fields: HeaderFields = HeaderFields()) -> Response
    {
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

/// Where a streaming response writes its body.
public struct BodyWriter: Sendable {
    private let send: @Sendable ([UInt8]) async throws -> Void

    /// Makes a writer.
    public init(send: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.send = send
    }

    /// Sends bytes, and waits for as long as the client is slow to take them.
    ///
    /// - Throws: ``ClientGone``, after which writing is useless.
    public func write(_ bytes: [UInt8]) async throws {
        try await send(bytes)
    }

    /// Sends a text.
    public func write(_ text: String) async throws {
        try await send(Array(text.utf8))
    }
}

/// The client closed its connection.
public struct ClientGone: Error {
    /// Makes one.
    public init() {}
}
