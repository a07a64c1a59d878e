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

    /// Reads an HTTP date in any of its three forms (RFC 9110 §5.6.7); `nil` when it is none.
    public init?(httpDate text: String) {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        let day: String
        let month: String
        let clock: String
        var year: String
        if words.count == 6, words[5] == "GMT" {
            // Sun, 06 Nov 1994 08:49:37 GMT   or   Sunday, 06-Nov-94 08:49:37 GMT
            (day, month, year, clock) = (words[1], words[2], words[3], words[4])
            if year.utf8.count == 2, let short = Int(year) { year = String(short < 70 ? 2000 + short : 1900 + short) }
        } else if words.count == 5 {
            // Sun Nov  6 08:49:37 1994
            (day, month, clock, year) = (words[2], words[1], words[3], words[4])
        } else {
            return nil
        }
        guard let number = Self.months.firstIndex(of: month) else { return nil }
        let padded = { (text: String) in text.utf8.count == 1 ? "0" + text : text }
        self.init(rfc3339: "\(year)-\(padded(String(number + 1)))-\(padded(day))T\(clock)Z")
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
