//  One connected socket as its loop keeps it. An idle one holds no buffer.

import Glibc
import HTTPCore
import Platform

/// Names a connection for those that outlive it.
struct ConnectionID: Hashable, Sendable {
    let descriptor: Int32
    let generation: UInt32

    var packed: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)) }
}

/// A connected socket. It belongs to one loop and is touched on that loop's thread only.
final class Connection {
    let id: ConnectionID
    /// Which listener it came to.
    let listener: ListenerRole
    var life: ConnectionLife
    /// Encrypts and decrypts; `nil` for plain HTTP.
    var tls: TLSSession?
    /// What epoll watches for.
    var interest: UInt32
    /// Bytes received and not yet used: part of a head, or requests behind one that is being answered.
    var input: PendingInput?
    /// A request whose body is being read.
    var exchange: Exchange?
    /// A request that a task is answering.
    var parked: ParkedRequest?
    /// What the socket did not take.
    var unsent: UnsentOutput?
    /// The peer sends nothing more. It may still read.
    var inputHasEnded = false
    /// No further request is taken; the connection ends when everything is sent.
    var isEnding = false
    /// Bytes of the peer may be on their way, which would make the kernel cut the answer off.
    var mustLinger = false
    var isClosed = false
    /// Bytes dropped while lingering.
    var lingered = 0

    init(_ id: ConnectionID, _ listener: ListenerRole, now: Int64, interest: UInt32, tls: TLSSession?) {
        self.id = id
        self.listener = listener
        self.interest = interest
        self.tls = tls
        life = ConnectionLife(now: now, phase: tls == nil ? .idle : .handshake)
    }

    var descriptor: Int32 { id.descriptor }

    /// Nothing received, nothing to send, nobody at work.
    var isIdle: Bool { life.phase == .idle && input == nil && unsent == nil }
}

/// What the answer of a request depends on.
struct RequestContext {
    var requestID: UInt64
    /// `nil` for bytes that are no request.
    var method: HTTPCore.Method?
    var isHTTP11: Bool
    var keepsAlive: Bool
    /// When the turn of the loop began that saw the head whole.
    var startedAt: Int64
    /// The place of the route in the table; `nil` when none matched.
    var route: Int?
    /// Field lines that the authorize hook wants in the answer.
    var fields: [UInt8]?
    /// What `traceparent` says, when it is valid.
    var trace: TraceContext?
}

extension RequestContext {
    /// For an answer to what is no request.
    static func unread(id: UInt64, at moment: Int64) -> RequestContext {
        RequestContext(
            requestID: id,
            method: nil,
            isHTTP11: true,
            keepsAlive: false,
            startedAt: moment,
            route: nil
        )
    }
}

/// A request that a task is answering.
final class ParkedRequest {
    let context: RequestContext
    let path: String
    var task: Task<Void, Never>?
    /// Whether the head of a stream was sent.
    var isStreaming = false
    /// The stream's writer, waiting for the peer to take what was written.
    var waiting: CheckedContinuation<Void, any Error>?

    init(_ context: RequestContext, path: String) {
        self.context = context
        self.path = path
    }
}

/// Received bytes that wait, with the state of the parser that looked at them.
final class PendingInput {
    var bytes: ByteBuffer
    let parser: UnsafeMutablePointer<RequestParser>

    init(_ rest: UnsafeRawBufferPointer, _ parser: RequestParser) {
        bytes = ByteBuffer(capacity: rest.count * 2)
        bytes.append(rest)
        self.parser = .allocate(capacity: 1)
        self.parser.initialize(to: parser)
    }

    deinit {
        parser.deinitialize(count: 1)
        parser.deallocate()
    }
}

/// Bytes that the socket did not take yet.
final class UnsentOutput {
    /// Under TLS not encrypted yet: that is done in pieces, as the socket takes them.
    var bytes: ByteBuffer
    var sent = 0
    /// Encrypted, and ahead of ``bytes``.
    var sealed = ByteBuffer(capacity: 0)
    var sealedSent = 0

    init(_ rest: UnsafeRawBufferPointer) {
        bytes = ByteBuffer(capacity: rest.count)
        bytes.append(rest)
    }

    var isEmpty: Bool { sent == bytes.count && sealedSent == sealed.count }
}

/// A request whose body is still arriving: its head, copied, and the body so far.
final class Exchange {
    let context: RequestContext
    let parameters: PathParameters
    let principal: (any AnyObject & Sendable)?
    let row: Router.Row
    let headBytes: UnsafeMutableBufferPointer<UInt8>
    let head: UnsafeMutablePointer<RequestHead>
    var body: [UInt8] = []
    private var remaining: Int
    private var chunks: ChunkedDecoder?
    private let limit: Int

    init(
        _ context: RequestContext,
        _ row: Router.Row,
        _ parameters: PathParameters,
        _ principal: (any AnyObject & Sendable)?,
        head: UnsafePointer<RequestHead>,
        base: UnsafePointer<UInt8>
    ) {
        self.context = context
        self.row = row
        self.parameters = parameters
        self.principal = principal
        headBytes = .allocate(capacity: head.pointee.length)
        _ = headBytes.initialize(from: UnsafeBufferPointer(start: base, count: head.pointee.length))
        self.head = .allocate(capacity: 1)
        self.head.initialize(to: head.pointee)
        remaining = head.pointee.contentLength ?? 0
        chunks = head.pointee.isChunked ? ChunkedDecoder() : nil
        limit = row.maxBody
        // Not the length that was announced: only bytes that came cost memory.
        body.reserveCapacity(min(remaining, 65_536))
    }

    deinit {
        headBytes.deallocate()
        head.deallocate()
    }

    var isWhole: Bool { chunks?.isDone ?? (remaining == 0) }

    /// Takes what belongs to the body; answers how many bytes that were.
    func take(_ bytes: Span<UInt8>) throws(RequestRefusal) -> Int {
        if chunks != nil {
            return try chunks?.decode(bytes, into: &body, limit: limit) ?? 0
        }
        let count = min(remaining, bytes.count)
        body.append(copying: bytes.extracting(0..<count))
        remaining -= count
        return count
    }
}
