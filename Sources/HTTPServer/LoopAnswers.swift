//  What leaves a loop: refusals, answers of tasks, streams, and the bytes themselves.

import CLinux
import Glibc
import HTTPCore
import Log
import Platform

extension EventLoop {
    // MARK: Refusals

    /// Answers bytes that are no request; nothing more is read after them.
    func refuse(_ connection: Connection, _ refusal: RequestRefusal) {
        refuse(connection, .unread(id: nextRequestID(), at: turnBegan), refusal.problem, path: "")
    }

    /// Answers a request whose body stays unread, and ends the connection.
    func refuse(_ connection: Connection, _ context: RequestContext, _ problem: Problem, path: StaticString) {
        var context = context
        context.keepsAlive = false
        counts.rejected(Rejection(status: problem.status))
        prepare(context)
        writer.write(problem)
        connection.isEnding = true
        connection.mustLinger = true
        record(context, status: problem.status, bytes: writer.responseCount, Span())
    }

    /// Answers a request before its body. The connection goes on when there is no body or all of it is here.
    ///
    /// - Returns: How many bytes of the body are skipped.
    func refuse(
        _ connection: Connection,
        _ context: RequestContext,
        _ problem: Problem,
        _ head: UnsafePointer<RequestHead>,
        _ base: UnsafePointer<UInt8>,
        _ available: Int,
        allow: [HTTPCore.Method] = []
    ) -> Int {
        var context = context
        let skipped = skipBody(connection, &context, head, available)
        prepare(context)
        if allow.isEmpty || context.method != .options { counts.rejected(Rejection(status: problem.status)) }
        if allow.isEmpty {
            writer.write(problem)
        } else if context.method == .options {
            writer.begin(204)
            writer.field("Allow", allow.map(\.rawValue).joined(separator: ", "))
            writer.end()
        } else {
            var response = problem.response(requestID: writer.requestIDText)
            response.fields.add("Allow", allow.map(\.rawValue).joined(separator: ", "))
            writer.write(response)
        }
        let path = head.pointee.path
        finish(connection, context, Span(_unsafeStart: base + Int(path.start), count: Int(path.count)))
        return skipped
    }

    /// The same after a pause. The peer's next request waits for it, in the kernel.
    func refuse(
        _ connection: Connection,
        _ context: RequestContext,
        _ problem: Problem,
        after pause: Duration,
        _ head: UnsafePointer<RequestHead>,
        _ path: String,
        _ available: Int
    ) -> Int {
        counts.rejected(Rejection(status: problem.status))
        var context = context
        let skipped = skipBody(connection, &context, head, available)
        let response = problem.response(requestID: RequestID.text(context.requestID))
        start(connection, context, path: path) { [self] id in
            // Nobody cancels it: a drain waits for it as for any handler.
            try? await ContinuousClock().sleep(for: pause)
            _ = answer(id, response)
        }
        return skipped
    }

    /// Passes over a body that nobody reads: all of it is here, or the connection ends with the answer.
    private func skipBody(
        _ connection: Connection,
        _ context: inout RequestContext,
        _ head: UnsafePointer<RequestHead>,
        _ available: Int
    ) -> Int {
        guard head.pointee.hasBody else { return 0 }
        if let length = head.pointee.contentLength, length <= available { return length }
        context.keepsAlive = false
        connection.mustLinger = true
        return 0
    }

    /// Ends a connection that was too slow.
    func timeOut(_ connection: Connection, _ reason: String) {
        connection.exchange = nil
        connection.input = nil
        refuse(connection, RequestRefusal(408, reason))
        flush(connection)
        settle(connection)
    }

    // MARK: Tasks

    /// Starts a handler's task; the connection waits for its answer.
    func park(
        _ connection: Connection,
        _ context: RequestContext,
        _ view: borrowing RequestView,
        _ work: @escaping @Sendable (Request) async -> Response
    ) {
        guard let request = view.makeRequest() else {
            counts.rejected(.badRequest)
            prepare(context)
            writer.write(Problem(400, "malformed_path", "the path has a malformed percent-encoding"))
            return finish(connection, context, view.path)
        }
        start(connection, context, path: request.path) { [self] id in
            let response = await work(request)
            if answer(id, response), let stream = response.stream {
                do {
                    try await stream(bodyWriter(id))
                    endStream(id, succeeded: true)
                } catch {
                    endStream(id, succeeded: false)
                }
            }
        }
    }

