//  Calling out without a task for each request: for who sends thousands a second. `HTTPClient` is the real thing.

/// Sends many requests and tells of their endings, many at once.
public protocol HTTPBatchSending: Sendable {
    /// Starts exchanges in this order and returns. The listener hears of each once, in the order in which they end; the
    /// conditions are those of ``HTTPSending/send(_:)``.
    func start(_ requests: [NumberedRequest], telling listener: EndingListener)
}

/// A request, and the number that its sender knows it by.
public struct NumberedRequest: Sendable {
    /// The sender's number.
    public var number: Int
    /// What to send.
    public var request: ClientRequest

    /// Numbers a request.
    public init(number: Int, request: ClientRequest) {
        self.number = number
        self.request = request
    }
}

/// How the request of that number ended.
public struct NumberedEnding: Sendable {
    /// The sender's number.
    public var number: Int
    /// The whole answer, or why there is none.
    public var result: Result<ClientResponse, TransportError>

    /// Makes an ending.
    public init(number: Int, result: Result<ClientResponse, TransportError>) {
        self.number = number
        self.result = result
    }
}

/// Who is told of endings. One for as long as requests are sent: the engine gathers what ends together by it.
public final class EndingListener: Sendable {
    /// Takes endings, at least one. It is called on the engine's thread and must not block.
    public let tell: @Sendable ([NumberedEnding]) -> Void

    /// Makes a listener.
    public init(_ tell: @escaping @Sendable ([NumberedEnding]) -> Void) {
        self.tell = tell
    }
}
