//  The reader's fast ways against plain reading: the same end, or the same fault in the same words.

import JSON
import Testing
import TestSupport

@Suite struct JSONScanTests {
    /// What the plain rules make of a text, and what the reader makes of it.
    private func expectSame(_ text: [UInt8], limit: Int = 64) {
        var plain = PlainJSON(text, limit: limit)
        let expected = Result { () throws(JSONError) in try plain.value() }
        var reader = JSONReader(text.span, limits: JSONLimits(maxDepth: limit))
        let skipped: Result<Range<Int>, JSONError>
        do throws(JSONError) { skipped = .success(try reader.skipValue()) } catch { skipped = .failure(error) }
        #expect(skipped == expected, "\(String(decoding: text, as: UTF8.self))")
        // Read value by value instead of skipped.
        guard case .failure(let fault) = expected else { return }
        let error = #expect(throws: JSONError.self) {
            try JSONValue(parsing: text, repeated: .kept, limits: JSONLimits(maxDepth: limit))
        }
        #expect(error == fault, "\(String(decoding: text, as: UTF8.self))")
    }

    private static let samples = [
        #"{"a":[1,-2.5e+3,{"ü":"x\n\ud83d\ude00é"}],"b":true,"c":null,"d":{},"e":[],"f":false}"#,
        " [ 0 , \"\" , { \"name\" : \"a longer text of more than sixteen bytes\" } ] ",
        #""\u00e9\\\"\/""#, #"{"é😀":"名前","x":[[[["deep"]]]],"n":-0.0E-12}"#, "[true,false,null]", "-1", "true",
    ]
    private static let bytes: [UInt8] = [
        0x00, 0x1F, 0x20, 0x0A, 0x22, 0x5C, 0x2C, 0x3A, 0x5B, 0x5D, 0x7B, 0x7D, 0x30, 0x2D, 0x2E, 0x65, 0x75, 0x7F,
        0x80,
        0xC0, 0xC3, 0xE0, 0xED, 0xF0, 0xF4, 0xF5, 0xFF,
    ]

    @Test(arguments: samples) func `any byte of a text replaced, left out or put in reads as by the plain rules`(
        sample: String
    ) {
        let text = Array(sample.utf8)
        expectSame(text)
        for index in text.indices {
            expectSame(Array(text.prefix(index)))
            var shorter = text
            shorter.remove(at: index)
            expectSame(shorter)
            for byte in Self.bytes {
                var other = text
                other[index] = byte
                expectSame(other)
                other = text
                other.insert(byte, at: index)
                expectSame(other)
            }
        }
    }

    @Test(arguments: 0..<26) func `quotes, escapes, controls and high bits are seen at every place of a word`(
        padding: Int
    ) {
        let pieces: [[UInt8]] =
            Self.bytes.map { [$0] } + [
                Array("é".utf8), Array("名".utf8), Array("😀".utf8), [0xC3, 0x28], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
                [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE0, 0x80, 0x80], Array(#"\n"#.utf8),
                Array(#"\x"#.utf8),
                Array(#"\ud83d\ude00"#.utf8), Array(#"\ud83d"#.utf8), Array(#"\ude00"#.utf8), Array(#"\u12"#.utf8),
                Array(#"é\"名"#.utf8), Array("\u{7F}\u{80}".utf8),
            ]
        for piece in pieces {
            for tail in [0, 1, 7, 8, 9] {
                let inside =
                    [UInt8](repeating: 0x78, count: padding) + piece + [UInt8](repeating: 0x79, count: tail)
                expectSame([0x22] + inside + [0x22])
                expectSame([0x22] + inside)
                expectSame(Array("{\"".utf8) + inside + Array("\":\"".utf8) + inside + Array("\"}".utf8))
            }
        }
    }

    @Test func `depth is counted alike, skipped or read, also beyond a word of levels`() {
        for limit in [0, 1, 2, 63, 64, 65, 200] {
            for depth in [0, 1, 2, 62, 63, 64, 65, 66, 199, 200, 201] {
                let open = String(repeating: "[{\"a\":", count: depth / 2) + (depth % 2 == 1 ? "[" : "")
                let close = (depth % 2 == 1 ? "]" : "") + String(repeating: "}]", count: depth / 2)
                expectSame(Array((open + "1" + close).utf8), limit: limit)
            }
        }
    }

    @Test(.enabled(if: SharedFiles.areHere)) func `the whole suite reads as by the plain rules, and cut short`() {
        for name in SharedFiles.names(in: JSONReaderTests.parsing) {
            let text = SharedFiles.bytes("\(JSONReaderTests.parsing)/\(name)")
            expectSame(text)
            guard text.count < 200 else { continue }
            for count in text.indices { expectSame(Array(text.prefix(count))) }
        }
    }

    @Test func `a known member is taken only where it stands next, as it is written`() throws {
        let text = Array(#"{"ab":1, "cd":2,"e\u0066":3,"gh" :4,"ab":5}"#.utf8)
        var reader = JSONReader(text.span)
        func take(_ name: StaticString, _ reader: inout JSONReader) -> Bool { reader.takeMember(name) }
        try reader.beginObject()
        var taken = [take("a", &reader), take("abc", &reader), take("cd", &reader), take("ab", &reader)]
        #expect(taken == [false, false, false, true])
        #expect(try reader.number() == 6..<7)
        // White space before it: left to the general way, which finds it.
        taken = [take("cd", &reader)]
        #expect(taken == [false])
        var names: [String] = []
        while let name = try reader.nextMember() {
            names.append(reader.text(name))
            try reader.skipValue()
            if take("ab", &reader) {
                names.append("taken")
                try reader.skipValue()
            }
        }
        #expect(names == ["cd", "ef", "gh", "taken"])
        try reader.end()
        for count in 0..<text.count {
            let part = Array(text.prefix(count))
            var short = JSONReader(part.span)
            guard count > 0 else { continue }
            try short.beginObject()
            #expect(take("ab", &short) == (count >= 6))
        }
    }

    static let integers: [(text: String, value: Int64?)] = [
        ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ("9223372036854775808", nil), ("-9223372036854775809", nil), ("12345678901234567890123", nil), ("1.0", nil),
        ("1e3", nil), ("-17", -17),
    ]
    @Test(arguments: integers) func `a number is whole only as digits that fit`(text: String, value: Int64?) throws {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span)
        let range = try reader.number()
        #expect(reader.integer(range) == value)
    }

    @Test func `a text beyond the limit fails at the first read, whatever it is`() {
        let text = Array(#" {"a":1}"#.utf8)
        for limit in 0..<text.count {
            let error = #expect(throws: JSONError.self) {
                try JSONValue(parsing: text, limits: JSONLimits(maxBytes: limit))
            }
            #expect(error == JSONError(offset: limit, reason: "longer than \(limit) bytes"))
        }
    }
}