    /// Starts a task that answers; the connection waits for it.
    private func start(
        _ connection: Connection,
        _ context: RequestContext,
        path: String,
        _ body: @escaping @Sendable (ConnectionID) async -> Void
    ) {
        flush(connection)
        guard !connection.isClosed else { return }
        let parked = wait(connection, context, path: path)
        taskBegan()
        let id = connection.id
        parked.task = Task(executorPreference: self) { [self] in
            await body(id)
            taskEnded()
        }
    }

    /// Takes no further request of a connection until this one is answered.
    @discardableResult
    func wait(_ connection: Connection, _ context: RequestContext, path: String) -> ParkedRequest {
        connection.life.enter(.answering, now: now)
        let parked = ParkedRequest(context, path: path)
        connection.parked = parked
        return parked
    }

    /// Sends the answer of a request that was handed over.
    func answer(_ id: ConnectionID, _ write: (inout ResponseWriter) -> Void) {
        guard let connection = connection(id), let parked = connection.parked else { return }
        prepare(parked.context)
        connection.parked = nil
        connection.life.enter(.idle, now: now)
        write(&writer)
        finish(connection, parked.context, parked.path.utf8.span)
        proceed(connection)
    }

    /// Sends a task's answer.
    ///
    /// - Returns: Whether the task is to go on with the stream.
    private func answer(_ id: ConnectionID, _ response: Response) -> Bool {
        guard let connection = connection(id), let parked = connection.parked else { return false }
        prepare(parked.context)
        if response.stream != nil, parked.context.method != .head {
            parked.isStreaming = true
            writer.writeStreamHead(response)
            record(parked.context, status: response.status, bytes: writer.responseCount, parked.path.utf8.span)
            flush(connection)
            setInterest(connection, connection.interest | readInterest(connection))
            if mustClose { parked.task?.cancel() }
            return true
        }
        connection.parked = nil
        connection.life.enter(.idle, now: now)
        if response.stream == nil { writer.write(response) } else { writer.writeStreamHead(response) }
        finish(connection, parked.context, parked.path.utf8.span)
        proceed(connection)
        return false
    }

