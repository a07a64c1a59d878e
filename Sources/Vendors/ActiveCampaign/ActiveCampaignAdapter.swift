//  Calls ActiveCampaign (API v3): lists by id, deltas by `updated_after` once that filter has proved itself, deletes by
//  sweep, writes by e-mail upsert and by id.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Synchronization

/// One ActiveCampaign account.
struct ActiveCampaignAdapter: VendorAdapter {
    let capabilities: Capabilities
    let mapping: any ContactMapping
    private let account: ActiveCampaignAccount

    /// Makes the adapter of a connection.
    init(connection: ConnectionConfig, link: VendorLink) {
        let fields = ActiveCampaignFields(connection.fields)
        account = ActiveCampaignAccount(connection: connection, link: link)
        mapping = ActiveCampaignMapping(fields: fields, catalogue: account.catalogue)
        var held = [
            FieldCapability(.name), FieldCapability(.emails, maxCount: 1), FieldCapability(.phones, maxCount: 1),
        ]
        held += ActiveCampaignFields.Member.allCases.filter { fields.ids[$0] != nil }.map {
            FieldCapability($0.field, maxCount: $0 == .addresses ? 1 : nil)
        }
        var capabilities = Capabilities(
            reads: true,
            delta: true,
            writes: true,
            removes: true,
            deletes: .sweep,
            fields: held + [FieldCapability(.customFields)]
        )
        capabilities.uniqueEmail = true
        self.capabilities = capabilities
    }

    var listing: (any ContactListing)? { ActiveCampaignReading(account: account) }
    var delta: (any ContactDelta)? { ActiveCampaignReading(account: account) }
    var deletes: (any DeleteFinding)? { ActiveCampaignReading(account: account) }
    var writing: (any ContactWriting)? { ActiveCampaignWriting(account: account) }

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? {
        // A phone-only contact that the vendor has already can be changed; `update` looks before it sends one.
        guard vendorID == nil, content.emails.first?.address.isEmpty ?? true else { return nil }
        return RecordError(reason: "ActiveCampaign needs an e-mail")
    }
}

/// The account's calls and what is remembered between them.
final class ActiveCampaignAccount: Sendable {
    private let link: VendorLink
    private let token: String
    /// The account's custom fields.
    let catalogue = ActiveCampaignCatalogue()
    /// Contacts asked for in one page; the vendor's most is 100.
    let pageSize: Int
    /// Whether `filters[updated_after]` has once found what changed since 1970: it reads our dates.
    let filterReadsDates = Mutex(false)
    /// How far the vendor's clock was ahead of ours, in milliseconds, when it last told.
    private let clockLead = Mutex<Int64?>(nil)

    init(connection: ConnectionConfig, link: VendorLink) {
        self.link = link
        token = connection.credentials["api_token"]?.revealed ?? ""
        pageSize = min(100, max(1, connection.sync.pageSize ?? 100))
    }

    /// A read: repeated a few times when the body is empty, which happens with a 200 (singer-io/tap-activecampaign#36),
    /// and once after a 403, which good keys get now and then (#52 there).
    func get(
        _ operation: VendorOperation,
        _ path: String,
        query: [(String, String)] = [],
        priority: CallPriority? = nil
    ) async throws(VendorError) -> (json: JSONValue, fields: HeaderFields) {
        var emptyBodies = 0
        var mayRetryForbidden = true
        while true {
            let answer = try await send(operation, .get, path, query: query, priority: priority, repeatable: true)
            if answer.status == 403, mayRetryForbidden {
                mayRetryForbidden = false
                continue
            }
            if answer.status == 200, answer.body.isEmpty, emptyBodies < 2 {
                emptyBodies += 1
                continue
            }
            guard let json = try read(answer) else {
                throw VendorError(.malformed, status: answer.status, message: "the answer has no body")
            }
            return (json, answer.fields)
        }
    }

    /// One page of a walk.
    func page(
        _ operation: VendorOperation,
        _ query: [(String, String)],
        priority: CallPriority? = nil
    ) async throws(VendorError) -> ActiveCampaignPage {
        let answer = try await get(operation, "/contacts", query: query, priority: priority)
        return try ActiveCampaignPage(answer.json, fields: answer.fields)
    }

