//  One line for each request, written straight as bytes and handed over once a turn.

import HTTPCore
import Log
import Platform

/// Collects the lines of the requests of one turn.
struct AccessLog: ~Copyable {
    /// Whether the settings want requests logged.
    private let isWanted: Bool
    /// Whether they are logged in this turn.
    private(set) var isOn = false
    private var lines = ByteBuffer(capacity: 64)
    private var moment = Timestamp(milliseconds: 0)
    /// What a line of that moment begins with.
    private var opening: [UInt8] = []
    private var openingMoment: Timestamp?

    init(isWanted: Bool) {
        self.isWanted = isWanted
    }

    /// Begins a turn: the level of the log may have changed since the last one.
    mutating func begin(_ now: Timestamp, _ log: Log) {
        isOn = isWanted && log.level <= .info
        moment = now
    }

    /// Adds the line of one answer. The query is left out: it may hold a contact's data.
    mutating func add(_ observation: Observation, _ context: RequestContext, _ path: Span<UInt8>, _ router: Router) {
        guard isOn else { return }
        if openingMoment != moment { open() }
        lines.append(opening)
        lines.append(hex: context.requestID)
        lines.append("\",\"method\":\"")
        lines.append(observation.method?.name ?? "-")
        lines.append("\",\"path\":\"")
        append(path.extracting(first: 256))
        lines.append("\",\"route\":\"")
        if let route = observation.route { lines.append(router.rows[route].pattern) } else { lines.append("-") }
        lines.append("\",\"status\":")
        lines.append(decimal: Int64(observation.status))
        lines.append(",\"bytes\":")
        lines.append(decimal: Int64(observation.bytesSent))
        lines.append(",\"duration_us\":")
        lines.append(decimal: observation.duration / 1000)
        if let trace = context.trace {
            lines.append(",\"trace_id\":\"")
            trace.appendID(to: &lines)
            lines.append("\"")
        }
        lines.append("}\n")
    }

    /// Hands the lines over.
    mutating func flush(to log: Log) {
        if lines.count == 0 { return }
        log.write(lines: lines.span.array)
        lines.removeAll()
    }

    private mutating func open() {
        openingMoment = moment
        opening = Array(
            "{\"at\":\"\(moment.rfc3339)\",\"level\":\"info\",\"event\":\"http.request\",\"request_id\":\"".utf8
        )
    }

    /// Adds a path. The parser let neither controls nor backslashes through.
    private mutating func append(_ path: Span<UInt8>) {
        var isPlain = true
        for index in path.indices where path[index] == UInt8(ascii: "\"") || path[index] >= 0x80 { isPlain = false }
        if isPlain { return lines.append(path) }
        for index in path.indices {
            let byte = path[index]
            if byte == UInt8(ascii: "\"") { lines.append(UInt8(ascii: "\\")) }
            lines.append(byte < 0x80 ? byte : UInt8(ascii: "?"))
        }
    }
}
