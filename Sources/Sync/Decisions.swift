//  What a batch of records comes to, before anything is written.

import Contacts
import Platform
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

    /// What was known to decide it.
    var known: KnownList?
    /// Pages whose every record is as it was.
    var pages: [ReadPage] = []
    /// Pages whose every record is among the creations, and where.
    var createdPages: [(fingerprint: UInt64, creations: Range<Int>)] = []

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

    /// Whether nothing but the run's place is to be stored.
    var writesNothing: Bool { creations.count == 0 && updates.isEmpty && rejected.isEmpty }

    /// The pages of creations, once it is known which contacts they became.
    func pages(created: Range<Int64>) -> [ReadPage] {
        createdPages.map { page in
            let first = created.lowerBound + Int64(page.creations.lowerBound)
            return ReadPage(fingerprint: page.fingerprint, contacts: [first..<(first + Int64(page.creations.count))])
        }
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

    /// Pages whose every record is as it was.
    var knownPages: [ReadPage] = []
    /// Pages of which every record is among the others, and where.
    private(set) var newPages: [(fingerprint: UInt64, others: Range<Int>)] = []

    /// Pages that were read.
    var pages = 0
    /// Why the page after these could not be read, and where the run stands before it.
    var error: VendorError?
    var next: Cursor?

    private var places = IDPlaces()

    init(_ batch: IngestBatch, knowing known: KnownList?) {
        for item in batch.pages {
            do throws(VendorError) {
                try add(item, knowing: known)
            } catch {
                self.error = error
                return
            }
            pages += 1
            next = item.page.next
        }
    }

    private mutating func add(_ item: IngestBatch.Page, knowing known: KnownList?) throws(VendorError) {
        var page = item.page
        var listed = 0
        if let list = page.unread {
            if let contacts = known?.pages.contacts(of: list) {
                for stretch in contacts { unchanged.formUnion(stretch) }
                knownPages.append(ReadPage(fingerprint: list.fingerprint, contacts: contacts))
            } else {
                listed = try read(list, of: &page, knowing: known?.records)
            }
        }
        let start = others.count
        for record in page.records {
            PosixThread.giveWay()
            let hash = Ingest.contentHash(record.bytes)
            let incoming = Incoming(record: record, hash: hash, askedAt: item.askedAt)
            let place = places.place(of: record.vendorID, orNew: others.count) { others[$0].record.vendorID }
            if place < others.count {
                others[place] = incoming
                // One of the two is not what will be stored.
                newPages.removeAll { $0.others.contains(place) }
            } else {
                others.append(incoming)
            }
        }
        if let list = page.unread, listed > 0, page.records.count == listed, others.count - start == listed {
            newPages.append((list.fingerprint, start..<others.count))
        }
        rejected += page.rejected
    }

    /// Passes over records that are as they were and reads the others; answers how many there are of both.
    private mutating func read(
        _ list: UnreadRecords,
        of page: inout RecordPage,
        knowing known: KnownRecords?
    ) throws(VendorError) -> Int {
        let records = try list.records()
        guard let known else {
            for bytes in records {
                PosixThread.giveWay()
                page.read(bytes)
            }
            return records.count
        }
        let contacts = known.contacts(ofHashes: records.map(Ingest.contentHash))
        var same = KeySet()
        for (bytes, contact) in zip(records, contacts) {
            PosixThread.giveWay()
            if contact > 0 { same.insert(contact) } else { page.read(bytes) }
        }
        unchanged.formUnion(same)
        if same.count == records.count {
            knownPages.append(ReadPage(fingerprint: list.fingerprint, contacts: same.stretches))
        }
        return records.count
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
