//  The main path of a loop: bytes come in, requests are found in them, routed and answered, in order.

import CLinux
import Glibc
import HTTPCore
import Log
import Platform

extension EventLoop {
    /// Output that is sent before more requests of the same read are answered.
    private static let outputMark = 262_144
    private static let inputMark = 65_536
    /// More than any body that a client may believe to be welcome.
    private static let maxLinger = 64 << 20

    /// Reads once from a socket that has something, and uses it.
    func readable(_ connection: Connection) {
        if connection.life.phase == .answering, connection.parked?.isStreaming != true {
            // The requests behind the one being answered stay in the kernel.
            return setInterest(connection, 0)
        }
        // Level-triggered: the handshake goes on in the next turn.
        if connection.life.phase == .handshake, handshakeBudget <= 0 { return }
        let count = recv(connection.descriptor, received.baseAddress, received.count, 0)
        if count < 0 {
            if errno != EAGAIN, errno != EINTR { drop(connection) }
            return
        }
        if connection.life.phase == .lingering { return linger(connection, count) }
        if count == 0 { return peerFinished(connection) }
        let bytes = UnsafeRawBufferPointer(start: received.baseAddress, count: count)
        if let tls = connection.tls { decrypt(connection, tls, bytes) } else { consume(connection, bytes) }
        if connection.parked != nil, readInterest(connection) == 0 {
            // Enough waits behind a stream that is being sent.
            setInterest(connection, connection.interest & ~UInt32(clinux_readable))
        }
    }

    /// What epoll watches for while nothing waits to be sent.
    func readInterest(_ connection: Connection) -> UInt32 {
        if connection.inputHasEnded { return 0 }
        if connection.parked != nil, let input = connection.input, input.bytes.count >= Self.inputMark { return 0 }
        return UInt32(clinux_readable)
    }

    /// The peer sends no more. It may still read: what it asked for is answered (RFC 9112 §9.6).
    func peerFinished(_ connection: Connection) {
        if connection.life.phase == .handshake {
            if connection.tls?.hasBegun == true { noteFailure(connection, "the peer has left") }
            return drop(connection)
        }
        connection.inputHasEnded = true
        setInterest(connection, connection.interest & ~UInt32(clinux_readable))
        settle(connection)
    }

    /// Drops what a peer sends after its last answer.
    private func linger(_ connection: Connection, _ count: Int) {
        connection.lingered += count
        connection.life.bodyArrived(count, now: now)
        if count == 0 || connection.lingered > Self.maxLinger { drop(connection) }
    }

    /// Uses bytes that the peer sent, plain or decrypted, and sends what they led to.
    func consume(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) {
        if let pending = connection.input {
            pending.bytes.append(bytes)
            let used = pending.bytes.withUnsafeBytes { process(connection, $0, pending.parser) }
            if used == pending.bytes.count { connection.input = nil } else { pending.bytes.removeFirst(used) }
        } else {
            let used = process(connection, bytes, parser)
            if used < bytes.count, !connection.isClosed {
                connection.input = PendingInput(UnsafeRawBufferPointer(rebasing: bytes[used...]), parser.pointee)
            }
            parser.pointee.reset()
        }
        flushSoon(connection)
        settle(connection)
    }

