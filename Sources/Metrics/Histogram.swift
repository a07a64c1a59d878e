//  Observations sorted into buckets: how many, how large, how much together. Whole numbers, so that nothing is rounded.

/// The bounds of a histogram's buckets, and what its numbers stand for.
public struct HistogramScale: Equatable, Sendable {
    /// Upper bounds, each belonging to its bucket, ascending.
    public let bounds: [Int64]
    /// How many of the numbers make one of the unit that is shown: 1,000,000,000 for seconds kept in nanoseconds.
    public let unit: Int64

    /// Makes a scale.
    public init(bounds: [Int64], unit: Int64) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
        precondition(unit > 0, "a unit is something")
        self.bounds = bounds
        self.unit = unit
    }

    /// Durations in nanoseconds, shown in seconds: from what a look-up takes (50 µs is much) to a long poll.
    public static let duration = HistogramScale(
        bounds: [
            50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
            100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
            30_000_000_000, 60_000_000_000,
        ],
        unit: 1_000_000_000
    )

    /// Durations of work that takes minutes, in nanoseconds, shown in seconds.
    public static let longDuration = HistogramScale(
        bounds: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400].map { Int64($0 * 1e9) },
        unit: 1_000_000_000
    )

    /// Numbers of things, doubling up to 512.
    public static let count = HistogramScale(bounds: (0..<10).map { 1 << Int64($0) }, unit: 1)

    /// The bucket of a value: the first whose bound is not below it, or the one above all bounds.
    public func bucket(of value: Int64) -> Int {
        Self.bucket(of: value, in: bounds.span)
    }

    /// The same for bounds that are kept elsewhere, where counting must not touch an array.
    @inlinable
    public static func bucket(of value: Int64, in bounds: Span<Int64>) -> Int {
        var bucket = 0
        while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
        return bucket
    }
}

/// How many observations fell into each bucket, and their sum.
public struct Histogram: Equatable, Sendable {
    /// The bounds.
    public let scale: HistogramScale
    /// Observations of each bucket alone; the last one lies above all bounds.
    public private(set) var counts: [UInt64]
    /// The observed values together.
    public private(set) var sum: UInt64

    /// A histogram without observations.
    public init(_ scale: HistogramScale) {
        self.scale = scale
        counts = Array(repeating: 0, count: scale.bounds.count + 1)
        sum = 0
    }

    /// A histogram that was counted elsewhere.
    public init(_ scale: HistogramScale, counts: [UInt64], sum: UInt64) {
        precondition(counts.count == scale.bounds.count + 1, "one count for each bucket and one above them")
        self.scale = scale
        self.counts = counts
        self.sum = sum
    }

    /// Counts a value; a negative one (a clock that was set back) counts as zero.
    public mutating func record(_ value: Int64) {
        let value = max(0, value)
        counts[scale.bucket(of: value)] += 1
        sum += UInt64(value)
    }

    /// Adds another histogram of the same scale.
    public mutating func add(_ other: Histogram) {
        precondition(scale == other.scale, "histograms of one scale")
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        sum += other.sum
    }

    /// All observations.
    public var count: UInt64 { counts.reduce(0, +) }
}
