//  Limits, failed keys and other sites' pages as values: no socket, no clock.

import Config
import HTTPCore
import HTTPServer
import Testing

@testable import API

@Suite struct RequestLimitTests {
    private static let second: Int64 = 1_000_000_000

    @Test func `a full bucket gives its burst at once, then the rate`() {
        let limit = RequestLimit(KeyLimits(requestsPerSecond: 10, burst: 20))
        let start: Int64 = 5 * Self.second
        for left in stride(from: 19, through: 0, by: -1) {
            let outcome = limit.take(at: start)
            #expect(outcome.isTaken && outcome.remaining == left)
        }
        #expect(limit.take(at: start) == .init(isTaken: false, remaining: 0, seconds: 1))
        #expect(!limit.take(at: start + Self.second / 10 - 1).isTaken)
        #expect(limit.take(at: start + Self.second / 10).isTaken)
        #expect(!limit.take(at: start + Self.second / 10).isTaken)
        var taken = 0
        for step in 1...10_000 where limit.take(at: start + Self.second / 10 + Int64(step) * Self.second / 1000).isTaken
        {
            taken += 1
        }
        #expect(taken == 100)
    }

    @Test func `a quiet time fills the bucket and no more`() {
        let limit = RequestLimit(KeyLimits(requestsPerSecond: 2))
        for _ in 0..<2 { #expect(limit.take(at: 0).isTaken) }
        #expect(!limit.take(at: 0).isTaken)
        #expect(limit.take(at: 1000 * Self.second).remaining == 1)
        #expect(limit.take(at: 1000 * Self.second).remaining == 0)
        #expect(!limit.take(at: 1000 * Self.second).isTaken)
    }

    @Test func `a refused request costs no token and says when to come back`() {
        let limit = RequestLimit(KeyLimits(requestsPerSecond: 0.1))
        #expect(limit.take(at: 0) == .init(isTaken: true, remaining: 0, seconds: 10))
        for _ in 0..<100 { #expect(limit.take(at: Self.second) == .init(isTaken: false, remaining: 0, seconds: 9)) }
        #expect(limit.take(at: 10 * Self.second).isTaken)
    }

    static let rates: [(rate: Double, burst: Int?, policy: String, first: String)] = [
        (100, nil, #""default";q=100;w=1"#, #""default";r=99;t=1"#),
        (5, 20, #""default";q=20;w=4"#, #""default";r=19;t=4"#),
        (0.5, nil, #""default";q=1;w=2"#, #""default";r=0;t=2"#),
        (2.5, nil, #""default";q=3;w=2"#, #""default";r=2;t=1"#),
        (0.001, 1, #""default";q=1;w=1000"#, #""default";r=0;t=1000"#),
        (1_000_000, 1_000_000, #""default";q=1000000;w=1"#, #""default";r=999999;t=1"#),
    ]
    @Test(arguments: rates)
    func `the fields are structured lists of the draft`(rate: Double, burst: Int?, policy: String, first: String) {
        let limit = RequestLimit(KeyLimits(requestsPerSecond: rate, burst: burst))
        let fields = limit.fields(limit.take(at: 7))
        #expect(String(decoding: fields, as: UTF8.self) == "RateLimit-Policy: \(policy)\r\nRateLimit: \(first)\r\n")
    }

    @Test func `several threads together take exactly the burst`() async {
        let limit = RequestLimit(KeyLimits(requestsPerSecond: 0.001, burst: 1000))
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<500).count { _ in limit.take(at: 1).isTaken } }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 1000)
    }
}

@Suite struct FailedKeysTests {
    private let here = PeerNetwork("192.0.2.1") ?? .unknown
    private let there = PeerNetwork("192.0.2.2") ?? .unknown

    @Test func `after five failures an address waits, after twenty it is held, twice as long each time`() {
        var table = FailureTable(seed: 1)
        var now: Int64 = 1_000_000
        for _ in 0..<5 { #expect(table.failed(here, at: now) == .unauthorized) }
        for number in 0..<15 { #expect(table.failed(here, at: now) == .delayed(begins: number == 0)) }
        #expect(table.failed(here, at: now) == .held(seconds: 1))
        #expect(table.failed(there, at: now) == .unauthorized)
        var holds: [Int] = []
        for _ in 0..<8 {
            // What fails during a hold changes nothing.
            #expect(table.failed(here, at: now + 1) == .held(seconds: holds.last ?? 1))
            now += Int64(holds.last ?? 1) * 1000
            guard case .held(let seconds) = table.failed(here, at: now) else { break }
            holds.append(seconds)
        }
        #expect(holds == [2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test func `failures are forgotten, one each half minute`() {
        var table = FailureTable(seed: 1)
        for round in 0..<100 { #expect(table.failed(here, at: Int64(round) * 30_000) == .unauthorized) }
        for _ in 0..<21 { _ = table.failed(there, at: 0) }
        // Twenty-one failures and a hold of one second: one failure is forgotten half a minute after it.
        #expect(table.failed(there, at: 30_999) == .held(seconds: 2))
        for _ in 0..<5 { #expect(table.failed(there, at: 900_000) == .unauthorized) }
        #expect(table.failed(there, at: 900_000) == .delayed(begins: true))
    }

    @Test func `many addresses take bounded memory, and the guilty are not pushed out by passers-by`() {
        var table = FailureTable(seed: 7)
        for _ in 0..<23 { _ = table.failed(here, at: 0) }
        for number in 0..<100_000 {
            let peer = PeerNetwork("10.\(number / 65_536).\(number / 256 % 256).\(number % 256)") ?? .unknown
            #expect(table.failed(peer, at: 1) == .unauthorized)
        }
        #expect(table.failed(here, at: 2) == .held(seconds: 1))
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true), ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ])
    func `an address stands for its network`(left: String, right: String, isSame: Bool) {
        #expect((PeerNetwork(left) == PeerNetwork(right)) == isSame)
    }

    @Test func `a network is shown as people write it`() {
        #expect(PeerNetwork("192.0.2.1")?.description == "192.0.2.1")
        #expect(PeerNetwork("2001:db8:0:1::1")?.description == "2001:db8:0:1::/64")
        #expect(PeerNetwork("::1")?.description == "::/64")
        #expect(PeerNetwork.unix.description == "unix")
        #expect(PeerNetwork("localhost") == nil)
    }
}

@Suite struct CrossSiteTests {
    static let cases: [(method: HTTPCore.Method, site: String, origin: String, host: String, isSuspect: Bool)] = [
        (.post, "", "", "gw:8080", false),  // no browser
        (.post, "same-origin", "https://gw:8080", "gw:8080", false),
        (.post, "none", "", "gw:8080", false),
        (.post, "cross-site", "", "gw:8080", true),
        (.delete, "same-site", "https://gw:8080", "gw:8080", true),  // another port or subdomain is another origin
        (.post, "SAME-ORIGIN", "", "gw:8080", true),  // a token of lower case, or no browser wrote it
        (.put, "", "http://gw:8080", "gw:8080", false),
        (.put, "", "http://GW:8080", "gw:8080", false),
        (.patch, "", "http://gw", "gw:8080", true),
        (.patch, "", "http://gw:8080.evil.example", "gw:8080", true),
        (.patch, "", "http://evil.example", "gw:8080", true),
        (.post, "", "null", "gw:8080", true),
        (.post, "", "gw:8080", "gw:8080", true),
        (.post, "", "http://[::1]:8080", "[::1]:8080", false),
        (.get, "cross-site", "http://evil.example", "gw:8080", false),
        (.head, "cross-site", "http://evil.example", "gw:8080", false),
    ]
    @Test(arguments: cases)
    func `only pages of our own origin change state`(
        method: HTTPCore.Method,
        site: String,
        origin: String,
        host: String,
        isSuspect: Bool
    ) {
        let found = CrossSite.isSuspect(
            method,
            fetchSite: site.utf8.span,
            origin: origin.utf8.span,
            host: host.utf8.span
        )
        #expect(found == isSuspect)
    }
}
