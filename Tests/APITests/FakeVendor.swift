//  A vendor in memory, with a switch for each way it can fail. Its records are `{"full","email","phone"}`: one e-mail
//  (which it holds to be unique) and one phone of at most 20 characters.

import Contacts
import JSON
import Synchronization
import Vendors

/// The vendor's state, shared by all its roles.
final class FakeVendor: Sendable {
    struct State {
        var records: [String: [UInt8]] = [:]
        var nextID = 1
        var failure: VendorError?
        /// What the next calls fail with, one after another, before `failure` counts.
        var nextFailures: [VendorError] = []
        var calls = 0
        /// Whoever is inside a call now, by the vendor's id, and whether two ever were at once.
        var inside: Set<String> = []
        var hasInterleaved = false
    }
    let state = Mutex(State())

    /// Makes every call fail, or none.
    func fails(with error: VendorError?) { state.withLock { $0.failure = error } }

    /// Makes as many calls fail as there are errors, in their order.
    func failsNext(with errors: VendorError...) { state.withLock { $0.nextFailures = errors } }

    /// Puts a record there that nobody here has sent.
    func adopt(_ record: String) {
        state.withLock { state in
            state.records[String(state.nextID)] = Array(record.utf8)
            state.nextID += 1
        }
    }

    var hasInterleaved: Bool { state.withLock { $0.hasInterleaved } }

    var calls: Int { state.withLock { $0.calls } }

    var records: [String: JSONValue] {
        state.withLock { $0.records.compactMapValues { try? JSONValue(parsing: $0) } }
    }
}

struct FakeAdapter: VendorAdapter, ContactMapping, ContactWriting {
    let vendor: FakeVendor
    var isReadOnly = false

    var capabilities: Capabilities {
        var all = Capabilities(
            reads: true,
            delta: false,
            writes: !isReadOnly,
            removes: !isReadOnly,
            deletes: .sweep,
            fields: [
                FieldCapability(.name), FieldCapability(.emails, maxCount: 1), FieldCapability(.phones, maxCount: 1),
            ]
        )
        all.uniqueEmail = true
        return all
    }
    var mapping: any ContactMapping { self }
    var listing: (any ContactListing)? { nil }
    var delta: (any ContactDelta)? { nil }
    var writing: (any ContactWriting)? { isReadOnly ? nil : self }
    var deletes: (any DeleteFinding)? { nil }
    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }

    func merge(
        _ record: ArraySlice<UInt8>,
        previous: [UInt8]?,
        into content: ContactContent?
    ) throws(RecordError) -> MergedContent { MergedContent(content: content ?? ContactContent()) }

    func project(
        _ content: ContactContent,
        vendorID: String?,
        previous: [UInt8]?,
        touched: Set<ContactField>
    ) -> Projection {
        var notes: [TranslationNote] = []
        if content.phones.count > 1 {
            notes.append(TranslationNote(field: "phones", action: .dropped, detail: "one phone"))
        }
        if content.notes != nil { notes.append(TranslationNote(field: "notes", action: .dropped, detail: "no notes")) }
        let record: JSONValue = [
            "full": .optional(content.name.full), "email": .optional(content.emails.first?.address),
            "phone": .optional(content.phones.first?.number),
        ]
        return Projection(bytes: record.encoded(), translation: notes)
    }

    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord {
        try fail()
        let email = Self.email(of: projection.bytes)
        let id = vendor.state.withLock { state -> String? in
            guard email == nil || !state.records.values.contains(where: { Self.email(of: $0) == email }) else {
                return nil
            }
            let id = String(state.nextID)
            state.nextID += 1
            state.records[id] = projection.bytes
            return id
        }
        guard let id else { throw VendorError(.duplicate, status: 422, code: "duplicate", message: "already exists") }
        return WrittenRecord(vendorID: id, bytes: projection.bytes)
    }

    func find(_ projection: Projection) async throws(VendorError) -> WrittenRecord? {
        try fail()
        let found = vendor.state.withLock { $0.records.first { $0.value == projection.bytes }?.key }
        return found.map { WrittenRecord(vendorID: $0, bytes: projection.bytes) }
    }

    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord {
        try fail()
        vendor.state.withLock { if !$0.inside.insert(vendorID).inserted { $0.hasInterleaved = true } }
        await Task.yield()
        let isKnown = vendor.state.withLock { state in
            state.inside.remove(vendorID)
            return state.records.updateValue(projection.bytes, forKey: vendorID) != nil
        }
        guard isKnown else { throw VendorError(.notFound, status: 404, message: "no such record") }
        return WrittenRecord(vendorID: vendorID, bytes: projection.bytes)
    }

    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError) {
        try fail()
        vendor.state.withLock { _ = $0.records.removeValue(forKey: vendorID) }
    }

    private func fail() throws(VendorError) {
        let failure = vendor.state.withLock { state in
            state.calls += 1
            return state.nextFailures.isEmpty ? state.failure : state.nextFailures.removeFirst()
        }
        if let failure { throw failure }
    }

    private static func email(of record: [UInt8]) -> String? {
        (try? JSONValue(parsing: record))?["email"]?.stringValue?.lowercased()
    }
}
