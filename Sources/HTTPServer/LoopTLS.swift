//  TLS on a loop: handshakes, what they fail of, and bytes on their way from the socket to the parser.

import Glibc
import HTTPCore
import Log
import Platform

extension EventLoop {
    /// Goes on with the handshake, or decrypts and uses what the peer sent.
    func decrypt(_ connection: Connection, _ tls: TLSSession, _ bytes: UnsafeRawBufferPointer) {
        if !tls.hasBegun {
            tls.hasBegun = true
            // A TLS record begins with its type, 22; a method with a letter.
            if let first = bytes.first, (65...90).contains(first) { return refusePlain(connection) }
        }
        pipe.receive(bytes)
        if !tls.isEstablished {
            guard shakeHands(connection, tls) else { return }
        }
        while !connection.isClosed, connection.life.phase != .lingering {
            switch tls.read(into: decrypted) {
            case .bytes(let count):
                consume(connection, UnsafeRawBufferPointer(start: decrypted.baseAddress, count: count))
            case .drained: return flush(connection)
            case .ended:
                flush(connection)
                return connection.isClosed ? () : peerFinished(connection)
            case .failed(let reason): return fail(connection, reason)
            }
        }
    }

    /// Takes one step.
    ///
    /// - Returns: Whether the connection is established.
    private func shakeHands(_ connection: Connection, _ tls: TLSSession) -> Bool {
        let start = Monotonic.nanoseconds()
        let progress = tls.handshake()
        handshakeBudget -= Monotonic.nanoseconds() - start
        switch progress {
        case .waiting: flush(connection)
        case .failed(let reason):
            noteFailure(connection, reason)
            fail(connection, reason)
        case .established:
            counts.shookHands()
            flush(connection)
            if connection.isClosed { return false }
            connection.life.enter(.idle, now: now)
            return true
        }
        return false
    }

    /// Sends the alert and ends the connection in stages, so that the alert arrives.
    private func fail(_ connection: Connection, _ reason: String) {
        flush(connection)
        connection.isEnding = true
        connection.mustLinger = true
        settle(connection)
        log.debug("tls.connection_failed", ["reason": reason])
    }

    /// Answers a plain request on a port that speaks TLS, in the words that its client understands.
    private func refusePlain(_ connection: Connection) {
        connection.tls = nil
        connection.life.enter(.idle, now: now)
        let context = RequestContext.unread(id: nextRequestID(), at: turnBegan)
        refuse(connection, context, Problem(400, "tls_required", "this port speaks TLS: ask with https://"), path: "")
        flush(connection)
        settle(connection)
    }

    /// Counts, and tells the log, why there was no handshake.
    func noteFailure(_ connection: Connection, _ reason: String) {
        counts.rejected(.handshake)
        log.info(
            "tls.handshake_failed",
            ["reason": reason, "peer": PeerAddress.text(of: connection.descriptor)]
        )
    }
}
