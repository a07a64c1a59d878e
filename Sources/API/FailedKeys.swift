//  Slows those who try keys, address by address. Only failures come here: a good key costs and suffers nothing.

public import HTTPServer
import Platform
import Synchronization

/// What one more failed key is answered with.
public enum FailureVerdict: Equatable, Sendable {
    /// 401 at once.
    case unauthorized
    /// 401 after a pause; `begins` for the first one of its address, which is worth a line in the log.
    case delayed(begins: Bool)
    /// 429 with that `Retry-After`, after a pause.
    case held(seconds: Int)
}

/// The addresses that failed keys came from, over all loops and through reloads.
public final class FailedKeys: Sendable {
    private let table: Mutex<FailureTable>

    /// Nobody has failed yet.
    public init() {
        table = Mutex(FailureTable(seed: RandomSource.shared.next()))
    }

    /// Notes a failed key, `now` being milliseconds of a monotonic clock, and says what to answer.
    public func failed(_ peer: PeerNetwork, at now: Int64) -> FailureVerdict {
        table.withLock { $0.failed(peer, at: now) }
    }
}

/// Who failed how often, as a value.
///
/// Each failure is forgotten after half a minute, one after the other, so an address's guilt is one number: when it
/// will be clear. The first five are answered as usual, the next fifteen after a pause. Each one beyond holds the
/// address for twice as long as the one before, up to a minute; during a hold nothing is counted and nothing forgotten.
struct FailureTable {
    static let allowance: Int64 = 5
    static let patience: Int64 = 20
    static let forgottenAfter: Int64 = 30_000
    static let longestHold: Int64 = 60_000
    /// Addresses that are remembered at most: sets of eight, of which the least guilty makes room.
    static let capacity = 4096
    private static let ways = 8

    private struct Entry {
        var peer = PeerNetwork.unknown
        var clearAt: Int64 = 0
        var heldUntil: Int64 = 0
        var isSlowed = false
    }

    /// Secret, so that nobody can choose addresses that push another out.
    private let seed: UInt64
    private var entries: [Entry] = []

    init(seed: UInt64) {
        self.seed = seed
    }

    mutating func failed(_ peer: PeerNetwork, at now: Int64) -> FailureVerdict {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.capacity) }
        let place = place(of: peer)
        if entries[place].peer != peer || entries[place].clearAt <= now { entries[place] = Entry(peer: peer) }
        let heldUntil = entries[place].heldUntil
        if heldUntil > now { return .held(seconds: Self.seconds(heldUntil - now)) }
        let mostStrikes = Self.patience + 7
        let guilt = min(max(entries[place].clearAt - now, 0) + Self.forgottenAfter, mostStrikes * Self.forgottenAfter)
        entries[place].clearAt = now + guilt
        let strikes = (guilt + Self.forgottenAfter - 1) / Self.forgottenAfter
        guard strikes > Self.allowance else { return .unauthorized }
        guard strikes > Self.patience else {
            defer { entries[place].isSlowed = true }
            return .delayed(begins: !entries[place].isSlowed)
        }
        let hold = min(1000 << (strikes - Self.patience - 1), Self.longestHold)
        entries[place].heldUntil = now + hold
        entries[place].clearAt += hold
        return .held(seconds: Self.seconds(hold))
    }

    /// Where that address is remembered, or is to be.
    private func place(of peer: PeerNetwork) -> Int {
        let sets = UInt64(Self.capacity / Self.ways)
        let first = Int(Hash64.scramble(peer.bits ^ seed) % sets) * Self.ways
        var leastGuilty = first
        for place in first..<(first + Self.ways) {
            if entries[place].peer == peer { return place }
            if entries[place].clearAt < entries[leastGuilty].clearAt { leastGuilty = place }
        }
        return leastGuilty
    }

    private static func seconds(_ milliseconds: Int64) -> Int { Int((milliseconds + 999) / 1000) }
}
