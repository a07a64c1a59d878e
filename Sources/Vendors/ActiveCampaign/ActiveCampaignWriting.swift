//  Writing to ActiveCampaign: new contacts by `/contact/sync`, known ones by id.

import HTTPCore
import JSON

/// The writing role. The e-mail is unique in the account, so a new contact's is looked up first; `/contact/sync` would
/// overwrite whoever has it. A known contact is written by its id: an upsert under a changed e-mail makes a second one.
struct ActiveCampaignWriting: ContactWriting {
    let account: ActiveCampaignAccount

    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord {
        let wanted = try read(projection)
        guard !wanted.email.isEmpty else { throw VendorError(.refused, message: "ActiveCampaign needs an e-mail") }
        switch try await look(for: wanted.email) {
        case .found(let id):
            throw VendorError(.duplicate, code: "duplicate", message: "contact \(id) has this e-mail already")
        case .absent:
            return try await upsert(wanted)
        case .unknown:
            // The filter is ignored: let the vendor itself refuse a duplicate, with a 422.
            return try await insert(wanted)
        }
    }

    func find(_ projection: Projection) async throws(VendorError) -> WrittenRecord? {
        let wanted = try read(projection)
        guard !wanted.email.isEmpty, case .found(let id) = try await look(for: wanted.email),
            let held = try await account.contact(id, priority: .caller)
        else { return nil }
        let isOurs =
            held.firstName == wanted.firstName && held.lastName == wanted.lastName && held.phone == wanted.phone
            && wanted.values.allSatisfy { held.value(of: $0.field) == $0.value }
        return isOurs ? WrittenRecord(vendorID: id, bytes: held.encoded()) : nil
    }

    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord {
        let wanted = try read(projection)
        if wanted.email.isEmpty {
            guard let now = try await account.contact(vendorID, priority: .caller) else { throw unknown(vendorID) }
            guard now.email.isEmpty else {
                throw VendorError(.refused, message: "ActiveCampaign needs an e-mail")
            }
        }
        let path = "/contacts/\(URLEncoding.component(vendorID))"
        let body = wanted.writeBody(creating: false, keepsAbsentEmail: true)
        let answer = try await account.write(.update, .put, path, body: body, repeatable: true)
        return try written(wanted, answer, knownID: vendorID)
    }

    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError) {
        do throws(VendorError) {
            _ = try await account.write(
                .delete,
                .delete,
                "/contacts/\(URLEncoding.component(vendorID))",
                repeatable: true
            )
        } catch {
            if error.kind != .notFound { throw error }
        }
    }

    // MARK: Steps

    private enum Found {
        case found(id: String), absent, unknown
    }

    /// Looks an address up by the exact filter `email`, and does not believe an answer about other addresses.
    private func look(for email: String) async throws(VendorError) -> Found {
        let page = try await account.page(.find, [("email", email), ("limit", "20")], priority: .caller)
        if page.living.isEmpty { return .absent }
        let match = page.living.first { contact in
            ActiveCampaignWire.sameAddress(contact["email"]?.stringValue ?? "", email)
        }
        guard let match else { return .unknown }
        guard let id = ActiveCampaignID.of(match) else {
            throw VendorError(.malformed, message: "the contact that was looked up has no id")
        }
        return .found(id: id)
    }

    /// `POST /contact/sync`: 200 or 201.
    private func upsert(_ wanted: ActiveCampaignRecord) async throws(VendorError) -> WrittenRecord {
        let body = wanted.writeBody(creating: true)
        do throws(VendorError) {
            return try await made(wanted, account.write(.create, .post, "/contact/sync", body: body, repeatable: false))
        } catch {
            guard error.kind == .ambiguous else { throw absentCall(error) }
            return try await settled(wanted, body)
        }
    }

    /// After a create that may have happened: looks for the contact, and sends it again only when it is not there.
    private func settled(_ wanted: ActiveCampaignRecord, _ body: [UInt8]) async throws(VendorError) -> WrittenRecord {
        do throws(VendorError) {
            if case .found(let id) = try await look(for: wanted.email) { return try await existing(id) }
        } catch {
            throw error.afterWrite
        }
        do throws(VendorError) {
            return try await made(wanted, account.write(.create, .post, "/contact/sync", body: body, repeatable: true))
        } catch {
            // Refused in words, nothing has happened; the rest may have, once or twice.
            throw error.isRetryable || error.kind == .cancelled ? error.afterWrite : absentCall(error)
        }
    }

    /// `POST /contacts`: 201, or 422 `duplicate`.
    private func insert(_ wanted: ActiveCampaignRecord) async throws(VendorError) -> WrittenRecord {
        do throws(VendorError) {
            let body = wanted.writeBody(creating: true)
            return try await made(wanted, account.write(.create, .post, "/contacts", body: body, repeatable: false))
        } catch {
            throw absentCall(error)
        }
    }

    /// What a create has made; a success without a body says nothing about the id, so that is looked up.
    private func made(_ wanted: ActiveCampaignRecord, _ answer: JSONValue?) async throws(VendorError) -> WrittenRecord {
        if let contact = answer?["contact"], ActiveCampaignID.of(contact) != nil {
            return try written(wanted, answer, knownID: nil)
        }
        do throws(VendorError) {
            if case .found(let id) = try await look(for: wanted.email) { return try await existing(id) }
        } catch {
            throw error.afterWrite
        }
        throw VendorError(.ambiguous, message: "the vendor said yes without an id, and the contact is not there")
    }

    private func existing(_ id: String) async throws(VendorError) -> WrittenRecord {
        guard let record = try await account.contact(id, priority: .caller) else { throw unknown(id) }
        return WrittenRecord(vendorID: id, bytes: record.encoded())
    }

    /// What the vendor holds now, as far as we know: what was sent, and over it what the answer says. Answers are short
    /// after a create and may leave values out.
    private func written(
        _ wanted: ActiveCampaignRecord,
        _ answer: JSONValue?,
        knownID: String?
    ) throws(VendorError) -> WrittenRecord {
        var held = wanted
        held.id = knownID ?? held.id
        if let answer, let contact = answer["contact"], contact.objectValue != nil {
            let told = try account.record(contact, beside: answer)
            if let knownID, !told.id.isEmpty, told.id != knownID {
                throw VendorError(.malformed, message: "asked about contact \(knownID), answered about \(told.id)")
            }
            if knownID == nil { held.id = told.id }
            if isTold("email", contact) { held.email = told.email }
            if isTold("firstName", contact) { held.firstName = told.firstName }
            if isTold("lastName", contact) { held.lastName = told.lastName }
            if isTold("phone", contact) { held.phone = told.phone }
            held.cdate = told.cdate ?? held.cdate
            held.udate = told.udate ?? held.udate
            for value in told.values { held.set(value.field, value.value) }
        }
        held.dropClears()
        return WrittenRecord(vendorID: held.id, bytes: held.encoded())
    }

    private func isTold(_ name: String, _ contact: JSONValue) -> Bool {
        guard let member = contact[name] else { return false }
        return member != .null
    }

    private func read(_ projection: Projection) throws(VendorError) -> ActiveCampaignRecord {
        do throws(RecordError) {
            return try ActiveCampaignRecord(canonical: projection.bytes)
        } catch {
            throw VendorError(.refused, message: error.reason)
        }
    }

    private func unknown(_ id: String) -> VendorError {
        VendorError(.notFound, status: 404, message: "ActiveCampaign has no contact \(id)")
    }

    /// A 404 to a create is about the call, not about a contact.
    private func absentCall(_ error: VendorError) -> VendorError {
        guard error.kind == .notFound else { return error }
        return VendorError(.refused, status: error.status, code: error.code, message: error.message)
    }
}
