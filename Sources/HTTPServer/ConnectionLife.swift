//  What a connection is doing and until when it may. Pure: times come in as milliseconds.

/// The phases of a connection's life and the deadline of each.
struct ConnectionLife {
    enum Phase: Equatable {
        /// The TLS handshake is under way.
        case handshake
        /// Between requests; nothing received.
        case idle
        /// Part of a head is there.
        case head
        /// The head is whole, the body is not.
        case body
        /// A handler works; there is no deadline of ours.
        case answering
        /// Everything is sent; what the peer still sends is dropped so that the answer reaches it.
        case lingering
    }

    /// What to do with a connection whose time is up.
    enum Verdict: Equatable {
        case keep
        case close
        /// Answer 408, then close.
        case timeOut(String)
        /// Cut it off.
        case abort
    }

    private(set) var phase: Phase
    private var since: Int64
    private var progress: Int64
    private var received: Int64 = 0
    /// Since when the peer has taken nothing of what waits to be sent; `nil` when nothing waits.
    private var blockedSince: Int64?

    init(now: Int64, phase: Phase = .idle) {
        self.phase = phase
        since = now
        progress = now
    }

    mutating func enter(_ next: Phase, now: Int64) {
        if phase == .head, next == .head { return }
        phase = next
        since = now
        progress = now
        received = 0
    }

    /// Bytes of a body came, or bytes that a closing connection drops.
    mutating func bodyArrived(_ count: Int, now: Int64) {
        progress = now
        received += Int64(count)
    }

    /// Something could not be sent, or some of it could.
    mutating func sendBlocked(now: Int64) { blockedSince = now }

    /// Everything was sent. The time that the peer took for it does not count for what it does next.
    mutating func sendDone(now: Int64) {
        blockedSince = nil
        since = now
        progress = now
    }

    func verdict(now: Int64, _ timeouts: ServerTimeouts) -> Verdict {
        // While something waits to be sent nothing is read, so no other time-out can be the peer's fault.
        if let blockedSince { return now - blockedSince >= timeouts.slowReader ? .abort : .keep }
        switch phase {
        case .handshake: return now - since >= timeouts.handshake ? .abort : .keep
        case .idle: return now - since >= timeouts.keepAlive ? .close : .keep
        case .head: return now - since >= timeouts.head ? .timeOut("the head took too long") : .keep
        case .body:
            if now - progress >= timeouts.bodyProgress { return .timeOut("the body made no progress") }
            let elapsed = now - since
            if elapsed >= timeouts.bodyGrace, received * 1000 < timeouts.bodyRate * elapsed {
                return .timeOut("the body is too slow")
            }
            return .keep
        case .answering: return .keep
        case .lingering:
            return now - progress >= timeouts.linger || now - since >= timeouts.lingerInAll ? .abort : .keep
        }
    }
}
