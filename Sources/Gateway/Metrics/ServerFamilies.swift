//  The front door in numbers.

import HTTPCore
import HTTPServer
import Metrics

extension GatewayFacts {
    var serverFamilies: [MetricFamily] {
        let requests = server.requests.sorted {
            ($0.route ?? "", $0.method?.rawValue ?? "") < ($1.route ?? "", $1.method?.rawValue ?? "")
        }
        return [
            MetricFamily(
                metric("http_requests_total"),
                .counter,
                "Requests answered, by the route's pattern (- for unknown paths), method and status code.",
                requests.flatMap { request in
                    request.statuses.sorted { $0.key < $1.key }.map { status, count in
                        let code = status == 0 ? "other" : String(status)
                        return .init(request.labels + [.init("code", code)], .count(count))
                    }
                }
            ),
            MetricFamily(
                metric("http_request_duration_seconds"),
                .histogram,
                "From the loop's turn that read a request to its whole answer; long polls wait as they are asked to.",
                requests.map { .init($0.labels, .histogram($0.duration)) }
            ),
            MetricFamily(metric("http_connections"), .gauge, "Connections that are open.", .count(server.open)),
            MetricFamily(
                metric("http_connections_accepted_total"),
                .counter,
                "Connections accepted.",
                .count(server.accepted)
            ),
            MetricFamily(
                metric("tls_handshakes_total"),
                .counter,
                "TLS handshakes that succeeded; those that did not are among the rejections.",
                .count(server.handshakes)
            ),
            MetricFamily(
                metric("http_rejections_total"),
                .counter,
                "Requests and connections turned away before any handler saw them.",
                Rejection.allCases.map { reason in
                    .init([.init("reason", reason.rawValue)], .count(server.rejections[reason] ?? 0))
                }
            ),
        ]
    }
}

extension ServerStatistics.Requests {
    fileprivate var labels: [MetricFamily.Label] {
        [.init("route", route ?? "-"), .init("method", method?.rawValue ?? "-")]
    }
}
