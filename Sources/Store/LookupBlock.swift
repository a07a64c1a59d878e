//  Entries of the look-up table, what is looked for among them, and blocks of them.

/// One row of the look-up table.
struct LookupEntry: Comparable, Hashable {
    var key: Int64
    var contact: Int64

    static func < (left: LookupEntry, right: LookupEntry) -> Bool {
        left.key != right.key ? left.key < right.key : left.contact < right.contact
    }
}

extension LookupEntry {
    /// Entries are merged by parts of all hashes, so that no block holds entries of two of them.
    static let partShift: Int64 = 56
    static let partMask: Int64 = 1 << partShift - 1
    var part: Int64 { key >> Self.partShift }
}

/// What to look for in the table.
struct WantedKeys {
    /// Ascending.
    private(set) var keys: [Int64] = []
    /// Keys that lie together, and everything under any of them.
    var stretches: [ClosedRange<Int64>] = []

    init(_ keys: [Int64] = []) { self.keys = keys.sorted() }

    mutating func insert(_ key: Int64) { keys.insert(key, at: keys.firstIndex { $0 > key } ?? keys.endIndex) }

    /// The key, where it is only one.
    var only: Int64? { keys.count == 1 && stretches.isEmpty ? keys[0] : nil }
}

extension [Int64] {
    /// Leaves one of neighbours that are alike.
    mutating func removeRepeats() {
        guard count > 1 else { return }
        var end = 1
        for place in 1..<count where self[place] != self[end - 1] {
            self[end] = self[place]
            end += 1
        }
        removeSubrange(end...)
    }
}

/// Entries in their order, sixteen bytes each.
struct LookupBlock {
    /// So many stay within a page of their tree beside three others (SQLite file format §2.3, "maximum local payload").
    static let mostEntries = 60

    private let bytes: UnsafeRawBufferPointer
    private let count: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        count = bytes.count / 16
    }

    static func bytes(of entries: ArraySlice<LookupEntry>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * 16)
        for entry in entries {
            withUnsafeBytes(of: entry.key.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: entry.contact.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    private func entry(_ place: Int) -> LookupEntry {
        LookupEntry(
            key: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: place * 16, as: Int64.self)),
            contact: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: place * 16 + 8, as: Int64.self))
        )
    }

    var entries: [LookupEntry] { (0..<count).map(entry) }

    func append(to entries: inout [LookupEntry]) {
        for place in 0..<count { entries.append(entry(place)) }
    }

    /// Adds the contacts that have the wanted entry's key, from it on.
    ///
    /// - Returns: Whether the block ends without an entry of a greater key, so that the next block may go on.
    func collect(_ wanted: LookupEntry, upTo end: Int, into found: inout [Int64]) -> Bool {
        var low = place(of: wanted)
        while low < count, found.count < end {
            let entry = entry(low)
            guard entry.key == wanted.key else { return false }
            found.append(entry.contact)
            low += 1
        }
        return low == count
    }

    /// The first key that is not less than that; `nil` when every one is.
    func firstKey(from key: Int64) -> Int64? {
        let place = place(of: LookupEntry(key: key, contact: 0))
        return place < count ? entry(place).key : nil
    }

    /// Whether there is an entry of a greater key than that.
    func ends(behind key: Int64) -> Bool { count > 0 && entry(count - 1).key > key }

    /// Where that entry is, or the first after it.
    private func place(of wanted: LookupEntry) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if entry(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