    private func bodyWriter(_ id: ConnectionID) -> BodyWriter {
        BodyWriter { [self] bytes in
            if bytes.isEmpty { return }
            try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                perform { [self] in write(bytes, id, done) }
            }
        }
    }

    private func write(_ bytes: [UInt8], _ id: ConnectionID, _ done: CheckedContinuation<Void, any Error>) {
        guard let connection = connection(id), let parked = connection.parked else {
            return done.resume(throwing: ClientGone())
        }
        if parked.context.isHTTP11 {
            writer.output.append(String(bytes.count, radix: 16))
            writer.output.append("\r\n")
            writer.output.append(bytes)
            writer.output.append("\r\n")
        } else {
            writer.output.append(bytes)
        }
        flush(connection)
        if connection.isClosed { return done.resume(throwing: ClientGone()) }
        // Back-pressure: the writer goes on when the peer has taken everything.
        if connection.unsent == nil { done.resume() } else { parked.waiting = done }
    }

    private func endStream(_ id: ConnectionID, succeeded: Bool) {
        guard let connection = connection(id), let parked = connection.parked else { return }
        connection.parked = nil
        guard succeeded else { return drop(connection) }
        if parked.context.isHTTP11 { writer.output.append("0\r\n\r\n") }
        if !parked.context.isHTTP11 || !parked.context.keepsAlive || mustClose { connection.isEnding = true }
        connection.life.enter(.idle, now: now)
        proceed(connection)
    }

    // MARK: Bytes

    /// Sends what was written, and takes up the requests that waited behind it.
    private func proceed(_ connection: Connection) {
        flushSoon(connection)
        if connection.isClosed || connection.unsent != nil || connection.isEnding || connection.input == nil {
            settle(connection)
        } else {
            consume(connection, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        guard !connection.isClosed, connection.unsent == nil, !connection.isEnding else { return }
        setInterest(connection, readInterest(connection))
    }

    /// Sends what was written, in one call if the socket takes it.
    func flush(_ connection: Connection) {
        if writer.output.count == 0, connection.tls == nil { return }
        defer { forgetOutput() }
        if connection.isClosed { return }
        if let tail = writer.tail { sendDirectly(connection, tail) }
        writer.output.withUnsafeBytes { transmit(connection, $0) }
    }

    /// The same, after some others' where nothing stands against that: a small answer, and nothing else to be done for
    /// the connection before its next request.
    func flushSoon(_ connection: Connection) {
        let output = writer.output.count
        guard connection.tls == nil, output > 0, output <= HeldAnswers.largest, !connection.isClosed,
            connection.unsent == nil, connection.input == nil, connection.exchange == nil, connection.parked == nil,
            writer.tail == nil, !connection.isEnding, !connection.inputHasEnded, !mustClose
        else { return flush(connection) }
        writer.output.withUnsafeBytes { held.pointee.add($0, of: connection, at: answeredAt) }
        forgetOutput()
    }

    private func forgetOutput() { writer.removeAll(keeping: 1 << 20) }

    /// Sends the output, and behind it as much of the tail as the socket takes straight from its file. What is left is
    /// the output then: under TLS all of it, for it is encrypted first.
    private func sendDirectly(_ connection: Connection, _ tail: FilePart) {
        var tail = tail
        if connection.tls == nil, connection.unsent == nil {
            writer.output.withUnsafeBytes { transmit(connection, $0, isFollowed: true) }
            writer.output.removeAll()
            if connection.unsent == nil, !connection.isClosed { tail.send(to: connection.descriptor) }
        }
        if connection.isClosed { return }
        do throws(SystemError) {
            try tail.append(to: &writer.output)
        } catch {
            log.error("http.answer_unreadable", ["reason": error.description])
            drop(connection)
        }
    }

    /// Sends the answers that were held back.
    func sendHeld() { held.pointee.release { connection, bytes in transmit(connection, bytes) } }

    /// Sends bytes of answers, and keeps what the socket does not take. Followed by others, the last of them need not
    /// leave yet.
    private func transmit(_ connection: Connection, _ bytes: UnsafeRawBufferPointer, isFollowed: Bool = false) {
        // Of what was held for it, after it has closed, nothing may go to whoever has its descriptor.
        if connection.isClosed { return }
        if let unsent = connection.unsent {
            unsent.sealed.append(pipe.output)
            pipe.clearOutput()
            return unsent.bytes.append(bytes)
        }
        let sent = isFollowed ? push(connection, bytes, Int32(MSG_MORE)) : send(connection, bytes)
        if connection.isClosed || (sent == bytes.count && connection.unsent == nil) { return }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
        if let unsent = connection.unsent { unsent.bytes.append(rest) } else { connection.unsent = UnsentOutput(rest) }
        connection.life.sendBlocked(now: now)
        setInterest(connection, UInt32(clinux_writable))
    }

    /// The socket takes bytes again.
    func writable(_ connection: Connection) {
        guard let unsent = connection.unsent else { return setInterest(connection, readInterest(connection)) }
        if unsent.sealedSent < unsent.sealed.count {
            unsent.sealedSent += unsent.sealed.withUnsafeBytes {
                push(connection, UnsafeRawBufferPointer(rebasing: $0[unsent.sealedSent...]))
            }
            if connection.isClosed || unsent.sealedSent < unsent.sealed.count { return }
            unsent.sealed.removeAll()
            unsent.sealedSent = 0
        }
        unsent.sent += unsent.bytes.withUnsafeBytes {
            send(connection, UnsafeRawBufferPointer(rebasing: $0[unsent.sent...]))
        }
        if connection.isClosed || !unsent.isEmpty { return }
        connection.unsent = nil
        connection.life.sendDone(now: now)
        if let parked = connection.parked {
            setInterest(connection, readInterest(connection))
            parked.waiting?.resume()
            parked.waiting = nil
            return
        }
        proceed(connection)
    }

    /// Encrypted in one go: a few full records. More would only wait for a slow reader, in memory.
    private static let sealMark = 65_536

    /// Sends until the socket takes no more; under TLS what is encrypted and not taken is kept beside the rest.
    ///
    /// - Returns: How many of these bytes are on their way.
    private func send(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard let tls = connection.tls else { return push(connection, bytes) }
        var taken = 0
        repeat {
            let end = min(taken + Self.sealMark, bytes.count)
            guard tls.write(UnsafeRawBufferPointer(rebasing: bytes[taken..<end])) else {
                drop(connection)
                break
            }
            taken = end
            let sealed = pipe.output
            let count = push(connection, sealed)
            if count < sealed.count, !connection.isClosed {
                let unsent = connection.unsent ?? UnsentOutput(UnsafeRawBufferPointer(start: nil, count: 0))
                unsent.sealed.append(UnsafeRawBufferPointer(rebasing: sealed[count...]))
                connection.unsent = unsent
            }
            pipe.clearOutput()
            if count < sealed.count { break }
        } while taken < bytes.count
        return taken
    }

    /// Sends until the socket takes no more; closes the connection when it is broken.
    private func push(_ connection: Connection, _ bytes: UnsafeRawBufferPointer, _ flags: Int32 = 0) -> Int {
        var sent = 0
        while sent < bytes.count, let start = bytes.baseAddress {
            let flags = flags | Int32(MSG_NOSIGNAL)
            let count = Glibc.send(connection.descriptor, start + sent, bytes.count - sent, flags)
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                drop(connection)
                break
            }
        }
        // Whoever takes something is no slow reader yet.
        if sent > 0, connection.unsent != nil { connection.life.sendBlocked(now: now) }
        return sent
    }

    /// Closes a connection that has nothing to say, with the words that its protocol has for that.
    func end(_ connection: Connection) {
        // Closed, its descriptor may be another's by now.
        guard !connection.isClosed else { return }
        connection.tls?.finish()
        transmit(connection, UnsafeRawBufferPointer(start: nil, count: 0))
        drop(connection)
    }

    /// After everything that one event led to: is the connection idle now, or at its end?
    func settle(_ connection: Connection) {
        if connection.isClosed { return }
        if connection.isEnding {
            guard connection.unsent == nil, connection.parked == nil else { return }
            if let tls = connection.tls, connection.life.phase != .lingering {
                tls.finish()
                transmit(connection, UnsafeRawBufferPointer(start: nil, count: 0))
                if connection.isClosed || connection.unsent != nil { return }
            }
            guard connection.mustLinger, !connection.inputHasEnded else { return drop(connection) }
            if connection.life.phase == .lingering { return }
            // RFC 9112 §9.6: close in stages, or a reset could take the answer away from the client.
            shutdown(connection.descriptor, Int32(SHUT_WR))
            connection.exchange = nil
            connection.input = nil
            connection.life.enter(.lingering, now: now)
            setInterest(connection, UInt32(clinux_readable))
            return
        }
        if connection.parked != nil { return }
        if connection.inputHasEnded, connection.unsent == nil { return end(connection) }
        if connection.input == nil, connection.exchange == nil {
            connection.life.enter(.idle, now: now)
            if mustClose, connection.unsent == nil { end(connection) }
        }
    }
}

extension RequestRefusal {
    /// The refusal as an error answer.
    var problem: Problem {
        let code =
            switch status {
            case 408: "request_timeout"
            case 413: "body_too_large"
            case 414: "target_too_long"
            case 417: "expectation_failed"
            case 431: "fields_too_large"
            case 501: "not_implemented"
            case 505: "version_not_supported"
            default: "malformed_request"
            }
        return Problem(status, code, reason)
    }
}
