//  Records by id in the order they came, and the journal of what happened to them.

import Platform

/// A vendor's records: found by id in constant time, listed by offset in the order of their creation.
struct RecordTable<Record: Sendable>: Sendable {
    private var slots: [(id: String, record: Record?)] = []
    private var places: [String: Int] = [:]

    /// How many there are.
    var count: Int { places.count }

    /// The record of an id; setting `nil` removes it, setting an unknown id appends.
    subscript(_ id: String) -> Record? {
        get { places[id].flatMap { slots[$0].record } }
        set {
            switch (places[id], newValue) {
            case (let place?, let record?): slots[place].record = record
            case (let place?, nil):
                slots[place].record = nil
                places[id] = nil
            case (nil, let record?):
                places[id] = slots.count
                slots.append((id, record))
            case (nil, nil): break
            }
        }
    }

    /// The records after the first `skip`, at most `limit`.
    mutating func page(skip: Int, limit: Int) -> [Record] {
        compact()
        guard skip >= 0, skip < slots.count, limit > 0 else { return [] }
        return slots[skip..<min(slots.count, skip + limit)].compactMap(\.record)
    }

    /// Every record in order.
    var all: [Record] { slots.compactMap(\.record) }

    /// Moves the first record behind the last, as a list does that is ordered by something that changes.
    mutating func rotate() {
        compact()
        guard slots.count > 1 else { return }
        slots.append(slots.removeFirst())
        reindex()
    }

    /// Closes the holes that removals left.
    private mutating func compact() {
        guard slots.count != places.count else { return }
        slots.removeAll { $0.record == nil }
        reindex()
    }

    private mutating func reindex() {
        for place in slots.indices { places[slots[place].id] = place }
    }
}

/// What happened, in order: the source of every delta.
struct Journal: Sendable {
    /// What happened to a record.
    enum Kind: Sendable {
        case created, updated, deleted
    }

    /// One event.
    struct Entry: Sendable {
        var id: String
        var kind: Kind
        var at: Timestamp
    }

    private(set) var entries: [Entry] = []

    /// A place in the journal: everything before it has been seen.
    var version: Int { entries.count }

    /// Writes an event down.
    mutating func note(_ kind: Kind, _ id: String, at now: Timestamp) {
        entries.append(Entry(id: id, kind: kind, at: now))
    }

    /// The first place whose events are not older than that; events are in order of time.
    func place(notBefore second: Int64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].at.seconds < second { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// What a reader at that place must learn, one event an id, in the order of each id's last event.
    func collapsed(after place: Int) -> [(id: String, first: Kind, last: Kind)] {
        var order: [String] = []
        var seen: [String: (first: Kind, last: Kind)] = [:]
        for entry in entries[min(place, entries.count)...].reversed() {
            if let known = seen[entry.id] {
                seen[entry.id] = (entry.kind, known.last)
            } else {
                seen[entry.id] = (entry.kind, entry.kind)
                order.append(entry.id)
            }
        }
        return order.reversed().compactMap { id in seen[id].map { (id, $0.first, $0.last) } }
    }
}
