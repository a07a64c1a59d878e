//  Writing a contact through: understood, projected, sent to the vendor, and only then stored.

import Config
public import Contacts
import HTTPCore
public import JSON
public import Log
public import Platform
public import Store
public import Vendors

/// What a write came to.
public struct WriteResult: Sendable {
    /// 200, 201 or 204.
    public var status: Int
    /// The contact as stored; `nil` after a delete.
    public var contact: Contact?
    /// What the vendor's protocol could not carry as given.
    public var translation: [TranslationNote] = []
    /// The end of the connection's last good run; `nil` before the first.
    public var syncedAt: Timestamp?
}

/// How a client wants its write done.
public struct WriteTerms: Sendable {
    /// Any loss is an error (`Prefer: handling=strict`).
    public var isStrict = false
    /// The `If-Match` header; `nil` without one.
    public var ifMatch: String?
    /// Whether the same write may have reached its vendor before.
    var mayHaveHappened = false
    /// Called within the transaction that stores the write, with what it came to.
    var storing: (@Sendable (WriteResult, Transaction) throws -> Void)?

    /// No conditions.
    public init(isStrict: Bool = false, ifMatch: String? = nil) {
        self.isStrict = isStrict
        self.ifMatch = ifMatch
    }
}

/// Writes contacts: the vendor first, then the store. Two writes of one contact never interleave.
public final class ContactWrites: Sendable {
    let store: Store
    let state: LiveState
    let log: Log
    let lock = KeyedLock()

    /// Makes the service.
    public init(store: Store, state: LiveState, log: Log) {
        self.store = store
        self.state = state
        self.log = log
    }

    // MARK: Create

    /// Creates a contact at the vendor of its connection, then here.
    ///
    /// - Parameters:
    ///   - json: The contact, with its `connection`.
    ///   - pointer: Where it stands in the body.
    ///   - terms: How the client wants it done.
    ///   - caller: Who asks.
    /// - Returns: 201 with the contact.
    /// - Throws: ``Problem``.
    public func create(
        _ json: JSONValue,
        at pointer: String = "",
        terms: WriteTerms,
        caller: Caller
    ) async throws -> WriteResult {
        let input = try Self.input(whole: json, at: pointer)
        let connection = try self.connection(of: input, at: pointer, caller)
        return try await create(input, on: connection, at: pointer, terms: terms)
    }

    func create(
        _ input: ContactInput,
        on connection: LiveConnection,
        at pointer: String,
        terms: WriteTerms
    ) async throws -> WriteResult {
        try refuse(input.refutedClaims(against: nil, at: pointer))
        let content = try accepted(input.content, vendorID: input.vendorID, on: connection, at: pointer)
        let writing = try Self.writing(of: connection)
        let projection = connection.adapter.mapping.project(
            content,
            vendorID: input.vendorID,
            previous: nil,
            touched: Set(ContactField.allCases)
        )
        try Self.checkLoss(projection, terms)
        try await checkVendorID(input.vendorID, on: connection)
        return try await lock.with(Self.identity(of: content, input.vendorID, on: connection)) {
            let written: WrittenRecord
            do throws(VendorError) {
                if terms.mayHaveHappened, let made = try await writing.find(projection) {
                    written = made
                } else {
                    written = try await writing.create(projection)
                }
            } catch {
                throw try await self.problem(of: error, on: connection, content: content)
            }
            do {
                return try await self.storeCreated(content, written, on: connection, projection.translation, terms)
            } catch let error as StoreError where !connection.adapter.capabilities.storeIsTruth {
                self.log.error("write.not_stored", ["connection": connection.id, "error": "\(error)"])
                throw Problem.notStored(by: connection)
            }
        }
    }

    /// What only one create at a time may be under way for: a vendor is asked who has an e-mail before it is sent one.
    /// The gateway's own book asks nobody, so its creates go side by side into one commit.
    private static func identity(
        of content: ContactContent,
        _ vendorID: String?,
        on connection: LiveConnection
    ) -> String? {
        guard connection.config.vendor != .local else { return nil }
        return "\(connection.id)/\(content.emails.first?.address.lowercased() ?? vendorID ?? content.name.full ?? "")"
    }

