//  Calls TapTalk's server API: users first, then pairs. It can never be read back, so our store is the truth.

import Config
import Contacts
import HTTPCore
import Log
import Platform

/// One TapTalk server key.
struct TapTalkAdapter: VendorAdapter {
    let capabilities: Capabilities
    let mapping: any ContactMapping
    let listing: (any ContactListing)? = nil
    let delta: (any ContactDelta)? = nil
    let deletes: (any DeleteFinding)? = nil
    let writing: (any ContactWriting)?
    private let owner: String?

    /// Makes the adapter of a connection.
    init(connection: ConnectionConfig, link: VendorLink) {
        owner = connection.owner
        mapping = TapTalkMapping(defaultOwner: connection.owner)
        writing = TapTalkWriting(connection: connection, link: link)
        var capabilities = Capabilities(
            reads: false,
            delta: false,
            writes: true,
            removes: true,
            deletes: .none,
            fields: [
                FieldCapability(.vendorID, maxLength: 50), FieldCapability(.owner, maxLength: 50),
                FieldCapability(.name), FieldCapability(.emails, maxCount: 1), FieldCapability(.phones, maxCount: 1),
            ]
        )
        capabilities.storeIsTruth = true
        self.capabilities = capabilities
    }

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? {
        guard let vendorID, !vendorID.isEmpty else {
            return RecordError(reason: "TapTalk needs `vendor_id`, the contact's XC user id")
        }
        guard vendorID.unicodeScalars.count <= 50 else {
            return RecordError(reason: "`vendor_id` has more than the 50 characters of an XC user id")
        }
        guard let owner = content.owner ?? owner, !owner.isEmpty else {
            return RecordError(reason: "TapTalk needs `owner`, an XC user id; the connection sets no default")
        }
        return nil
    }
}

/// The writing role.
struct TapTalkWriting: ContactWriting {
    private let link: VendorLink
    private let serverKey: String
    private let defaultOwner: String?

    init(connection: ConnectionConfig, link: VendorLink) {
        self.link = link
        defaultOwner = connection.owner
        // "encodeToBase64(SERVER_KEY_ID:SERVER_KEY_SECRET)", without a scheme before it.
        let id = connection.credentials["key_id"]?.revealed ?? ""
        let secret = connection.credentials["key_secret"]?.revealed ?? ""
        serverKey = Base64.encode(Array("\(id):\(secret)".utf8))
    }

    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord {
        var record = try read(projection.bytes)
        try await write(record, .create)
        record.formerOwner = ""
        return WrittenRecord(vendorID: record.contact, bytes: record.encoded())
    }

    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord {
        var record = try read(projection.bytes)
        let contact = record.contact.isEmpty ? vendorID : record.contact
        record.contact = contact
        try await write(record, .update)
        if contact != vendorID {
            // Another user id is another pair: the old one goes.
            let owner = record.formerOwner.isEmpty ? record.owner : record.formerOwner
            try await synchronise([TapTalkPair(owner: owner, contact: vendorID, isDeleted: true)])
        }
        record.formerOwner = ""
        return WrittenRecord(vendorID: contact, bytes: record.encoded())
    }

    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError) {
        let known = try record.map { bytes throws(VendorError) in try read(bytes) }
        let owner = known.map(\.owner).flatMap { $0.isEmpty ? nil : $0 } ?? defaultOwner ?? ""
        guard !owner.isEmpty else { throw VendorError(.refused, message: "TapTalk needs the contact's owner") }
        try await synchronise([TapTalkPair(owner: owner, contact: vendorID, isDeleted: true)])
    }

    /// Inserts and deletes pairs. Counts in the answers are not relied on: what they count for a pair that is there
    /// already is nowhere said.
    func synchronise(_ pairs: [TapTalkPair]) async throws(VendorError) {
        for batch in TapTalkPair.batches(of: pairs) {
            let isDelete = batch.allSatisfy(\.isDeleted)
            let operation: VendorOperation = isDelete ? .delete : .create
            let envelope = try await send(operation, "/v1/server/contact/sync", TapTalkPair.body(batch))
            if let error = envelope.error { throw error }
        }
    }

    /// The user, so that the id is known, then the pair. A server without `user/update` gets the pair alone.
    private func write(_ record: TapTalkRecord, _ operation: VendorOperation) async throws(VendorError) {
        if !record.fullName.isEmpty { try await putUser(record.userBody) }
        var pairs = [TapTalkPair(owner: record.owner, contact: record.contact, isDeleted: false)]
        if !record.formerOwner.isEmpty, record.formerOwner != record.owner {
            pairs.append(TapTalkPair(owner: record.formerOwner, contact: record.contact, isDeleted: true))
        }
        let body = TapTalkPair.body(pairs)
        var madeKnown: Set<String> = []
        while true {
            let envelope = try await send(operation, "/v1/server/contact/sync", body)
            guard let error = envelope.error else { return }
            // Servers may refuse ids that they have not met; nothing is known of an owner but the id. One that is
            // known is never touched: its name would be lost.
            let unknown = [record.owner, record.contact].filter { id in
                (envelope.field == "102" && id == record.owner) || (envelope.field == "103" && id == record.contact)
                    || (envelope.field.isEmpty && error.kind == .notFound)
            }
            // The contact's own user was told by name already.
            let told = record.fullName.isEmpty ? madeKnown : madeKnown.union([record.contact])
            let fresh = unknown.filter { !told.contains($0) }
            guard error.kind == .refused || error.kind == .notFound, !fresh.isEmpty else { throw refusal(error) }
            for id in fresh { try await putUser(TapTalkRecord.standIn(for: id)) }
            madeKnown.formUnion(fresh)
        }
    }

    /// Tells the server of a user; one that has no such call is fine.
    private func putUser(_ body: [UInt8]) async throws(VendorError) {
        let envelope = try await send(.update, "/v1/server/user/update", body)
        if let error = envelope.error, error.kind != .notFound, error.kind != .unsupported { throw error }
    }

    /// "User not found" is about one of the two ids, not about a record of ours.
    private func refusal(_ error: VendorError) -> VendorError {
        guard error.kind == .notFound else { return error }
        return VendorError(.refused, status: error.status, code: error.code, message: error.message)
    }

    /// Every call sets a state, so it may be repeated.
    private func send(
        _ operation: VendorOperation,
        _ path: String,
        _ body: [UInt8]
    ) async throws(VendorError) -> TapTalkEnvelope {
        let call = VendorCall.json(
            operation,
            .post,
            path,
            fields: ["Server-Key": serverKey, "Accept": "application/json"],
            body: body
        )
        return TapTalkEnvelope(try await link.call(call, priority: .caller, repeatable: true))
    }

    private func read(_ bytes: [UInt8]) throws(VendorError) -> TapTalkRecord {
        do throws(RecordError) {
            return try TapTalkRecord(canonical: bytes)
        } catch {
            throw VendorError(.refused, message: error.reason)
        }
    }
}
