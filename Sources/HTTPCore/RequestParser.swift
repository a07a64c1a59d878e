//  The head of an HTTP/1.1 request, strictly (RFC 9112). Pure: bytes in, ranges out.

/// Why a request is not read any further.
public struct RequestRefusal: Error, Equatable, Sendable {
    /// The status to answer with; the connection closes after it.
    public var status: Int
    /// What is wrong, in words.
    public var reason: String

    /// Makes a refusal.
    public init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }
}

/// Bounds on a request's head.
public struct RequestLimits: Sendable {
    /// Bytes of the request line.
    public var requestLine = 8192
    /// Bytes of all field lines.
    public var fields = 32_768

    /// The usual bounds.
    public init() {}
}

/// Reads one request head from bytes that may arrive in any pieces.
public struct RequestParser: Sendable {
    /// How far it got.
    public enum Outcome: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// ``RequestParser/head`` is whole.
        case complete
        /// The bytes are no request that we take.
        case refused(RequestRefusal)
    }

    /// What was read; whole after ``Outcome/complete``.
    public private(set) var head = RequestHead()
    private let limits: RequestLimits
    private var scanned = 0
    private var lineStart = 0
    private var fieldsStart = 0
    private var emptyLines = 0
    private var authority = ByteRange()
    private var isSecureScheme = false
    private var hosts = 0
    private var transferEncodings = 0
    private var connectionCloses = false
    private var connectionStays = false

    /// Makes a parser for one request after the other.
    public init(limits: RequestLimits = RequestLimits()) {
        self.limits = limits
    }

    /// Forgets the last request.
    public mutating func reset() {
        head.fieldCount = 0
        head.known = InlineArray(repeating: ByteRange())
        head.contentLength = nil
        head.isChunked = false
        head.keepsAlive = true
        head.expectsContinue = false
        head.hasQuery = false
        head.query = ByteRange()
        scanned = 0
        lineStart = 0
        fieldsStart = 0
        emptyLines = 0
        authority = ByteRange()
        hosts = 0
        transferEncodings = 0
        connectionCloses = false
        connectionStays = false
    }

    /// Goes on reading in everything received since the last request ended: the bytes of earlier calls and more.
    public mutating func parse(_ bytes: Span<UInt8>) -> Outcome {
        do throws(RequestRefusal) {
            while let lineFeed = bytes.firstLineFeed(from: scanned) {
                scanned = lineFeed + 1
                // Rule 3: a bare LF is an error; a bare CR is found as a control character within the line.
                guard lineFeed > lineStart, bytes[lineFeed - 1] == 0x0D else {
                    throw .malformed("a line ends with CRLF")
                }
                let line = lineStart..<(lineFeed - 1)
                lineStart = lineFeed + 1
                if fieldsStart == 0 {
                    try startLine(line, bytes)
                } else if line.isEmpty {
                    try finish(bytes)
                    head.length = lineStart
                    return .complete
                } else {
                    try field(line, bytes)
                }
            }
            scanned = bytes.count
            let pending = bytes.count - lineStart
            if fieldsStart == 0 {
                if pending > limits.requestLine + 2 { throw .targetTooLong }
            } else if bytes.count - fieldsStart > limits.fields + 2 {
                throw .fieldsTooLarge
            }
            return .incomplete
        } catch {
            return .refused(error)
        }
    }

    /// Calls the closure with the head in its place, which saves copying a kilobyte.
    public mutating func withHead<Result>(_ body: (UnsafePointer<RequestHead>) -> Result) -> Result {
        unsafe withUnsafePointer(to: &head) { unsafe body($0) }
    }

    // MARK: Request line

    private mutating func startLine(_ line: Range<Int>, _ bytes: Span<UInt8>) throws(RequestRefusal) {
        if line.isEmpty {
            // RFC 9112 §2.2: a server SHOULD ignore at least one empty line before the request-line.
            emptyLines += 1
            if emptyLines > 2 { throw .malformed("empty lines before the request line") }
            return
        }
        if line.count > limits.requestLine { throw .targetTooLong }
        var index = line.lowerBound
        while index < line.upperBound, bytes[index].isTokenCharacter { index += 1 }
        guard index > line.lowerBound, index < line.upperBound, bytes[index] == 0x20 else {
            throw .malformed("the request line is: method, space, target, space, version")
        }
        let method = Method(bytes.extracting(line.lowerBound..<index))
        let target = index + 1
        index = target
        while index < line.upperBound, bytes[index] != 0x20 { index += 1 }
        guard index > target, index < line.upperBound else {
            throw .malformed("the request line is: method, space, target, space, version")
        }
        try version(bytes.extracting((index + 1)..<line.upperBound))
        guard let method else { throw RequestRefusal(501, "the method is unknown") }
        head.method = method
        try self.target(target..<index, bytes)
        fieldsStart = lineStart
    }

    private mutating func version(_ text: Span<UInt8>) throws(RequestRefusal) {
        if text.equals("HTTP/1.1") {
            head.isHTTP11 = true
        } else if text.equals("HTTP/1.0") {
            head.isHTTP11 = false
        } else if text.count == 8, text.extracting(0..<5).equals("HTTP/"), text[5].isDigit,
            text[6] == UInt8(ascii: "."),
            text[7].isDigit
        {
            throw RequestRefusal(505, "HTTP/1.1 and HTTP/1.0 are spoken here")
        } else {
            throw .malformed("the version is HTTP/1.1 or HTTP/1.0, after one space")
        }
    }

    private mutating func target(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(RequestRefusal) {
        var start = range.lowerBound
        if head.method == .connect {
            // The authority form; the router answers 405 to every CONNECT.
            head.path = ByteRange(start, range.upperBound)
            return try check(range, bytes)
        }
        if bytes[start] == UInt8(ascii: "*") {
            guard range.count == 1, head.method == .options else { throw .malformed("`*` is for OPTIONS only") }
            head.path = ByteRange(start, range.upperBound)
            return
        }
        if bytes[start] != UInt8(ascii: "/") {
            start = try absoluteForm(range, bytes)
        }
        try check(start..<range.upperBound, bytes)
        var index = start
        while index < range.upperBound, bytes[index] != UInt8(ascii: "?"), bytes[index] != UInt8(ascii: "#") {
            index += 1
        }
        if index == start, start > range.lowerBound {
            // `http://host` means `http://host/`: the slashes of the scheme lend theirs.
            head.path = ByteRange(authority.offsets.lowerBound - 1, authority.offsets.lowerBound)
        } else {
            head.path = ByteRange(start, index)
        }
        guard index < range.upperBound, bytes[index] == UInt8(ascii: "?") else { return }
        head.hasQuery = true
        var end = index + 1
        while end < range.upperBound, bytes[end] != UInt8(ascii: "#") { end += 1 }
        head.query = ByteRange(index + 1, end)
    }

    /// RFC 9112 §3.2.2: `http://authority/path`. Answers where the path begins.
    private mutating func absoluteForm(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(RequestRefusal) -> Int {
        let target = bytes.extracting(range)
        let scheme: Int
        if target.count > 7, target.extracting(0..<7).equalsIgnoringCase("http://") {
            scheme = 7
            isSecureScheme = false
        } else if target.count > 8, target.extracting(0..<8).equalsIgnoringCase("https://") {
            scheme = 8
            isSecureScheme = true
        } else {
            throw .malformed("the target begins with `/` or is an http or https URL")
        }
        var start = range.lowerBound + scheme
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "?"),
            bytes[end] != UInt8(ascii: "#")
        {
            // User information is no part of what must agree with Host.
            if bytes[end] == UInt8(ascii: "@") { start = end + 1 }
            end += 1
        }
        guard end > start, bytes.extracting(start..<end).isAuthority else { throw .malformed("the target's authority") }
        authority = ByteRange(start, end)
        return end
    }

    /// Rule 19, and that nothing but valid UTF-8 stands beside ASCII.
    private func check(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(RequestRefusal) {
        var high: UInt8 = 0
        for index in range {
            let byte = bytes[index]
            if byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") {
                throw .malformed("a character that a target cannot have")
            }
            high |= byte
        }
        if high >= 0x80, UTF8Span.validates(bytes.extracting(range)) == false {
            throw .malformed("the target is not UTF-8")
        }
    }

    // MARK: Fields

    private mutating func field(_ line: Range<Int>, _ bytes: Span<UInt8>) throws(RequestRefusal) {
        if lineStart - fieldsStart > limits.fields { throw .fieldsTooLarge }
        var index = line.lowerBound
        while index < line.upperBound, bytes[index].isTokenCharacter { index += 1 }
        guard index > line.lowerBound, index < line.upperBound, bytes[index] == UInt8(ascii: ":") else {
            throw .malformed("a field line is a name, a colon and a value")
        }
        let name = ByteRange(line.lowerBound, index)
        index += 1
        var end = line.upperBound
        while index < end, bytes[index].isBlank { index += 1 }
        while end > index, bytes[end - 1].isBlank { end -= 1 }
        for place in index..<end where bytes[place].isForbiddenInValue {
            throw .malformed("a control character in a field value")
        }
        guard head.fieldCount < RequestHead.maxFields else { throw .fieldsTooLarge }
        let value = ByteRange(index, end)
        head.fields[head.fieldCount] = FieldRange(name: name, value: value)
        head.fieldCount += 1
        guard let known = KnownField.named(name, in: bytes) else { return }
        try interpret(known, value, bytes)
        if head.known[known.rawValue].start == 0 { head.known[known.rawValue] = value }
    }

    private mutating func interpret(
        _ field: KnownField,
        _ range: ByteRange,
        _ bytes: Span<UInt8>
    ) throws(RequestRefusal) {
        let value = bytes.extracting(range.offsets)
        switch field {
        case .host:
            hosts += 1
            guard hosts == 1, value.isAuthority else { throw .malformed("exactly one valid Host field") }
        case .contentLength:
            // Rule 9: `1*DIGIT`, once; a list, a sign or an overflow would be read differently elsewhere.
            guard head.contentLength == nil, let length = value.decimal else { throw .malformed("the Content-Length") }
            head.contentLength = length
        case .transferEncoding:
            transferEncodings += 1
            guard transferEncodings == 1 else { throw .malformed("more than one Transfer-Encoding") }
            guard value.equalsIgnoringCase("chunked") else {
                // RFC 9112 §6.3: when chunked is not the final coding the length cannot be known.
                throw value.hasFinalCodingChunked
                    ? RequestRefusal(501, "no transfer coding but chunked") : .malformed("the Transfer-Encoding")
            }
            head.isChunked = true
        case .connection:
            value.forEachListElement { element in
                if element.equalsIgnoringCase("close") {
                    connectionCloses = true
                } else if element.equalsIgnoringCase("keep-alive") {
                    connectionStays = true
                }
            }
        case .expect:
            guard value.equalsIgnoringCase("100-continue") else {
                throw RequestRefusal(417, "only 100-continue is met")
            }
            head.expectsContinue = true
        case .contentType, .authorization:
            // Both may stand once (RFC 9110 §5.3); of two, somebody else might believe the other.
            guard head.known[field.rawValue].start == 0 else { throw .malformed("a field that may stand only once") }
        default: break
        }
    }

    private mutating func finish(_ bytes: Span<UInt8>) throws(RequestRefusal) {
        if head.isHTTP11, hosts == 0 { throw .malformed("exactly one valid Host field") }
        if transferEncodings > 0 {
            guard head.contentLength == nil else { throw .malformed("both Transfer-Encoding and Content-Length") }
            guard head.isHTTP11 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
        }
        if authority.count > 0, hosts == 1 {
            let host = bytes.extracting(head.known[KnownField.host.rawValue].offsets)
            guard
                bytes.extracting(authority.offsets).isSameAuthority(
                    as: host,
                    defaultPort: isSecureScheme ? ":443" : ":80"
                )
            else { throw .malformed("Host differs from the target's authority") }
        }
        head.keepsAlive = !connectionCloses && (head.isHTTP11 || connectionStays)
        if !head.isHTTP11 { head.expectsContinue = false }
    }
}

extension RequestRefusal {
    static func malformed(_ what: String) -> RequestRefusal { RequestRefusal(400, "malformed request: \(what)") }
    static let targetTooLong = RequestRefusal(414, "the request line exceeds its limit")
    static let fieldsTooLarge = RequestRefusal(431, "the header fields exceed their limit")
}
