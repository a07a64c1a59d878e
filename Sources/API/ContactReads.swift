//  `/v1/contacts` and `/v1/lookup`, the reading half: answered on the loop out of the store, never from a vendor.

import Config
import Contacts
public import HTTPCore
public import HTTPServer
import JSON
import Platform
import Store
import Vendors

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
        do {
            try context.snapshot.refresh()
            let isFound = try context.snapshot.contacts.withDocument(id) { row, document in
                guard try context.sees(row.connection, caller) else {
                    return out.write(Problem.notFound("contact"))
                }
                let isUnchanged = held.map { EntityTag.list($0, contains: row.revision, weakly: true) } ?? false
                if isUnchanged { out.begin(304) } else { out.beginJSON(200) }
                out.entityTag(row.revision)
                context.writeSyncedAt(&out)
                if isUnchanged { out.end() } else { out.end(document) }
            }
            if !isFound { out.write(Problem.notFound("contact")) }
        } catch {
            out.fail(error)
        }
    }

    /// The same with a query, which may ask for `include=raw`.
    private func getWithRaw(
        _ view: borrowing RequestView,
        _ id: ContactID,
        _ caller: Caller,
        _ out: inout ResponseWriter
    ) {
        do {
            let parameters = try Parameters(view.query, known: ["include"])
            let wantsRaw = try parameters.includesRaw()
            try context.snapshot.refresh()
            guard let stored = try context.snapshot.contacts.document(id.key),
                stored.document.starts(with: Array("{\"id\":\"\(id)\"".utf8)),
                try context.sees(stored.connection, caller)
            else { throw Problem.notFound("contact") }
            let document =
                wantsRaw ? try withRaw(stored.document, of: stored.key, in: stored.connection, caller) : stored.document
            out.beginJSON(200)
            out.entityTag(stored.revision)
            context.writeSyncedAt(&out)
            out.end(document)
        } catch {
            out.fail(error)
        }
    }

    /// A document with the vendor's record as its last member, `raw`.
    private func withRaw(_ document: [UInt8], of key: Int64, in connection: Int64, _ caller: Caller) throws -> [UInt8] {
        var bytes = document
        bytes.removeLast()
        bytes += Array(",\"raw\":".utf8)
        bytes += try raw(of: key, in: connection, caller)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The vendor's record; `null` in the gateway's own book, where no vendor holds anything.
    private func raw(of key: Int64, in connection: Int64, _ caller: Caller) throws -> [UInt8] {
        let adapter = context.state.connections.connection(key: connection, for: caller)?.adapter
        let held = adapter?.capabilities.storeIsTruth == true ? nil : try context.snapshot.contacts.projection(key)?.raw
        return held ?? Array("null".utf8)
    }

    // MARK: Many

    /// `GET /v1/contacts` with its filters, paged by key.
    public func list(_ view: borrowing RequestView, _ out: inout ResponseWriter) {
        do {
            guard let caller = view.principal as? Caller else { throw Problem.notFound("contact") }
            let basis = try context.refresh()
            if context.answers.answer(view.query, to: caller, on: basis, &out) { return }
            let parameters = try Parameters(view.query, known: Self.listParameters)
            let limit = try parameters.limit()
            let wantsRaw = try parameters.includesRaw()
            let filter = try filter(parameters, caller)
            let after = try parameters.after()
            let query = view.hasQuery ? view.query.text : nil
            out.beginJSON(200)
            let place = out.output.count
            if let name = parameters["connection"],
                let connection = context.state.connections.connection(name, for: caller),
                try context.sees(connection.key, caller)
            {
                context.writeSyncedAt(&out)
            }
            // Rows go straight into the answer, and whether more follow is known after the last.
            let link = out.fieldLater("Link", upTo: ListAnswer.longestLink(path: Self.path, query: query))
            out.beginBody()
            out.output.append("{\"items\":[")
            let next = try writeItems(filter, after: after, limit: limit, withRaw: wantsRaw, caller, &out)
                .map { PageToken.make(after: $0) }
            out.output.append("],\"next\":")
            if let next {
                out.output.append("\"")
                out.output.append(next)
                out.output.append("\"}")
            } else {
                out.output.append("null}")
            }
            out.fill(link, next.map { ListAnswer.link(to: $0, path: Self.path, query: query) })
            out.endBody()
            if view.method == .get { context.answers.keep(view.query, to: caller, on: basis, from: place, of: out) }
        } catch {
            out.fail(error)
        }
    }

    private static let path = "/v1/contacts"
    private static let listParameters = [
        "connection", "owner", "email", "phone", "q", "tag", "updated_since", "include", "limit", "after",
    ]

    /// The items of a page, with commas between them.
    ///
    /// - Returns: The key after which more follow; `nil` when none do.
    private func writeItems(
        _ filter: ContactFilter,
        after key: Int64,
        limit: Int,
        withRaw: Bool,
        _ caller: Caller,
        _ out: inout ResponseWriter
    ) throws -> Int64? {
        var isFirst = true
        return try context.snapshot.contacts.list(filter, after: key, limit: limit) { row, document in
            if !isFirst { out.output.append(UInt8(ascii: ",")) }
            isFirst = false
            out.output.append(document)
            guard withRaw else { return }
            out.output.truncate(to: out.output.count - 1)
            out.output.append(",\"raw\":")
            out.output.append(try raw(of: row.key, in: row.connection, caller))
            out.output.append(UInt8(ascii: "}"))
        }
    }

    private func filter(_ parameters: Parameters, _ caller: Caller) throws -> ContactFilter {
        let directory = context.state.connections
        var filter = ContactFilter()
        filter.connections = context.visibleKeys(for: caller)
        var regions = context.visibleRegions(for: caller)
        if let name = parameters["connection"] {
            guard let connection = directory.connection(name, for: caller) else { throw Problem.notFound("connection") }
            filter.connections = [connection.key]
            regions = [connection.config.region]
        }
        filter.owner = parameters["owner"]
        filter.tag = parameters["tag"]
        filter.text = parameters["q"]
        filter.updatedSince = try parameters.time("updated_since")
        filter.email = parameters["email"]
        if let phone = parameters["phone"] {
            filter.phones = LookupKey.candidates(for: phone, regions: regions)
            guard !filter.phones.isEmpty else {
                throw Problem.invalidParameter("phone", "`phone` needs at least three digits.")
            }
        }
        return filter
    }

    // MARK: Look-up

    /// `GET /v1/lookup?phone=…` or `?email=…`: who is this, over all connections.
    public func lookup(_ view: borrowing RequestView, _ out: inout ResponseWriter) {
        do {
            guard let caller = view.principal as? Caller else { throw Problem.notFound("contact") }
            _ = try context.refresh()
            let parameters = try Parameters(view.query, known: ["phone", "email"])
            let connections = context.visibleKeys(for: caller)
            let keys: [LookupKey]
            switch (parameters["phone"], parameters["email"]) {
            case (let phone?, nil):
                keys = LookupKey.candidates(for: phone, regions: context.visibleRegions(for: caller))
            case (nil, let email?): keys = LookupKey.email(of: email).map { [$0] } ?? []
            default: throw Problem(400, "invalid_parameter", "Give either `phone` or `email`.")
            }
            // The most exact keys come first, so the best match does.
            out.beginJSON(200)
            out.beginBody()
            out.output.append("{\"best\":")
            var shown: [Int64] = []
            try context.snapshot.contacts.forEachMatch(
                of: keys,
                connections: connections,
                limit: 100,
                passingOver: PassedOver.onLoop
            ) { row, document in
                if shown.contains(row.key) { return }
                shown.append(row.key)
                if shown.count == 2 {
                    out.output.append(",\"alternatives\":[")
                } else if shown.count > 2 {
                    out.output.append(",")
                }
                out.output.append(document)
            }
            if shown.isEmpty { out.output.append("null") }
            if shown.count < 2 { out.output.append(",\"alternatives\":[") }
            out.output.append("]}")
            out.endBody()
        } catch {
            out.fail(error)
        }
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
