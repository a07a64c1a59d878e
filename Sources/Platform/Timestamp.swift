//  Wall-clock time as integer milliseconds. Pure arithmetic but for `now`.

import Glibc

/// A moment in milliseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970, UTC.
    public var milliseconds: Int64

    /// Makes a moment from milliseconds since 1970, UTC.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The present moment by the system's clock.
    public static func now() -> Timestamp {
        var spec = timespec()
        clock_gettime(CLOCK_REALTIME, &spec)
        return Timestamp(milliseconds: Int64(spec.tv_sec) * 1000 + Int64(spec.tv_nsec) / 1_000_000)
    }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int64 { milliseconds.flooredQuotient(by: 1000) }

    /// Whether the left one is earlier.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// The moment that many milliseconds later.
    public func advanced(byMilliseconds count: Int64) -> Timestamp {
        Timestamp(milliseconds: milliseconds + count)
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-20T10:00:00.000Z`. Years 0000 to 9999.
    public var rfc3339: String {
        let bytes = rfc3339Bytes
        return String(unsafeUninitializedCapacity: 24) { buffer in
            for index in bytes.indices { buffer[index] = bytes[index] }
            return 24
        }
    }

    /// The same as ASCII, without a text to be made of it.
    public var rfc3339Bytes: InlineArray<24, UInt8> {
        let day = milliseconds.flooredQuotient(by: 86_400_000)
        let inDay = Int(milliseconds - day * 86_400_000)
        let date = CivilDate(daysSince1970: Int(day))
        var bytes = InlineArray<24, UInt8>(repeating: UInt8(ascii: "0"))
        func put(_ value: Int, at index: Int) {
            bytes[index] = UInt8(truncatingIfNeeded: 48 + value / 10)
            bytes[index + 1] = UInt8(truncatingIfNeeded: 48 + value % 10)
        }
        put(date.year / 100 % 100, at: 0)
        put(date.year % 100, at: 2)
        bytes[4] = UInt8(ascii: "-")
        put(date.month, at: 5)
        bytes[7] = UInt8(ascii: "-")
        put(date.day, at: 8)
        bytes[10] = UInt8(ascii: "T")
        put(inDay / 3_600_000, at: 11)
        bytes[13] = UInt8(ascii: ":")
        put(inDay / 60_000 % 60, at: 14)
        bytes[16] = UInt8(ascii: ":")
        put(inDay / 1000 % 60, at: 17)
        bytes[19] = UInt8(ascii: ".")
        put(inDay % 1000 / 10, at: 20)
        bytes[22] = UInt8(truncatingIfNeeded: 48 + inDay % 10)
        bytes[23] = UInt8(ascii: "Z")
        return bytes
    }

    /// Reads RFC 3339 (`T` or a space, fraction of any length, `Z` or an offset); `nil` when it is not.
    public init?(rfc3339 text: String) {
        self.init(rfc3339: text.utf8.span)
    }

    /// The same of the text's bytes.
    public init?(rfc3339 bytes: Span<UInt8>) {
        guard bytes.count >= 20 else { return nil }
        func number(_ start: Int, _ width: Int) -> Int? {
            guard start + width <= bytes.count else { return nil }
            var value = 0
            for index in start..<(start + width) {
                guard bytes[index] >= 48, bytes[index] <= 57 else { return nil }
                value = value * 10 + Int(bytes[index] - 48)
            }
            return value
        }
        guard let year = number(0, 4), bytes[4] == UInt8(ascii: "-"), let month = number(5, 2),
            bytes[7] == UInt8(ascii: "-"), let day = number(8, 2),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t") || bytes[10] == UInt8(ascii: " "),
            let hour = number(11, 2), bytes[13] == UInt8(ascii: ":"), let minute = number(14, 2),
            bytes[16] == UInt8(ascii: ":"), let second = number(17, 2),
            let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction = 0
        if bytes[index] == UInt8(ascii: ".") {
            index += 1
            let start = index
            var scale = 100
            while index < bytes.count, bytes[index] >= 48, bytes[index] <= 57 {
                fraction += Int(bytes[index] - 48) * scale
                scale /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        guard index < bytes.count else { return nil }
        var offset = 0
        switch bytes[index] {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"):
            guard index + 1 == bytes.count else { return nil }
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard bytes.count == index + 6, bytes[index + 3] == UInt8(ascii: ":"), let hours = number(index + 1, 2),
                let minutes = number(index + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
        default: return nil
        }
        let inDay = (hour * 60 + minute - offset) * 60 + second
        self.init(milliseconds: Int64(date.daysSince1970) * 86_400_000 + Int64(inDay) * 1000 + Int64(fraction))
    }
}

/// A day of the proleptic Gregorian calendar. The arithmetic is that of "chrono-compatible low-level date algorithms"
/// (H. Hinnant): years begin in March, eras have 400 years.
struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    init?(year: Int, month: Int, day: Int) {
        guard month >= 1, month <= 12, day >= 1 else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length =
            switch month {
            case 2: leap ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        guard day <= length else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    /// The quotient rounded towards minus infinity; the divisor is positive.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
