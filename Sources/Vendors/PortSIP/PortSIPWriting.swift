//  Writing PortSIP's personal contacts, by POST alone: the API has no PUT and no DELETE.

import HTTPCore
import JSON
import Synchronization

/// Creates, updates and destroys.
final class PortSIPWriting: ContactWriting {
    private let client: PortSIPClient
    private let reading: PortSIPReading
    /// Whether the server refused the empty text for a blank slot and took null.
    private let blanksAreNull = Mutex(false)

    init(client: PortSIPClient, reading: PortSIPReading) {
        self.client = client
        self.reading = reading
    }

    func create(_ projection: Projection) async throws(VendorError) -> WrittenRecord {
        var record = try known(projection)
        let id: String
        do throws(VendorError) {
            id = try await post(record)
        } catch {
            guard error.kind == .ambiguous else { throw error }
            id = try await settled(record, after: error)
        }
        record.id = id
        // Only the call of its own sets the mark; a new contact has none.
        if record.favorite == true {
            do throws(VendorError) {
                try await setFavorite(true, id: id)
            } catch {
                throw error.afterWrite
            }
        }
        return WrittenRecord(vendorID: id, bytes: record.encoded())
    }

    func find(_ projection: Projection) async throws(VendorError) -> WrittenRecord? {
        var record = try known(projection)
        guard let id = try await find(record) else { return nil }
        record.id = id
        if record.favorite == true { try await setFavorite(true, id: id) }
        return WrittenRecord(vendorID: id, bytes: record.encoded())
    }

    func update(vendorID: String, to projection: Projection) async throws(VendorError) -> WrittenRecord {
        var record = try known(projection)
        record.id = vendorID
        // Always all fifteen: right whether the server replaces or merges.
        let path = Self.path(vendorID)
        let asNull = blanksAreNull.withLock { $0 }
        var answer = try await client.call(
            .update,
            .post,
            path,
            body: record.encodedBody(blank: asNull ? .null : .text)
        )
        let mayDislikeBlanks = (answer.status == 400 || answer.status == 422) && record.texts.contains("")
        if mayDislikeBlanks {
            let second = try await client.call(
                .update,
                .post,
                path,
                body: record.encodedBody(blank: asNull ? .text : .null)
            )
            if second.isSuccess {
                blanksAreNull.withLock { $0 = !asNull }
                answer = second
            }
        }
        try Self.check(answer)
        if let favorite = record.favorite { try await setFavorite(favorite, id: vendorID) }
        return WrittenRecord(vendorID: vendorID, bytes: record.encoded())
    }

    func delete(vendorID: String, record: [UInt8]?) async throws(VendorError) {
        let answer = try await client.call(.delete, .post, Self.path(vendorID) + "/destroy")
        if answer.status == 404 || answer.status == 410 { return }
        try Self.check(answer)
    }

    private func setFavorite(_ favorite: Bool, id: String) async throws(VendorError) {
        try Self.check(try await client.call(.update, .post, Self.path(id) + (favorite ? "/favorite" : "/unfavorite")))
    }

    /// - Returns: The new id: "201 Created contact" has nothing else.
    private func post(_ record: PortSIPRecord) async throws(VendorError) -> String {
        let body = record.encodedBody(blank: .left)
        let answer = try await client.call(.create, .post, PortSIPClient.contacts, body: body, repeatable: false)
        switch answer.status {
        // The server may have stored the contact before it failed.
        case 500...: throw VendorError(.ambiguous, answer: answer, otherwise: "PortSIP failed with \(answer.status)")
        case 404, 410: throw VendorError(.unsupported, answer: answer, otherwise: "PortSIP has no such address")
        default: try Self.check(answer)
        }
        guard let id = PortSIPWire.id(answer.body) else {
            throw VendorError(.ambiguous, status: answer.status, message: "PortSIP did not say the new contact's id")
        }
        return id
    }

    /// After a create that may have happened: looks for the record, and sends it again only when it is not there.
    private func settled(_ record: PortSIPRecord, after error: VendorError) async throws(VendorError) -> String {
        do throws(VendorError) {
            if let id = try await find(record) { return id }
        } catch {
            throw error.afterWrite
        }
        // A server that failed in words, and has no such contact, has refused for now.
        if error.status != nil {
            throw VendorError(.unavailable, status: error.status, code: error.code, message: error.message)
        }
        return try await post(record)
    }

    /// The id of the last contact in the list that holds exactly this.
    private func find(_ record: PortSIPRecord) async throws(VendorError) -> String? {
        var found: String?
        var cursor: Cursor?
        repeat {
            let page = try await reading.contacts(after: cursor)
            for candidate in page.records {
                // A record that cannot be understood is not the one that we sent.
                guard let held = try? PortSIPRecord(json: candidate.bytes) else { continue }
                if held.holdsTheSame(as: record) { found = candidate.vendorID }
            }
            cursor = page.next
        } while cursor != nil
        return found
    }

    private func known(_ projection: Projection) throws(VendorError) -> PortSIPRecord {
        do throws(RecordError) {
            return try PortSIPRecord(json: projection.bytes[...])
        } catch {
            throw VendorError(.refused, message: error.reason)
        }
    }

    private static func path(_ id: String) -> String { "\(PortSIPClient.contacts)/\(URLEncoding.component(id))" }

    private static func check(_ answer: ClientResponse) throws(VendorError) {
        guard answer.isSuccess else { throw .portsip(answer) }
        if VendorWords.hasError(answer.body) { throw .saysError(answer, "PortSIP refused") }
    }
}
