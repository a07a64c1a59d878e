//  One loop's counters: written by its thread alone, read by whoever asks.

import HTTPCore
import Metrics
import Synchronization

/// What happened to one request, for the log and the metrics: numbers only, so that nothing is counted or copied for it.
struct Observation: BitwiseCopyable {
    /// The place of the route in ``Router/routes``; `nil` when none matched.
    var route: Int?
    /// The method; `nil` when the request could not be read.
    var method: Method?
    /// The status answered.
    var status: Int
    /// Bytes of the answer, head included; what is streamed is not counted.
    var bytesSent: Int
    /// From the turn of the loop that read the head to the whole answer, in nanoseconds.
    var duration: Int64
}

/// Counters in memory of the loop's own. Counting is a plain load, add and store: no other thread writes them, so
/// nothing is locked or contended, and nothing is allocated after the table of routes is known. Reading them never
/// waits for the loop, so a loop that hangs or has ended still shows what it did.
///
/// `@unchecked Sendable`: the cells are atomics; all else is set once, before anybody else sees the object.
final class LoopCounts: @unchecked Sendable {
    /// The cells before those of the requests.
    private enum Cell {
        static let open = 0
        static let accepted = 1
        static let handshakes = 2
        static let rejections = 3
        static let requests = rejections + Rejection.allCases.count
    }

    /// What this program answers; anything else is counted under zero.
    private static let statuses = [
        0, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412,
        413, 414, 415, 416, 417, 422, 423, 425, 426, 428, 429, 431, 500, 501, 502, 503, 504, 505, 507,
    ]
    private static let methods = HTTPCore.Method.allCases
    /// Nine methods, and what was no request.
    private static let methodPlaces = methods.count + 1
    private static let scale = HistogramScale.duration
    /// A series has its statuses, its buckets and its sum.
    private static let seriesSize = statuses.count + scale.bounds.count + 2

    private let patterns: [String]
    /// Where the series of a route and method begins; -1 where there is none.
    private let series: UnsafeMutableBufferPointer<Int32>
    private let statusPlaces: UnsafeMutableBufferPointer<UInt8>
    private let bounds: UnsafeMutableBufferPointer<Int64>
    private let cells: UnsafeMutableBufferPointer<Atomic<UInt64>>

    /// Counters for a table of routes, all zero.
    init(_ routes: [Route]) {
        patterns = routes.map(\.pattern)
        series = .allocate(capacity: (routes.count + 1) * Self.methodPlaces)
        series.initialize(repeating: -1)
        var size = Cell.requests
        for place in 0...routes.count {
            // What no route answered may have had any method.
            let methods = place < routes.count ? routes[place].methods : Self.methods
            var places = methods.map(Self.place)
            if methods.contains(.get), !methods.contains(.head) { places.append(Self.place(of: .head)) }
            if place == routes.count { places.append(Self.methods.count) }
            for method in places {
                series[place * Self.methodPlaces + method] = Int32(size)
                size += Self.seriesSize
            }
        }
        statusPlaces = .allocate(capacity: 600)
        statusPlaces.initialize(repeating: 0)
        for (place, status) in Self.statuses.enumerated() { statusPlaces[status] = UInt8(place) }
        bounds = .allocate(capacity: Self.scale.bounds.count)
        _ = bounds.initialize(from: Self.scale.bounds)
        cells = .allocate(capacity: size)
        for index in cells.indices { cells.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit {
        series.deallocate()
        statusPlaces.deallocate()
        bounds.deallocate()
        cells.deinitialize().deallocate()
    }

    // MARK: On the loop

    func opened() {
        add(Cell.open, 1)
        add(Cell.accepted, 1)
    }

    func closed() { add(Cell.open, .max) }  // one less, modulo 2⁶⁴

    func shookHands() { add(Cell.handshakes, 1) }

    func rejected(_ reason: Rejection) { add(Cell.rejections + reason.place, 1) }

    /// Counts an answer.
    func answered(_ observation: Observation) {
        let route = observation.route ?? patterns.count
        let method = observation.method.map(Self.place) ?? Self.methods.count
        let start = Int(series[route * Self.methodPlaces + method])
        // A method that the router let through is in the table.
        guard start >= 0 else { return }
        let status = observation.status >= 0 && observation.status < 600 ? observation.status : 0
        add(start + Int(statusPlaces[status]), 1)
        let bucket = HistogramScale.bucket(of: observation.duration, in: bounds.span)
        add(start + Self.statuses.count + bucket, 1)
        add(start + Self.seriesSize - 1, UInt64(max(0, observation.duration)))
    }

    @inline(__always)
    private func add(_ cell: Int, _ amount: UInt64) {
        let value = cells[cell].load(ordering: .relaxed)
        cells[cell].store(value &+ amount, ordering: .relaxed)
    }

    /// The place of a method in ``methods``.
    @inline(__always)
    private static func place(of method: HTTPCore.Method) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        case .connect: 7
        case .trace: 8
        }
    }

    // MARK: From any thread

    var statistics: ServerStatistics {
        var statistics = ServerStatistics()
        statistics.open = load(Cell.open)
        statistics.accepted = load(Cell.accepted)
        statistics.handshakes = load(Cell.handshakes)
        for reason in Rejection.allCases { statistics.rejections[reason] = load(Cell.rejections + reason.place) }
        for (index, start) in series.enumerated() where start >= 0 {
            let (route, method) = index.quotientAndRemainder(dividingBy: Self.methodPlaces)
            let counts = (0..<Self.statuses.count).map { (Self.statuses[$0], load(Int(start) + $0)) }
            let statuses = Dictionary(counts.filter { $0.1 > 0 }, uniquingKeysWith: +)
            guard !statuses.isEmpty else { continue }
            let first = Int(start) + Self.statuses.count
            let buckets = (0...Self.scale.bounds.count).map { load(first + $0) }
            statistics.add(
                ServerStatistics.Requests(
                    route: route < patterns.count ? patterns[route] : nil,
                    method: method < Self.methods.count ? Self.methods[method] : nil,
                    statuses: statuses,
                    duration: Histogram(Self.scale, counts: buckets, sum: load(Int(start) + Self.seriesSize - 1))
                )
            )
        }
        return statistics
    }

    private func load(_ cell: Int) -> UInt64 { cells[cell].load(ordering: .relaxed) }
}

extension Rejection {
    /// The place among all.
    fileprivate var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
