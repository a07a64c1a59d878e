//  Writes answers straight into the bytes that are sent (RFC 9112 §4, §6).

import JSON
public import Platform

/// Writes one response after the other into an output buffer. Each has exactly one of Content-Length and chunked, and
/// none where the status or HEAD forbids a body.
public struct ResponseWriter: ~Copyable {
    private enum Stage { case outside, fields, body }

    /// What is to be sent; the server takes it away.
    public var output: ByteBuffer
    /// What follows ``output``, sent from where it lies. Nothing may be begun before the server has taken it away.
    public private(set) var tail: FilePart?
    /// The status of the response begun last.
    public private(set) var status = 0
    /// Where the response begun last starts in ``output``.
    public private(set) var start = 0
    private var stage = Stage.outside
    /// Where in ``output`` the body begins of the response that ``beginBody()`` opened last.
    public private(set) var bodyStart = 0
    private var lengthPlace = 0
    private var requestID: UInt64 = 0
    private var isHead = false
    private var isHTTP11 = true
    private var fields: [UInt8]?
    /// Whether the connection ends after this response; a handler may set it before it begins the response.
    public var closes = false
    private var dateSecond: Int64 = -1
    /// What follows every status line, up to the value of the request's id.
    private var opening = Array("X-Request-Id: ".utf8)
    /// The same behind the status line of a 200.
    private var opening200 = Array("HTTP/1.1 200 OK\r\nX-Request-Id: ".utf8)

    /// Makes a writer with an empty buffer.
    public init() {
        output = ByteBuffer(capacity: 16_384)
    }

    // MARK: For handlers

    /// Writes the status line and the fields that every response has.
    public mutating func begin(_ status: Int) {
        precondition(stage == .outside && tail == nil, "one response at a time")
        self.status = status
        start = output.count
        stage = .fields
        if status == 200 {
            output.append(opening200)
        } else {
            appendStatusLine(status)
            output.append(opening)
        }
        output.append(hex: requestID)
        output.append("\r\n")
        if closes {
            output.append("Connection: close\r\n")
        } else if !isHTTP11 {
            output.append("Connection: keep-alive\r\n")
        }
        if let fields { output.append(fields) }
    }

    /// Writes the status line, the usual fields and a JSON content type.
    public mutating func beginJSON(_ status: Int = 200) {
        begin(status)
        output.append("Content-Type: application/json\r\n")
    }

    /// Writes a field line from texts known to be clean.
    public mutating func field(_ name: StaticString, _ value: StaticString) {
        output.append(name)
        output.append(": ")
        output.append(value)
        output.append("\r\n")
    }

    /// Writes a field line; a control character in the value becomes a space, so that nobody can add a line.
    public mutating func field(_ name: StaticString, _ value: String) {
        output.append(name)
        output.append(": ")
        appendClean(value.utf8.span)
        output.append("\r\n")
    }

    /// Writes a field line; a control character in the value becomes a space.
    public mutating func field(_ name: StaticString, _ value: Span<UInt8>) {
        output.append(name)
        output.append(": ")
        appendClean(value)
        output.append("\r\n")
    }

    /// Writes a field line whose value is known only when the body is: it has room for so many bytes.
    ///
    /// - Returns: The place for ``fill(_:_:)``, which must be called before ``endBody()``.
    public mutating func fieldLater(_ name: StaticString, upTo width: Int) -> FieldPlace {
        let start = output.count
        output.append(name)
        output.append(": ")
        let place = FieldPlace(line: start, value: output.count, width: width)
        for _ in 0..<width { output.append(0x20) }
        output.append("\r\n")
        return place
    }

    /// Puts the value of a field in, behind white space (RFC 9110 §5.5); without a value the line goes out.
    public mutating func fill(_ place: FieldPlace, _ value: String?) {
        precondition(stage == .body, "a place is filled between beginBody() and endBody()")
        if let value {
            precondition(value.utf8.count <= place.width, "the value is wider than its place")
            var clean = ByteBuffer(capacity: place.width)
            for byte in value.utf8 { clean.append(byte.isForbiddenInValue ? 0x20 : byte) }
            output.overwrite(at: place.value + place.width - clean.count, clean.span)
        } else {
            let line = place.line..<(place.value + place.width + 2)
            output.remove(line)
            lengthPlace -= line.count
            bodyStart -= line.count
        }
    }

    /// Writes whole field lines that were made before, each with its CRLF and known to be clean.
    public mutating func fields(_ lines: [UInt8]) {
        output.append(lines)
    }

    /// Writes the ETag of a revision: the number in quotes.
    public mutating func entityTag(_ revision: Int64) {
        output.append("ETag: \"")
        output.append(decimal: revision)
        output.append("\"\r\n")
    }

    /// Ends the response with that body.
    public mutating func end(_ body: Span<UInt8>) {
        unsafe body.withUnsafeBufferPointer { unsafe end(UnsafeRawBufferPointer($0)) }
    }

    /// Ends the response with that body.
    public mutating func end(_ body: [UInt8]) {
        end(body.span)
    }

    /// Ends the response with that body.
    public mutating func end(_ body: UnsafeRawBufferPointer) {
        precondition(stage == .fields, "begin() comes before end()")
        stage = .outside
        if Self.hasNoBody(status) {
            output.append("\r\n")
            return
        }
        output.append("Content-Length: ")
        output.append(decimal: Int64(body.count))
        output.append("\r\n\r\n")
        if !isHead { unsafe output.append(body) }
    }

