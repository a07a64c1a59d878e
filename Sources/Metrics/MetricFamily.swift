//  What Prometheus is told, as values: a family of samples under one name.

/// One metric with all its labelled values.
public struct MetricFamily: Equatable, Sendable {
    /// What the numbers are.
    public enum Kind: String, Sendable {
        /// Only ever grows while the process lives.
        case counter
        /// Goes up and down.
        case gauge
        /// Observations in buckets.
        case histogram
    }

    /// A label and its value.
    public struct Label: Equatable, Sendable {
        let name: String
        let value: String

        /// Makes a label; the value may be any text.
        public init(_ name: String, _ value: String) {
            precondition(MetricFamily.isName(name, colons: false), "\(name) is no label name")
            self.name = name
            self.value = value
        }
    }

    /// One value of the family.
    public struct Sample: Equatable, Sendable {
        let labels: [Label]
        let value: Value

        /// Makes a sample.
        public init(_ labels: [Label] = [], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    /// A number, exactly.
    public enum Value: Equatable, Sendable {
        /// A whole number.
        case whole(Int64)
        /// So many of which `of` make one: milliseconds of 1000 for seconds.
        case fraction(Int64, of: Int64)
        /// Buckets.
        case histogram(Histogram)
    }

    /// The name, with its unit at the end: `_seconds`, `_bytes`, and `_total` for a counter.
    public let name: String
    /// What the numbers are.
    public let kind: Kind
    /// In words.
    public let help: String
    /// The values; no two with the same labels.
    public let samples: [Sample]

    /// Makes a family.
    public init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        precondition(Self.isName(name, colons: true), "\(name) is no metric name")
        precondition((kind == .counter) == name.hasSuffix("_total"), "a counter, and nothing else, ends in _total")
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    /// A family with one value and no labels.
    public init(_ name: String, _ kind: Kind, _ help: String, _ value: Value) {
        self.init(name, kind, help, [Sample([], value)])
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, without the colons for labels.
    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }
}
