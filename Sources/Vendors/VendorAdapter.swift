//  What a vendor is to the rest of the gateway: a mapping of records, and those of four narrow roles that its
//  protocol has. Nothing here knows SQL, schedules or HTTP handlers.

public import Contacts
public import Platform

/// A place to read on from, in the adapter's own words (the vendor's token, page or id). Stored between runs.
public struct Cursor: Hashable, Sendable {
    /// The adapter's text; opaque to everyone else.
    public var text: String

    /// Makes a cursor.
    public init(_ text: String) {
        self.text = text
    }
}

/// One record as the vendor sent it: the key, and the bytes still to be understood.
public struct VendorRecord: Sendable {
    /// The vendor's id, as the vendor spells it.
    public var vendorID: String
    /// The record's JSON, an object; a slice of the page it came in.
    public var bytes: ArraySlice<UInt8>

    /// Makes a record.
    public init(vendorID: String, bytes: ArraySlice<UInt8>) {
        self.vendorID = vendorID
        self.bytes = bytes
    }
}

/// A record that could not be understood; it is set aside with its reason and does not stop the run.
public struct RejectedRecord: Sendable {
    /// The vendor's id where at least that was readable. `nil` means unidentified: no full run with such a record
    /// deletes anything.
    public var vendorID: String?
    /// Why, with the member at fault.
    public var reason: String
    /// The record's JSON, as far as it goes.
    public var bytes: ArraySlice<UInt8>

    /// Makes a rejection.
    public init(vendorID: String?, reason: String, bytes: ArraySlice<UInt8>) {
        self.vendorID = vendorID
        self.reason = reason
        self.bytes = bytes
    }
}

/// One page of a list or of a delta.
public struct RecordPage: Sendable {
    /// Created or changed records, in the vendor's order; may be empty.
    public var records: [VendorRecord] = []
    /// Further records, after those, that nobody has looked at yet.
    public var unread: UnreadRecords?
    /// Records without a readable id or frame.
    public var rejected: [RejectedRecord] = []
    /// Ids that the vendor says are deleted. Always empty in a list.
    public var deleted: [String] = []
    /// The cursor of the next page; `nil` at the explicit end of the list.
    public var next: Cursor?
    /// In a delta's last page: where the next delta starts. In a list: `nil`.
    public var mark: Cursor?
    /// How many records the vendor says there are in all, where it says so.
    public var total: Int?

    /// An empty last page.
    public init() {}
}

/// One page of ids, for vendors whose deletes are found by their absence.
public struct IDPage: Sendable {
    /// The vendor's ids in this page.
    public var ids: [String]
    /// The cursor of the next page; `nil` at the explicit end.
    public var next: Cursor?

    /// Makes a page.
    public init(ids: [String], next: Cursor?) {
        self.ids = ids
        self.next = next
    }
}

/// Role: lists every contact. A caller that gives `after` as received gets every record at least once.
public protocol ContactListing: Sendable {
    /// One page of every contact, in the vendor's order.
    ///
    /// - Parameter cursor: The previous page's ``RecordPage/next``, or `nil` for the first.
    /// - Returns: The page, and the cursor of the one after it.
    /// - Throws: ``VendorError``; asking again with the same cursor is safe. A page that repeats the previous one,
    ///   or promises more and is empty, is ``VendorError/Kind/malformed``.
    func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage

    /// Several pages in a row, the same that ``contacts(after:)`` gives one by one. A vendor whose pages are numbered may
    /// be asked for one while the one before is on its way.
    ///
    /// - Parameters:
    ///   - cursor: As for one page.
    ///   - budget: When to be content. What was asked for by then is still waited for.
    /// - Returns: The pages up to the first that could not be read.
    func pages(after cursor: Cursor?, within budget: PageBudget) async -> PageStretch
}

/// Role: reads what changed since a mark.
public protocol ContactDelta: Sendable {
    /// The mark of the present moment, to be taken before a full list starts.
    ///
    /// - Parameter now: Our clock, for vendors whose marks are times.
    /// - Returns: Where a delta can start.
    /// - Throws: ``VendorError``; asking again is safe.
    func mark(now: Timestamp) async throws(VendorError) -> Cursor