    /// Refuses an id that another contact has, before a vendor that only knows ids would overwrite its record.
    private func checkVendorID(_ vendorID: String?, on connection: LiveConnection) async throws {
        guard let vendorID, connection.adapter.capabilities.storeIsTruth else { return }
        let link = try await store.read { try $0.links.find(connection: connection.key, vendorID: vendorID) }
        if link != nil { throw Problem.vendorIDTaken(on: connection) }
    }

    /// Stores what the vendor has created. A run may have seen the record first: then ours becomes its next state.
    private func storeCreated(
        _ content: ContactContent,
        _ written: WrittenRecord,
        on connection: LiveConnection,
        _ translation: [TranslationNote],
        _ terms: WriteTerms
    ) async throws -> WriteResult {
        let vendorID = written.vendorID.isEmpty ? nil : written.vendorID
        let isTruth = connection.adapter.capabilities.storeIsTruth
        let trace = TraceContext.current?.stored
        return try await store.write { transaction in
            let state = VendorState(contentHash: 0, raw: written.bytes)
            var result = WriteResult(status: 201, translation: translation)
            result.syncedAt = try transaction.connections.find(key: connection.key)?.lastGoodRunAt
            if let vendorID, let link = try transaction.links.find(connection: connection.key, vendorID: vendorID),
                let stored = try transaction.contacts.find(key: link.contact)
            {
                if isTruth { throw Problem.vendorIDTaken(on: connection) }
                let update = ContactUpdate(
                    content: content,
                    vendorID: vendorID,
                    readOnly: false,
                    vendorState: state,
                    trace: trace
                )
                result.contact = try transaction.contacts.update(link.contact, update).contact ?? stored.contact
            } else {
                var new = NewContact(connection: connection.key, vendorID: vendorID, content: content)
                new.vendorState = state
                new.trace = trace
                result.contact = try transaction.contacts.create(new).contact
            }
            try terms.storing?(result, transaction)
            return result
        }
    }

    // MARK: Update

    /// Replaces (`PUT`) or patches (`PATCH`) a stored contact.
    ///
    /// - Parameters:
    ///   - id: The contact's id.
    ///   - json: The whole contact or the merge patch.
    ///   - merging: True for a patch.
    ///   - pointer: Where it stands in the body.
    ///   - terms: How the client wants it done.
    ///   - caller: Who asks.
    /// - Returns: 200 with the contact; with the same revision when nothing changes.
    /// - Throws: ``Problem``.
    public func update(
        _ id: String,
        with json: JSONValue,
        merging: Bool,
        at pointer: String = "",
        terms: WriteTerms,
        caller: Caller
    ) async throws -> WriteResult {
        try await lock.with(id) {
            let (stored, connection) = try await self.stored(id, caller)
            try Self.checkMatch(terms, stored.contact)
            let input: ContactInput
            do throws(InvalidContact) {
                input =
                    merging
                    ? try ContactInput(patch: json, onto: stored.contact.content, at: pointer)
                    : try ContactInput(
                        whole: json,
                        at: pointer,
                        replacing: stored.contact.content
                    )
            } catch {
                throw Problem(invalid: error)
            }
            return try await self.update(stored, on: connection, with: input, at: pointer, terms: terms)
        }
    }

    private func update(
        _ stored: Target,
        on connection: LiveConnection,
        with input: ContactInput,
        at pointer: String,
        terms: WriteTerms
    ) async throws -> WriteResult {
        var faults = input.refutedClaims(against: stored.contact, at: pointer)
        if let name = input.connection, name != stored.contact.connection {
            faults.append(
                ContactFault(pointer: "\(pointer)/connection", detail: "A contact cannot move to another connection.")
            )
        }
        var vendorID = stored.contact.vendorID
        if input.given.contains(.vendorID), input.vendorID != vendorID {
            if connection.config.vendor == .local {
                vendorID = input.vendorID
            } else {
                faults.append(
                    ContactFault(pointer: "\(pointer)/vendor_id", detail: "`vendor_id` is the vendor's to give.")
                )
            }
        }
        try refuse(faults)
        let content = try accepted(input.content, vendorID: vendorID, on: connection, at: pointer)
        let difference = ContactDifference(
            from: stored.contact.content,
            to: content,
            oldVendorID: stored.contact.vendorID,
            newVendorID: vendorID
        )
        guard !difference.fields.isEmpty else {
            return WriteResult(status: 200, contact: stored.contact, syncedAt: stored.syncedAt)
        }
        let writing = try Self.writing(of: connection)
        guard !stored.contact.readOnly else {
            throw Problem(422, "read_only_contact", "The vendor lets nobody change this contact (`read_only` is true).")
        }
        let projection = connection.adapter.mapping.project(
            content,
            vendorID: vendorID,
            previous: stored.projected,
            touched: Set(difference.fields)
        )
        try Self.checkLoss(projection, terms)
        let written = try await send(projection, of: stored, vendorID: vendorID, on: connection, writing, content)
        let update = StoredUpdate(content: content, fields: difference.fields, vendorID: vendorID, written: written)
        return try await storeUpdated(stored, on: connection, update, projection.translation, terms)
    }

