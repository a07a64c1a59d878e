//  Small answers that leave in a row: a peer that waits for several of them wakes once, not for each.

import Platform

/// Whole answers of one turn of a loop, in the order in which they were written.
struct HeldAnswers: ~Copyable {
    /// So many are sent together at most, since the first waits for what the others take.
    private static let most = 16
    /// The same in nanoseconds, seen after each handler: behind a slow one nothing is held.
    private static let longest: Int64 = 200_000
    /// A larger answer is worth a wake of its own.
    static let largest = 4096

    private var bytes = ByteBuffer(capacity: most * 1024)
    private var entries: [(connection: Connection, end: Int)] = []
    private var since: Int64 = 0

    init() { entries.reserveCapacity(Self.most) }

    /// Takes an answer that was written at that moment, in nanoseconds.
    mutating func add(_ answer: UnsafeRawBufferPointer, of connection: Connection, at moment: Int64) {
        if entries.isEmpty { since = moment }
        bytes.append(answer)
        entries.append((connection, bytes.count))
    }

    /// Whether it is time to send, at a moment in nanoseconds.
    func areDue(at moment: Int64) -> Bool {
        entries.count == Self.most || !entries.isEmpty && moment - since > Self.longest
    }

    /// Hands out every answer, and holds none afterwards.
    mutating func release(_ send: (Connection, UnsafeRawBufferPointer) -> Void) {
        if entries.isEmpty { return }
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for entry in entries {
                send(entry.connection, UnsafeRawBufferPointer(rebasing: bytes[start..<entry.end]))
                start = entry.end
            }
        }
        bytes.removeAll()
        entries.removeAll(keepingCapacity: true)
    }
}