    /// One page of what changed since the mark.
    ///
    /// - Parameters:
    ///   - mark: From ``mark(now:)`` or a former delta's ``RecordPage/mark``.
    ///   - cursor: The previous page's ``RecordPage/next``, or `nil` for the first.
    ///   - now: When this run started, by our clock.
    /// - Returns: The page; the last one has the next mark.
    /// - Throws: ``VendorError``; kind ``VendorError/Kind/markExpired`` asks for a full run.
    func changes(since mark: Cursor, after cursor: Cursor?, now: Timestamp) async throws(VendorError) -> RecordPage
}

/// Role: finds deletes by walking ids.
public protocol DeleteFinding: Sendable {
    /// One page of all ids.
    func ids(after cursor: Cursor?) async throws(VendorError) -> IDPage

    /// Whether the record is really gone: asked for each missing id before it is deleted here.
    func isGone(vendorID: String) async throws(VendorError) -> Bool
}

/// What a vendor made of a write.
public struct WrittenRecord: Sendable {
    /// The vendor's id of the record; empty where it has none (`local`, unless the client chose one).
    public var vendorID: String
    /// The vendor's record as we now believe it to be: its answer, where it gives one, else what was sent.
    public var bytes: [UInt8]

    /// Makes a written record.
    public init(vendorID: String, bytes: [UInt8]) {
        self.vendorID = vendorID
        self.bytes = bytes
    }
}

/// Role: writes. A call is made by a client that waits, so it goes ahead of synchronisation.
public protocol ContactWriting: Sendable {
    /// Creates a record from a projection.
    ///
    /// - Throws: ``VendorError``; ``VendorError/Kind/duplicate`` where the vendor holds e-mails to be unique;
    ///   ``VendorError/Kind/ambiguous`` when it may have happened and could not be found again.
    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord

    /// The record that a create of this projection made whose answer was lost; `nil` when it made none, and where
    /// creating the same again makes no second one.
    ///
    /// - Throws: ``VendorError``; asking again is safe.
    func find(_ projection: Projection) async throws(VendorError) -> WrittenRecord?

    /// Makes the record hold the projection.
    ///
    /// - Throws: ``VendorError``; ``VendorError/Kind/notFound`` when the vendor has no such record.
    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord

    /// Deletes the record; one that is already gone counts as deleted.
    ///
    /// - Parameters:
    ///   - vendorID: The vendor's id.
    ///   - record: The record as last known, for vendors that need more than the id.
    /// - Throws: ``VendorError``.
    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError)
}

extension ContactWriting {
    /// Nothing: creating twice is the same as once.
    public func find(_ projection: Projection) async throws(VendorError) -> WrittenRecord? { nil }
}

/// What the vendor would hold of a contact, in the vendor's own wire form.
public struct Projection: Equatable, Sendable {
    /// The record as JSON in the vendor's wire form (the members that the vendor stores).
    public var bytes: [UInt8]
    /// What the vendor's protocol cannot carry as given; empty when nothing is lost.
    public var translation: [TranslationNote]

    /// Makes a projection.
    public init(bytes: [UInt8], translation: [TranslationNote]) {
        self.bytes = bytes
        self.translation = translation
    }
}

/// One entry of a write's `translation`.
public struct TranslationNote: Equatable, Sendable {
    /// What happened to the member.
    public enum Action: String, Sendable {
        case truncated, dropped, renamed, defaulted
    }

    /// The contact's member, such as `phones` or `name`.
    public var field: String
    /// What happened.
    public var action: Action
    /// In words, with the limit.
    public var detail: String

    /// Makes a note.
    public init(field: String, action: Action, detail: String) {
        self.field = field
        self.action = action
        self.detail = detail
    }
}

/// What a vendor's record means for our contact.
public struct MergedContent: Equatable, Sendable {
    /// The whole contact with only the differing slots changed.
    public var content: ContactContent
    /// True where the vendor lets nobody change the record; `nil` where this record leaves that open, so that what was
    /// known stays.
    public var readOnly: Bool?

    /// Makes a merge result.
    public init(content: ContactContent, readOnly: Bool? = false) {
        self.content = content
        self.readOnly = readOnly
    }
}