    /// What an update is to store once the vendor has it.
    private struct StoredUpdate: Sendable {
        let content: ContactContent
        let fields: [ContactField]
        let vendorID: String?
        let written: WrittenRecord
    }

    /// Sends an update, unless the vendor holds exactly that already (only what it cannot hold has changed).
    private func send(
        _ projection: Projection,
        of stored: Target,
        vendorID: String?,
        on connection: LiveConnection,
        _ writing: any ContactWriting,
        _ content: ContactContent
    ) async throws -> WrittenRecord {
        if projection.bytes == stored.projected {
            return WrittenRecord(vendorID: vendorID ?? "", bytes: projection.bytes)
        }
        do throws(VendorError) {
            return try await writing.update(vendorID: vendorID ?? "", to: projection)
        } catch {
            throw try await problem(of: error, on: connection, content: content)
        }
    }

    /// Stores an update; a run may have changed other members meanwhile, which stay as it left them.
    private func storeUpdated(
        _ stored: Target,
        on connection: LiveConnection,
        _ wanted: StoredUpdate,
        _ translation: [TranslationNote],
        _ terms: WriteTerms
    ) async throws -> WriteResult {
        let (vendorID, written) = (wanted.vendorID, wanted.written)
        let trace = TraceContext.current?.stored
        return try await store.write { transaction in
            if let vendorID, let link = try transaction.links.find(connection: connection.key, vendorID: vendorID),
                link.contact != stored.row.key
            {
                throw Problem.vendorIDTaken(on: connection)
            }
            guard let now = try transaction.contacts.find(key: stored.row.key) else {
                throw Problem.notFound("contact")
            }
            var next = wanted.content
            if now.contact.revision != stored.contact.revision {
                next = now.contact.content
                for field in wanted.fields { next.take(field, from: wanted.content) }
            }
            let raw = try transaction.contacts.projection(stored.row.key)?.raw ?? written.bytes
            let update = ContactUpdate(
                content: next,
                vendorID: vendorID ?? (written.vendorID.isEmpty ? nil : written.vendorID),
                readOnly: now.contact.readOnly,
                vendorState: VendorState(contentHash: 0, raw: raw, projected: written.bytes),
                trace: trace
            )
            let contact = try transaction.contacts.update(stored.row.key, update).contact ?? now.contact
            let result = WriteResult(
                status: 200,
                contact: contact,
                translation: translation,
                syncedAt: stored.syncedAt
            )
            try terms.storing?(result, transaction)
            return result
        }
    }

    // MARK: Delete

    /// Deletes a contact at its vendor, then here.
    ///
    /// - Parameters:
    ///   - id: The contact's id.
    ///   - terms: How the client wants it done.
    ///   - caller: Who asks.
    /// - Returns: 204.
    /// - Throws: ``Problem``.
    public func delete(_ id: String, terms: WriteTerms, caller: Caller) async throws -> WriteResult {
        try await lock.with(id) {
            let (stored, connection) = try await self.stored(id, caller)
            try Self.checkMatch(terms, stored.contact)
            let writing = try Self.writing(of: connection)
            guard connection.adapter.capabilities.removes, !stored.contact.readOnly else {
                throw Problem(422, "read_only_contact", "The vendor lets nobody delete this contact.")
            }
            do throws(VendorError) {
                try await writing.delete(vendorID: stored.contact.vendorID ?? "", record: stored.projected)
            } catch {
                throw try await self.problem(of: error, on: connection, content: stored.contact.content)
            }
            let result = WriteResult(status: 204)
            let trace = TraceContext.current?.stored
            try await self.store.write { transaction in
                _ = try transaction.contacts.delete(stored.row.key, trace: trace)
                try terms.storing?(result, transaction)
            }
            return result
        }
    }
}
