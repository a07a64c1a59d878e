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
    var contacts = KeySet()
    /// Ids that stand for no contact.
    var strangers: [String] = []
    /// Records whose id could not be read.
    var unidentified = 0
    /// Where the run goes on; `nil` at the end of the list.
    var cursor: String?
    /// Why the batch's last page could not be read.
    var error: VendorError?

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

/// A batch's records: those that are as they were, and the others.
struct Sorted {
    /// The contacts of records whose bytes are those of last time.
    var unchanged = KeySet()
    /// Pages may overlap when the list moves: of several records with one id the last one counts.
    var others: [Incoming] = []
    /// Records without a readable id or frame.
    var rejected: [RejectedRecord] = []

    /// Pages that were read.
    var pages = 0
    /// Why the page after these could not be read, and where the run stands before it.
    var error: VendorError?
    var next: Cursor?

    init(_ batch: IngestBatch, knowing known: KnownRecords?) {
        var places = IDPlaces()
        for item in batch.pages {
            var page = item.page
            do throws(VendorError) {
                try readChanged(&page, knowing: known)
            } catch {
                self.error = error
                return
            }
            for record in page.records {
                let hash = Ingest.contentHash(record.bytes)
                let incoming = Incoming(record: record, hash: hash, askedAt: item.askedAt)
                let place = places.place(of: record.vendorID, orNew: others.count) { others[$0].record.vendorID }
                if place < others.count { others[place] = incoming } else { others.append(incoming) }
            }
            rejected += page.rejected
            pages += 1
            next = page.next
        }
    }

    /// Passes over records that are as they were and reads the others.
    private mutating func readChanged(_ page: inout RecordPage, knowing known: KnownRecords?) throws(VendorError) {
        guard let unread = try page.unread?.records() else { return }
        guard let known else { return unread.forEach { page.read($0) } }
        let contacts = known.contacts(ofHashes: unread.map(Ingest.contentHash))
        for (bytes, contact) in zip(unread, contacts) {
            if contact > 0 { unchanged.insert(contact) } else { page.read(bytes) }
        }
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
    /// Apart, for a batch of new or unchanged records would otherwise carry room for as many contacts.
    indirect case differing(StoredContact, previous: [UInt8]?)
}

/// A record that reads differently; whether it means something else is the store's to decide.
struct Update: Sendable {
    var item: Incoming
    var stored: StoredContact
    var merged: MergedContent
}
