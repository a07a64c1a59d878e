//  The text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).

/// Writes metric families as text.
public struct MetricText: Sendable {
    /// The media type of the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What was written.
    public private(set) var bytes: [UInt8] = []

    /// The text of these families, in their order.
    public init(_ families: [MetricFamily]) {
        bytes.reserveCapacity(32_768)
        for family in families { write(family) }
    }

    private mutating func write(_ family: MetricFamily) {
        append("# HELP \(family.name) ")
        appendEscaped(family.help, quotes: false)
        append("\n# TYPE \(family.name) \(family.kind.rawValue)\n")
        for sample in family.samples {
            switch sample.value {
            case .whole(let value): line(family.name, sample.labels, String(value))
            case .fraction(let value, let unit): line(family.name, sample.labels, Self.decimal(value, of: unit))
            case .histogram(let histogram): write(histogram, family.name, sample.labels)
            }
        }
    }

    /// Buckets are cumulative: each counts everything up to its bound, `+Inf` everything.
    private mutating func write(_ histogram: Histogram, _ name: String, _ labels: [MetricFamily.Label]) {
        var below: UInt64 = 0
        for (bound, count) in zip(histogram.scale.bounds, histogram.counts) {
            below += count
            let text = Self.decimal(bound, of: histogram.scale.unit)
            line("\(name)_bucket", labels + [MetricFamily.Label("le", text)], String(below))
        }
        let all = String(histogram.count)
        line("\(name)_bucket", labels + [MetricFamily.Label("le", "+Inf")], all)
        let sum = Int64(clamping: histogram.sum)
        line("\(name)_sum", labels, Self.decimal(sum, of: histogram.scale.unit))
        line("\(name)_count", labels, all)
    }

    private mutating func line(_ name: String, _ labels: [MetricFamily.Label], _ value: String) {
        append(name)
        for (index, label) in labels.enumerated() {
            append(index == 0 ? "{" : ",")
            append(label.name)
            append("=\"")
            appendEscaped(label.value, quotes: true)
            append("\"")
        }
        append(labels.isEmpty ? " " : "} ")
        append(value)
        append("\n")
    }

    /// A decimal fraction without rounding and without needless zeros; the unit is a power of ten.
    static func decimal(_ value: Int64, of unit: Int64) -> String {
        let (whole, rest) = value.magnitude.quotientAndRemainder(dividingBy: unit.magnitude)
        let sign = value < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(whole)" }
        // As many digits as the unit has zeros.
        var digits = String(String(unit.magnitude + rest).dropFirst())
        while digits.last == "0" { digits.removeLast() }
        return "\(sign)\(whole).\(digits)"
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// "Label values can be any sequence of UTF-8 characters, but the backslash, double-quote, and line feed characters
    /// have to be escaped"; in a HELP only backslash and line feed.
    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}
