//  `/v1/contacts` and `/v1/lookup`, the reading half: answered on the loop out of the store, never from a vendor.

import Config
import Contacts
public import HTTPCore
public import HTTPServer
import JSON
import Platform
import Store

/// Answers reads of contacts, synchronously, on one loop.
public struct ContactReads {
    let context: LoopContext

    /// Makes the handlers of one loop.
    public init(context: LoopContext) {
        self.context = context
    }

    // MARK: One

    /// `GET /v1/contacts/{id}`: the stored document byte for byte, or 304.
    public func get(_ view: borrowing RequestView, _ out: inout ResponseWriter) {
        guard let caller = view.principal as? Caller, let id = ContactID(view.parameter(0)) else {
            return out.write(Problem.notFound("contact"))
        }
        if view.hasQuery { return getWithRaw(view, id, caller, &out) }
        let held = view.has(.ifNoneMatch) ? view.field(.ifNoneMatch).text : nil
        let found: Void?
        do {
            found = try context.snapshot.contacts.withDocument(id) { row, document in
                guard let connection = context.state.connections.connection(key: row.connection, for: caller) else {
                    return out.write(Problem.notFound("contact"))
                }
                let isUnchanged = held.map { EntityTag.list($0, contains: row.revision, weakly: true) } ?? false
                if isUnchanged { out.begin(304) } else { out.beginJSON(200) }
                out.entityTag(row.revision)
                if let time = try context.syncedAt(connection.key) { out.field("Synced-At", time) }
                if isUnchanged { out.end() } else { out.end(document) }
            }
        } catch {
            return out.fail(error)
        }
        if found == nil { out.write(Problem.notFound("contact")) }
    }

    /// The same with a query, which may ask for `include=raw`.
    private func getWithRaw(
        _ view: borrowing RequestView,
        _ id: ContactID,
        _ caller: Caller,
        _ out: inout ResponseWriter
    ) {
        do {
            let parameters = try Parameters(view.query.text, known: ["include"])
            let wantsRaw = try parameters.includesRaw()
            guard let stored = try context.snapshot.contacts.document(id.key),
                stored.document.starts(with: Array("{\"id\":\"\(id)\"".utf8)),
                let connection = context.state.connections.connection(key: stored.connection, for: caller)
            else { throw Problem.notFound("contact") }
            let document = wantsRaw ? try withRaw(stored.document, of: stored.key) : stored.document
            out.beginJSON(200)
            out.entityTag(stored.revision)
            if let time = try context.syncedAt(connection.key) { out.field("Synced-At", time) }
            out.end(document)
        } catch {
            out.fail(error)
        }
    }

