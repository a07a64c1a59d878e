//  What goes next, what waits, and how far a commit may move the place in the log.

import Platform
import Testing

@testable import Webhooks

@Suite struct LaneTests {
    private static func lane(blocked: Set<Int64> = []) -> Lane { Lane(target(1), blocked: blocked) }

    static func target(_ id: Int64) -> WebhookTarget {
        WebhookTarget(
            id: id,
            url: "https://receiver.example/",
            filter: EventFilter(events: ["*"], connections: ["*"], fields: []),
            payload: .full,
            headers: [],
            isEnabled: true,
            signers: [],
            createdAt: Timestamp(milliseconds: 0),
            cursor: 0,
            cursorPrevious: nil
        )
    }

    static func event(_ sequence: Int64, of contact: Int64, bytes: Int = 0) -> Event {
        Event(
            sequence: sequence,
            previousSequence: sequence == 1 ? nil : sequence - 1,
            contact: contact,
            story: EventStory(type: "contact.updated", messageID: "msg_\(sequence)", content: content(bytes))
        )
    }

    private static func content(_ bytes: Int) -> EventStory.Content {
        bytes == 0 ? .lost : .system(body: [UInt8](repeating: 0, count: bytes))
    }

    private static let record = AttemptRecord(at: Timestamp(milliseconds: 0), durationMilliseconds: 1)

    /// Everything that may go now.
    private func sequences(_ lane: inout Lane) -> [Int64] {
        var sent: [Int64] = []
        while let sequence = lane.next()?.sequence { sent.append(sequence) }
        return sent
    }

    @Test func `one change of a contact is under way, its later ones follow in order and others pass them`() throws {
        var lane = Self.lane()
        let contacts: [Int64] = [7, 7, 8, 7, 9]
        let events = contacts.enumerated().map { Self.event(Int64($0.offset) + 1, of: $0.element) }
        lane.take(events, readTo: 5, lastMatched: 5, hasMore: false)
        let next1 = sequences(&lane)
        #expect(next1 == [1, 3, 5])
        lane.ended(events[2], Self.record, .delivered)
        lane.ended(events[4], Self.record, .delivered)
        let next2 = sequences(&lane)
        #expect(next2 == [])
        // The first change is open: a crash now repeats it and what lies behind it.
        let firstWritten = lane.commit()
        let first = try #require(firstWritten)
        #expect(first.cursor == 0 && first.cursorPrevious == nil && first.results.count == 2)
        lane.committed(first, clear: [])
        lane.ended(events[0], Self.record, .delivered)
        let next3 = sequences(&lane)
        #expect(next3 == [2])
        let secondWritten = lane.commit()
        let second = try #require(secondWritten)
        #expect(second.cursor == 1 && second.cursorPrevious == 1)
        lane.committed(second, clear: [])
        lane.ended(events[1], Self.record, .delivered)
        let next4 = sequences(&lane)
        #expect(next4 == [4])
        lane.ended(events[3], Self.record, .delivered)
        let lastWritten = lane.commit()
        let last = try #require(lastWritten)
        #expect(last.cursor == 5 && last.cursorPrevious == 5)
        lane.committed(last, clear: [])
        #expect(lane.isSettled && !lane.hasUnwritten)
    }

    @Test func `what follows a failed change of its contact waits in the table, also what was held back`() throws {
        var lane = Self.lane()
        let contacts: [Int64] = [7, 7, 7, 8]
        let events = contacts.enumerated().map { Self.event(Int64($0.offset) + 1, of: $0.element) }
        lane.take(events, readTo: 4, lastMatched: 4, hasMore: false)
        let next5 = sequences(&lane)
        #expect(next5 == [1, 4])
        lane.ended(events[0], Self.record, .retry(afterMilliseconds: 5000, reason: "busy"))
        lane.ended(events[3], Self.record, .delivered)
        let commitWritten = lane.commit()
        let commit = try #require(commitWritten)
        #expect(commit.cursor == 4 && commit.hasFollowers)
        #expect(commit.results.filter(\.isPending).compactMap(\.event.sequence).sorted() == [1, 2, 3])
        lane.committed(commit, clear: [])
        lane.take([Self.event(5, of: 7), Self.event(6, of: 8)], readTo: 6, lastMatched: 6, hasMore: false)
        let next6 = sequences(&lane)
        #expect(next6 == [6])
    }

    @Test func `what was broken off goes again before what came after it`() throws {
        var lane = Self.lane()
        let contacts: [Int64] = [7, 7, 8]
        let events = contacts.enumerated().map { Self.event(Int64($0.offset) + 1, of: $0.element) }
        lane.take(events, readTo: 3, lastMatched: 3, hasMore: false)
        let next7 = sequences(&lane)
        #expect(next7 == [1, 3])
        lane.ended(events[2], Self.record, .delivered)
        lane.ended(events[0], Self.record, .none)
        let written = lane.commit()
        #expect(written?.cursor == 0)
        let next8 = sequences(&lane)
        #expect(next8 == [1])
        lane.ended(events[0], Self.record, .delivered)
        let next9 = sequences(&lane)
        #expect(next9 == [2])
    }

    @Test func `more is read when half of the window has left, not for each change`() {
        var lane = Self.lane()
        let events = (1...8).map { Self.event($0, of: $0) }
        lane.take(events, readTo: 8, lastMatched: 8, hasMore: true)
        #expect(lane.room(in: 8) == 0 && !lane.isHungry(in: 8))
        for _ in 1...3 { _ = lane.next() }
        #expect(lane.room(in: 8) == 3 && !lane.isHungry(in: 8))
        _ = lane.next()
        #expect(lane.isHungry(in: 8))
    }

    @Test func `large documents are read ahead by their bytes, and one always is`() throws {
        var lane = Self.lane()
        let events = (1...5).map { Self.event($0, of: $0 / 5, bytes: Lane.mostBytes / 4) }
        lane.take(Array(events[..<3]), readTo: 3, lastMatched: 3, hasMore: true)
        #expect(lane.room(in: 8) == 5)
        lane.take(Array(events[3...]), readTo: 5, lastMatched: 5, hasMore: true)
        #expect(lane.room(in: 8) == 0 && !lane.isHungry(in: 8))
        let first = sequences(&lane)
        #expect(first == [1, 5])
        for index in [0, 4] { lane.ended(events[index], Self.record, .delivered) }
        #expect(lane.room(in: 8) == 0)
        let written = lane.commit()
        lane.committed(try #require(written), clear: [])
        #expect(lane.room(in: 8) == 5 && lane.isHungry(in: 8))

        let huge = Self.event(6, of: 6, bytes: Lane.mostBytes)
        lane = Self.lane()
        lane.take([huge], readTo: 6, lastMatched: 6, hasMore: true)
        #expect(lane.room(in: 8) == 0)
        _ = lane.next()
        #expect(lane.room(in: 8) == 8)
    }
}
