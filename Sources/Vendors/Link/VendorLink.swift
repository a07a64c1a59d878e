//  What every adapter calls its vendor through: pace, breaker and safe repeats, the same for all vendors.

public import Config
public import HTTPCore
public import Log
public import Platform
import Synchronization

/// One connection's way to its vendor.
///
/// Callers' requests go ahead of synchronisation. A request is repeated only when the vendor cannot have acted on it
/// or when repeating does no harm, and only a few times. A redirect is no answer (kind `malformed`), a 429 that
/// stays is `throttled`; every other status is returned for the adapter to judge.
public final class VendorLink: Sendable {
    private struct State {
        var bucket: TokenBucket
        var breaker = CircuitBreaker()
        var remaining: Int?
        var callersWaiting = 0
        var syncsWaiting = 0
        var lastError: VendorError?
        var lastErrorAt: Timestamp?
        var lastSuccessAt: Timestamp?
    }

    /// The connection it serves.
    public let connection: ConnectionConfig
    private let sender: any HTTPSending
    private let clock: any Clock<Duration>
    private let stopwatch: @Sendable () -> Duration
    private let wallClock: @Sendable () -> Timestamp
    private let log: Log
    private let meter: CallMeter
    private let state: Mutex<State>

    /// Makes a link with a closed breaker.
    ///
    /// - Parameters:
    ///   - connection: Whose limits hold.
    ///   - sender: Carries the requests.
    ///   - clock: Measures pauses and sleeps through them.
    ///   - wallClock: For dates in `Retry-After` and for ``status``.
    ///   - meter: Counts the exchanges.
    ///   - log: Gets what healed.
    public init(
        connection: ConnectionConfig,
        sender: any HTTPSending,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
        meter: CallMeter = CallMeter(),
        log: Log
    ) {
        self.connection = connection
        self.meter = meter
        self.sender = sender
        self.clock = clock
        self.wallClock = wallClock
        self.log = log
        stopwatch = LinkTime.stopwatch(clock)
        // ActiveCampaign: "5 requests per second per account"; the others state no limit.
        let vendorsLimit: Double? = connection.vendor == .activecampaign ? 5 : nil
        state = Mutex(State(bucket: TokenBucket(rate: connection.limits.requestsPerSecond ?? vendorsLimit)))
    }

    /// Calls the vendor and returns its answer, whatever its status (but no redirect and no 429).
    ///
    /// - Parameters:
    ///   - call: What to ask.
    ///   - priority: Who waits; `nil` for ``CallPriority/current``.
    ///   - repeatable: Whether the vendor may get the call twice without harm: reads, and writes that set a state.
    /// - Returns: The answer, whatever its status.
    /// - Throws: ``VendorError`` of kind `unreachable`, `ambiguous` (it may have happened and is not repeatable),
    ///   `breakerOpen`, `throttled`, `malformed` or `cancelled`.
    public func call(
        _ call: VendorCall,
        priority: CallPriority? = nil,
        repeatable: Bool
    ) async throws(VendorError) -> ClientResponse {
        let patience = Patience(priority ?? .current)
        var request = clientRequest(call)
        var attempt = 1
        while true {
            try await admit(patience, call.operation)
            // Each exchange is a span of its own.
            if let trace = TraceContext.current { request.fields.set("traceparent", trace.traceparent()) }
            switch await send(request, call.operation, repeatable: repeatable) {
            case .answer(let response): return response
            case .failed(let error): throw error
            case .again(let ending, let wait):
                guard attempt < patience.attempts, wait <= patience.pause else { return try ending.get() }
                try await sleep(max(wait, patience.backoff(attempt)))
                attempt += 1
            }
        }
    }

    /// How the link is doing.
    public var status: LinkStatus {
        let now = stopwatch()
        return state.withLock { state in
            LinkStatus(
                breaker: state.breaker.state,
                breakerOpensInSeconds: state.breaker.state == .open
                    ? max(0, (state.breaker.opensUntil - now).wholeSeconds) : nil,
                requestsPerSecond: state.bucket.rate,
                remaining: state.remaining,
                heldForSeconds: state.bucket.heldUntil.flatMap { $0 > now ? ($0 - now).wholeSeconds : nil },
                waiting: state.callersWaiting + state.syncsWaiting,
                lastError: state.lastError,
                lastErrorAt: state.lastErrorAt,
                lastSuccessAt: state.lastSuccessAt
            )
        }
    }
}