    /// A document with the vendor's record as its last member, `raw`.
    private func withRaw(_ document: [UInt8], of key: Int64) throws -> [UInt8] {
        var bytes = document
        bytes.removeLast()
        bytes += Array(",\"raw\":".utf8)
        bytes += try context.snapshot.contacts.projection(key)?.raw ?? Array("null".utf8)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    // MARK: Many

    /// `GET /v1/contacts` with its filters, paged by key.
    public func list(_ view: borrowing RequestView, _ out: inout ResponseWriter) {
        do {
            guard let caller = view.principal as? Caller else { throw Problem.notFound("contact") }
            let parameters = try Parameters(
                view.hasQuery ? view.query.text : nil,
                known: [
                    "connection", "owner", "email", "phone", "q", "tag", "updated_since", "include", "limit", "after",
                ]
            )
            let limit = try parameters.limit()
            let wantsRaw = try parameters.includesRaw()
            let filter = try filter(parameters, caller)
            let page = try items(filter, after: try parameters.after(), limit: limit, withRaw: wantsRaw)
            out.beginJSON(200)
            if let name = parameters["connection"],
                let connection = context.state.connections.connection(name, for: caller),
                let time = try context.syncedAt(connection.key)
            {
                out.field("Synced-At", time)
            }
            let next = page.last.map { PageToken.make(after: $0) }
            if let next {
                out.field(
                    "Link",
                    ListAnswer.link(to: next, path: "/v1/contacts", query: view.hasQuery ? view.query.text : nil)
                )
            }
            out.beginBody()
            out.output.append("{\"items\":[")
            out.output.append(page.json)
            out.output.append("],\"next\":")
            if let next {
                out.output.append("\"")
                out.output.append(next)
                out.output.append("\"}")
            } else {
                out.output.append("null}")
            }
            out.endBody()
        } catch {
            out.fail(error)
        }
    }

    /// The items of a page, joined by commas, and the key after which more follow.
    private func items(
        _ filter: ContactFilter,
        after key: Int64,
        limit: Int,
        withRaw: Bool
    ) throws -> (json: [UInt8], last: Int64?) {
        var json: [UInt8] = []
        var rows: [(key: Int64, document: [UInt8])] = []
        json.reserveCapacity(limit * 640)
        let last = try context.snapshot.contacts.list(filter, after: key, limit: limit) { row, document in
            if withRaw {
                rows.append((row.key, document.array))
            } else {
                if !json.isEmpty { json.append(UInt8(ascii: ",")) }
                unsafe document.withUnsafeBufferPointer { unsafe json.append(contentsOf: $0) }
            }
        }
        for row in rows {
            if !json.isEmpty { json.append(UInt8(ascii: ",")) }
            json += try self.withRaw(row.document, of: row.key)
        }
        return (json, last)
    }

    private func filter(_ parameters: Parameters, _ caller: Caller) throws -> ContactFilter {
        let directory = context.state.connections
        var filter = ContactFilter()
        let visible = directory.visibleKeys(for: caller)
        filter.connections = visible
        if let name = parameters["connection"] {
            guard let connection = directory.connection(name, for: caller) else { throw Problem.notFound("connection") }
            filter.connections = [connection.key]
        }
        filter.owner = parameters["owner"]
        filter.tag = parameters["tag"]
        filter.text = parameters["q"]
        filter.updatedSince = try parameters.time("updated_since")
        filter.email = parameters["email"]
        if let phone = parameters["phone"] {
            filter.phones = phoneKeys(phone, connections: filter.connections ?? visible)
            guard !filter.phones.isEmpty else {
                throw Problem.invalidParameter("phone", "`phone` needs at least three digits.")
            }
        }
        return filter
    }

    /// Every key that a number in any spelling may be found by: in E.164 under the regions of these connections, and
    /// by its last digits.
    private func phoneKeys(_ phone: String, connections: Set<Int64>) -> [LookupKey] {
        let regions = Set(context.state.connections.all.filter { connections.contains($0.key) }.map(\.config.region))
        var keys: [LookupKey] = []
        for region in regions {
            for key in LookupKey.candidates(for: phone, region: region) where !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    // MARK: Look-up

    /// `GET /v1/lookup?phone=…` or `?email=…`: who is this, over all connections.
    public func lookup(_ view: borrowing RequestView, _ out: inout ResponseWriter) {
        do {
            guard let caller = view.principal as? Caller else { throw Problem.notFound("contact") }
            let parameters = try Parameters(view.hasQuery ? view.query.text : nil, known: ["phone", "email"])
            let connections = context.state.connections.visibleKeys(for: caller)
            var keys: [LookupKey]
            switch (parameters["phone"], parameters["email"]) {
            case (let phone?, nil): keys = phoneKeys(phone, connections: connections)
            case (nil, let email?): keys = LookupKey.email(of: email).map { [$0] } ?? []
            default: throw Problem(400, "invalid_parameter", "Give either `phone` or `email`.")
            }
            // The most exact key comes first, so the best match does.
            keys.sort { $0.isExact && !$1.isExact }
            var found: [StoredContact] = []
            for key in keys {
                let matches = try context.snapshot.contacts.matching([key], connections: connections, limit: 100)
                found += matches.filter { match in !found.contains { $0.key == match.key } }
            }
            let documents = found.map { $0.contact.encodedDocument() }
            out.beginJSON(200)
            out.beginBody()
            out.output.append("{\"best\":")
            if let best = documents.first { out.output.append(best.span) } else { out.output.append("null") }
            out.output.append(",\"alternatives\":[")
            for (index, other) in documents.dropFirst().enumerated() {
                if index > 0 { out.output.append(",") }
                out.output.append(other.span)
            }
            out.output.append("]}")
            out.endBody()
        } catch {
            out.fail(error)
        }
    }
}

extension LookupKey {
    /// Whether the key stands for one address or number alone.
    fileprivate var isExact: Bool {
        if case .digits = self { false } else { true }
    }
}

extension ResponseWriter {
    /// Answers with the problem of an error, in place of what may have been begun.
    mutating func fail(_ error: any Error) {
        if !isComplete { abandon() }
        write(Problem(error))
    }
}

extension Parameters {
    /// Whether `include` asks for `raw`, the only thing there is to include.
    func includesRaw() throws(Problem) -> Bool {
        switch self["include"] {
        case nil: return false
        case "raw": return true
        default: throw .invalidParameter("include", "`include` takes `raw`.")
        }
    }
}