/// A vendor's lens between its records and our contacts. Pure. Its two laws, tested with generated contacts:
/// `merge(project(c), previous: project(c), into: c) == c`, and
/// `project(merge(v, previous: p, into: c), previous: v, touched: []) == normalise(v)`.
public protocol ContactMapping: Sendable {
    /// Applies to a contact what differs between two states of the vendor's record.
    ///
    /// - Parameters:
    ///   - record: The vendor's record now.
    ///   - previous: The record that the vendor was last known to hold; `nil` for a contact not seen before.
    ///   - content: Our contact; `nil` for one not seen before.
    /// - Returns: The contact with only those members changed.
    /// - Throws: ``RecordError`` for a record that has no meaning (a wrong type, a required member absent).
    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent

    /// What the vendor would hold of the contact.
    ///
    /// - Parameters:
    ///   - content: Our contact, whole.
    ///   - vendorID: The vendor's id where there is one already (or one that the client chose).
    ///   - previous: The record that the vendor was last known to hold; slots of untouched members stay as they are.
    ///   - touched: The members that the write changes; for a create, all of them.
    /// - Returns: The record to be sent, and what of the contact it cannot carry.
    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection
}

/// A record of a vendor that has no meaning as a contact.
public struct RecordError: Error, Equatable, Sendable {
    /// Why, with the member at fault; no contact data.
    public var reason: String

    /// Makes an error.
    public init(reason: String) {
        self.reason = reason
    }
}

/// How a vendor's deletes are found.
public enum DeletesFound: String, Sendable {
    case native, sweep, none
}

/// One member that a vendor can hold, and how much of it.
public struct FieldCapability: Equatable, Sendable {
    /// The contact's member, such as `emails`.
    public var field: ContactField
    /// Longest text in characters; `nil` for no stated limit.
    public var maxLength: Int?
    /// Most entries; `nil` for no stated limit or a single value.
    public var maxCount: Int?

    /// Makes a capability.
    public init(_ field: ContactField, maxLength: Int? = nil, maxCount: Int? = nil) {
        self.field = field
        self.maxLength = maxLength
        self.maxCount = maxCount
    }
}

/// What a vendor can do for us, as `GET /v1/connections/{id}` shows it.
public struct Capabilities: Equatable, Sendable {
    /// Whether every contact can be listed.
    public var reads: Bool
    /// Whether changes since a mark can be read.
    public var delta: Bool
    /// Whether contacts can be created and changed.
    public var writes: Bool
    /// Whether contacts can be deleted.
    public var removes: Bool
    /// How deletes are found.
    public var deletes: DeletesFound
    /// What it holds.
    public var fields: [FieldCapability]
    /// Whether it holds e-mails to be unique.
    public var uniqueEmail = false
    /// True where the vendor can never be read back, so that our store is the truth.
    public var storeIsTruth = false

    /// Makes capabilities.
    public init(
        reads: Bool,
        delta: Bool,
        writes: Bool,
        removes: Bool,
        deletes: DeletesFound,
        fields: [FieldCapability]
    ) {
        self.reads = reads
        self.delta = delta
        self.writes = writes
        self.removes = removes
        self.deletes = deletes
        self.fields = fields
    }
}

/// One vendor's adapter for one connection: the mapping and the roles that the protocol has.
public protocol VendorAdapter: Sendable {
    /// What it can do.
    var capabilities: Capabilities { get }
    /// The lens between its records and our contacts.
    var mapping: any ContactMapping { get }
    /// Lists everything; `nil` where the protocol cannot.
    var listing: (any ContactListing)? { get }
    /// Reads deltas; `nil` where the protocol cannot.
    var delta: (any ContactDelta)? { get }
    /// Writes; `nil` for read-only protocols.
    var writing: (any ContactWriting)? { get }
    /// Finds deletes by walking ids; `nil` where they are native or cannot be found.
    var deletes: (any DeleteFinding)? { get }
    /// Whether this content can be stored at this vendor at all; a problem in words when it cannot
    /// (ActiveCampaign needs an e-mail, TapTalk both ids).
    func refusal(of content: ContactContent, vendorID: String?) -> RecordError?
}
