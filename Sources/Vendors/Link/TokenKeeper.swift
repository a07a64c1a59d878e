//  An access token that expires: fetched once, however many calls want it.

import Synchronization

/// A token as the vendor issued it.
public struct IssuedToken: Equatable, Sendable {
    /// The token.
    public var value: String
    /// How long it is good for; `nil` when the vendor does not say.
    public var lifetime: Duration?

    /// Makes a token.
    public init(value: String, lifetime: Duration?) {
        self.value = value
        self.lifetime = lifetime
    }
}

/// Keeps the token of one connection. One refresh at a time; everyone else waits for its outcome.
public final class TokenKeeper: Sendable {
    private struct State {
        var token: String?
        var goodUntil: Duration?
        var refresh: Task<Result<IssuedToken, VendorError>, Never>?
    }

    private enum Step {
        case known(String)
        case wait(Task<Result<IssuedToken, VendorError>, Never>)
    }

    private let state = Mutex(State())
    private let stopwatch: @Sendable () -> Duration
    private let fetch: @Sendable () async throws(VendorError) -> IssuedToken

    /// Makes a keeper without a token.
    ///
    /// - Parameters:
    ///   - clock: Measures the life of tokens.
    ///   - fetch: Asks the vendor for a new token.
    public init(
        clock: any Clock<Duration> = ContinuousClock(),
        fetch: @escaping @Sendable () async throws(VendorError) -> IssuedToken
    ) {
        stopwatch = LinkTime.stopwatch(clock)
        self.fetch = fetch
    }

    /// The token, fetched anew when there is none or when it is about to expire.
    public func current() async throws(VendorError) -> String {
        let now = stopwatch()
        let step: Step = state.withLock { state in
            if let token = state.token, state.goodUntil.map({ $0 > now }) ?? true { return .known(token) }
            // Unstructured on purpose: the refresh belongs to all who wait, so the first one's cancellation must
            // not end it.
            let refresh = state.refresh ?? Task { [self] in await renew() }
            state.refresh = refresh
            return .wait(refresh)
        }
        switch step {
        case .known(let token): return token
        case .wait(let refresh): return try await refresh.value.get().value
        }
    }

    /// Forgets the token that the vendor has just refused; one that was refreshed meanwhile stays.
    public func invalidate(_ token: String) {
        state.withLock { state in
            if state.token == token { state.token = nil }
        }
    }

    /// Calls with the token and, when the vendor refuses it, once more with a new one.
    public func withToken<T>(
        _ body: (String) async throws(VendorError) -> T
    ) async throws(VendorError) -> T {
        let token = try await current()
        do throws(VendorError) {
            return try await body(token)
        } catch {
            guard error.kind == .unauthorized else { throw error }
            invalidate(token)
            return try await body(try await current())
        }
    }

    private func renew() async -> Result<IssuedToken, VendorError> {
        let outcome: Result<IssuedToken, VendorError>
        do throws(VendorError) {
            outcome = .success(try await fetch())
        } catch {
            outcome = .failure(error)
        }
        let now = stopwatch()
        state.withLock { state in
            state.refresh = nil
            guard case .success(let issued) = outcome else { return }
            state.token = issued.value
            // Refreshed a little early, so that a token does not expire on its way.
            state.goodUntil = issued.lifetime.map { now + max(.zero, $0 - min(.seconds(30), $0 / 10)) }
        }
        return outcome
    }
}

/// Elapsed time of any clock, which as an existential has no instants to compare.
enum LinkTime {
    /// A function that tells how long ago it was made.
    static func stopwatch(_ clock: any Clock<Duration>) -> @Sendable () -> Duration {
        func start<C: Clock<Duration>>(_ clock: C) -> @Sendable () -> Duration {
            let origin = clock.now
            return { origin.duration(to: clock.now) }
        }
        return start(clock)
    }
}
