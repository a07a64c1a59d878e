"""Requests that the corpora lack, by the rule that they try, and what contact-gateway is to do with each."""

import re
from dataclasses import dataclass

RULES = {
    1: "Octets, not Unicode",
    2: "The request line",
    3: "Bare LF and bare CR",
    4: "Control characters in values",
    5: "White space around names, folded lines",
    6: "Names are tokens",
    7: "Exactly one valid Host",
    8: "Methods and sizes",
    9: "Content-Length",
    10: "Both framings, or chunked in 1.0",
    11: "Transfer-Encoding is `chunked`",
    12: "Chunks",
    13: "Trailers",
    14: "Bodies nobody reads",
    15: "Expect",
    16: "Bodies of GET, HEAD and DELETE",
    17: "CONNECT, TRACE, Upgrade",
    18: "Pipelining",
    19: "Look-alikes and targets",
    20: "Answers",
}


@dataclass
class Case:
    """`want`: the status of the refusal, `in`, `waits`, or the whole verdict."""

    rule: int
    name: str
    want: str
    text: object

    @property
    def id(self):
        return f"own/{self.rule}/{self.name}"

    def data(self, key):
        text = self.text.encode("latin-1") if isinstance(self.text, str) else self.text
        return text.replace(b"KEY", key.encode())

    def is_met(self, verdict):
        if self.want == "in":
            return re.fullmatch(r"\d+ answered", verdict) is not None
        return verdict == self.want


def get(fields="", line="GET /livez HTTP/1.1", host="Host: a\r\n"):
    return f"{line}\r\n{host}{fields}\r\n"


def post(fields, body="", method="POST", version="1.1"):
    """To a resource that reads its body, with a key."""
    return (
        f"{method} /v1/config/check HTTP/{version}\r\nHost: a\r\nAuthorization: Bearer KEY\r\n"
        f"Content-Type: application/json\r\n{fields}\r\n{body}"
    )


def chunked(body):
    return post("Transfer-Encoding: chunked\r\n", body)


GOOD = get()
LAST = "0\r\n\r\n"

