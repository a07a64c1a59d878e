//  JSON lines to stderr, one for each unit of work.

import JSON
import Platform
import Synchronization

/// How loud a line is.
public enum LogLevel: Int, CaseIterable, Comparable, Sendable {
    /// Steps.
    case debug
    /// One line for each request, sync or attempt.
    case info
    /// It healed; look soon.
    case warning
    /// Someone must act.
    case error

    /// Quieter comes first.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// A level that many logs share.
private final class LogThreshold: Sendable {
    private let raw: Atomic<Int>

    init(_ level: LogLevel) {
        raw = Atomic(level.rawValue)
    }

    var level: LogLevel {
        get { LogLevel(rawValue: raw.load(ordering: .relaxed)) ?? .info }
        set { raw.store(newValue.rawValue, ordering: .relaxed) }
    }
}

/// Writes log lines: `{"at":…,"level":…,"event":…, fields…}`. Never give it a secret or a contact's data.
public struct Log: Sendable {
    /// Quieter lines are not written. All copies of a log share its level.
    public var level: LogLevel { threshold.level }
    private let threshold: LogThreshold
    private let sink: @Sendable ([UInt8]) -> Void

    /// Makes a log.
    ///
    /// - Parameters:
    ///   - level: Quieter lines are not written.
    ///   - sink: Takes whole lines with their line feeds and returns at once; the default writes them to stderr.
    public init(
        level: LogLevel = .info,
        sink: @escaping @Sendable ([UInt8]) -> Void = LogWriter.standardError.add
    ) {
        threshold = LogThreshold(level)
        self.sink = sink
    }

    /// Changes the level of this log and all its copies.
    public func setLevel(_ level: LogLevel) {
        threshold.level = level
    }

    /// A log that writes nothing, for tests and tools.
    public static let silent = Log(level: .error, sink: { _ in })

    /// Steps.
    public func debug(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, String?> = [:]) {
        write(.debug, event, fields)
    }

    /// One line for each request, sync or attempt.
    public func info(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, String?> = [:]) {
        write(.info, event, fields)
    }

    /// It healed; look soon.
    public func warning(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, String?> = [:]) {
        write(.warning, event, fields)
    }

    /// Someone must act.
    public func error(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, String?> = [:]) {
        write(.error, event, fields)
    }

    /// Writes lines that are whole JSON objects already, each with its line feed; for paths too hot for the rest.
    /// The caller has compared the level.
    public func write(lines: [UInt8]) {
        sink(lines)
    }

    private func write(
        _ level: LogLevel,
        _ event: StaticString,
        _ fields: () -> KeyValuePairs<String, String?>
    ) {
        guard level >= self.level else { return }
        sink(Self.line(level, event, fields()))
    }

    /// One line with its line feed.
    static func line(_ level: LogLevel, _ event: StaticString, _ fields: KeyValuePairs<String, String?>) -> [UInt8] {
        var members = [
            JSONMember("at", .string(Timestamp.now().rfc3339)), JSONMember("level", .string("\(level)")),
            JSONMember("event", .string("\(event)")),
        ]
        for case (let name, let value?) in fields { members.append(JSONMember(name, .string(value))) }
        return JSONValue.object(members).encoded() + [UInt8(ascii: "\n")]
    }
}
