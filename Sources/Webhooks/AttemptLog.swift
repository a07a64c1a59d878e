//  One line for each attempt, written straight as bytes and handed over many at once.

import HTTPCore
import JSON
import Log
import Platform

/// Collects the lines of attempts that end together. One task has it.
final class AttemptLog {
    private let log: Log
    private var lines = ByteBuffer()
    private var isOn = false
    private var opening: [UInt8] = []
    private var openingMoment: Timestamp?

    init(_ log: Log) {
        self.log = log
    }

    /// Begins a turn: the level of the log may have changed since the last one.
    func begin(_ now: Timestamp) {
        isOn = log.level <= .info
        guard isOn, openingMoment != now else { return }
        openingMoment = now
        opening = Array("{\"at\":\"\(now.rfc3339)\",\"level\":\"info\",\"event\":\"webhook.attempted\"".utf8)
    }

    /// Adds the line of one attempt.
    func add(_ flight: Attempt.Flight, _ verdict: Attempt.Verdict) {
        guard isOn else { return }
        let event = flight.event
        lines.append(opening)
        lines.append(",\"webhook\":\"wh_")
        lines.append(decimal: flight.target.id)
        lines.append("\",\"message\":\"")
        lines.append(event.story.messageID)
        lines.append("\",\"type\":\"")
        lines.append(event.story.type)
        lines.append("\",\"attempt\":\"")
        lines.append(decimal: Int64(event.attempts + 1))
        if let status = verdict.record.status {
            lines.append("\",\"status\":\"")
            lines.append(decimal: Int64(status))
        }
        lines.append("\"")
        if let error = verdict.record.error {
            lines.append(",\"error\":")
            lines.append(JSONValue.string(error).encoded())
        }
        lines.append(",\"duration_ms\":\"")
        lines.append(decimal: verdict.record.durationMilliseconds)
        switch verdict.outcome {
        case .retry(let wait, _), .gone(let wait, _):
            lines.append("\",\"wait_s\":\"")
            lines.append(decimal: wait / 1000)
        case .delivered, .dead, .none: break
        }
        if let trace = event.story.trace {
            lines.append("\",\"trace_id\":\"")
            trace.appendID(to: &lines)
        }
        lines.append("\"}\n")
    }

    /// Hands the lines over.
    func flush() {
        if lines.count == 0 { return }
        log.write(lines: lines.span.array)
        lines.removeAll()
    }
}