CASES = [
    Case(1, "a value of bytes that are no UTF-8", "in", get("X: \xff\xfe\r\n")),
    Case(1, "a target of proper UTF-8", "in", "GET /\u00c3\u00a4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case(1, "a name with a byte above 127", "400", get("X\xe4: b\r\n")),
    Case(2, "as it should be", "in", GOOD),
    Case(2, "two spaces before the target", "400", get(line="GET  /livez HTTP/1.1")),
    Case(2, "two spaces before the version", "400", get(line="GET /livez  HTTP/1.1")),
    Case(2, "a tab for a space", "400", get(line="GET\t/livez HTTP/1.1")),
    Case(2, "a space at the end", "400", get(line="GET /livez HTTP/1.1 ")),
    Case(2, "a space in the target", "400", get(line="GET /li vez HTTP/1.1")),
    Case(2, "no version", "400", "GET /livez\r\n\r\n"),
    Case(2, "the version in lower case", "400", get(line="GET /livez http/1.1")),
    Case(2, "HTTP/1.10", "400", get(line="GET /livez HTTP/1.10")),
    Case(2, "HTTP/01.1", "400", get(line="GET /livez HTTP/01.1")),
    Case(2, "HTTP/1.2", "505", get(line="GET /livez HTTP/1.2")),
    Case(2, "HTTP/2.0", "505", get(line="GET /livez HTTP/2.0")),
    Case(2, "HTTP/0.9", "505", get(line="GET /livez HTTP/0.9")),
    Case(2, "the preface of HTTP/2", "505", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Case(2, "one empty line first", "in", "\r\n" + GOOD),
    Case(2, "two empty lines first", "in", "\r\n\r\n" + GOOD),
    Case(2, "three empty lines first", "400", "\r\n\r\n\r\n" + GOOD),
    Case(2, "a space first", "400", " " + GOOD),
    Case(2, "a byte order mark first", "400", b"\xef\xbb\xbf" + GOOD.encode()),
    Case(2, "a TLS client", "400", bytes.fromhex("1603010200010001fc0303") + b"\r\n" * 2),
    Case(3, "LF after the request line", "400", "GET /livez HTTP/1.1\nHost: a\r\n\r\n"),
    Case(3, "LF after a field", "400", "GET /livez HTTP/1.1\r\nHost: a\n\r\n"),
    Case(3, "LF for the empty line", "400", "GET /livez HTTP/1.1\r\nHost: a\r\n\n"),
    Case(3, "LF everywhere", "400", "GET /livez HTTP/1.1\nHost: a\n\n"),
    Case(3, "an empty LF line first", "400", "\n" + GOOD),
    Case(3, "CR after a field", "400", "GET /livez HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    Case(3, "CR in the target", "400", get(line="GET /li\rvez HTTP/1.1")),
    Case(3, "CR CR LF", "400", "GET /livez HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    Case(3, "CR in a value", "400", get("X: a\rb\r\n")),
    Case(4, "NUL", "400", get("X: a\0b\r\n")),
    Case(4, "backspace", "400", get("X: a\x08b\r\n")),
    Case(4, "escape", "400", get("X: a\x1bb\r\n")),
    Case(4, "DEL", "400", get("X: a\x7fb\r\n")),
    Case(4, "vertical tab", "400", get("X: a\x0bb\r\n")),
    Case(4, "a tab within", "in", get("X: a\tb\r\n")),
    Case(4, "NUL in the target", "400", get(line="GET /li\0vez HTTP/1.1")),
    Case(5, "a space before the colon", "400", get("X : b\r\n")),
    Case(5, "a tab before the colon", "400", get("X\t: b\r\n")),
    Case(5, "a space before the first field", "400", "GET /livez HTTP/1.1\r\n Host: a\r\n\r\n"),
    Case(5, "a folded line", "400", get("X: a\r\n b\r\n")),
    Case(5, "a line folded by a tab", "400", get("X: a\r\n\tb\r\n")),
    Case(5, "a folded Content-Length", "400", post("Content-Length:\r\n 2\r\n", "{}")),
    Case(5, "white space around a value", "in", get("X: \t b \t\r\n")),
    Case(6, "an empty name", "400", get(": b\r\n")),
    Case(6, "no colon", "400", get("X\r\n")),
    Case(6, "a space within", "400", get("X Y: b\r\n")),
    Case(6, "a slash", "400", get("X/Y: b\r\n")),
    Case(6, "quotes", "400", get('"X": b\r\n')),
    Case(6, "brackets", "400", get("X[]: b\r\n")),
    Case(6, "every tchar", "in", get("!#$%&'*+-.^_`|~09azAZ: b\r\n")),
    Case(7, "none", "400", get(host="")),
    Case(7, "none in 1.0", "in", get(line="GET /livez HTTP/1.0", host="")),
    Case(7, "two", "400", get("Host: b\r\n")),
    Case(7, "two, the same", "400", get("Host: a\r\n")),
    Case(7, "empty", "400", get(host="Host:\r\n")),
    Case(7, "with a path", "400", get(host="Host: a/b\r\n")),
    Case(7, "with a user", "400", get(host="Host: a@b\r\n")),
    Case(7, "with a space", "400", get(host="Host: a b\r\n")),
    Case(7, "with a comma", "in", get(host="Host: a,b\r\n")),
    Case(7, "a port that is no number", "400", get(host="Host: a:b\r\n")),
    Case(7, "a port beyond 65535", "400", get(host="Host: a:65536\r\n")),
    Case(7, "an unclosed bracket", "400", get(host="Host: [::1\r\n")),
    Case(7, "IPv6", "in", get(host="Host: [::1]:80\r\n")),
    Case(7, "another authority in the target", "400", get(line="GET http://b/livez HTTP/1.1")),
    Case(7, "the same authority in the target", "in", get(line="GET http://a/livez HTTP/1.1")),
    Case(7, "another port in the target", "400", get(line="GET http://a:81/livez HTTP/1.1")),
    Case(8, "an unknown method", "501", get(line="BREW /livez HTTP/1.1")),
    Case(8, "a method in lower case", "501", get(line="get /livez HTTP/1.1")),
    Case(8, "a method that is no token", "400", get(line="G(T /livez HTTP/1.1")),
    Case(8, "a known method that the resource lacks", "405", get(line="DELETE /livez HTTP/1.1")),
    Case(8, "a target of 8 KiB", "414", get(line=f"GET /{'a' * 8192} HTTP/1.1")),
    Case(8, "101 fields", "431", get("X: b\r\n" * 100)),
    Case(8, "a field of 33 KiB", "431", get(f"X: {'b' * 33_000}\r\n")),
    Case(8, "a name of 33 KiB", "431", get(f"{'X' * 33_000}: b\r\n")),
    Case(9, "as it should be", "in", post("Content-Length: 2\r\n", "{}")),
    Case(9, "twice the same", "400", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}")),
    Case(9, "twice, different", "400", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}")),
    Case(9, "a list of the same", "400", post("Content-Length: 2, 2\r\n", "{}")),
    Case(9, "+2", "400", post("Content-Length: +2\r\n", "{}")),
    Case(9, "-2", "400", post("Content-Length: -2\r\n", "{}")),
    Case(9, "0x2", "400", post("Content-Length: 0x2\r\n", "{}")),
    Case(9, "2 0", "400", post("Content-Length: 2 0\r\n", "{}")),
    Case(9, "2_0", "400", post("Content-Length: 2_0\r\n", "{}")),
    Case(9, "2.0", "400", post("Content-Length: 2.0\r\n", "{}")),
    Case(9, "empty", "400", post("Content-Length:\r\n", "{}")),
    Case(9, "beyond 64 bits", "400", post("Content-Length: 18446744073709551618\r\n", "{}")),
    Case(9, "beyond 63 bits", "400", post("Content-Length: 9223372036854775808\r\n", "{}")),
    Case(9, "leading zeros", "in", post("Content-Length: 0002\r\n", "{}")),
    Case(9, "Arabic digits", "400", post("Content-Length: \u00d9\u00a2\r\n", "{}")),
    Case(9, "larger than any body", "413", post("Content-Length: 9223372036854775807\r\n")),
    Case(10, "both", "400", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LAST)),
    Case(10, "both, the other way round", "400", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", LAST)),
    Case(10, "chunked in 1.0", "400", post("Transfer-Encoding: chunked\r\n", LAST, version="1.0")),
    Case(10, "identity beside a length", "400", post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "{}")),
    Case(11, "as it should be", "in", chunked("2\r\n{}\r\n" + LAST)),
    Case(11, "CHUNKED", "in", post("Transfer-Encoding: CHUNKED\r\n", "2\r\n{}\r\n" + LAST)),
    Case(11, "twice in one field", "400", post("Transfer-Encoding: chunked, chunked\r\n", LAST)),
    Case(11, "in two fields", "400", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", LAST)),
    Case(11, "gzip, chunked", "501", post("Transfer-Encoding: gzip, chunked\r\n", LAST)),
    Case(11, "chunked, gzip", "400", post("Transfer-Encoding: chunked, gzip\r\n", LAST)),
    Case(11, "gzip", "400", post("Transfer-Encoding: gzip\r\n", LAST)),
    Case(11, "identity", "400", post("Transfer-Encoding: identity\r\n", LAST)),
    Case(11, "xchunked", "400", post("Transfer-Encoding: xchunked\r\n", LAST)),
    Case(11, "chunked with a parameter", "400", post("Transfer-Encoding: chunked;a=b\r\n", LAST)),
    Case(11, "chunked in quotes", "400", post('Transfer-Encoding: "chunked"\r\n', LAST)),
    Case(11, "a vertical tab before it", "400", post("Transfer-Encoding: \x0bchunked\r\n", LAST)),
    Case(11, "an empty element before it", "501", post("Transfer-Encoding: , chunked\r\n", LAST)),
    Case(11, "empty", "400", post("Transfer-Encoding:\r\n", LAST)),
    Case(12, "0x2", "400", chunked("0x2\r\n{}\r\n" + LAST)),
    Case(12, "+2", "400", chunked("+2\r\n{}\r\n" + LAST)),
    Case(12, "-2", "400", chunked("-2\r\n{}\r\n" + LAST)),
    Case(12, "a space after the size", "400", chunked("2 \r\n{}\r\n" + LAST)),
    Case(12, "a space before the size", "400", chunked(" 2\r\n{}\r\n" + LAST)),
    Case(12, "no size", "400", chunked("\r\n{}\r\n" + LAST)),
    Case(12, "2_0", "400", chunked("2_0\r\n{}\r\n" + LAST)),
    Case(12, "16 digits", "in", chunked("0000000000000002\r\n{}\r\n" + LAST)),
    Case(12, "17 digits", "400", chunked("00000000000000002\r\n{}\r\n" + LAST)),
    Case(12, "a size that overflows", "400", chunked("10000000000000002\r\n{}\r\n" + LAST)),
    Case(12, "the largest size", "413", chunked("ffffffffffffffff\r\n{}\r\n" + LAST)),
    Case(12, "LF after the size", "400", chunked("2\n{}\r\n" + LAST)),
    Case(12, "LF after the data", "400", chunked("2\r\n{}\n" + LAST)),
    Case(12, "LF LF after the data", "400", chunked("2\r\n{}\n\n" + LAST)),
    Case(12, "CR after the data", "400", chunked("2\r\n{}\r" + LAST)),
    Case(12, "data longer than its size", "400", chunked("1\r\n{}\r\n" + LAST)),
    Case(12, "data without its CRLF", "400", chunked("2\r\n{}" + LAST)),
    Case(12, "LF at the end", "400", chunked("2\r\n{}\r\n0\r\n\n")),
    Case(12, "an extension", "in", chunked('2;a=b;c="d"\r\n{}\r\n' + LAST)),
    Case(12, "LF in an extension", "400", chunked("2;a\nb\r\n{}\r\n" + LAST)),
    Case(12, "CR in an extension", "400", chunked("2;a\rb\r\n{}\r\n" + LAST)),
    Case(12, "NUL in an extension", "400", chunked("2;a\0b\r\n{}\r\n" + LAST)),
    Case(12, "an empty extension", "400", chunked("2;\r\n{}\r\n" + LAST)),
    Case(12, "extensions of 5 KiB", "400", chunked(f"2;{'a' * 5000}\r\n{{}}\r\n" + LAST)),
    Case(12, "extensions of 5 KiB over many chunks", "400", chunked(f"1;{'a' * 60}\r\n \r\n" * 90 + LAST)),
    Case(12, "a comma for a semicolon", "400", chunked("2,a\r\n{}\r\n" + LAST)),
    Case(13, "a trailer", "in", chunked("2\r\n{}\r\n0\r\nX: y\r\n\r\n")),
    Case(13, "without a colon", "400", chunked("2\r\n{}\r\n0\r\nX\r\n\r\n")),
    Case(13, "folded", "400", chunked("2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n")),
    Case(13, "LF", "400", chunked("2\r\n{}\r\n0\r\nX: y\n\r\n")),
    Case(13, "Content-Length", "400", chunked("2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n")),
    Case(13, "Transfer-Encoding", "400", chunked("2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    Case(13, "Host", "400", chunked("2\r\n{}\r\n0\r\nHost: b\r\n\r\n")),
    Case(13, "NUL in a trailer", "400", chunked("2\r\n{}\r\n0\r\nX: \0\r\n\r\n")),
    Case(13, "9 KiB of trailers", "431", chunked(f"2\r\n{{}}\r\n0\r\nX: {'y' * 9000}\r\n\r\n")),
    Case(14, "a body to nowhere, and a request", "2 answered", "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + GOOD),
    Case(14, "a chunked body to nowhere, and a request", "1 answered", "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" + LAST + GOOD),
    Case(15, "another expectation", "417", post("Expect: wonders\r\nContent-Length: 2\r\n", "{}")),
    Case(15, "100-continue with the body at once", "in", post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}")),
    Case(15, "100-Continue in capitals", "in", post("Expect: 100-CONTINUE\r\nContent-Length: 2\r\n", "{}")),
    Case(15, "two expectations", "417", post("Expect: 100-continue, wonders\r\nContent-Length: 2\r\n", "{}")),
    Case(16, "GET with a body, and a request", "2 answered", get("Content-Length: 28\r\n") + "GET /smuggled HTTP/1.1\r\nX: a" + get(line="GET /livez HTTP/1.1")),
    Case(16, "HEAD with a body, and a request", "2 answered", get("Content-Length: 3\r\n", line="HEAD /livez HTTP/1.1") + "abc" + GOOD),
    Case(16, "DELETE with a body, and a request", "1 answered, 405", GOOD + get("Content-Length: 3\r\n", line="DELETE /livez HTTP/1.1") + "abc"),
    Case(16, "GET with a bad chunked body", "400", "GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n"),
    Case(17, "CONNECT", "405", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    Case(17, "TRACE", "405", get(line="TRACE /livez HTTP/1.1")),
    Case(17, "Upgrade to WebSocket", "in", get("Connection: Upgrade\r\nUpgrade: websocket\r\n")),
    Case(17, "Upgrade to h2c", "in", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")),
    Case(18, "three requests", "3 answered", GOOD * 3),
    Case(18, "an error in the middle", "1 answered, 400", GOOD + "GET /livez HTTP/1.1\r\n\r\n" + GOOD),
    Case(18, "nothing after `Connection: close`", "1 answered", get("Connection: close\r\n") + GOOD),
    Case(18, "nothing after 1.0", "1 answered", get(line="GET /livez HTTP/1.0") + GOOD),
    Case(19, "Content_Length", "in", get("Content_Length: 5\r\n")),
    Case(19, "Transfer_Encoding beside a length", "in", post("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n", "{}")),
    Case(19, "a backslash in the target", "400", get(line="GET /a\\b HTTP/1.1")),
    Case(19, "overlong UTF-8 in the target", "400", get(line="GET /a\xc0\xafb HTTP/1.1")),
    Case(19, "a surrogate in the target", "400", get(line="GET /a\xed\xa0\x80 HTTP/1.1")),
    Case(19, "escaped CR LF in the target", "in", get(line="GET /a%0d%0aX:b HTTP/1.1")),
    Case(19, "no slash first", "400", get(line="GET livez HTTP/1.1")),
    Case(19, "an asterisk for GET", "400", get(line="GET * HTTP/1.1")),
    Case(19, "another scheme", "400", get(line="GET ftp://a/livez HTTP/1.1")),
    Case(20, "HEAD", "1 answered", get(line="HEAD /livez HTTP/1.1")),
    Case(20, "CR LF from the query in no field", "in", get(line="GET /v1/contacts?after=%0d%0aSet-Cookie:x HTTP/1.1")),
    # Cut off: nothing to be said yet.
    Case(2, "a request line cut off", "waits", "GET /livez HT"),
    Case(12, "a chunk cut off", "waits", chunked("2\r\n{")),
]

# Why we let in what another server refuses, by the beginning of the stream's name.
ALLOWED = {
    "gunicorn/valid/002": "`=` may stand in a host (RFC 3986 reg-name)",
    "gunicorn/valid/003": "`=` may stand in a host (RFC 3986 reg-name)",
    "gunicorn/invalid/011": "`=` may stand in a host; their test sets a lower limit of fields",
    "gunicorn/invalid/012": "`=` may stand in a host; their test sets a lower limit of fields",
    "llhttp/sample/curl GET": "`=` may stand in a host (RFC 3986 reg-name)",
    "llhttp/sample/Firefox GET": "`=` may stand in a host (RFC 3986 reg-name)",
    "gunicorn/valid/005": "a fragment is cut off before anything is looked up",
    "llhttp/uri/Fragment in URI": "a fragment is cut off before anything is looked up",
    "gunicorn/valid/008": "rule 16: the body of a GET is framed and consumed, in 1.0 too",
    "gunicorn/valid/020": "rule 16: the body of a GET is framed and consumed, in 1.0 too",
    "gunicorn/valid/040": "rule 16; `Content_Length` is just another field (rule 19)",
    "gunicorn/invalid/040": "rule 16; `Content_Length` is just another field (rule 19)",
    "llhttp/content-length/Funky": "rule 16: the body of a GET is framed and consumed, in 1.0 too",
    "gunicorn/valid/017": "If-Match is a list, which may stand in several lines",
    "gunicorn/valid/024": "within our limit of 32 KiB for all fields",
    "gunicorn/valid/026": "within our limit of 32 KiB for all fields",
    "gunicorn/invalid/007": "within our limit of 32 KiB for all fields",
    "gunicorn/invalid/008": "within our limit of 32 KiB for all fields",
    "gunicorn/valid/027": "proper UTF-8 in a target is taken as if it were escaped",
    "llhttp/uri/Disallow UTF-8": "proper UTF-8 in a target is taken as if it were escaped",
    "gunicorn/valid/rfc9112_target_absolute_userinfo_01": "user information is no part of the authority and opens nothing here",
    "gunicorn/valid/rfc9112_target_asterisk_options_01": "RFC 9112 §3.2.4 has it",
    "llhttp/connection/": "`Upgrade` is ignored (rule 17); what follows is the beginning of a next request",
    "llhttp/content-length/Tabs": "a tab is optional white space (RFC 9110 §5.6.3); the body is waited for",
    "llhttp/content-length/Missing": "the body is waited for; what came is less than its length",
    "llhttp/invalid/": "judged when the line is whole",
}
