//  What the corpora lack: our limits, our own rules, and the values that come out.

import HTTPCore
import TestSupport
import Testing

struct RequestParserTests {
    static let refused: [(name: String, status: Int, text: String)] = [
        ("two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a tab for a space", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("lower-case version", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        ("trailing space", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        ("HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        ("three empty lines first", 400, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a bare LF", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        ("a bare CR in a value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        ("NUL in a value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        ("an empty name", 400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        ("space before the colon", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("a folded line", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
        ("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
        ("two Hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ("a Host with user information", 400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        ("a port too large", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        ("another authority", 400, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an unknown method", 501, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a list of lengths", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
        ("the same length twice", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        ("a signed length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
        ("a length beyond 64 bits", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"),
        ("an empty length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n"),
        (
            "length and chunked", 400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        ("chunked in 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("chunked twice", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        (
            "chunked in two fields", 400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        ("gzip", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
        ("gzip, chunked", 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("xchunked", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("another expectation", 417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n"),
        ("a backslash", 400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("no leading slash", 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an asterisk for GET", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("two Content-Types", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n"),
        ("0x in a chunk size", 400, chunked("0x1\r\na\r\n0\r\n\r\n")),
        ("a sign in a chunk size", 400, chunked("+1\r\na\r\n0\r\n\r\n")),
        ("17 digits of chunk size", 400, chunked("00000000000000001\r\na\r\n0\r\n\r\n")),
        ("a chunk longer than its size", 400, chunked("1\r\nab\r\n0\r\n\r\n")),
        ("a chunk beyond every limit", 413, chunked("FFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n")),
        ("two LF after the data", 400, chunked("1\r\na\n\n0\r\n\r\n")),
        ("two LF at the end", 400, chunked("0\r\n\n")),
        ("CR CR after the size", 400, chunked("1\r\ra\r\n0\r\n\r\n")),
        ("a bare LF after the size", 400, chunked("1\na\r\n0\r\n\r\n")),
        ("a control in an extension", 400, chunked("1;a=\u{1}\r\na\r\n0\r\n\r\n")),
        ("too many extensions", 400, chunked("1;\(String(repeating: "a", count: 4097))\r\na\r\n0\r\n\r\n")),
        ("a trailer without a colon", 400, chunked("0\r\nabc\r\n\r\n")),
        ("a folded trailer", 400, chunked("0\r\nA: b\r\n c\r\n\r\n")),
        ("too many trailers", 431, chunked("0\r\nA: \(String(repeating: "b", count: 8192))\r\n\r\n")),
        ("Content-Length as a trailer", 400, chunked("0\r\nContent-Length: 1\r\n\r\n")),
    ]

    static func chunked(_ body: String) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    }

    @Test(arguments: refused)
    func `what breaks a rule is refused with its status, in whatever pieces it comes`(
        name: String,
        status: Int,
        text: String
    ) {
        let bytes = Array(text.utf8)
        #expect(RequestStream.read(bytes).refusal?.status == status, "\(name)")
        #expect(RequestStream.read(bytes, piece: 1).refusal?.status == status, "\(name)")
    }

    @Test func `overlong UTF-8 in a target is refused, proper UTF-8 is not`() {
        let head = Array("GET /".utf8)
        let tail = Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        #expect(RequestStream.read(head + [0xC0, 0xAF] + tail).refusal?.status == 400)
        #expect(RequestStream.read(head + [0xC3, 0xA4] + tail).accepts(1))
    }

    @Test func `limits hold to the byte`() {
        func request(line: Int) -> [UInt8] {
            // "GET " and " HTTP/1.1" are 13 bytes.
            Array("GET /\(String(repeating: "a", count: line - 14)) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        }
        #expect(RequestStream.read(request(line: 8192)).accepts(1))
        #expect(RequestStream.read(request(line: 8193)).refusal?.status == 414)
        #expect(RequestStream.read(request(line: 8193), piece: 1).refusal?.status == 414)
        func request(fields: Int) -> [UInt8] {
            // "Host: a" and "X: " with their line ends are 14 bytes.
            Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: fields - 14))\r\n\r\n".utf8)
        }
        #expect(RequestStream.read(request(fields: 32_768)).accepts(1))
        #expect(RequestStream.read(request(fields: 32_769)).refusal?.status == 431)
        func request(lines: Int) -> [UInt8] {
            Array("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: b\r\n", count: lines - 1))\r\n".utf8)
        }
        #expect(RequestStream.read(request(lines: 100)).accepts(1))
        #expect(RequestStream.read(request(lines: 101)).refusal?.status == 431)
    }

    @Test func `a head gives its parts`() {
        let request =
            "GET /v1/contacts/7?include=raw#x HTTP/1.1\r\nHost: a\r\nAuthorization:  Bearer k \r\nX-A: b\r\n\r\n"
        let bytes = Array(request.utf8)
        var parser = RequestParser()
        #expect(parser.parse(bytes.span) == .complete)
        let head = parser.head
        func text(_ range: ByteRange) -> String { String(decoding: bytes[range.offsets], as: UTF8.self) }
        #expect(head.method == .get)
        #expect(text(head.path) == "/v1/contacts/7")
        #expect(text(head.query) == "include=raw")
        #expect(text(head.known[KnownField.authorization.rawValue]) == "Bearer k")
        #expect(head.known[KnownField.ifNoneMatch.rawValue].count == 0)
        #expect(head.fieldCount == 3)
        #expect(head.length == bytes.count)
        #expect(head.keepsAlive)
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "close", false), ("HTTP/1.1", "foo, Close", false),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "keep-alive", true), ("HTTP/1.0", "keep-alive, close", false),
    ])
    func `version and Connection decide what comes after`(version: String, connection: String, keepsAlive: Bool) {
        var parser = RequestParser()
        let bytes = Array("GET / \(version)\r\nHost: a\r\nConnection: \(connection)\r\n\r\n".utf8)
        #expect(parser.parse(bytes.span) == .complete)
        #expect(parser.head.keepsAlive == keepsAlive)
    }

    @Test func `an absolute target means its path`() {
        for (target, path) in [
            ("http://A:80/b?c", "/b"), ("https://a", "/"), ("http://a?c", "/"), ("http://u:p@a/b", "/b"),
        ] {
            let result = RequestStream.read(Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
            #expect(result.messages.first?.path == path, "\(target)")
        }
    }
}
