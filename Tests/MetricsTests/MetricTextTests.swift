//  The text that Prometheus reads: escaping, histograms, exact numbers.

import Metrics
import Testing

@Suite struct MetricTextTests {
    private func text(_ families: MetricFamily...) -> String {
        String(decoding: MetricText(families).bytes, as: UTF8.self)
    }

    @Test func `a family has HELP, TYPE and a line for each sample`() {
        let family = MetricFamily(
            "calls_total",
            .counter,
            "Calls.",
            [
                .init([.init("code", "200"), .init("method", "GET")], .whole(3)),
                .init([.init("code", "404")], .whole(0)),
            ]
        )
        #expect(
            text(family) == """
                # HELP calls_total Calls.
                # TYPE calls_total counter
                calls_total{code="200",method="GET"} 3
                calls_total{code="404"} 0

                """
        )
    }

    @Test func `backslash, quote and line feed are escaped, in a help only what the format wants`() {
        let family = MetricFamily("a", .gauge, "b\\c\n\"d\"", [.init([.init("l", "x\\y\"z\nü")], .whole(1))])
        #expect(text(family) == "# HELP a b\\\\c\\n\"d\"\n# TYPE a gauge\na{l=\"x\\\\y\\\"z\\nü\"} 1\n")
    }

    @Test func `buckets are cumulative, and +Inf, count and sum agree`() {
        var histogram = Histogram(HistogramScale(bounds: [50_000, 1_000_000_000], unit: 1_000_000_000))
        for nanoseconds: Int64 in [1, 50_000, 50_001, 2_500_000_000, -7] { histogram.record(nanoseconds) }
        #expect(
            text(MetricFamily("d_seconds", .histogram, "D.", .histogram(histogram))) == """
                # HELP d_seconds D.
                # TYPE d_seconds histogram
                d_seconds_bucket{le="0.00005"} 3
                d_seconds_bucket{le="1"} 4
                d_seconds_bucket{le="+Inf"} 5
                d_seconds_sum 2.500100002
                d_seconds_count 5

                """
        )
    }

    @Test func `histograms add up`() {
        var one = Histogram(.count)
        var two = Histogram(.count)
        for value: Int64 in [1, 2, 600] { one.record(value) }
        for value: Int64 in [2, 512] { two.record(value) }
        one.add(two)
        #expect(one.count == 5)
        #expect(one.sum == 1117)
        #expect(one.counts == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    }

    static let decimals: [(value: Int64, unit: Int64, text: String)] = [
        (0, 1000, "0"), (1, 1000, "0.001"), (1500, 1000, "1.5"), (-1500, 1000, "-1.5"), (60_000, 1000, "60"),
        (1_000_000_001, 1_000_000_000, "1.000000001"), (.max, 1_000_000_000, "9223372036.854775807"), (7, 1, "7"),
    ]
    @Test(arguments: decimals)
    func `fractions are exact`(value: Int64, unit: Int64, expected: String) {
        #expect(text(MetricFamily("a", .gauge, "A.", .fraction(value, of: unit))).hasSuffix("\na \(expected)\n"))
    }

    @Test func `bounds belong to their buckets`() {
        for (index, bound) in HistogramScale.duration.bounds.enumerated() {
            #expect(HistogramScale.duration.bucket(of: bound) == index)
            #expect(HistogramScale.duration.bucket(of: bound + 1) == index + 1)
        }
    }
}
