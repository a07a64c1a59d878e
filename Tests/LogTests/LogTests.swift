//  Log lines and secrets.

import JSON
import Log
import Synchronization
import Testing

@Suite struct LogTests {
    /// A log and the lines that it wrote.
    private final class Lines: Sendable {
        private let all = Mutex<[UInt8]>([])
        func take(_ line: [UInt8]) { all.withLock { $0 += line } }
        var parsed: [JSONValue] {
            all.withLock { $0 }.split(separator: UInt8(ascii: "\n")).map {
                (try? JSONValue(parsing: Array($0))) ?? .null
            }
        }
    }

    @Test func `a line is one JSON object, whatever is in its fields`() {
        let lines = Lines()
        Log(sink: lines.take).info("thing.happened", ["text": "a\n\"b\"\u{0}", "absent": nil])
        #expect(lines.parsed.count == 1)
        #expect(lines.parsed.first?["event"] == "thing.happened")
        #expect(lines.parsed.first?["level"] == "info")
        #expect(lines.parsed.first?["text"] == "a\n\"b\"\u{0}")
        #expect(lines.parsed.first?["absent"] == nil)
    }

    @Test func `quieter lines than the level are not written, and all copies share the level`() {
        let lines = Lines()
        let log = Log(level: .warning, sink: lines.take)
        let copy = log
        log.info("quiet")
        log.setLevel(.debug)
        copy.debug("loud")
        #expect(lines.parsed.compactMap { $0["event"]?.stringValue } == ["loud"])
    }

    @Test func `a secret prints as redacted in every way of printing`() {
        let secret = Secret("hunter2")
        #expect("\(secret)" == "<redacted>")
        #expect(String(reflecting: secret) == "<redacted>")
        #expect("\([secret])" == "[<redacted>]")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }
}
