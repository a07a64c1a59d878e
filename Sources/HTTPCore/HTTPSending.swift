//  The one edge that features call out through. `HTTPClient` is the real thing; tests put a fake here.

/// Sends a request to another server and returns its whole answer.
public protocol HTTPSending: Sendable {
    /// Sends once; never follows a redirect and never retries.
    ///
    /// - Returns: Whatever the peer answered, an error status included.
    /// - Throws: ``TransportError`` when no whole answer came. ``TransportError/mayHaveArrived`` tells whether the
    ///   peer may have acted on the request.
    func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse
}

/// A request to be sent.
public struct ClientRequest: Sendable {
    /// The method.
    public var method: Method
    /// An absolute `http` or `https` URL.
    public var url: String
    /// Header fields; Host and Content-Length are the engine's to add.
    public var fields: HeaderFields
    /// The body; empty for none.
    public var body: [UInt8]
    /// Bound on the whole exchange.
    public var timeout: Duration
    /// Largest answer body in bytes; more ends the exchange, or cuts it when ``truncatesBody`` is set.
    public var maxBody: Int
    /// True to keep the first ``maxBody`` bytes of a longer answer instead of failing.
    public var truncatesBody = false
    /// False to leave out the fields of an answer with a 2xx, when only a failure's say anything.
    public var wantsFieldsOfSuccess = true
    /// A PEM file of authorities to trust instead of the system's; `nil` for the system's.
    public var caFile: String?
    /// Judges every resolved address before it is connected to, and again when a pooled connection is reused;
    /// `nil` allows all. Runs on the engine's thread and must not block. The text is the numeric address.
    public var allowsAddress: (@Sendable (String) -> Bool)?

    /// Makes a request.
    public init(
        method: Method,
        url: String,
        fields: HeaderFields = HeaderFields(),
        body: [UInt8] = [],
        timeout: Duration = .seconds(30),
        maxBody: Int = 64 << 20,
        caFile: String? = nil
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.timeout = timeout
        self.maxBody = maxBody
        self.caFile = caFile
    }
}

/// What a peer answered.
public struct ClientResponse: Sendable {
    /// The status code.
    public var status: Int
    /// Header fields.
    public var fields: HeaderFields
    /// The whole body, decoded from its transfer coding.
    public var body: [UInt8]
    /// From the call to the last byte.
    public var duration: Duration

    /// Makes an answer.
    public init(status: Int, fields: HeaderFields = HeaderFields(), body: [UInt8] = [], duration: Duration = .zero) {
        self.status = status
        self.fields = fields
        self.body = body
        self.duration = duration
    }
}

/// Why no whole answer came.
public struct TransportError: Error, Equatable, Sendable {
    /// The kinds that callers decide by.
    public enum Kind: String, Sendable {
        /// The URL is none that we send to.
        case badURL
        /// The name did not resolve.
        case nameNotFound
        /// ``ClientRequest/allowsAddress`` said no.
        case addressRefused
        /// No connection came about.
        case connectFailed
        /// The peer's certificate did not hold.
        case tls
        /// The time was up.
        case timedOut
        /// The peer closed or broke off early.
        case broken
        /// The head or body exceeded its limit.
        case tooLarge
        /// The task was cancelled or the engine is closing.
        case cancelled
    }

    /// What went wrong.
    public var kind: Kind
    /// In words, without credentials.
    public var message: String
    /// False only when it is certain that the peer never had the whole request.
    public var mayHaveArrived: Bool

    /// Makes an error.
    public init(kind: Kind, message: String, mayHaveArrived: Bool) {
        self.kind = kind
        self.message = message
        self.mayHaveArrived = mayHaveArrived
    }
}
