//  What the writer makes of texts and numbers, at every length and place.

import JSON
import Testing

@Suite struct JSONWriterTests {
    private func plainly(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes += Array("\\b".utf8)
            case 0x09: bytes += Array("\\t".utf8)
            case 0x0A: bytes += Array("\\n".utf8)
            case 0x0C: bytes += Array("\\f".utf8)
            case 0x0D: bytes += Array("\\r".utf8)
            case 0..<0x20: bytes += Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
        return bytes + [UInt8(ascii: "\"")]
    }

    @Test(arguments: 0..<35) func `a text is written alike at every length, with anything anywhere in it`(count: Int) {
        let plain = String(repeating: "x", count: count)
        let pieces = (0..<0x21).map { String(Unicode.Scalar(UInt8($0))) } + ["\"", "\\", "\u{7F}", "é", "名", "😀", ""]
        for place in 0...count {
            for piece in pieces {
                let text = plain.prefix(place) + piece + plain.dropFirst(place)
                var writer = JSONWriter(capacity: 0)
                writer.string(String(text))
                writer.string(String(text))
                #expect(writer.bytes == plainly(String(text)) + [UInt8(ascii: ",")] + plainly(String(text)))
            }
        }
    }

    @Test func `numbers of every size are their digits`() {
        for number: Int64 in [0, 1, 9, 10, 99, 100, 4711, -1, -10, 999_999_999_999_999_999, .max, .min] {
            var writer = JSONWriter()
            writer.beginArray()
            writer.int(number)
            writer.int(number)
            writer.endArray()
            #expect(String(decoding: writer.bytes, as: UTF8.self) == "[\(number),\(number)]")
        }
        var writer = JSONWriter()
        writer.int(UInt64.max)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "18446744073709551615")
    }
}
