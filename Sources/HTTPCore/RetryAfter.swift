//  How long a peer asks us to wait. Pure: the present moment is a parameter.

public import Platform

/// What an answer's fields say about when to ask again.
public struct RetryAfter: Equatable, Sendable {
    /// Seconds to wait, rounded up; `nil` when nothing asks for a wait. The strictest of several fields.
    public var seconds: Int?
    /// How many requests are left in the present window; `nil` where no field says so.
    public var remaining: Int?

    /// Reads `Retry-After` (RFC 9110 §10.2.3), `RateLimit` and `RateLimit-Reset`/`-Remaining`
    /// (draft-ietf-httpapi-ratelimit-headers, newer and older form) and `X-RateLimit-Reset`/`-Remaining`.
    ///
    /// A reset counts only when nothing is left, or when the answer is a 429.
    public init(fields: HeaderFields, status: Int, now: Timestamp) {
        var waits = fields.all("Retry-After").compactMap { Self.wait($0, now: now) }
        var left: [Int] = []
        func window(_ remaining: Int?, _ reset: Int?) {
            if let remaining { left.append(remaining) }
            if let reset, status == 429 || remaining == 0 { waits.append(reset) }
        }
        for prefix in ["RateLimit", "X-RateLimit", "X-Rate-Limit"] {
            window(
                fields["\(prefix)-Remaining"].flatMap(Self.leadingNumber),
                fields["\(prefix)-Reset"].flatMap { Self.reset($0, now: now) }
            )
        }
        for line in fields.all("RateLimit") {
            for item in line.split(separator: ",") {
                window(Self.parameter("r", of: item), Self.parameter("t", of: item))
            }
        }
        seconds = waits.max()
        remaining = left.min()
    }

    /// The wait that a `Retry-After` value asks for: seconds, or an HTTP date. Never negative; `nil` when unreadable.
    public static func wait(_ value: String, now: Timestamp) -> Int? {
        if let seconds = leadingNumber(value) { return seconds }
        guard let date = Timestamp(httpDate: value) else { return nil }
        return max(0, Int((date.milliseconds - now.milliseconds + 999) / 1000))
    }

    /// A reset is seconds from now in the draft, and seconds since 1970 or a date at some vendors.
    private static func reset(_ value: String, now: Timestamp) -> Int? {
        guard let number = leadingNumber(value) else { return wait(value, now: now) }
        return number > 1_000_000_000 ? max(0, number - Int(now.seconds)) : number
    }

    /// A whole number, rounded up where a fraction follows; at most a year, so that sums cannot overflow.
    private static func leadingNumber(_ text: String) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty, parts.count <= 2,
            parts.allSatisfy({ part in part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } })
        else { return nil }
        guard let whole = Int(first) else { return 31_536_000 }
        let fraction = parts.count == 2 && parts[1].contains { $0 != "0" } ? 1 : 0
        return whole > 1_000_000_000 ? whole : min(whole + fraction, 31_536_000)
    }

    private static func parameter(_ name: String, of item: Substring) -> Int? {
        for part in item.split(separator: ";").dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].filter({ $0 != " " }) == name else { continue }
            return leadingNumber(String(pair[1].filter { $0 != " " }))
        }
        return nil
    }
}