    /// Takes requests off the bytes for as long as the connection can take more (RFC 9112 §9.3.2).
    ///
    /// - Returns: How many bytes were used.
    private func process(
        _ connection: Connection,
        _ bytes: UnsafeRawBufferPointer,
        _ parser: UnsafeMutablePointer<RequestParser>
    ) -> Int {
        var offset = 0
        while offset < bytes.count {
            if connection.isEnding || connection.isClosed {
                connection.mustLinger = true
                return bytes.count
            }
            if connection.life.phase == .answering || connection.unsent != nil { return offset }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...]).assumingMemoryBound(to: UInt8.self)
            guard let base = rest.baseAddress else { return offset }
            if let exchange = connection.exchange {
                offset += readBody(connection, exchange, Span(_unsafeElements: rest))
            } else {
                switch parser.pointee.parse(Span(_unsafeElements: rest)) {
                case .incomplete:
                    connection.life.enter(.head, now: now)
                    return offset
                case .refused(let refusal):
                    refuse(connection, refusal)
                    return bytes.count
                case .complete:
                    offset += parser.pointee.withHead { head in
                        head.pointee.length + begin(connection, head, base, available: rest.count - head.pointee.length)
                    }
                    parser.pointee.reset()
                }
            }
            if writer.tail != nil || writer.output.count >= Self.outputMark { flush(connection) }
        }
        return offset
    }

    /// Routes a request whose head is whole, and answers it or waits for its body.
    ///
    /// - Returns: How many bytes of a body that nobody reads are skipped.
    private func begin(
        _ connection: Connection,
        _ head: UnsafePointer<RequestHead>,
        _ base: UnsafePointer<UInt8>,
        available: Int
    ) -> Int {
        var context = RequestContext(
            requestID: nextRequestID(),
            method: head.pointee.method,
            isHTTP11: head.pointee.isHTTP11,
            keepsAlive: head.pointee.keepsAlive,
            startedAt: turnBegan,
            route: nil
        )
        if head.pointee.known[KnownField.traceparent.rawValue].start != 0 { context.trace = Self.trace(head, base) }
        var parameters = PathParameters()
        let bytes = Span(_unsafeStart: base, count: head.pointee.length)
        let route: Int
        switch router.tree.match(head.pointee.method, head.pointee.path, bytes, &parameters) {
        case .row(let place): route = place
        case .none where context.method == .connect || context.method == .trace || isAsterisk(head, bytes):
            // `OPTIONS *` asks for what the server as a whole has (RFC 9110 §9.3.7): `refuse` answers it with 204.
            let problem = Problem(405, "method_not_allowed", "no resource answers that method")
            let others: [HTTPCore.Method] = [.get, .head, .post, .put, .patch, .delete, .options]
            return refuse(connection, context, problem, head, base, available, allow: others)
        case .none:
            return refuse(
                connection,
                context,
                Problem(404, "not_found", "there is nothing here"),
                head,
                base,
                available
            )
        case .otherMethods(let methods):
            let problem = Problem(405, "method_not_allowed", "this resource does not answer that method")
            return refuse(connection, context, problem, head, base, available, allow: methods)
        }
        context.route = route
        var view = RequestView(
            base: base,
            head: head,
            body: UnsafeBufferPointer(start: nil, count: 0),
            parameters: parameters,
            requestID: context.requestID,
            descriptor: connection.descriptor,
            listener: connection.listener
        )
        view.trace = context.trace
        switch router.hooks.authorize(view, route) {
        case .admitted(let principal, let fields):
            view.principal = principal
            context.fields = fields
        case .refused(let problem, let fields):
            context.fields = fields
            return refuse(connection, context, problem, head, base, available)
        case .refusedLater(let problem, let pause):
            return refuse(connection, context, problem, after: pause, head, view.path.text, available)
        }
        let row = router.rows[route]
        guard head.pointee.hasBody else {
            dispatch(connection, context, row, view)
            return 0
        }
        if let length = head.pointee.contentLength, length > row.maxBody {
            let problem = RequestRefusal(413, "the body exceeds \(row.maxBody) bytes").problem
            return refuse(connection, context, problem, head, base, 0)
        }
        connection.exchange = Exchange(context, row, parameters, view.principal, head: head, base: base)
        connection.life.enter(.body, now: now)
        if head.pointee.expectsContinue, available == 0 { writer.output.append("HTTP/1.1 100 Continue\r\n\r\n") }
        return 0
    }

    /// Whether the target is `*`, which only OPTIONS may have.
    private func isAsterisk(_ head: UnsafePointer<RequestHead>, _ bytes: Span<UInt8>) -> Bool {
        let path = head.pointee.path
        return head.pointee.method == .options && path.count == 1
            && bytes[path.offsets.lowerBound] == UInt8(ascii: "*")
    }

    /// The trace that the client names; `nil` unless it names exactly one.
    private static func trace(_ head: UnsafePointer<RequestHead>, _ base: UnsafePointer<UInt8>) -> TraceContext? {
        let bytes = Span(_unsafeStart: base, count: head.pointee.length)
        var found: ByteRange?
        for index in 0..<head.pointee.fieldCount {
            let field = head.pointee.fields[index]
            guard bytes.extracting(field.name.offsets).equalsIgnoringCase("traceparent") else { continue }
            if found != nil { return nil }
            found = field.value
        }
        return found.flatMap { TraceContext(traceparent: bytes.extracting($0.offsets)) }
    }

    private func readBody(_ connection: Connection, _ exchange: Exchange, _ bytes: Span<UInt8>) -> Int {
        do throws(RequestRefusal) {
            let used = try exchange.take(bytes)
            connection.life.bodyArrived(used, now: now)
            guard exchange.isWhole else { return used }
            connection.exchange = nil
            connection.life.enter(.idle, now: now)
            exchange.body.withUnsafeBufferPointer { body in
                var view = RequestView(
                    base: UnsafePointer(exchange.headBytes.baseAddress ?? UnsafeMutablePointer(mutating: Self.nothing)),
                    head: UnsafePointer(exchange.head),
                    body: body,
                    parameters: exchange.parameters,
                    requestID: exchange.context.requestID,
                    descriptor: connection.descriptor,
                    listener: connection.listener
                )
                view.principal = exchange.principal
                view.trace = exchange.context.trace
                dispatch(connection, exchange.context, exchange.row, view)
            }
            return used
        } catch {
            connection.exchange = nil
            refuse(connection, exchange.context, error.problem, path: "")
            return bytes.count
        }
    }

    private static var nothing: UnsafePointer<UInt8> { UnsafePointer(StaticString("").utf8Start) }

    private func dispatch(
        _ connection: Connection,
        _ context: RequestContext,
        _ row: Router.Row,
        _ view: borrowing RequestView
    ) {
        switch row.handler {
        case .now(let answer):
            openBatch()
            prepare(context)
            answer(view, &writer)
            finish(connection, context, view.path)
        case .later(let work): park(connection, context, view, work)
        case .nowOrLater(let answer, let work):
            openBatch()
            prepare(context)
            if answer(view, &writer) {
                finish(connection, context, view.path)
            } else {
                writer.abandon()
                park(connection, context, view, work)
            }
        case .handedOver(let handOver, let work):
            flush(connection)
            if connection.isClosed { return }
            if handOver(view, AnswerPlace(loop: self, connection: connection.id)) {
                wait(connection, context, path: view.path.text)
            } else {
                park(connection, context, view, work)
            }
        }
    }

    func prepare(_ context: RequestContext) {
        writer.prepare(
            requestID: context.requestID,
            isHead: context.method == .head,
            isHTTP11: context.isHTTP11,
            closes: !context.keepsAlive || mustClose,
            fields: context.fields
        )
    }

    /// Sees to it that the answer is whole, and counts it.
    func finish(_ connection: Connection, _ context: RequestContext, _ path: Span<UInt8>) {
        if !writer.isComplete || writer.status == 0 {
            let pattern = context.route.map { router.routes[$0].pattern }
            log.error("http.no_answer", ["route": pattern, "request_id": writer.requestIDText])
            writer.abandon()
            prepare(context)
            writer.write(Problem(500, "internal_error", "the request failed"))
        }
        if writer.closes {
            connection.isEnding = true
            // The client did not ask for the end: its next request may be on its way.
            if context.keepsAlive { connection.mustLinger = true }
        }
        record(context, status: writer.status, bytes: writer.responseCount, path)
    }

    /// Tells the log and the metrics about an answer.
    func record(_ context: RequestContext, status: Int, bytes: Int, _ path: Span<UInt8>) {
        answeredAt = Monotonic.nanoseconds()
        let observation = Observation(
            route: context.route,
            method: context.method,
            status: status,
            bytesSent: bytes,
            duration: answeredAt - context.startedAt
        )
        counts.answered(observation)
        accessLog.add(observation, context, path, router)
    }
}
