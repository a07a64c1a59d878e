//  Whose turn it is, which timers run, and what an exchange with the store leaves to be done.

import Platform
import Testing

@testable import Webhooks

@Suite struct WorkTests {
    /// Has the store bring so many changes, each of another contact, for each webhook; their next retry is due then.
    private func bring(_ counts: [Int64: Int], dueAt: Timestamp? = nil, to work: inout Work) throws {
        work.isLookWanted = true
        let begun = work.beginTurn()
        var turn = try #require(begun)
        turn.got = counts.sorted { $0.key < $1.key }.map { webhook, count in
            Turn.Got(
                target: LaneTests.target(webhook),
                blocked: [],
                fresh: (0..<count).map { LaneTests.event(Int64($0) + 1, of: Int64($0) + 1) },
                readTo: Int64(count),
                hasMore: false,
                due: [],
                nextDue: dueAt
            )
        }
        work.turned(turn)
    }

    /// Everything that may go now, as the dispatcher takes it; who gets how much.
    private func send(_ work: inout Work, beside flights: inout Int) -> [Int64: Int] {
        var sent: [Int64: Int] = [:]
        while true {
            let chosen = work.next(min(8, Dispatcher.mostFlights - flights), beside: flights)
            if chosen.isEmpty { return sent }
            flights += chosen.count
            for (_, target) in chosen { sent[target.id, default: 0] += 1 }
        }
    }

    @Test func `slow receivers leave the last slots to those that have few`() throws {
        var work = Work()
        var flights = 0
        try bring([1: 200, 2: 200, 3: 200, 4: 200], to: &work)
        let slow = send(&work, beside: &flights)
        #expect(slow == [1: 18, 2: 18, 3: 18, 4: 18])
        try bring([1: 0, 2: 0, 3: 0, 4: 0, 5: 20, 6: 3], to: &work)
        let others = send(&work, beside: &flights)
        #expect(others == [5: 13, 6: 3])
    }

    @Test func `however many receivers are slow, another gets its turn`() throws {
        var work = Work()
        var flights = 0
        let slow = Dictionary(uniqueKeysWithValues: (1...100).map { (Int64($0), 30) })
        try bring(slow, to: &work)
        let first = send(&work, beside: &flights)
        #expect(first.count == 100)
        try bring(slow.mapValues { _ in 0 }.merging([101: 30]) { $1 }, to: &work)
        let others = send(&work, beside: &flights)
        #expect(others[101, default: 0] > 0)
    }

    @Test func `one receiver alone takes all that a lane may`() throws {
        var work = Work()
        var flights = 0
        try bring([1: 200], to: &work)
        let sent = send(&work, beside: &flights)
        #expect(sent == [1: Lane.healthyFlights])
    }

    @Test func `a retry keeps a timer when the wall clock steps back`() throws {
        let due = Timestamp(milliseconds: 1000)
        var work = Work()
        try bring([1: 0], dueAt: due, to: &work)
        let first = work.wantsTimer(at: Timestamp(milliseconds: 400))
        #expect(first?.at == due && first?.wait == .milliseconds(600))
        let second = work.wantsTimer(at: Timestamp(milliseconds: 500))
        #expect(second == nil)
        work.timerEnded(due)
        let third = work.wantsTimer(at: Timestamp(milliseconds: 200))
        #expect(third?.at == due && third?.wait == .milliseconds(800))
        // One that was set for another moment says nothing about this one.
        work.timerEnded(Timestamp(milliseconds: 700))
        let fourth = work.wantsTimer(at: Timestamp(milliseconds: 700))
        #expect(fourth == nil)
    }

    @Test func `what was written is not written again when the reading after it failed`() throws {
        var work = Work()
        var flights = 0
        try bring([1: 1], to: &work)
        #expect(send(&work, beside: &flights) == [1: 1])
        let record = AttemptRecord(at: Timestamp(milliseconds: 0), durationMilliseconds: 1)
        work.isLookWanted = true
        work.ended(1, LaneTests.event(1, of: 1), record, .delivered)
        let writing = work.beginTurn()
        let unread = try #require(writing)
        #expect(unread.commits.count == 1 && unread.isUnread)
        work.turned(unread)
        let reading = work.beginTurn()
        #expect(reading?.commits.isEmpty == true && reading?.wants?.count == 1)
    }
}
