//  `local`: a contact book that lives in the gateway itself. There is no upstream, so our store is the truth.

import Contacts
import JSON

/// Accepts every write and has nothing to read.
struct LocalAdapter: VendorAdapter {
    let capabilities: Capabilities = {
        var all = Capabilities(
            reads: false,
            delta: false,
            writes: true,
            removes: true,
            deletes: .none,
            fields: ContactField.allCases.filter { $0 != .readOnly }.map { FieldCapability($0) }
        )
        all.storeIsTruth = true
        return all
    }()
    let mapping: any ContactMapping = LocalMapping()
    let listing: (any ContactListing)? = nil
    let delta: (any ContactDelta)? = nil
    let writing: (any ContactWriting)? = LocalWriting()
    let deletes: (any DeleteFinding)? = nil

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }
}

/// The lens of a vendor that holds nothing but the id that the client chose.
struct LocalMapping: ContactMapping {
    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent {
        MergedContent(content: content ?? ContactContent())
    }

    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection {
        Projection(bytes: LocalRecord(vendorID: vendorID).encoded(), translation: [])
    }
}

/// What "the vendor" of a `local` contact holds: `{}` or `{"id":"…"}`.
struct LocalRecord {
    var vendorID: String?

    init(vendorID: String?) {
        self.vendorID = vendorID
    }

    init(_ bytes: [UInt8]) {
        // Our own bytes; what cannot be read has no id.
        vendorID = (try? JSONValue(parsing: bytes))?["id"]?.stringValue
    }

    func encoded() -> [UInt8] {
        JSONValue.object(vendorID.map { [JSONMember("id", .string($0))] } ?? []).encoded()
    }
}

/// Writing that just accepts.
struct LocalWriting: ContactWriting {
    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord {
        WrittenRecord(vendorID: LocalRecord(projection.bytes).vendorID ?? "", bytes: projection.bytes)
    }

    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord {
        WrittenRecord(vendorID: LocalRecord(projection.bytes).vendorID ?? vendorID, bytes: projection.bytes)
    }

    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError) {}
}