/// How long a call may wait, and how often it may be tried.
private struct Patience {
    let priority: CallPriority
    let attempts: Int
    /// The longest pause, for the vendor's sake, that the call sits out.
    let pause: Duration

    init(_ priority: CallPriority) {
        self.priority = priority
        switch priority {
        case .caller: (attempts, pause) = (2, .seconds(2))
        case .sync: (attempts, pause) = (4, .seconds(120))
        }
    }

    /// The wait after the attempt of that number (from 1).
    func backoff(_ attempt: Int) -> Duration {
        .milliseconds(100 << (2 * (attempt - 1)))
    }
}

// The steps of a call.
extension VendorLink {
    private enum Verdict {
        case answer(ClientResponse)
        case failed(VendorError)
        /// May be tried again after the wait; what it comes to if it is not. (A 5xx that stays is an answer, with
        /// the vendor's own words.)
        case again(Result<ClientResponse, VendorError>, Duration)
    }

    private func clientRequest(_ call: VendorCall) -> ClientRequest {
        ClientRequest(
            method: call.method,
            url: connection.baseURL + call.path,
            fields: call.fields,
            body: call.body,
            timeout: connection.limits.timeout,
            maxBody: call.maxBody,
            caFile: connection.caFile
        )
    }

    /// Waits for this call's turn.
    private func admit(_ patience: Patience, _ operation: VendorOperation) async throws(VendorError) {
        count(patience.priority, 1)
        defer { count(patience.priority, -1) }
        let deadline = stopwatch() + patience.pause
        while true {
            let now = stopwatch()
            let turn: Result<Duration?, VendorError> = state.withLock { state in
                if patience.priority == .sync, state.callersWaiting > 0, state.bucket.rate != nil {
                    return .success(.milliseconds(20))
                }
                if let wait = state.bucket.take(at: now) {
                    guard state.bucket.heldUntil != nil, now + wait > deadline else { return .success(wait) }
                    return .failure(.patience(wait.wholeSeconds, status: nil, words: nil))
                }
                guard let open = state.breaker.admit(at: now) else { return .success(nil) }
                meter.note(operation, .breakerOpen, nanoseconds: nil)
                return .failure(.breakerIsOpen(open.wholeSeconds, after: state.lastError))
            }
            guard let wait = try turn.get() else { return }
            try await sleep(wait)
        }
    }

    private func send(_ request: ClientRequest, _ operation: VendorOperation, repeatable: Bool) async -> Verdict {
        let start = Monotonic.nanoseconds()
        do throws(TransportError) {
            let response = try await sender.send(request)
            meter.note(
                operation,
                ExchangeOutcome(status: response.status),
                nanoseconds: Monotonic.nanoseconds() - start
            )
            return judge(response, repeatable: repeatable)
        } catch {
            meter.note(operation, ExchangeOutcome(error.kind), nanoseconds: Monotonic.nanoseconds() - start)
            return judge(error, repeatable: repeatable)
        }
    }

    private func judge(_ response: ClientResponse, repeatable: Bool) -> Verdict {
        let now = wallClock()
        let asked = RetryAfter(fields: response.fields, status: response.status, now: now)
        let elapsed = stopwatch()
        let isFailure = response.status >= 500
        let turn = state.withLock { state in
            let before = state.breaker.state
            if isFailure { state.breaker.failed(at: elapsed) } else { state.breaker.succeeded() }
            if let remaining = asked.remaining { state.remaining = remaining }
            if response.status == 429 || asked.remaining == 0 || response.status == 503, let seconds = asked.seconds {
                state.bucket.hold(until: elapsed + .seconds(min(seconds, 86_400)))
            }
            if !isFailure, response.status < 300 {
                state.lastError = nil
                state.lastSuccessAt = now
            }
            return (before, state.breaker.state)
        }
        tell(turn, ExchangeOutcome(status: response.status))
        switch response.status {
        case 300...399 where response.status != 304:
            return .failed(
                noted(
                    VendorError(
                        .malformed,
                        status: response.status,
                        message: "The vendor answered with a redirect; the base URL is probably wrong."
                    )
                )
            )
        case 429:
            let words = String(decoding: response.body.prefix(200), as: UTF8.self)
            let seconds = asked.seconds ?? 1
            let error = noted(.patience(seconds, status: 429, words: words))
            return .again(.failure(error), .seconds(seconds))
        case 502...504:
            _ = noted(VendorError(.unavailable, status: response.status, message: "The vendor is unavailable."))
            guard repeatable else { return .answer(response) }
            return .again(.success(response), .seconds(asked.seconds ?? 0))
        case 500...599:
            _ = noted(VendorError(.unavailable, status: response.status, message: "The vendor failed."))
            return .answer(response)
        default: return .answer(response)
        }
    }

