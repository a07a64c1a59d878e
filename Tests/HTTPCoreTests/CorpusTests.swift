//  The requests that gunicorn and llhttp test themselves with, against our parser.

import HTTPCore
import JSON
import TestSupport
import Testing

/// One request stream of a corpus.
struct CorpusCase: Sendable, CustomTestStringConvertible {
    var id: String
    /// How many requests upstream reads; `nil` when it refuses.
    var upstream: Int?
    var bytes: [UInt8]
    var testDescription: String { id }
}

@Suite(.enabled(if: SharedFiles.areHere))
struct CorpusTests {
    static let cases =
        CorpusFile.cases("gunicorn-requests", prefix: "g:") + CorpusFile.cases("llhttp-requests", prefix: "l:")

    /// What we do with a stream.
    enum Ours: Equatable {
        case refuses(Int)
        case reads(Int)
        /// Takes it for the beginning of something longer.
        case waits
    }

    /// Where we differ from upstream, and by which rule of the strict variant that this server follows:
    /// 2 request line, 3 bare CR or LF, 4 controls in values, 5 white space and folding, 7 Host, 8 methods,
    /// 9 Content-Length, 11 Transfer-Encoding, 12 chunks, 17 CONNECT is the router's to refuse and Upgrade is ignored,
    /// 18 nothing is read after the end, 19 targets and underscores; `limits`: theirs are lower; `none`: a matter of
    /// proxies that we leave alone.
    static let differences: [String: (rule: String, ours: Ours)] = [
        "g:valid/009": ("11", .refuses(400)),
        "g:valid/025": ("11", .refuses(400)),
        "g:valid/025_line": ("11", .refuses(501)),
        "g:valid/028": ("5", .refuses(400)),
        "g:valid/029": ("11", .refuses(400)),
        "g:valid/030": ("11", .refuses(400)),
        "g:valid/031": ("8", .refuses(501)),
        "g:valid/031compat": ("8", .refuses(501)),
        "g:valid/031compat2": ("8", .refuses(501)),
        "g:valid/099": ("9", .waits),
        "g:valid/compat_obs_fold": ("5", .refuses(400)),
        "g:valid/compat_obs_fold_huge": ("5", .refuses(400)),
        "g:valid/pp_01": ("2", .refuses(400)),
        "g:valid/pp_02": ("2", .refuses(400)),
        "g:valid/pp_04": ("2", .refuses(400)),
        "g:valid/pp_05": ("2", .refuses(400)),
        "g:valid/rfc9112_smuggle_gzip_chunked_01": ("11", .refuses(501)),
        "g:valid/rfc9112_smuggle_te_identity_chunked_01": ("11", .refuses(501)),
        "g:invalid/006": ("limits", .reads(1)),
        "g:invalid/007": ("limits", .reads(1)),
        "g:invalid/008": ("limits", .reads(1)),
        "g:invalid/010": ("limits", .reads(1)),
        "g:invalid/011": ("limits", .reads(1)),
        "g:invalid/012": ("limits", .reads(1)),
        "g:invalid/017": ("limits", .reads(1)),
        "g:invalid/019": ("none", .reads(1)),
        "g:invalid/040": ("19", .reads(1)),
        "g:invalid/chunked_07": ("19", .reads(1)),
        "g:invalid/limit_header_default_01": ("limits", .reads(1)),
        "l:connection/No restart when keep-alive is off (1.0)": ("18", .reads(1)),
        "l:connection/Setting a flag and pausing": ("17", .reads(1)),
        "l:content-length/No error on simultaneous `Content-Length` and `Transfer-Encoding: identity` (lenient)": (
            "11", .refuses(400)
        ),
        "l:content-length/Content-Length reset when no body is received": ("9", .waits),
        "l:content-length/Missing CRLF-CRLF before body (lenient)": ("9", .waits),
        "l:invalid/Only LFs present (lenient)": ("3", .refuses(400)),
        "l:invalid/Spaces before headers (lenient)": ("5", .refuses(400)),
        "l:lenient-header-value-relaxed/Control char in header value (relaxed)": ("4", .refuses(400)),
        "l:lenient-headers/Header value (lenient)": ("4", .refuses(400)),
        "l:lenient-headers/Second request header value (lenient)": ("4", .refuses(400)),
        "l:lenient-headers/Empty headers separated by CR (lenient)": ("4", .refuses(400)),
        "l:lenient-version/Invalid HTTP version (lenient)": ("2", .refuses(505)),
        "l:method/REPORT request": ("8", .refuses(501)),
        "l:method/CONNECT request": ("17", .reads(1)),
        "l:method/CONNECT request with CAPS": ("17", .reads(1)),
        "l:method/CONNECT with body": ("17", .reads(1)),
        "l:method/M-SEARCH request": ("8", .refuses(501)),
        "l:method/PURGE request": ("8", .refuses(501)),
        "l:method/SEARCH request": ("8", .refuses(501)),
        "l:method/LINK request": ("8", .refuses(501)),
        "l:method/SOURCE request": ("8", .refuses(501)),
        "l:method/SOURCE request with ICE": ("2", .refuses(400)),
        "l:method/OPTIONS request with RTSP": ("2", .refuses(400)),
        "l:method/ANNOUNCE request with RTSP": ("2", .refuses(400)),
        "l:method/QUERY request": ("8", .refuses(501)),
        "l:sample/No HTTP version": ("2", .refuses(400)),
        "l:sample/Line folding in header value with CRLF": ("5", .refuses(400)),
        "l:sample/No LF after CR (lenient)": ("2", .refuses(400)),
        "l:sample/X-SSL-Nonsense": ("5", .refuses(400)),
        "l:transfer-encoding/POST with `Transfer-Encoding` and `Content-Length` (lenient)": ("11", .refuses(400)),
        "l:transfer-encoding/POST with `chunked` before other transfer-coding (lenient)": ("11", .refuses(400)),
        "l:transfer-encoding/POST with `chunked` and duplicate transfer-encoding (lenient)": ("11", .refuses(400)),
        "l:transfer-encoding/POST with `chunked` as last transfer-encoding": ("11", .refuses(501)),
        "l:transfer-encoding/POST with `chunked` as last transfer-encoding (multiple headers)": ("11", .refuses(400)),
        "l:transfer-encoding/Chunk header not terminated by CRLF (lenient)": ("12", .refuses(400)),
        "l:transfer-encoding/Chunk data not terminated by CRLF (lenient)": ("12", .refuses(400)),
        "l:transfer-encoding/Space after chunk header (lenient)": ("12", .refuses(400)),
        "l:uri/Quotes in URI": ("19", .refuses(400)),
        "l:uri/Host terminated by a query string": ("7", .refuses(400)),
        "l:uri/`host:port` terminated by a query string": ("7", .refuses(400)),
        "l:uri/`host:port` terminated by a space": ("7", .refuses(400)),
        "l:uri/Disallow UTF-8 in URI path in strict mode": ("19", .reads(1)),
        "l:uri/Underscore in hostname": ("17", .reads(1)),
        "l:uri/`host:port` and basic auth": ("7", .refuses(400)),
    ]

