//  Every time-out with its usual value, on a clock that is only a number.

import Testing

@testable import HTTPServer

struct ConnectionLifeTests {
    /// What happens to a connection that begins at 0: moments in milliseconds and what comes then.
    enum Event {
        case head, body(Int), answering, idle, blocked, sent, lingering
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var begins = ConnectionLife.Phase.idle
        var events: [(at: Int64, what: Event)] = []
        /// The last moment at which it is kept, and what becomes of it a millisecond later.
        var keptUntil: Int64
        var then: ConnectionLife.Verdict
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "a connection that says nothing", keptUntil: 59_999, then: .close),
        Case(name: "a handshake", begins: .handshake, keptUntil: 9999, then: .abort),
        Case(
            name: "a head in single bytes, each a second after the other",
            events: (1...9).map { ($0 * 1000, .head) },
            keptUntil: 10_999,
            then: .timeOut("the head took too long")
        ),
        Case(
            name: "a body that never comes",
            events: [(0, .body(0))],
            keptUntil: 4999,
            then: .timeOut("the body is too slow")
        ),
        Case(
            name: "a body at 499 bytes a second",
            events: (1...20).map { ($0 * 1000, .body(499)) },
            keptUntil: 4999,
            then: .timeOut("the body is too slow")
        ),
        Case(
            name: "a body at 700 bytes a second, until it stops",
            events: (1...100).map { ($0 * 1000, .body(700)) },
            keptUntil: 140_000,
            then: .timeOut("the body is too slow")
        ),
        Case(
            name: "a body that brought much and stands still",
            events: [(0, .body(0)), (1000, .body(1_000_000))],
            keptUntil: 60_999,
            then: .timeOut("the body made no progress")
        ),
        Case(
            name: "a handler at work",
            events: [(10, .answering)],
            keptUntil: 86_400_000,
            then: .keep
        ),
        Case(
            name: "a reader that takes nothing",
            events: [(10, .answering), (20, .blocked)],
            keptUntil: 30_019,
            then: .abort
        ),
        Case(
            name: "a reader that takes a little every 29 seconds",
            events: [(0, .blocked), (29_000, .blocked), (58_000, .blocked)],
            keptUntil: 87_999,
            then: .abort
        ),
        Case(
            name: "a slow reader that is done is idle from then on",
            events: [(0, .blocked), (29_000, .blocked), (40_000, .sent)],
            keptUntil: 99_999,
            then: .close
        ),
        Case(
            name: "a closing connection whose peer is silent",
            events: [(100, .lingering)],
            keptUntil: 2099,
            then: .abort
        ),
        Case(
            name: "a closing connection whose peer sends for ever",
            events: [(0, .lingering)] + (1...100).map { ($0 * 1000, .body(1)) },
            keptUntil: 29_999,
            then: .abort
        ),
    ]

    @Test(arguments: cases)
    func `each wait has its bound`(item: Case) {
        var life = ConnectionLife(now: 0, phase: item.begins)
        let timeouts = ServerTimeouts()
        var end = item.keptUntil + 1
        if item.then == .keep { end = item.keptUntil }
        for (moment, what) in item.events where moment < end {
            #expect(life.verdict(now: moment, timeouts) == .keep, "at \(moment)")
            switch what {
            case .head: life.enter(.head, now: moment)
            case .body(let count):
                if life.phase == .idle { life.enter(.body, now: 0) }
                life.bodyArrived(count, now: moment)
            case .answering: life.enter(.answering, now: moment)
            case .idle: life.enter(.idle, now: moment)
            case .blocked: life.sendBlocked(now: moment)
            case .sent: life.sendDone(now: moment)
            case .lingering: life.enter(.lingering, now: moment)
            }
        }
        #expect(life.verdict(now: item.keptUntil, timeouts) == .keep)
        #expect(life.verdict(now: end, timeouts) == item.then)
    }
}