    private func judge(_ error: TransportError, repeatable: Bool) -> Verdict {
        let elapsed = stopwatch()
        if error.kind == .cancelled {
            state.withLock { $0.breaker.abandoned() }
            let kind: VendorError.Kind = error.mayHaveArrived && !repeatable ? .ambiguous : .cancelled
            return .failed(VendorError(kind, message: error.message))
        }
        let turn = state.withLock { state in
            let before = state.breaker.state
            switch error.kind {
            // An answer came, so the vendor is up.
            case .tooLarge: state.breaker.succeeded()
            default: state.breaker.failed(at: elapsed)
            }
            return (before, state.breaker.state)
        }
        tell(turn, ExchangeOutcome(error.kind))
        switch error.kind {
        case .tooLarge: return .failed(noted(VendorError(.malformed, message: error.message)))
        case .badURL, .addressRefused, .tls:
            return .failed(noted(VendorError(.unreachable, message: error.message)))
        default: break
        }
        guard repeatable || !error.mayHaveArrived else {
            return .failed(
                noted(VendorError(.ambiguous, message: "No answer, but the vendor may have acted: \(error.message)"))
            )
        }
        let failure = noted(VendorError(.unreachable, message: error.message))
        // A call that took its whole time is not worth as much again.
        guard error.kind != .timedOut else { return .failed(failure) }
        return .again(.failure(failure), .zero)
    }

    /// Logs when the breaker opened, with the last failure's class, or closed again; a failed probe is no news.
    private func tell(_ turn: (before: CircuitBreaker.State, after: CircuitBreaker.State), _ outcome: ExchangeOutcome) {
        switch turn {
        case (.closed, .open):
            log.warning("vendor.breaker_opened", ["connection": connection.id, "reason": outcome.rawValue])
        case (.open, .closed), (.halfOpen, .closed):
            log.info("vendor.breaker_closed", ["connection": connection.id])
        default: break
        }
    }

    /// Keeps the error for ``status`` and returns it.
    private func noted(_ error: VendorError) -> VendorError {
        let now = wallClock()
        state.withLock { state in
            state.lastError = error
            state.lastErrorAt = now
        }
        log.debug(
            "vendor.failed",
            [
                "connection": connection.id, "kind": error.kind.rawValue, "status": error.status.map { String($0) },
                "trace_id": TraceContext.current?.id,
            ]
        )
        return error
    }

    private func count(_ priority: CallPriority, _ change: Int) {
        state.withLock { state in
            switch priority {
            case .caller: state.callersWaiting += change
            case .sync: state.syncsWaiting += change
            }
        }
    }

    private func sleep(_ wait: Duration) async throws(VendorError) {
        do {
            try await clock.sleep(for: wait)
        } catch {
            throw VendorError(.cancelled, message: "The call was cancelled while it waited.")
        }
    }
}

extension VendorError {
    fileprivate static func patience(_ seconds: Int, status: Int?, words: String?) -> VendorError {
        VendorError(
            .throttled,
            status: status,
            message: words.flatMap { $0.isEmpty ? nil : $0 } ?? "The vendor asks to wait \(seconds) s.",
            retryAfterSeconds: seconds
        )
    }

    fileprivate static func breakerIsOpen(_ seconds: Int, after last: VendorError?) -> VendorError {
        VendorError(
            .breakerOpen,
            status: last?.status,
            message: "The vendor failed several times; the next try is in \(seconds) s. Last: \(last?.message ?? "-")",
            retryAfterSeconds: seconds
        )
    }
}
