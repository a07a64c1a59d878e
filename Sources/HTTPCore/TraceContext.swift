//  W3C Trace Context (https://www.w3.org/TR/trace-context/): the name under which systems log the same story.

public import Platform

/// Which trace something belongs to: what `traceparent` says, but for the span, which is new with every call.
public struct TraceContext: Equatable, Sendable {
    private let high: UInt64
    private let low: UInt64
    /// Whether somebody up the line may have recorded it. We record no spans, and only pass this on.
    private let isSampled: Bool

    /// The trace of the work under way: set around a whole story, read where it calls others or stores changes.
    @TaskLocal public static var current: TraceContext?

    private init?(high: UInt64, low: UInt64, isSampled: Bool) {
        // "All bytes as zero is considered an invalid value."
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
        self.isSampled = isSampled
    }

    /// A new trace, unsampled: "the caller did not record trace data".
    public init() {
        high = RandomSource.shared.next()
        low = RandomSource.shared.next() | 1
        isSampled = false
    }

    /// Reads a `traceparent`; `nil` when it is not valid to the letter, and then it is to be ignored.
    public init?(traceparent value: Span<UInt8>) {
        // version "-" trace-id "-" parent-id "-" trace-flags, of which a later version may add to the end only.
        guard value.count >= 55, value[2] == Self.dash, value[35] == Self.dash, value[52] == Self.dash,
            let version = Self.hex(value, 0..<2), version != 0xFF, version > 0 || value.count == 55,
            value.count == 55 || value[55] == Self.dash,
            let high = Self.hex(value, 3..<19), let low = Self.hex(value, 19..<35),
            let parent = Self.hex(value, 36..<52), parent != 0, let flags = Self.hex(value, 53..<55)
        else { return nil }
        self.init(high: high, low: low, isSampled: flags & 1 == 1)
    }

    /// Reads what ``stored`` wrote.
    public init?(stored text: String) {
        let value = text.utf8.span
        guard value.count == 35, value[32] == Self.dash, let high = Self.hex(value, 0..<16),
            let low = Self.hex(value, 16..<32), let flags = Self.hex(value, 33..<35)
        else { return nil }
        self.init(high: high, low: low, isSampled: flags & 1 == 1)
    }

    /// The trace id: 32 lower-case hexadecimal digits.
    public var id: String { Self.digits(high) + Self.digits(low) }

    /// Trace id and flags, to be kept with what the trace has caused.
    public var stored: String { "\(id)-\(flags)" }

    /// The `traceparent` of one call made on the trace's behalf, which is a span of its own.
    public func traceparent(span: UInt64 = RandomSource.shared.next() | 1) -> String {
        "00-\(id)-\(Self.digits(span))-\(flags)"
    }

    /// Adds the trace id's digits.
    public func appendID(to buffer: inout ByteBuffer) {
        buffer.append(hex: high)
        buffer.append(hex: low)
    }

    private var flags: String { isSampled ? "01" : "00" }

    private static var dash: UInt8 { UInt8(ascii: "-") }

    /// Lower case only: "HEXDIGLC".
    private static func hex(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var value: UInt64 = 0
        for index in range {
            switch bytes[index] {
            case let digit where digit >= UInt8(ascii: "0") && digit <= UInt8(ascii: "9"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case let digit where digit >= UInt8(ascii: "a") && digit <= UInt8(ascii: "f"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func digits(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

extension Request {
    /// The trace that the client wants this to be part of; `nil` when it names none, or not exactly one valid one.
    public var trace: TraceContext? {
        let values = fields.all("traceparent")
        guard values.count == 1 else { return nil }
        return TraceContext(traceparent: values[0].utf8.span)
    }
}
