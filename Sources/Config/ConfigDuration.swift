//  Durations as an operator writes them.

extension Duration {
    /// Reads `500ms`, `15s`, `5m`, `24h` or `30d`; `nil` for anything else.
    public init?(configured text: String) {
        let digits = text.utf8.prefix { $0 >= 48 && $0 <= 57 }
        guard !digits.isEmpty, digits.count <= 12, let count = Int64(Substring(digits)),
            let unit = Self.units.first(where: { $0.suffix == text.dropFirst(digits.count) })
        else { return nil }
        self = .milliseconds(count * unit.milliseconds)
    }

    /// The shortest spelling that ``init(configured:)`` reads as the same duration.
    public var configured: String {
        let (seconds, attoseconds) = components
        let total = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        // A day and more of whole hours stays in hours up to two days: `24h` is what people write.
        for unit in Self.units.reversed() where total % unit.milliseconds == 0 {
            if unit.suffix == "d", total < 2 * unit.milliseconds { continue }
            return "\(total / unit.milliseconds)\(unit.suffix)"
        }
        return "\(total)ms"
    }

    private static let units: [(suffix: Substring, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
}
