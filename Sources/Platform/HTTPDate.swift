//  Dates as HTTP header fields carry them (RFC 9110 §5.6.7).

extension Timestamp {
    /// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. Milliseconds are dropped.
    public var httpDate: String {
        let day = seconds.flooredQuotient(by: 86_400)
        let inDay = Int(seconds - day * 86_400)
        let date = CivilDate(daysSince1970: Int(day))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        // 1970-01-01 was a Thursday.
        let weekday = Self.weekdays[Int((day % 7 + 11) % 7)]
        let year = String(repeating: "0", count: max(0, 4 - String(date.year).count)) + String(date.year)
        return "\(weekday), \(two(date.day)) \(Self.months[date.month - 1]) \(year) "
            + "\(two(inDay / 3600)):\(two(inDay / 60 % 60)):\(two(inDay % 60)) GMT"
    }

    /// Reads IMF-fixdate; `nil` when it is anything else. The two obsolete forms are not read: no one sends them.
    public init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","), let day = Int(parts[1]),
            let month = Self.months.firstIndex(of: String(parts[2])), let year = Int(parts[3]), parts[3].count == 4
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard time.count == 3, case (let hour?, let minute?, let second?) = (time[0], time[1], time[2]),
            (0..<24).contains(hour), (0..<60).contains(minute), (0...60).contains(second),
            let date = CivilDate(year: year, month: month + 1, day: day)
        else { return nil }
        let whole = Int64(date.daysSince1970) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        self.init(milliseconds: whole * 1000)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
