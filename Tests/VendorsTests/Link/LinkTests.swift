//  Pace, breaker, waits and repeats of a connection's link.

import Config
import HTTPCore
import Log
import Platform
import Synchronization
import Testing

@testable import Vendors

@Suite struct TokenBucketTests {
    @Test func `five a second are five in any second`() {
        var bucket = TokenBucket(rate: 5)
        var now = Duration.zero
        var taken: [Duration] = []
        while now < .seconds(2) {
            if let wait = bucket.take(at: now) { now += max(wait, .milliseconds(1)) } else { taken.append(now) }
        }
        #expect(taken.count == 10)
        #expect(taken.filter { $0 < .seconds(1) }.count == 5)
    }

    @Test func `a pause lets nothing through, and a shorter one does not shorten it`() {
        var bucket = TokenBucket(rate: nil)
        #expect(bucket.take(at: .zero) == nil)
        bucket.hold(until: .seconds(10))
        bucket.hold(until: .seconds(3))
        #expect(bucket.take(at: .seconds(4)) == .seconds(6))
        #expect(bucket.take(at: .seconds(10)) == nil)
    }
}

@Suite struct CircuitBreakerTests {
    @Test func `it opens after failures in a row, probes once, and closes on success`() {
        var breaker = CircuitBreaker(threshold: 2, firstPause: .seconds(5))
        breaker.failed(at: .zero)
        breaker.succeeded()
        breaker.failed(at: .zero)
        #expect(breaker.admit(at: .zero) == nil)
        breaker.failed(at: .zero)
        #expect(breaker.state == .open)
        #expect(breaker.admit(at: .seconds(1)) == .seconds(4))
        #expect(breaker.admit(at: .seconds(5)) == nil)
        #expect(breaker.admit(at: .seconds(5)) != nil)  // one probe only
        breaker.succeeded()
        #expect(breaker.admit(at: .seconds(5)) == nil)
    }

    @Test func `a failed probe doubles the pause, up to a limit`() {
        var breaker = CircuitBreaker(threshold: 1, firstPause: .seconds(5), longestPause: .seconds(15))
        breaker.failed(at: .zero)
        var now = Duration.zero
        for pause in [5, 10, 15, 15] {
            #expect(breaker.admit(at: now) == .seconds(pause))
            now += .seconds(pause)
            #expect(breaker.admit(at: now) == nil)
            breaker.failed(at: now)
        }
    }
}

@Suite struct VendorLinkTests {
    /// Answers in order, and keeps what it was asked.
    private final class Script: HTTPSending, Sendable {
        typealias Step = Result<ClientResponse, TransportError>
        private let state: Mutex<(steps: [Step], seen: [ClientRequest])>

        init(_ steps: Step...) { state = Mutex((steps, [])) }

        var seen: [ClientRequest] { state.withLock { $0.seen } }

