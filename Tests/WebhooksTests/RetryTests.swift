//  The retry schedule and what an attempt's ending means.

import HTTPCore
import Platform
import Testing
import Webhooks

@Suite struct RetryScheduleTests {
    static let cases: [(attempt: Int, retryAfter: Int?, random: Double, wait: Int64?)] = [
        (1, nil, 0.5, 5000), (1, nil, 0, 4000), (1, nil, 1, 6000), (2, nil, 0.5, 300_000), (3, nil, 0.5, 1_800_000),
        (4, nil, 0.5, 7_200_000), (5, nil, 0.5, 18_000_000), (6, nil, 0.5, 36_000_000), (7, nil, 0.5, 50_400_000),
        (8, nil, 0.5, 72_000_000), (9, nil, 0, 69_120_000), (9, nil, 1, 86_400_000),
        (10, nil, 0.5, nil),  // the schedule is spent
        (1, 2, 0.5, 5000),  // a receiver cannot hurry us
        (1, 60, 0.5, 60_000),
        (1, 999_999, 0.5, 86_400_000),  // nor stall us for more than a day
        (1, -5, 0.5, 5000), (10, 60, 0.5, nil),
    ]

    @Test(arguments: cases)
    func `wait follows the schedule and bounds Retry-After`(
        attempt: Int,
        retryAfter: Int?,
        random: Double,
        wait: Int64?
    ) {
        #expect(RetrySchedule.standard.wait(afterAttempt: attempt, retryAfter: retryAfter, random: random) == wait)
    }
}

@Suite struct DeliveryOutcomeTests {
    private func outcome(_ status: Int, attempt: Int = 1, _ fields: HeaderFields = [:]) -> DeliveryOutcome {
        DeliveryOutcome(
            .success(ClientResponse(status: status, fields: fields)),
            attempt: attempt,
            schedule: .standard,
            now: Timestamp(milliseconds: 0),
            random: 0.5
        )
    }

    private func outcome(_ kind: TransportError.Kind, attempt: Int = 1) -> DeliveryOutcome {
        DeliveryOutcome(
            .failure(TransportError(kind: kind, message: "why", mayHaveArrived: false)),
            attempt: attempt,
            schedule: .standard,
            now: Timestamp(milliseconds: 0),
            random: 0.5
        )
    }

    @Test func `only a 2xx is success`() {
        for status in [200, 201, 202, 204, 299] { #expect(outcome(status) == .delivered) }
        for status in [301, 302, 304, 400, 404, 429, 500, 503] {
            #expect(outcome(status) == .retry(afterMilliseconds: 5000, reason: "the receiver answered \(status)"))
        }
        #expect(
            outcome(503, ["Retry-After": "60"])
                == .retry(afterMilliseconds: 60_000, reason: "the receiver answered 503")
        )
        #expect(outcome(410) == .gone(afterMilliseconds: 5000, reason: "the receiver answered 410"))
    }

    @Test func `a blocked address is dead at once, a broken connection is tried again until the schedule is spent`() {
        #expect(outcome(.addressRefused) == .dead(reason: "why"))
        #expect(outcome(.timedOut, attempt: 2) == .retry(afterMilliseconds: 300_000, reason: "why"))
        #expect(outcome(.broken, attempt: 10) == .dead(reason: "10 attempts failed; the last: why"))
        #expect(outcome(.cancelled) == .none)
    }
}
