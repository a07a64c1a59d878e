//  The vendors in numbers.

import HTTPCore
import Metrics
import Vendors

extension GatewayFacts {
    var vendorFamilies: [MetricFamily] {
        let links = connections.compactMap { connection in connection.link.map { (id: connection.id, status: $0) } }
        func gauge(_ name: StaticString, _ help: String, _ value: (LinkStatus) -> MetricFamily.Value?) -> MetricFamily {
            MetricFamily(
                metric(name),
                .gauge,
                help,
                links.compactMap { link in value(link.status).map { .init([.init("connection", link.id)], $0) } }
            )
        }
        return callFamilies + [
            MetricFamily(
                metric("vendor_breaker_state"),
                .gauge,
                "1 for the state that the connection's circuit breaker is in.",
                links.flatMap { link in
                    [CircuitBreaker.State.closed, .halfOpen, .open].map { state in
                        .init(
                            [.init("connection", link.id), .init("state", state.rawValue)],
                            .whole(link.status.breaker == state ? 1 : 0)
                        )
                    }
                }
            ),
            gauge("vendor_rate_limit_remaining", "Requests left in the vendor's window, as it last told.") {
                $0.remaining.map { .whole(Int64($0)) }
            },
            gauge("vendor_rate_limit_requests_per_second", "Requests a second that we allow ourselves.") {
                $0.requestsPerSecond.map { .fraction(Int64(($0 * 1000).rounded()), of: 1000) }
            },
            gauge("vendor_hold_seconds", "How much of the pause is left that the vendor asked for.") {
                .whole(Int64($0.heldForSeconds ?? 0))
            },
            gauge("vendor_calls_waiting", "Calls that wait for their turn.") { .whole(Int64($0.waiting)) },
        ]
    }

    private var callFamilies: [MetricFamily] {
        let counted = calls.sorted { $0.key < $1.key }.flatMap { id, operations in
            VendorOperation.allCases.compactMap { operation in
                operations[operation].map { counts in
                    (
                        labels: [MetricFamily.Label("connection", id), .init("operation", operation.rawValue)],
                        counts: counts
                    )
                }
            }
        }
        return [
            MetricFamily(
                metric("vendor_calls_total"),
                .counter,
                "Calls to vendors by what they were for and how they ended; each repeat counts.",
                counted.flatMap { call in
                    ExchangeOutcome.allCases.compactMap { outcome in
                        call.counts.outcomes[outcome].map { count in
                            .init(call.labels + [.init("outcome", outcome.rawValue)], .whole(count))
                        }
                    }
                }
            ),
            MetricFamily(
                metric("vendor_call_duration_seconds"),
                .histogram,
                "How long calls to vendors took that were sent.",
                counted.map { .init($0.labels, .histogram($0.counts.duration)) }
            ),
        ]
    }
}
