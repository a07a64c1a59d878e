//  What every write of a contact checks and shares, whichever way it came.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Store
import Vendors

extension ContactWrites {
    /// A contact at the start of a write, with what its vendor was last known to hold.
    struct Target: Sendable {
        let row: StoredContact
        let projected: [UInt8]?
        let syncedAt: Timestamp?
        var contact: Contact { row.contact }
    }

    /// The contact of an id and its connection, if this caller sees it.
    func stored(_ id: String, _ caller: Caller) async throws -> (Target, LiveConnection) {
        let target = try await store.read { snapshot -> Target? in
            guard let id = ContactID(id), let row = try snapshot.contacts.find(id) else { return nil }
            let projection = try snapshot.contacts.projection(row.key)
            return Target(
                row: row,
                projected: projection?.projected ?? projection?.raw,
                syncedAt: try snapshot.connections.find(key: row.connection)?.lastGoodRunAt
            )
        }
        guard let target, let connection = state.current.connections.connection(key: target.row.connection, for: caller)
        else { throw Problem.notFound("contact") }
        return (target, connection)
    }

    func connection(of input: ContactInput, at pointer: String, _ caller: Caller) throws -> LiveConnection {
        guard let id = input.connection else {
            throw Problem.invalidInput([
                .init(pointer: "\(pointer)/connection", detail: "Name the connection that the contact belongs to.")
            ])
        }
        guard let connection = state.current.connections.connection(id, for: caller) else {
            throw Problem.notFound("connection")
        }
        return connection
    }

    /// The content as it will be stored, or every reason why it cannot be.
    func accepted(
        _ content: ContactContent,
        vendorID: String?,
        on connection: LiveConnection,
        at pointer: String
    ) throws -> ContactContent {
        var content = content
        if content.owner == nil { content.owner = connection.config.owner }
        let knowsOnlyIDs = connection.config.vendor == .taptalk || connection.config.vendor == .local
        guard content.hasSubstance(vendorID: knowsOnlyIDs ? vendorID : nil) else {
            throw Problem.invalidInput([
                .init(
                    pointer: pointer,
                    detail: "A contact needs at least a name, an organization, an e-mail or a phone."
                )
            ])
        }
        let stored = content.normalised(vendorID: vendorID, region: connection.config.region)
        if let refusal = connection.adapter.refusal(of: stored, vendorID: vendorID) {
            throw Problem.invalidInput([.init(pointer: pointer, detail: refusal.reason)])
        }
        return stored
    }

    func refuse(_ faults: [ContactFault]) throws {
        guard faults.isEmpty else { throw Problem(invalid: InvalidContact(faults: faults)) }
    }

    static func input(whole json: JSONValue, at pointer: String) throws -> ContactInput {
        do throws(InvalidContact) {
            return try ContactInput(whole: json, at: pointer)
        } catch {
            throw Problem(invalid: error)
        }
    }

    static func writing(of connection: LiveConnection) throws -> any ContactWriting {
        guard let writing = connection.adapter.writing else {
            throw Problem(
                422,
                "read_only_connection",
                "`\(connection.id)` (\(connection.config.vendor.rawValue)) can be read but not written: "
                    + "its protocol has no call for it. Change the contact at its source."
            )
        }
        return writing
    }

    static func checkLoss(_ projection: Projection, _ terms: WriteTerms) throws {
        guard terms.isStrict, !projection.translation.isEmpty else { return }
        var problem = Problem(
            422,
            "translation_loss",
            "The vendor cannot hold everything as given, and `Prefer: handling=strict` allows no loss. Nothing was sent.",
            errors: projection.translation.map { .init(pointer: "/\($0.field)", detail: $0.detail) }
        )
        problem.extensions = [("translation", projection.translation.json)]
        throw problem
    }

    static func checkMatch(_ terms: WriteTerms, _ contact: Contact) throws {
        guard let ifMatch = terms.ifMatch else { return }
        guard EntityTag.list(ifMatch, contains: contact.revision, weakly: false) else {
            throw Problem(
                412,
                "precondition_failed",
                "The contact is at \(EntityTag.make(contact.revision)) now; read it again."
            )
        }
    }

    /// A vendor's failure as the client sees it; a duplicate names whom it collides with.
    func problem(
        of error: VendorError,
        on connection: LiveConnection,
        content: ContactContent
    ) async throws -> Problem {
        var problem = Problem(vendor: error, of: connection.config.vendor.rawValue, connection: connection.id)
        log.warning(
            "write.refused",
            ["connection": connection.id, "kind": error.kind.rawValue, "status": error.status.map(String.init)]
        )
        if error.kind == .duplicate, let key = content.emails.first.flatMap({ LookupKey.email(of: $0.address) }) {
            let candidates = try await candidates(for: [key], on: connection)
            problem.extensions = [("candidates", .array(candidates.map(\.candidateJSON)))]
        }
        return problem
    }

    /// The contacts of one connection that really have one of these keys.
    func candidates(for keys: [LookupKey], on connection: LiveConnection) async throws -> [Contact] {
        try await store.read { snapshot in
            try snapshot.contacts.matching(keys, connections: [connection.key], limit: 20).map(\.contact)
        }
    }
}

extension EditOutcome {
    /// The contact as it is now, where there is one.
    var contact: Contact? {
        switch self {
        case .changed(let stored), .unchanged(let stored), .stale(let stored): stored.contact
        case .gone: nil
        }
    }
}

extension Contact {
    /// What a conflict says of a contact: enough to choose by.
    var candidateJSON: JSONValue {
        ["id": .string(id), "vendor_id": .optional(vendorID), "name": .optional(content.name.full)]
    }
}

extension [TranslationNote] {
    /// The `translation` of a write's answer.
    var json: JSONValue {
        .array(
            map { ["field": .string($0.field), "action": .string($0.action.rawValue), "detail": .string($0.detail)] }
        )
    }
}

extension ContactContent {
    /// Takes one member from another state.
    mutating func take(_ field: ContactField, from other: ContactContent) {
        switch field {
        case .owner: owner = other.owner
        case .kind: kind = other.kind
        case .name: name = other.name
        case .organization: organization = other.organization
        case .title: title = other.title
        case .emails: emails = other.emails
        case .phones: phones = other.phones
        case .addresses: addresses = other.addresses
        case .notes: notes = other.notes
        case .tags: tags = other.tags
        case .lifecycle: lifecycle = other.lifecycle
        case .favorite: favorite = other.favorite
        case .customFields: customFields = other.customFields
        case .vendorID, .readOnly: break
        }
    }
}

extension Problem {
    /// Another contact has the id already.
    static func vendorIDTaken(on connection: LiveConnection) -> Problem {
        Problem(409, "vendor_id_taken", "Another contact of `\(connection.id)` has this `vendor_id`.")
    }

    /// The vendor has made a contact and we could not store it; 504 as everything that may have happened.
    static func notStored(by connection: LiveConnection) -> Problem {
        var problem = Problem(
            504,
            "not_stored",
            "\(connection.config.vendor.rawValue) has the new contact, but it could not be stored here. Send the request "
                + "again with the same `Idempotency-Key`: the vendor is asked for the contact before anything is sent."
        )
        problem.retryable = true
        return problem
    }

    /// A contact that cannot be used, with every fault.
    init(invalid error: InvalidContact) {
        self = .invalidInput(error.faults.map { InputError(pointer: $0.pointer, detail: $0.detail) })
    }
}
