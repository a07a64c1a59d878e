//  The head of a request as ranges into the bytes it came in.

/// A stretch of a request's head; a head is shorter than 64 KiB.
public struct ByteRange: BitwiseCopyable, Equatable, Sendable {
    /// Offset of the first byte.
    public var start: UInt16
    /// How many bytes.
    public var count: UInt16

    /// Makes a range.
    public init(_ start: Int, _ end: Int) {
        self.start = UInt16(start)
        count = UInt16(end - start)
    }

    /// Nothing, at the start.
    public init() {
        start = 0
        count = 0
    }

    /// The offsets.
    @inline(__always)
    public var offsets: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}

/// One field line.
public struct FieldRange: BitwiseCopyable, Sendable {
    /// The name.
    public var name = ByteRange()
    /// The value without surrounding white space.
    public var value = ByteRange()
}

/// A field that the server or its handlers look at; found once, while parsing.
public enum KnownField: Int, CaseIterable, Sendable {
    case host, contentLength, transferEncoding, connection, expect, authorization, ifNoneMatch, contentType
    case prefer, traceparent, origin, secFetchSite, idempotencyKey

    /// The name in lower case.
    public var name: StaticString {
        switch self {
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .connection: "connection"
        case .expect: "expect"
        case .authorization: "authorization"
        case .ifNoneMatch: "if-none-match"
        case .contentType: "content-type"
        case .prefer: "prefer"
        case .traceparent: "traceparent"
        case .origin: "origin"
        case .secFetchSite: "sec-fetch-site"
        case .idempotencyKey: "idempotency-key"
        }
    }

    /// The field of that name, compared without case.
    @inline(__always)
    static func named(_ name: ByteRange, in bytes: Span<UInt8>) -> KnownField? {
        let candidate: KnownField?
        let first = bytes[Int(name.start)] | 0x20
        switch (name.count, first) {
        case (4, UInt8(ascii: "h")): candidate = .host
        case (6, UInt8(ascii: "e")): candidate = .expect
        case (6, UInt8(ascii: "p")): candidate = .prefer
        case (6, UInt8(ascii: "o")): candidate = .origin
        case (10, UInt8(ascii: "c")): candidate = .connection
        case (11, UInt8(ascii: "t")): candidate = .traceparent
        case (12, UInt8(ascii: "c")): candidate = .contentType
        case (13, UInt8(ascii: "a")): candidate = .authorization
        case (13, UInt8(ascii: "i")): candidate = .ifNoneMatch
        case (14, UInt8(ascii: "c")): candidate = .contentLength
        case (14, UInt8(ascii: "s")): candidate = .secFetchSite
        case (15, UInt8(ascii: "i")): candidate = .idempotencyKey
        case (17, UInt8(ascii: "t")): candidate = .transferEncoding
        default: candidate = nil
        }
        guard let candidate, bytes.extracting(name.offsets).equalsIgnoringCase(candidate.name) else { return nil }
        return candidate
    }
}

/// What a request says before its body.
public struct RequestHead: BitwiseCopyable, Sendable {
    /// The most field lines that a head may have.
    public static let maxFields = 100

    /// The method.
    public var method = Method.get
    /// False for HTTP/1.0.
    public var isHTTP11 = true
    /// The path, percent-encoded, without query; `*` for the asterisk form.
    public var path = ByteRange()
    /// What follows `?`; empty without one.
    public var query = ByteRange()
    /// Whether there is a `?`.
    public var hasQuery = false
    /// How many of ``fields`` are in use.
    public var fieldCount = 0
    /// The field lines in order.
    public var fields = InlineArray<100, FieldRange>(repeating: FieldRange())
    /// The value of each known field's first line, by raw value; a start of 0 means absent.
    public var known = InlineArray<13, ByteRange>(repeating: ByteRange())
    /// The body's length, when Content-Length gives one.
    public var contentLength: Int?
    /// Whether the body is chunked.
    public var isChunked = false
    /// Whether the client allows another request after this one.
    public var keepsAlive = true
    /// Whether the client waits for `100 Continue`.
    public var expectsContinue = false
    /// Where the body begins.
    public var length = 0

    /// Makes an empty head.
    public init() {}

    /// Whether a body follows.
    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}

extension Span<UInt8> {
    /// Whether these are the text's bytes, ASCII letters compared without case. The text is lower-case ASCII.
    @inline(__always)
    public func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let expected = unsafe text.utf8Start
        for index in 0..<count where unsafe self[index].lowercasedASCII != expected[index] { return false }
        return true
    }

    /// Whether these are exactly the text's bytes.
    @inline(__always)
    public func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let expected = unsafe text.utf8Start
        for index in 0..<count where unsafe self[index] != expected[index] { return false }
        return true
    }

    /// Whether these are exactly those bytes.
    @inline(__always)
    public func equals(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }

    /// The text; bytes that are not UTF-8 become U+FFFD.
    public var text: String {
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// A copy of the bytes.
    public var array: [UInt8] {
        unsafe withUnsafeBufferPointer { unsafe Array($0) }
    }
}