    @Test(arguments: cases)
    func `a request is read or refused as its author meant, or as our own rules say`(item: CorpusCase) {
        let result = RequestStream.read(CorpusFile.withHost(item.bytes))
        if let (rule, ours) = Self.differences[item.id] {
            let actual: Ours =
                if let refusal = result.refusal { .refuses(refusal.status) } else if result.isCutOff { .waits } else {
                    .reads(result.messages.count)
                }
            #expect(actual == ours, "rule \(rule)")
        } else if let count = item.upstream {
            #expect(result.refusal == nil)
            #expect(result.messages.count == count)
        } else {
            #expect(result.refusal != nil || result.isCutOff)
        }
    }

    @Test(arguments: cases)
    func `the pieces in which bytes arrive change nothing`(item: CorpusCase) {
        let bytes = CorpusFile.withHost(item.bytes)
        let whole = RequestStream.read(bytes)
        #expect(RequestStream.read(bytes, piece: 1) == whole)
        #expect(RequestStream.read(bytes, piece: 7) == whole)
    }

    @Test(arguments: cases)
    func `a stream cut short at any length gives no request that the whole one does not`(item: CorpusCase) {
        let bytes = CorpusFile.withHost(item.bytes)
        let whole = RequestStream.read(bytes)
        func check(_ part: StreamResult) {
            let isBeginning = part.messages.count <= whole.messages.count && whole.messages.starts(with: part.messages)
            #expect(isBeginning && (part.refusal == nil || part.refusal == whole.refusal))
        }
        RequestStream.readingEachLength(of: bytes, check)
        // As one piece too; of the long fillers not at every length, since that takes the square of it.
        for length in stride(from: 0, to: bytes.count, by: bytes.count > 2000 ? 97 : 1) {
            check(RequestStream.read(Array(bytes[..<length])))
        }
    }
}

enum CorpusFile {
    static func cases(_ folder: String, prefix: String) -> [CorpusCase] {
        let bytes = SharedFiles.bytes("corpora/\(folder)/cases.json")
        guard case .array(let items)? = try? JSONValue(parsing: bytes) else { return [] }
        return items.compactMap { item in
            guard case .object(let members) = item else { return nil }
            var values: [String: JSONValue] = [:]
            for member in members { values[member.name] = member.value }
            guard case .string(let id)? = values["id"], case .string(let raw)? = values["raw_b64"] else { return nil }
            var count: Int?
            for name in ["requests", "messages"] {
                if case .number(let digits)? = values[name] { count = Int("\(digits)") }
            }
            if let error = values["error"], error != .null { count = nil }
            return CorpusCase(id: prefix + id, upstream: count, bytes: Base64Text.decode(raw))
        }
    }

    /// The stream with `Host: example.com` in every HTTP/1.1 head that has none: upstream does not ask for it.
    static func withHost(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        let mark = Array(" HTTP/1.1\r\n".utf8)
        while index < bytes.count {
            guard bytes[index...].starts(with: mark) else {
                result.append(bytes[index])
                index += 1
                continue
            }
            result += mark
            index += mark.count
            var end = index
            while end < bytes.count, !bytes[end...].starts(with: Array("\r\n\r\n".utf8)) { end += 1 }
            let head = "\r\n" + String(decoding: bytes[index..<end], as: UTF8.self).lowercased()
            if !head.contains("\r\nhost:"), !head.contains("\r\nhost :") {
                result += Array("Host: example.com\r\n".utf8)
            }
        }
        return result
    }
}

/// RFC 4648 base64, for reading the corpora.
enum Base64Text {
    static func decode(_ text: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var values = [UInt32](repeating: 64, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt32(value) }
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for letter in text.utf8 where values[Int(letter)] < 64 {
            bits = bits << 6 | values[Int(letter)]
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(bits >> UInt32(count) & 255))
            }
        }
        return result
    }
}
