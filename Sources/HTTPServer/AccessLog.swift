//  One line for each request, written straight as bytes and handed over once a batch.

import HTTPCore
import Log
import Platform

/// Collects the request lines of one batch of events.
struct AccessLog: ~Copyable {
    /// Whether the settings want requests logged.
    private let isWanted: Bool
    /// Whether they are logged in this batch.
    private(set) var isOn = false
    private var lines = ByteBuffer(capacity: 64)
    private var moment = Timestamp(milliseconds: 0)
    private var momentText = ""

    init(isWanted: Bool) {
        self.isWanted = isWanted
    }

    /// Begins a batch: the level of the log may have changed since the last one.
    mutating func begin(_ now: Timestamp, _ log: Log) {
        isOn = isWanted && log.level <= .info
        moment = now
    }

    /// Adds the line of one answer. The query is left out: it may hold a contact's data.
    mutating func add(_ observation: Observation, requestID: UInt64, _ path: Span<UInt8>, _ router: Router) {
        guard isOn else { return }
        if lines.count == 0 { momentText = moment.rfc3339 }
        lines.append("{\"at\":\"")
        lines.append(momentText)
        lines.append("\",\"level\":\"info\",\"event\":\"http.request\",\"request_id\":\"")
        lines.append(hex: requestID)
        lines.append("\",\"method\":\"")
        lines.append(observation.method?.rawValue ?? "-")
        lines.append("\",\"path\":\"")
        for index in 0..<min(path.count, 256) {
            let byte = path[index]
            // The parser let neither controls nor backslashes through.
            if byte == UInt8(ascii: "\"") { lines.append(UInt8(ascii: "\\")) }
            lines.append(byte < 0x80 ? byte : UInt8(ascii: "?"))
        }
        lines.append("\",\"route\":\"")
        if let route = observation.route { lines.append(router.rows[route].pattern) } else { lines.append("-") }
        lines.append("\",\"status\":")
        lines.append(decimal: Int64(observation.status))
        lines.append(",\"bytes\":")
        lines.append(decimal: Int64(observation.bytesSent))
        lines.append(",\"duration_us\":")
        lines.append(decimal: observation.duration / 1000)
        lines.append("}\n")
    }

    /// Hands the lines over.
    mutating func flush(to log: Log) {
        if lines.count == 0 { return }
        log.write(lines: lines.span.array)
        lines.removeAll()
    }
}
