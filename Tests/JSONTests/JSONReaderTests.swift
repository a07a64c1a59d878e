//  The reader against a public conformance suite, and cut short at every length.

import JSON
import Testing
import TestSupport

@Suite struct JSONReaderTests {
    static let parsing = "corpora/JSONTestSuite/test_parsing"
    static let valid = SharedFiles.names(in: parsing).filter { $0.hasPrefix("y_") }
    static let invalid = SharedFiles.names(in: parsing).filter { $0.hasPrefix("n_") }

    @Test(.enabled(if: SharedFiles.areHere)) func `every valid text of the suite is read, and survives a round trip`()
        throws
    {
        #expect(Self.valid.count > 90)
        for name in Self.valid {
            let text = SharedFiles.bytes("\(Self.parsing)/\(name)")
            do {
                let value = try JSONValue(parsing: text, repeated: .kept)
                #expect(try JSONValue(parsing: value.encoded(), repeated: .kept) == value, "\(name)")
            } catch {
                Issue.record("\(name): \(error)")
            }
        }
    }

    @Test(.enabled(if: SharedFiles.areHere)) func `every invalid text of the suite is refused`() {
        #expect(Self.invalid.count > 180)
        for name in Self.invalid {
            let text = SharedFiles.bytes("\(Self.parsing)/\(name)")
            #expect(throws: JSONError.self, "\(name)") { try JSONValue(parsing: text, repeated: .kept) }
        }
    }

    @Test func `a text cut short at any length is refused, never misread`() throws {
        let text = Array(#"{"a":[1,-2.5e+3,{"ü":"x\n\ud83d\ude00é"}],"b":true,"c":null,"d":{}}"#.utf8)
        _ = try JSONValue(parsing: text)
        for count in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.prefix(count))) }
        }
    }

    static let offsets: [(text: String, offset: Int)] = [
        ("{\"a\":1,}", 7), ("[1 2]", 3), ("\"\\ud800\"", 1), ("\"a\tb\"", 2), ("01", 1), ("[1]]", 3), ("nul", 0),
        ("", 0),
        ("{\"a\" 1}", 5), ("[1,]", 3),
    ]
    @Test(arguments: offsets) func `an error names its byte`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
        #expect(error?.offset == offset)
    }

    @Test func `a repeated member is refused with both places, or the last one counts`() throws {
        let text = Array(#"{"a":1,"b":2,"a":3}"#.utf8)
        #expect(throws: JSONError(offset: 13, reason: "the member \"a\" stands here a second time", firstOffset: 1)) {
            try JSONValue(parsing: text)
        }
        #expect(try JSONValue(parsing: text, repeated: .lastCounts) == ["a": 3, "b": 2])
    }

    @Test func `nesting beyond the limit is refused`() throws {
        let deep = Array(String(repeating: "[", count: 65).utf8) + Array(String(repeating: "]", count: 65).utf8)
        #expect(throws: JSONError.self) { try JSONValue(parsing: deep) }
        _ = try JSONValue(parsing: deep, limits: JSONLimits(maxDepth: 65))
    }

    @Test func `a document knows line and column of every value`() throws {
        let text = Array("{\n  \"a\": [10,\n    {\"b/c\": true}]\n}".utf8)
        let document = try JSONDocument(parsing: text)
        let place = try #require(document.valueOffsets["/a/1/b~1c"])
        #expect(
            TextPosition(of: place, in: text) == TextPosition(of: text.firstIndex(of: UInt8(ascii: "t")) ?? 0, in: text)
        )
        #expect(TextPosition(of: place, in: text).line == 3)
        #expect(TextPosition(of: place, in: text).column == 13)
    }

    @Test func `escapes and plain text come out alike, whatever their place in a word`() throws {
        for padding in 0..<20 {
            let text =
                String(repeating: "x", count: padding) + "é\"\\\u{1F600}\u{01}" + String(repeating: "y", count: 9)
            let value = JSONValue.array([.string(text)])
            #expect(try JSONValue(parsing: value.encoded()) == value)
        }
    }

    @Test(.enabled(if: SharedFiles.areHere)) func `naughty strings survive a round trip`() throws {
        let list = try JSONValue(parsing: SharedFiles.bytes("corpora/big-list-of-naughty-strings/blns.json"))
        #expect(try JSONValue(parsing: list.encoded()) == list)
    }
}
