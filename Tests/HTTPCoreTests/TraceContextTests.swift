//  `traceparent`, strictly: the examples of the recommendation and what it calls invalid.

import HTTPCore
import Testing

@Suite struct TraceContextTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let valid = "00-\(id)-00f067aa0ba902b7-01"

    private func read(_ text: String) -> TraceContext? { TraceContext(traceparent: text.utf8.span) }

    @Test func `the recommendation's example is read, kept and passed on under a new span`() throws {
        let trace = try #require(read(Self.valid))
        #expect(trace.id == Self.id)
        #expect(trace.stored == "\(Self.id)-01")
        #expect(TraceContext(stored: trace.stored) == trace)
        #expect(trace.traceparent(span: 0xB7AD_6B71_6920_3331) == "00-\(Self.id)-b7ad6b7169203331-01")
        #expect(trace.traceparent() != trace.traceparent())
        #expect(read(trace.traceparent()) == trace)
    }

    static let acceptable = [
        "00-\(id)-00f067aa0ba902b7-00",
        "00-\(id)-00f067aa0ba902b7-ff",  // flags that nobody knows yet
        "01-\(id)-00f067aa0ba902b7-01",  // a later version, with the same fields
        "cc-\(id)-00f067aa0ba902b7-01-what-the-future-will-be-like",
    ]
    @Test(arguments: acceptable)
    func `later versions and unknown flags are read for what is known`(text: String) {
        #expect(read(text)?.id == Self.id)
    }

    static let invalid = [
        "", "00", "00-\(id)-00f067aa0ba902b7", valid + "-", valid + "-00", valid + " ", " " + valid,
        "ff-\(id)-00f067aa0ba902b7-01", "0-\(id)-00f067aa0ba902b7-001",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-\(id)-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-0x",
        "00-\(id.dropLast())g-00f067aa0ba902b7-01", "00_\(id)_00f067aa0ba902b7_01",
        "cc-\(id)-00f067aa0ba902b7-01.what", "00-\(id)-00f067aa0ba902b7-01,\(valid)",
    ]
    @Test(arguments: invalid)
    func `what is not valid to the letter is ignored`(text: String) {
        #expect(read(text) == nil)
    }

    @Test func `every cut and every changed byte of a valid one is refused or read as something valid`() {
        let bytes = Array(Self.valid.utf8)
        func read(_ bytes: [UInt8]) -> TraceContext? { TraceContext(traceparent: bytes.span) }
        for length in bytes.indices { #expect(read(Array(bytes[..<length])) == nil) }
        for index in bytes.indices {
            for byte: UInt8 in [0, 32, 45, 47, 58, 64, 71, 96, 103, 255] where byte != bytes[index] {
                var other = bytes
                other[index] = byte
                #expect(read(other) == nil)
            }
        }
    }

    @Test func `a request that names two names none`() {
        var request = Request(method: .get, path: "/")
        request.fields.add("Traceparent", Self.valid)
        #expect(request.trace?.id == Self.id)
        request.fields.add("traceparent", Self.valid)
        #expect(request.trace == nil)
    }

    @Test func `a new trace is valid and unlike any other`() {
        let trace = TraceContext()
        #expect(read(trace.traceparent()) == trace)
        #expect(trace.stored.hasSuffix("-00"))
        #expect(TraceContext() != trace)
    }
}
