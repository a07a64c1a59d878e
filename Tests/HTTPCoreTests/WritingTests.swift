//  What is written, and the small decoders.

import HTTPCore
import Platform
import Testing

struct WritingTests {
    private func written(
        isHead: Bool = false,
        isHTTP11: Bool = true,
        closes: Bool = false,
        _ body: (inout ResponseWriter) -> Void
    ) -> String {
        var writer = ResponseWriter()
        writer.renewDate(Timestamp(milliseconds: 784_111_777_000))
        writer.prepare(requestID: 0xABC, isHead: isHead, isHTTP11: isHTTP11, closes: closes)
        body(&writer)
        let isComplete = writer.isComplete
        #expect(isComplete)
        return writer.output.span.text
    }

    private static let common = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Request-Id: 0000000000000abc\r\n"

    @Test func `a response has its length, its date and its id`() {
        let text = written { writer in
            writer.beginJSON()
            writer.entityTag(4711)
            writer.end(Array("{}".utf8))
        }
        #expect(
            text
                == "HTTP/1.1 200 OK\r\n\(Self.common)Content-Type: application/json\r\nETag: \"4711\"\r\nContent-Length: 2\r\n\r\n{}"
        )
    }

    @Test func `a body that is not copied follows the output, and not under HEAD`() throws {
        var file = try MemoryFile()
        let body = try file.append(Array("hello".utf8).span)
        let head = Array("Content-Length: 5\r\n\r\n".utf8)
        for isHead in [false, true] {
            var writer = ResponseWriter()
            writer.prepare(requestID: 1, isHead: false, isHTTP11: true, closes: false)
            writer.write(Response.text(200, "before"))
            let before = writer.output.count
            writer.prepare(requestID: 2, isHead: isHead, isHTTP11: true, closes: false)
            writer.beginJSON()
            writer.end(again: head.span, headCount: head.count, body: body)
            let (count, output, tail) = (writer.responseCount, writer.output.count, writer.tail?.count)
            #expect(tail == (isHead ? nil : 5))
            #expect(count == output - before + (isHead ? 0 : 5))
            let text = writer.output.span.text
            #expect(text.hasSuffix("Content-Length: 5\r\n\r\n"))
            writer.abandon()
            let (left, none) = (writer.output.count, writer.tail == nil)
            #expect(left == before && none)
        }
    }

    @Test func `no body where none may be`() {
        let head = written(isHead: true) { $0.write(Response.text(200, "hello")) }
        #expect(head.hasSuffix("Content-Length: 5\r\n\r\n"))
        for status in [204, 304] {
            let text = written { writer in
                writer.begin(status)
                writer.end()
            }
            #expect(!text.contains("Content-Length") && text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `a length is put in when it is known`() {
        let text = written { writer in
            writer.begin(200)
            writer.beginBody()
            writer.output.append("hello")
            writer.endBody()
        }
        #expect(text.hasSuffix("Content-Length:           5\r\n\r\nhello"))
    }

    @Test func `nobody adds a line through a value`() {
        let text = written { writer in
            writer.begin(200)
            writer.field("Location", "/a\r\nSet-Cookie: b")
            writer.end()
        }
        #expect(text.contains("Location: /a  Set-Cookie: b\r\n"))
    }

    @Test func `the end of a connection is announced`() {
        #expect(written(closes: true) { $0.write(Response(status: 200)) }.contains("Connection: close\r\n"))
        #expect(written(isHTTP11: false) { $0.write(Response(status: 200)) }.contains("Connection: keep-alive\r\n"))
    }

    @Test func `percent-encoding is undone strictly`() {
        #expect(PercentEncoding.decode("a%20b+c") == "a b+c")
        #expect(PercentEncoding.decode("a%20b+c", plusIsSpace: true) == "a b c")
        #expect(PercentEncoding.decode("%4") == nil)
        #expect(PercentEncoding.decode("%zz") == nil)
        #expect(PercentEncoding.decode("%C0%AF") == nil)
        #expect(PercentEncoding.encode("ä /~") == "%C3%A4%20%2F~")
        let items = QueryItems("a=1&b=x%26y&a=2&c")
        #expect(items["a"] == "1")
        #expect(items.all("a") == ["1", "2"])
        #expect(items["b"] == "x&y")
        #expect(items["c"] == "")
        #expect(items["d"] == nil)
        #expect(!QueryItems("a=%").isWellFormed)
    }

    @Test func `HTTP dates round-trip`() {
        for seconds in [0, 784_111_777, 1_795_219_200, 951_782_400] {
            let moment = Timestamp(milliseconds: Int64(seconds) * 1000)
            #expect(Timestamp(httpDate: moment.httpDate) == moment)
        }
        #expect(Timestamp(milliseconds: 0).httpDate == "Thu, 01 Jan 1970 00:00:00 GMT")
    }
}
