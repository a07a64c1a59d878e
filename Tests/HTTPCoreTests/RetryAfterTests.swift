//  How long peers ask us to wait, in all the ways they say it.

import HTTPCore
import Platform
import Testing

@Suite struct RetryAfterTests {
    static let now = Timestamp(milliseconds: 784_111_777_000)  // Sun, 06 Nov 1994 08:49:37 GMT

    static let cases: [(status: Int, fields: HeaderFields, seconds: Int?)] = [
        (503, [:], nil),
        (503, ["Retry-After": "120"], 120),
        (503, ["Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"], 60),
        (503, ["Retry-After": "Sunday, 06-Nov-94 08:50:37 GMT"], 60),
        (503, ["Retry-After": "Sun Nov  6 08:50:37 1994"], 60),
        (503, ["Retry-After": "Sun, 06 Nov 1994 08:00:00 GMT"], 0),
        (503, ["Retry-After": "soon"], nil),
        (503, ["Retry-After": "-5"], nil),
        (503, ["Retry-After": "0.5"], 1),
        (503, ["Retry-After": "99999999999999999999999"], 31_536_000),
        (429, ["Retry-After": "2", "X-RateLimit-Reset": "30"], 30),  // the strictest wins
        (429, ["Retry-After": "60", "RateLimit-Reset": "30"], 60),
        (200, ["RateLimit-Remaining": "0", "RateLimit-Reset": "7"], 7),
        (200, ["RateLimit-Remaining": "3", "RateLimit-Reset": "7"], nil),
        (200, ["RateLimit": "\"default\";r=0;t=9"], 9),
    ]

    @Test(arguments: cases)
    func `the strictest wait that applies is taken`(status: Int, fields: HeaderFields, seconds: Int?) {
        let asked = RetryAfter(fields: fields, status: status, now: Self.now)
        #expect(asked.seconds == seconds)
    }

    @Test func `a reset in seconds since 1970 is a moment`() {
        let now = Timestamp(milliseconds: 1_795_000_000_000)
        let asked = RetryAfter(fields: ["X-RateLimit-Reset": "1795000030"], status: 429, now: now)
        #expect(asked.seconds == 30)
    }
}
