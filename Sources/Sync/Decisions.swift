//  What a batch of records comes to, before anything is written.

import Contacts
import Store
import Vendors

/// Everything that was decided about a batch.
struct Decisions: Sendable {
    /// The last sequence when the store was asked what it knows.
    let asOf: Int64
    /// Records that are new to us, ready to be stored.
    var creations: ContactBatch
    /// For each creation the last sequence when its page was asked for.
    var createdFrom: [Int64] = []
    /// The same for a dry run, which only tells of them.
    var dryCreations: [(vendorID: String, content: ContactContent)] = []
    var updates: [Update] = []
    var rejected: [RejectedRecord] = []

    /// What is certain already of the run's counts.
    var counts = RunCounts()
    /// Contacts that records stand for, those of records that were set aside included.
    var contacts: [Int64] = []
    /// Ids that stand for no contact.
    var strangers: [String] = []
    /// Records whose id could not be read.
    var unidentified = 0
    /// Where the run goes on; `nil` at the end of the list.
    var cursor: String?

    init(asOf: Int64, creations: ContactBatch) {
        self.asOf = asOf
        self.creations = creations
    }

    mutating func setAside(_ record: RejectedRecord) {
        rejected.append(record)
        counts.quarantined += 1
        if record.vendorID == nil { unidentified += 1 }
    }
}

/// One record, its hash, and the last sequence when it was asked for.
struct Incoming: Sendable {
    var record: VendorRecord
    var hash: UInt64
    var askedAt: Int64
}

/// What the store knows of a record.
enum Known: Sendable {
    case nothing
    case unchanged(Int64)
    case differing(StoredContact, previous: [UInt8]?)
}

/// A record that reads differently; whether it means something else is the store's to decide.
struct Update: Sendable {
    var item: Incoming
    var stored: StoredContact
    var merged: MergedContent
}
