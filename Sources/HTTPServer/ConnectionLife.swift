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
        /// Only what was written remains to be sent, then the connection ends.
        case closing
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

    mutating func bodyArrived(_ count: Int, now: Int64) {
        progress = now
        received += Int64(count)
    }

    /// Something could not be sent, or some of it could.
    mutating func sendBlocked(now: Int64) { blockedSince = now }

    mutating func sendDone() { blockedSince = nil }

    var isBlocked: Bool { blockedSince != nil }

    func verdict(now: Int64, _ timeouts: ServerTimeouts) -> Verdict {
        if let blockedSince, now - blockedSince >= timeouts.slowReader { return .abort }
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
        case .closing: return .keep
        case .lingering: return now - since >= timeouts.linger ? .abort : .keep
        }
    }
}