    /// One contact with its values; `nil` when there is none of that id.
    func contact(_ id: String, priority: CallPriority? = nil) async throws(VendorError) -> ActiveCampaignRecord? {
        do throws(VendorError) {
            let answer = try await get(.get, "/contacts/\(URLEncoding.component(id))", priority: priority).json
            guard let contact = answer["contact"], contact.objectValue != nil else {
                throw VendorError(.malformed, message: "the answer has no `contact`")
            }
            if ActiveCampaignWire.isDeleted(contact) { return nil }
            return try record(contact, beside: answer)
        } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }

    /// A write.
    ///
    /// - Returns: The answer; `nil` for a success without a body.
    func write(
        _ operation: VendorOperation,
        _ method: Method,
        _ path: String,
        body: [UInt8] = [],
        repeatable: Bool
    ) async throws(VendorError) -> JSONValue? {
        try read(await send(operation, method, path, body: body, priority: .caller, repeatable: repeatable))
    }

    /// The contact of an answer about one contact: all values beside it are its own.
    func record(_ contact: JSONValue, beside answer: JSONValue) throws(VendorError) -> ActiveCampaignRecord {
        let beside = ActiveCampaignSideLoad(of: answer).all
        let values = beside.isEmpty ? ActiveCampaignSideLoad.inline(contact["fieldValues"]) ?? [] : beside
        do throws(RecordError) {
            var record = try ActiveCampaignRecord(contact: contact, values: values)
            record.dropClears()
            return record
        } catch {
            throw VendorError(.malformed, message: error.reason)
        }
    }

    /// Reads the whole catalogue of custom fields, page by page. A server that has none to show, or breaks off, leaves
    /// the catalogue unknown; that loses nothing but a warning about unknown fields.
    func loadCatalogue() async throws(VendorError) {
        var ids: Set<String> = []
        do throws(VendorError) {
            while true {
                let page = try await get(.fields, "/fields", query: [("limit", "100"), ("offset", String(ids.count))])
                    .json
                guard let fields = page["fields"]?.arrayValue else { return }
                let before = ids.count
                ids.formUnion(fields.compactMap { ActiveCampaignID.of($0) })
                let total = ActiveCampaignWire.count(page["meta"]?["total"])
                if ids.count >= total ?? Int.max || fields.isEmpty {
                    catalogue.replace(with: ids, whole: ids.count >= total ?? 0)
                    return
                }
                // A page that brings nothing new: the offset is ignored.
                guard ids.count > before else {
                    catalogue.replace(with: ids, whole: false)
                    return
                }
            }
        } catch {
            switch error.kind {
            case .notFound, .refused, .malformed, .unsupported: return
            default: throw error
            }
        }
    }

    /// Remembers how the vendor's clock stands to ours.
    func note(vendorsClock date: Timestamp?, at now: Timestamp) {
        guard let date else { return }
        clockLead.withLock { $0 = date.milliseconds - now.milliseconds }
    }

    /// The earlier of our clock and the vendor's; `nil` while the vendor has not told its own.
    func earlierClock(at now: Timestamp) -> Timestamp? {
        clockLead.withLock { $0 }.map { now.advanced(byMilliseconds: min(0, $0)) }
    }

    private func send(
        _ operation: VendorOperation,
        _ method: Method,
        _ path: String,
        query: [(String, String)] = [],
        body: [UInt8] = [],
        priority: CallPriority?,
        repeatable: Bool
    ) async throws(VendorError) -> ClientResponse {
        let target = "/api/3" + path + (query.isEmpty ? "" : "?" + URLEncoding.form(query))
        let fields: HeaderFields = ["Api-Token": token, "Accept": "application/json"]
        let call =
            body.isEmpty
            ? VendorCall(operation, method, target, fields: fields)
            : .json(operation, method, target, fields: fields, body: body)
        return try await link.call(call, priority: priority, repeatable: repeatable)
    }

    /// Judges an answer.
    private func read(_ answer: ClientResponse) throws(VendorError) -> JSONValue? {
        // A refusal may well come without JSON; then the status alone speaks.
        let json = try? JSONValue(parsing: answer.body, repeated: .lastCounts)
        let fault = ActiveCampaignFault(answer, json: json)
        if let error = fault.error { throw error }
        if answer.body.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) { return nil }
        guard let json, json.objectValue != nil else {
            throw VendorError(.malformed, status: answer.status, message: "the answer is no JSON object")
        }
        let isBare = json["contact"] == nil && json["contacts"] == nil
        if isBare, let errors = json["errors"]?.arrayValue, !errors.isEmpty { throw fault.hidden }
        return json
    }
}
