//  What a store was asked to keep and what it answered: the measure of every test that breaks something.

/// Cells of a store by name, each with a text that says all that matters of it.
typealias Cells = [String: String]

/// One write as the ledger sees it: what each cell is to be, `nil` for gone. All of it happens or none.
typealias Effect = [String: String?]

/// Acknowledged writes, and those of which nobody knows.
struct Ledger {
    /// What must be there.
    private(set) var kept: Cells = [:]
    /// Writes whose answer was that nobody knows.
    private(set) var uncertain: [Effect] = []
    private(set) var acknowledged = 0
    private(set) var refused = 0

    mutating func acknowledge(_ effect: Effect) {
        Self.apply(effect, to: &kept)
        acknowledged += 1
    }

    /// Nothing of it may ever be seen.
    mutating func refuse(_ effect: Effect) { refused += 1 }

    mutating func doubt(_ effect: Effect) { uncertain.append(effect) }

    /// Compares with what is there, and takes over which of the uncertain writes happened.
    ///
    /// - Returns: What is wrong, in words; empty when nothing is.
    mutating func settle(with observed: Cells) -> [String] {
        for effect in uncertain where effect.allSatisfy({ observed[$0.key] == $0.value }) {
            Self.apply(effect, to: &kept)
        }
        uncertain = []
        return Set(kept.keys).union(observed.keys).sorted().compactMap { cell in
            let (wanted, found) = (kept[cell], observed[cell])
            guard wanted != found else { return nil }
            return "\(cell) is \(found ?? "gone"), and was acknowledged as \(wanted ?? "gone")"
        }
    }

    /// Takes what is there as the new beginning: how many acknowledged writes' cells it no longer has.
    mutating func beginAnew(with observed: Cells) -> Int {
        let lost = kept.count { observed[$0.key] != $0.value }
        kept = observed
        uncertain = []
        return lost
    }

    private static func apply(_ effect: Effect, to cells: inout Cells) {
        for (cell, value) in effect { cells[cell] = value }
    }
}
