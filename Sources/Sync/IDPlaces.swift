//  Which ids of a batch were met already: a hash table of places, an eighth of what a dictionary of strings costs.

import Platform

/// Finds equal ids in a growing list.
struct IDPlaces {
    private var slots = [Int32](repeating: -1, count: 256)
    private var count = 0
    // A seed that no vendor knows: nobody can choose ids that collide.
    private let hash = Hash64(seed: seed)

    /// The place of an id.
    ///
    /// - Parameters:
    ///   - id: What to look for.
    ///   - next: The place it gets when it is new.
    ///   - known: The id at a place.
    /// - Returns: The place where it was met first, or `next`.
    mutating func place(of id: String, orNew next: Int, known: (Int) -> String) -> Int {
        if 2 * (count + 1) > slots.count { grow(known) }
        var slot = first(for: id)
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            if ExactID(known(place)) == ExactID(id) { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(next)
        count += 1
        return next
    }

    private func first(for id: String) -> Int { Int(truncatingIfNeeded: hash(id)) & (slots.count - 1) }

    private mutating func grow(_ known: (Int) -> String) {
        let places = slots.filter { $0 >= 0 }
        slots = [Int32](repeating: -1, count: 4 * slots.count)
        for place in places {
            var slot = first(for: known(Int(place)))
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = place
        }
    }

    private static let seed = RandomSource.shared.next()
}
