//  A request as it lies in the loop's buffer, for handlers that answer at once.

public import HTTPCore

/// Borrowed access to one request. It cannot be kept: copy out what must outlive the call.
public struct RequestView: ~Copyable {
    // Both pointers are the loop's and valid for as long as the handler runs; the type cannot be copied or stored.
    private let base: UnsafePointer<UInt8>
    private let head: UnsafePointer<RequestHead>
    private let body_: UnsafeBufferPointer<UInt8>
    let parameters: PathParameters
    /// The request's id; see ``requestIDText``.
    public let requestID: UInt64
    /// Who asks, as the authorize hook said.
    public internal(set) var principal: (any AnyObject & Sendable)?
    /// What `traceparent` says, when it is valid.
    public internal(set) var trace: TraceContext?
    /// Which listener the request came to.
    public let listener: ListenerRole
    private let descriptor: Int32

    init(
        base: UnsafePointer<UInt8>,
        head: UnsafePointer<RequestHead>,
        body: UnsafeBufferPointer<UInt8>,
        parameters: PathParameters,
        requestID: UInt64,
        descriptor: Int32,
        listener: ListenerRole
    ) {
        self.base = base
        self.head = head
        body_ = body
        self.parameters = parameters
        self.requestID = requestID
        self.descriptor = descriptor
        self.listener = listener
    }

    /// Where the request comes from; a system call.
    public var peer: PeerNetwork { PeerNetwork(of: descriptor) }

    /// The method.
    public var method: Method { head.pointee.method }

    /// The path, percent-encoded, without the query.
    public var path: Span<UInt8> {
        @_lifetime(borrow self)
        get { _overrideLifetime(Span(_unsafeElements: slice(head.pointee.path)), borrowing: self) }
    }

    /// What follows `?`, percent-encoded; empty without one.
    public var query: Span<UInt8> {
        @_lifetime(borrow self)
        get { _overrideLifetime(Span(_unsafeElements: slice(head.pointee.query)), borrowing: self) }
    }

    /// Whether the target has a `?`.
    public var hasQuery: Bool { head.pointee.hasQuery }

    /// The body; empty while the authorize hook looks.
    public var body: Span<UInt8> {
        @_lifetime(borrow self)
        get { _overrideLifetime(Span(_unsafeElements: body_), borrowing: self) }
    }

    /// The value of the pattern's n-th placeholder, percent-encoded.
    @_lifetime(borrow self)
    public borrowing func parameter(_ index: Int) -> Span<UInt8> {
        _overrideLifetime(Span(_unsafeElements: slice(parameters[index])), borrowing: self)
    }

    /// The first value of that field; empty when absent.
    @_lifetime(borrow self)
    public borrowing func field(_ field: KnownField) -> Span<UInt8> {
        _overrideLifetime(Span(_unsafeElements: slice(head.pointee.known[field.rawValue])), borrowing: self)
    }

    /// Whether the field is present.
    public borrowing func has(_ field: KnownField) -> Bool { head.pointee.known[field.rawValue].start != 0 }

    /// The request's id as sent in `X-Request-Id`.
    public var requestIDText: String { RequestID.text(requestID) }

    /// An owned copy; `nil` when a placeholder's value is not well-formed.
    public borrowing func makeRequest() -> Request? {
        var parameters: [String] = []
        for index in 0..<self.parameters.count {
            guard let value = PercentEncoding.decode(Span(_unsafeElements: slice(self.parameters[index]))) else {
                return nil
            }
            parameters.append(value)
        }
        var fields = HeaderFields()
        for index in 0..<head.pointee.fieldCount {
            let field = head.pointee.fields[index]
            fields.add(text(field.name), text(field.value))
        }
        var request = Request(
            method: head.pointee.method,
            path: path.text,
            query: hasQuery ? query.text : nil,
            parameters: parameters,
            fields: fields,
            body: Array(body_),
            id: requestIDText
        )
        request.principal = principal
        return request
    }

    private borrowing func text(_ range: ByteRange) -> String { String(decoding: slice(range), as: UTF8.self) }

    private borrowing func slice(_ range: ByteRange) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + Int(range.start), count: Int(range.count))
    }
}