    /// Ends the response without a body: with `Content-Length: 0` where the status could have one.
    public mutating func end() {
        end([])
    }

    /// Ends the fields of a response whose length is known at its end; append to ``output``, then call ``endBody()``.
    public mutating func beginBody() {
        precondition(stage == .fields && !Self.hasNoBody(status), "begin() comes before a body")
        stage = .body
        // RFC 9110 §5.5: optional white space may stand before a value; the digits are put in at the end.
        output.append("Content-Length:            ")
        lengthPlace = output.count - 10
        output.append("\r\n\r\n")
        bodyStart = output.count
    }

    /// Ends a response that ``beginBody()`` opened.
    public mutating func endBody() {
        precondition(stage == .body, "beginBody() comes before endBody()")
        stage = .outside
        output.overwrite(at: lengthPlace, width: 10, decimal: output.count - bodyStart)
        if isHead { output.truncate(to: bodyStart) }
    }

    /// Ends the response with what an earlier one had from some field line on: the lines, `Content-Length` among them,
    /// the empty line, and behind so many bytes of head the body. A body in a file is not copied: it is sent from where
    /// it lies, which is for the server to do at once.
    public mutating func end(again rest: Span<UInt8>, headCount: Int, body: FilePart? = nil) {
        precondition(stage == .fields && headCount <= rest.count, "begin() comes before end()")
        stage = .outside
        output.append(isHead ? rest.extracting(first: headCount) : rest)
        if !isHead { tail = body }
    }

    /// Takes back what was written of the current response.
    public mutating func abandon() {
        output.truncate(to: start)
        tail = nil
        stage = .outside
    }

    /// Writes a whole response; not its stream.
    public mutating func write(_ response: Response) {
        begin(response.status)
        append(response.fields)
        end(response.body)
    }

    /// Writes an error answer.
    public mutating func write(_ problem: Problem) {
        write(problem.response(requestID: requestIDText))
    }

    /// The current request's id, as sent.
    public var requestIDText: String { RequestID.text(requestID) }

    // MARK: For the server

    /// Whether the last response was ended.
    public var isComplete: Bool { stage == .outside }

    /// How many bytes the response begun last has.
    public var responseCount: Int { output.count - start + (tail?.count ?? 0) }

    /// Forgets what was sent, and gives back memory above that many bytes.
    public mutating func removeAll(keeping capacity: Int) {
        tail = nil
        output.removeAll()
        output.shrink(to: capacity)
    }

    /// Says what the next response answers. `fields` are whole field lines, each with its CRLF, that it is to have.
    public mutating func prepare(
        requestID: UInt64,
        isHead: Bool,
        isHTTP11: Bool,
        closes: Bool,
        fields: [UInt8]? = nil
    ) {
        self.requestID = requestID
        self.isHead = isHead
        self.isHTTP11 = isHTTP11
        self.closes = closes
        self.fields = fields
        status = 0
        start = output.count
        stage = .outside
    }

    /// Writes the head of a response whose body follows in pieces: chunked, or to the end of the connection for 1.0.
    /// HEAD is told nothing of a length that nobody knows (RFC 9110 §8.6), and no body follows.
    public mutating func writeStreamHead(_ response: Response) {
        if !isHTTP11, !isHead { closes = true }
        begin(response.status)
        append(response.fields)
        if isHTTP11, !isHead { output.append("Transfer-Encoding: chunked\r\n") }
        output.append("\r\n")
        stage = .outside
    }

    /// Renews the Date field when the second has changed.
    public mutating func renewDate(_ now: Timestamp) {
        guard now.seconds != dateSecond else { return }
        dateSecond = now.seconds
        opening = Array("Date: \(now.httpDate)\r\nX-Request-Id: ".utf8)
        opening200 = Array("HTTP/1.1 200 OK\r\n".utf8) + opening
    }

    private mutating func append(_ fields: HeaderFields) {
        for line in fields.lines {
            appendClean(line.name.utf8.span)
            output.append(": ")
            appendClean(line.value.utf8.span)
            output.append("\r\n")
        }
    }

    /// Rule 20: values that we emit are checked for CR and LF.
    private mutating func appendClean(_ bytes: Span<UInt8>) {
        var isClean = true
        for index in 0..<bytes.count where bytes[index].isForbiddenInValue { isClean = false }
        if isClean { return output.append(bytes) }
        for index in 0..<bytes.count {
            output.append(bytes[index].isForbiddenInValue ? 0x20 : bytes[index])
        }
    }

    private mutating func appendStatusLine(_ status: Int) {
        switch status {
        case 201: output.append("HTTP/1.1 201 Created\r\n")
        case 204: output.append("HTTP/1.1 204 No Content\r\n")
        case 304: output.append("HTTP/1.1 304 Not Modified\r\n")
        case 404: output.append("HTTP/1.1 404 Not Found\r\n")
        default:
            output.append("HTTP/1.1 ")
            output.append(decimal: Int64(status))
            output.append(" ")
            output.append(StatusPhrase.of(status))
            output.append("\r\n")
        }
    }

    private static func hasNoBody(_ status: Int) -> Bool { status == 204 || status == 304 || status < 200 }
}

/// Room for a field's value in a response that is being written.
public struct FieldPlace: Sendable {
    fileprivate let line: Int
    fileprivate let value: Int
    fileprivate let width: Int
}

/// The id of a request as text: sixteen lower-case hexadecimal digits.
public enum RequestID {
    /// The text of that id.
    public static func text(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
