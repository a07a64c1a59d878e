//  Reads a stream of requests as a connection does, in any pieces: what the parser tests compare.

public import HTTPCore

/// What became of a stream of bytes.
public struct StreamResult: Equatable {
    /// One whole request.
    public struct Message: Equatable {
        /// Its method.
        public var method: HTTPCore.Method
        /// Its path as sent.
        public var path: String
        /// Its query as sent.
        public var query: String
        /// Its body without framing.
        public var body: [UInt8]
    }

    /// Whole requests, in order.
    public var messages: [Message] = []
    /// The refusal that ended the stream.
    public var refusal: RequestRefusal?
    /// Whether a request was left unfinished.
    public var isCutOff = false

    /// Accepted as `count` requests and nothing else.
    public func accepts(_ count: Int) -> Bool { refusal == nil && !isCutOff && messages.count == count }
}

/// A stream of requests.
public struct RequestStream {
    private var parser = RequestParser()
    private var pending: [UInt8] = []
    private var body: (message: StreamResult.Message, remaining: Int, chunks: ChunkedDecoder?)?
    private var result = StreamResult()
    private var isClosed = false

    /// Reads bytes in pieces of that size.
    public static func read(_ bytes: [UInt8], piece: Int = .max) -> StreamResult {
        var stream = RequestStream()
        var index = 0
        while index < bytes.count {
            let end = piece > bytes.count - index ? bytes.count : index + piece
            stream.feed(Array(bytes[index..<end]))
            index = end
        }
        return stream.ended()
    }

    /// What is read of the first byte alone, of the first two, and so on to all of them.
    public static func readingEachLength(of bytes: [UInt8], _ body: (StreamResult) -> Void) {
        var stream = RequestStream()
        for byte in bytes {
            stream.feed([byte])
            body(stream.ended())
        }
    }

    private func ended() -> StreamResult {
        var result = result
        let onlyEmptyLines = pending.allSatisfy { $0 == 0x0D || $0 == 0x0A }
        result.isCutOff = result.refusal == nil && !isClosed && (body != nil || !onlyEmptyLines)
        return result
    }

    private mutating func feed(_ bytes: [UInt8]) {
        pending += bytes
        do throws(RequestRefusal) {
            while !isClosed, result.refusal == nil, try step() {}
        } catch {
            result.refusal = error
        }
    }

    /// Takes one step; false when more bytes are needed.
    private mutating func step() throws(RequestRefusal) -> Bool {
        if body != nil { return try readBody() }
        let bytes = pending
        switch parser.parse(bytes.span) {
        case .incomplete: return false
        case .refused(let refusal): throw refusal
        case .complete:
            let head = parser.head
            let message = StreamResult.Message(
                method: head.method,
                path: String(decoding: pending[head.path.offsets], as: UTF8.self),
                query: String(decoding: pending[head.query.offsets], as: UTF8.self),
                body: []
            )
            pending.removeFirst(head.length)
            keepsAlive = head.keepsAlive
            parser.reset()
            body = (message, head.contentLength ?? 0, head.isChunked ? ChunkedDecoder() : nil)
            return true
        }
    }

    private var keepsAlive = true

    private mutating func readBody() throws(RequestRefusal) -> Bool {
        guard var (message, remaining, chunks) = body else { return false }
        if chunks != nil {
            let bytes = pending
            let used = try chunks?.decode(bytes.span, into: &message.body, limit: 1 << 20) ?? 0
            pending.removeFirst(used)
        } else {
            let used = min(remaining, pending.count)
            message.body += pending[..<used]
            pending.removeFirst(used)
            remaining -= used
        }
        guard chunks?.isDone ?? (remaining == 0) else {
            body = (message, remaining, chunks)
            return false
        }
        body = nil
        result.messages.append(message)
        if !keepsAlive { isClosed = true }
        return true
    }
}
