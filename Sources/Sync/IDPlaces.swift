//  Which ids of a batch were met already: a hash table of places, an eighth of what a dictionary of strings costs.

import Platform

/// Finds equal ids in a growing list.
struct IDPlaces {
    /// How many ids it was made for; it must not get more.
    let capacity: Int
    private var slots: [Int32]
    private let hash: Hash64

    init(capacity: Int) {
        self.capacity = capacity
        var size = 16
        while size < 2 * capacity { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        // A seed that no vendor knows: nobody can choose ids that collide.
        hash = Hash64(seed: Self.seed)
    }

    /// The place of an id.
    ///
    /// - Parameters:
    ///   - id: What to look for.
    ///   - next: The place it gets when it is new.
    ///   - known: The id at a place.
    /// - Returns: The place where it was met first, or `next`.
    mutating func place(of id: String, orNew next: Int, known: (Int) -> String) -> Int {
        var slot = Int(truncatingIfNeeded: hash(id)) & (slots.count - 1)
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            if known(place) == id { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(next)
        return next
    }

    private static let seed = RandomSource.shared.next()
}
