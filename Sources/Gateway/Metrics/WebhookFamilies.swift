//  Deliveries in numbers.

import HTTPCore
import Metrics
import Platform
import Webhooks

extension GatewayFacts {
    var webhookFamilies: [MetricFamily] {
        let depth = deliveries.depth
        func gauge(_ name: StaticString, _ help: String, _ value: Int64) -> MetricFamily {
            MetricFamily(metric(name), .gauge, help, .whole(value))
        }
        return [
            MetricFamily(
                metric("webhook_deliveries_total"),
                .counter,
                "What attempts meant for their deliveries: there, tried again later, given up, or unwanted (410).",
                DeliveryCounts.Outcome.allCases.map { outcome in
                    .init([.init("outcome", outcome.rawValue)], .whole(deliveries.outcomes[outcome] ?? 0))
                }
            ),
            MetricFamily(
                metric("webhook_attempts_total"),
                .counter,
                "Attempts by what the receivers answered.",
                ExchangeOutcome.allCases.filter { $0 != .breakerOpen }.map { outcome in
                    .init([.init("outcome", outcome.rawValue)], .whole(deliveries.exchanges[outcome] ?? 0))
                }
            ),
            MetricFamily(
                metric("webhook_attempt_duration_seconds"),
                .histogram,
                "How long attempts took.",
                .histogram(deliveries.duration)
            ),
            MetricFamily(
                metric("webhook_deliveries_pending"),
                .gauge,
                "Deliveries that were tried, or wait behind one that was, and are to be tried again.",
                !namesWebhooks
                    ? [] : waiting.map { .init([.init("webhook", "wh_\($0.webhook)")], .whole(Int64($0.count))) }
            ),
            gauge("webhook_events_queued", "Events read and not yet sent.", Int64(depth.queued)),
            gauge("webhook_attempts_in_flight", "Attempts under way.", Int64(depth.inFlight)),
            gauge("webhook_outcomes_unwritten", "Outcomes not yet written.", Int64(depth.unwritten)),
            gauge(
                "webhook_changes_unread",
                "Changes that the slowest enabled webhook has not looked at.",
                depth.readTo.map { max(0, lastSequence - $0) } ?? 0
            ),
            MetricFamily(
                metric("webhook_oldest_event_age_seconds"),
                .gauge,
                "How long ago the oldest event happened that is not delivered yet; 0 when none waits.",
                .fraction(oldestEventAge, of: 1000)
            ),
        ]
    }

    private var oldestEventAge: Int64 {
        let oldest = (waiting.map(\.oldest) + [deliveries.depth.oldestAt].compactMap { $0 }).min()
        return oldest.map { max(0, now.milliseconds - $0.milliseconds) } ?? 0
    }
}
