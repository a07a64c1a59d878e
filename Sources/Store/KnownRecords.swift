//  Every record of a connection by the hash of its bytes: what makes an unchanged one cost a look into memory.

import Synchronization

/// The hashes of a connection's records as last seen, each with its contact.
///
/// A record's bytes hold its id, so that its hash alone says which contact it is. Vendors mostly list in the order in
/// which their records came to be known here: then each is found where the one before was found, and nothing has to be
/// searched.
public final class KnownRecords: Sendable {
    private struct Search {
        /// Where the next record is expected.
        var expected = 0
        /// A hash table of places, counted from 1; made when a record is not where it is expected.
        var table: [Int32] = []
    }

    /// The last sequence when this was read.
    public let asOf: Int64
    /// Contacts in the order of their keys, and the hash of the record of each.
    private let contacts: [Int64]
    private let hashes: [UInt64]
    private let search = Mutex(Search())

    /// - Parameters:
    ///   - pairs: Contacts, each with the hash of its record; zero where no vendor sent one.
    ///   - sequence: The last sequence when they were read.
    init(_ pairs: [(contact: Int64, hash: UInt64)], asOf sequence: Int64) {
        asOf = sequence
        let pairs = Self.ordered(pairs)
        contacts = pairs.map(\.contact)
        hashes = pairs.map(\.hash)
    }

    /// The contacts whose records had those hashes, in their order; zero for a record that is new, changed, or like
    /// another's.
    public func contacts(ofHashes wanted: [UInt64]) -> [Int64] {
        search.withLock { search in
            wanted.map { hash in
                if search.expected < hashes.count, hashes[search.expected] == hash, hash != 0 {
                    search.expected += 1
                    return contacts[search.expected - 1]
                }
                guard let place = place(of: hash, &search) else { return 0 }
                search.expected = place + 1
                return contacts[place]
            }
        }
    }

    private func place(of hash: UInt64, _ search: inout Search) -> Int? {
        guard hash != 0, !hashes.isEmpty else { return nil }
        if search.table.isEmpty { search.table = table() }
        let place = search.table[slot(of: hash, in: search.table)]
        return place > 0 ? Int(place) - 1 : nil
    }

    /// Of records with the same hash none is found.
    private func table() -> [Int32] {
        var size = 16
        while size < 2 * hashes.count { size *= 2 }
        var table = [Int32](repeating: 0, count: size)
        for (place, hash) in hashes.enumerated() where hash != 0 {
            let slot = slot(of: hash, in: table)
            table[slot] = table[slot] == 0 ? Int32(place + 1) : -abs(table[slot])
        }
        return table
    }

    /// Where a hash stands, or the empty slot where it would.
    private func slot(of hash: UInt64, in table: [Int32]) -> Int {
        var slot = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[slot] != 0, hashes[Int(abs(table[slot])) - 1] != hash { slot = (slot + 1) & (table.count - 1) }
        return slot
    }

    /// By contact. Keys are mostly close together, so that they need no sorting.
    private static func ordered(_ pairs: [(contact: Int64, hash: UInt64)]) -> [(contact: Int64, hash: UInt64)] {
        guard let first = pairs.lazy.map(\.contact).min(), let last = pairs.lazy.map(\.contact).max(),
            last - first < 4 * pairs.count
        else { return pairs.sorted { $0.contact < $1.contact } }
        var places = [Int32](repeating: -1, count: Int(last - first) + 1)
        for (place, pair) in pairs.enumerated() { places[Int(pair.contact - first)] = Int32(place) }
        return places.lazy.filter { $0 >= 0 }.map { pairs[Int($0)] }
    }
}
