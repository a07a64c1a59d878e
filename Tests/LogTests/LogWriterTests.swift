//  Lines on their way to a pipe that is read, slowly read, not read, and closed.

import Glibc
import JSON
import Log
import Platform
import Testing

@Suite struct LogWriterTests {
    /// A pipe. Its writing end stays open, as the thread of a writer never ends.
    private struct Pipe: ~Copyable {
        private let reading: FileDescriptor
        let writing: Int32

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            reading = FileDescriptor(owning: ends[0])
            writing = ends[1]
            _ = fcntl(reading.raw, F_SETFL, O_NONBLOCK)
        }

        /// All lines up to where the writer has nothing left to write.
        func lines(_ writer: LogWriter) -> [[UInt8]] {
            var all: [UInt8] = []
            while !writer.flush(within: 1) { all += contents() }
            all += contents()
            return all.split(separator: UInt8(ascii: "\n")).map(Array.init)
        }

        private func contents() -> [UInt8] {
            var all: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(reading.raw, &chunk, chunk.count)
                guard count > 0 else { return all }
                all += chunk[..<count]
            }
        }
    }

    /// A line of a hundred bytes.
    private static func line(_ number: Int) -> [UInt8] {
        let digits = String(number)
        return Array((String(repeating: "0", count: 99 - digits.count) + digits + "\n").utf8)
    }

    private static func number(_ line: [UInt8]) -> Int? { Int(String(decoding: line, as: UTF8.self)) }

    @Test func `lines come out whole and in their order`() throws {
        let pipe = try Pipe()
        let writer = LogWriter(descriptor: pipe.writing)
        for number in 0..<2000 { writer.add(Self.line(number)) }
        #expect(pipe.lines(writer).map(Self.number) == Array(0..<2000))
        #expect(writer.lost == 0)
    }

    @Test func `a pipe that nobody reads stops nobody; what found no room is counted and told once it is read`() throws
    {
        let pipe = try Pipe()
        let writer = LogWriter(descriptor: pipe.writing, capacity: 10_000)
        // The pipe has 64 KiB of room, the writer ten thousand bytes of its own and what it has taken to write.
        let count = 10_000
        for number in 0..<count { writer.add(Self.line(number)) }
        #expect(!writer.flush(within: 20))
        let lost = Int(writer.lost)
        #expect(lost > 0)
        let lines = pipe.lines(writer)
        let kept = lines.compactMap(Self.number)
        #expect(kept.count == count - lost)
        #expect(kept == kept.sorted())
        let told = lines.filter { Self.number($0) == nil }.map { try? JSONValue(parsing: $0) }
        #expect(told.allSatisfy { $0?["event"] == "log.lost" && $0?["level"] == "warning" })
        #expect(told.compactMap { Int($0?["lines"]?.stringValue ?? "") }.reduce(0, +) == lost)
        #expect(writer.lost == lost)
    }

    @Test func `a closed descriptor loses lines, not the writer`() {
        let writer = LogWriter(descriptor: 1_000_000)
        writer.add(Self.line(1))
        writer.flush()
        writer.add(Self.line(2))
        writer.flush()
        #expect(writer.lost == 0)
    }
}
