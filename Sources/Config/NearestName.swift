//  "Did you mean …": the known name that is the fewest edits away.

/// Finds the known name that a mistyped one was probably meant to be.
public enum NearestName {
    /// The nearest of the names, or `nil` when none is near.
    ///
    /// Near means: at most one edit for each three characters, and at least two edits are always allowed; or one is
    /// the beginning of the other.
    public static func of(_ name: String, among known: some Sequence<String>) -> String? {
        var best: (name: String, distance: Int)?
        for candidate in known {
            let isPart = !name.isEmpty && (candidate.hasPrefix(name) || name.hasPrefix(candidate))
            let distance = isPart ? 1 : distance(name, candidate)
            guard distance <= max(2, candidate.utf8.count / 3) else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Edits between two texts: insertions, deletions, replacements and swaps of neighbours, in bytes.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8.prefix(128)).map(\.folded)
        let right = Array(right.utf8.prefix(128)).map(\.folded)
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}

extension UInt8 {
    /// Lower case, and `-` as `_`: the slips that cost nothing.
    fileprivate var folded: UInt8 {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): self | 0x20
        case UInt8(ascii: "-"): UInt8(ascii: "_")
        default: self
        }
    }
}