        func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
            let step = state.withLock { state in
                state.seen.append(request)
                return state.steps.count > 1 ? state.steps.removeFirst() : state.steps[0]
            }
            return try step.get()
        }
    }

    private func link(
        _ script: Script,
        clock: any Clock<Duration> = ContinuousClock(),
        log: Log = .silent
    ) -> VendorLink {
        var connection = ConnectionConfig(id: "c", vendor: .portsip)
        connection.baseURL = "http://vendor.example"
        return VendorLink(connection: connection, sender: script, clock: clock, log: log)
    }

    /// Time that passes when it is told to.
    final class StandingClock: Clock, Sendable {
        private let time = Mutex(ContinuousClock().now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        var minimumResolution: Duration { .zero }
        func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
            time.withLock { $0 = max($0, deadline) }
        }
    }

    private func ending(_ link: VendorLink, _ priority: CallPriority = .sync, repeatable: Bool) async -> Result<
        Int, VendorError
    > {
        do throws(VendorError) {
            let call = VendorCall(.update, .post, "/x")
            return .success(try await link.call(call, priority: priority, repeatable: repeatable).status)
        } catch {
            return .failure(error)
        }
    }

    private func kind(_ result: Result<Int, VendorError>) -> VendorError.Kind? {
        guard case .failure(let error) = result else { return nil }
        return error.kind
    }

    private static func broken(_ mayHaveArrived: Bool) -> Script.Step {
        .failure(TransportError(kind: .broken, message: "broken", mayHaveArrived: mayHaveArrived))
    }

    private static func status(_ status: Int, _ fields: HeaderFields = [:]) -> Script.Step {
        .success(ClientResponse(status: status, fields: fields))
    }

    @Test func `what cannot have arrived is sent again`() async {
        let script = Script(Self.broken(false), Self.status(201))
        #expect(await ending(link(script), repeatable: false) == .success(201))
        #expect(script.seen.count == 2)
        #expect(script.seen[0].url == "http://vendor.example/x")
    }

    @Test func `what may have arrived is ambiguous unless it may be repeated`() async {
        let once = Script(Self.broken(true), Self.status(201))
        #expect(kind(await ending(link(once), repeatable: false)) == .ambiguous)
        #expect(once.seen.count == 1)
        let often = Script(Self.broken(true), Self.status(200))
        #expect(await ending(link(often), repeatable: true) == .success(200))
    }

    @Test func `repeats are bounded`() async {
        let script = Script(Self.broken(false))
        #expect(kind(await ending(link(script), .caller, repeatable: true)) == .unreachable)
        #expect(script.seen.count == 2)
    }

    @Test func `a redirect is malformed and other statuses are the adapter's to judge`() async {
        #expect(kind(await ending(link(Script(Self.status(301))), repeatable: true)) == .malformed)
        for status in [400, 401, 403, 404, 409, 410, 422, 500] {
            #expect(await ending(link(Script(Self.status(status))), repeatable: true) == .success(status))
        }
        #expect(await ending(link(Script(Self.status(503))), .caller, repeatable: true) == .success(503))
    }

    @Test func `a long wait is told to a caller at once, also to the next one`() async {
        let script = Script(Self.status(429, ["Retry-After": "30"]))
        let link = link(script)
        guard case .failure(let first) = await ending(link, .caller, repeatable: false) else {
            Issue.record("a 429 that stays is a failure")
            return
        }
        #expect(first.kind == .throttled)
        #expect(first.retryAfterSeconds == 30)
        #expect(kind(await ending(link, .caller, repeatable: false)) == .throttled)
        #expect(script.seen.count == 1)
        #expect(link.status.heldForSeconds == 30)
        #expect(link.status.breaker == .closed)
    }

    @Test func `a 401, 403 or 429 does not open the breaker, failures do`() async {
        let refusing = link(Script(Self.status(403)))
        for _ in 0..<10 { _ = await ending(refusing, repeatable: false) }
        #expect(refusing.status.breaker == .closed)
        let script = Script(Self.status(500))
        let failing = link(script)
        for _ in 0..<5 { _ = await ending(failing, repeatable: false) }
        #expect(failing.status.breaker == .open)
        #expect(kind(await ending(failing, repeatable: false)) == .breakerOpen)
        #expect(script.seen.count == 5)
    }

    @Test func `the log tells when the breaker opens and when it closes, once each`() async throws {
        let bytes = Mutex<[UInt8]>([])
        let clock = StandingClock()
        let script = Script(
            Self.status(500),
            Self.status(500),
            Self.status(500),
            Self.status(500),
            Self.broken(true),
            Self.status(500),
            Self.status(200)
        )
        let link = link(script, clock: clock, log: Log(sink: { line in bytes.withLock { $0 += line } }))
        for _ in 0..<6 { _ = await ending(link, repeatable: false) }
        // A probe that fails, and one that does not.
        for _ in 0..<2 {
            try await clock.sleep(for: .seconds(60))
            _ = await ending(link, repeatable: false)
        }
        _ = await ending(link, repeatable: false)
        let lines = bytes.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.contains(#""level":"warning""#) == true)
        #expect(lines.first?.contains(#""event":"vendor.breaker_opened","connection":"c","reason":"broken""#) == true)
        #expect(lines.last?.contains(#""event":"vendor.breaker_closed","connection":"c""#) == true)
    }
}

@Suite struct TokenKeeperTests {
    @Test func `many callers share one refresh, and a refused token is fetched anew once`() async throws {
        let fetches = Mutex(0)
        let keeper = TokenKeeper { () throws(VendorError) in
            let count = fetches.withLock { count in
                count += 1
                return count
            }
            return IssuedToken(value: "t\(count)", lifetime: .seconds(1800))
        }
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await keeper.current() } }
            for try await token in group { #expect(token == "t1") }
        }
        let answer = try await keeper.withToken { (token) throws(VendorError) in
            guard token != "t1" else { throw VendorError(.unauthorized, message: "expired") }
            return token
        }
        #expect(answer == "t2")
        keeper.invalidate("t1")  // a late complaint about the old one
        #expect(try await keeper.current() == "t2")
        #expect(fetches.withLock { $0 } == 2)
    }

    @Test func `a failed refresh is told to all and tried again by the next`() async throws {
        let fetches = Mutex(0)
        let keeper = TokenKeeper { () throws(VendorError) in
            let count = fetches.withLock { count in
                count += 1
                return count
            }
            guard count > 1 else { throw VendorError(.unauthorized, message: "no") }
            return IssuedToken(value: "t", lifetime: nil)
        }
        await #expect(throws: VendorError.self) { try await keeper.current() }
        #expect(try await keeper.current() == "t")
    }
}
