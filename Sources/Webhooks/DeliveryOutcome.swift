//  What an attempt's ending means for its delivery. Pure.

public import HTTPCore
public import Platform

/// How one delivery attempt ended.
public enum DeliveryOutcome: Equatable, Sendable {
    /// A 2xx within the time-out.
    case delivered
    /// Tried again after so many milliseconds.
    case retry(afterMilliseconds: Int64, reason: String)
    /// Never tried again by itself.
    case dead(reason: String)
    /// A 410: "the webhook should be disabled"; tried again, should it be enabled again.
    case gone(afterMilliseconds: Int64, reason: String)
    /// Broken off by our own end; as if it had not been.
    case none

    /// Judges an attempt.
    ///
    /// - Parameters:
    ///   - ending: What the receiver answered, or why it did not.
    ///   - attempt: Its number, from 1.
    ///   - schedule: The pauses between attempts.
    ///   - now: For a date in `Retry-After`.
    ///   - random: From 0 up to 1.
    public init(
        _ ending: Result<ClientResponse, TransportError>,
        attempt: Int,
        schedule: RetrySchedule,
        now: Timestamp,
        random: Double
    ) {
        let reason: String
        var asked: Int?
        var isGone = false
        switch ending {
        case .success(let response) where (200...299).contains(response.status):
            self = .delivered
            return
        case .success(let response):
            reason = "the receiver answered \(response.status)"
            isGone = response.status == 410
            asked = RetryAfter(fields: response.fields, status: response.status, now: now).seconds
        case .failure(let error):
            switch error.kind {
            case .cancelled:
                self = .none
                return
            case .addressRefused, .badURL:
                self = .dead(reason: error.message)
                return
            default: reason = error.message
            }
        }
        guard let wait = schedule.wait(afterAttempt: attempt, retryAfter: asked, random: random) else {
            self = .dead(reason: "\(attempt) attempts failed; the last: \(reason)")
            return
        }
        self = isGone ? .gone(afterMilliseconds: wait, reason: reason) : .retry(afterMilliseconds: wait, reason: reason)
    }
}
