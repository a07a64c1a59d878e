//  A temporary store with two connections, for the resources that only read.

import Config
import Contacts
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Vendors

@testable import API

/// A store in a folder of its own, and requests to resources that read it.
final class ReadingBench: Sendable {
    let store: Store
    let live: LiveState
    let stop = StopSignal()
    let book: Int64
    let desk: Int64

    /// Opens it with the `local` connections `book` and `desk`.
    init(retain: Duration = .seconds(86_400)) async throws {
        let store = try Store(path: ScratchDirectory().database, log: .silent)
        self.store = store
        let rows = try await store.write { transaction in
            try transaction.connections.register(
                [(name: "book", vendor: "local"), (name: "desk", vendor: "local")],
                at: transaction.now
            )
        }
        book = rows[0].key
        desk = rows[1].key
        var config = GatewayConfig()
        config.connections = [
            ConnectionConfig(id: "book", vendor: .local), ConnectionConfig(id: "desk", vendor: .local),
        ]
        config.changes.retain = retain
        let connections = zip(rows, config.connections).map { row, config in
            let link = VendorLink(connection: config, sender: NoVendor(), log: .silent)
            return LiveConnection(
                key: row.key,
                config: config,
                adapter: VendorFactory.adapter(for: config, link: link),
                link: nil
            )
        }
        live = LiveState(
            GatewayState(config: config, keys: KeyRing([]), connections: ConnectionDirectory(connections))
        )
    }

    /// Closes the store.
    func close() async {
        await store.close()
    }

    /// Creates a contact and returns its key.
    @discardableResult
    func create(_ name: String, in connection: Int64? = nil) async throws -> Int64 {
        let connection = connection ?? book
        return try await store.write { transaction in
            var content = ContactContent()
            content.name.full = name
            return try transaction.contacts.create(NewContact(connection: connection, vendorID: nil, content: content))
                .key
        }
    }

    /// Renames a contact.
    func rename(_ key: Int64, _ name: String) async throws {
        try await store.write { transaction in
            var content = ContactContent()
            content.name.full = name
            _ = try transaction.contacts.update(key, ContactUpdate(content: content, vendorID: nil))
        }
    }

    /// Deletes a contact.
    func delete(_ key: Int64) async throws {
        try await store.write { _ = try $0.contacts.delete(key) }
    }

    /// A request by a caller who sees those connections.
    func request(
        _ method: HTTPCore.Method = .get,
        _ path: String,
        _ query: String? = nil,
        seeing connections: Set<String>? = nil,
        parameters: [String] = [],
        fields: HeaderFields = [:],
        body: JSONValue? = nil
    ) -> Request {
        var request = Request(
            method: method,
            path: path,
            query: query,
            parameters: parameters,
            fields: fields,
            body: body?.encoded() ?? []
        )
        request.principal = Caller(name: "test", scopes: Set(Scope.allCases), connections: connections)
        return request
    }
}

/// A vendor that is never asked.
private struct NoVendor: HTTPSending {
    func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
        throw TransportError(kind: .connectFailed, message: "there is nobody", mayHaveArrived: false)
    }
}

/// Runs with a bench and closes it.
func withReadingBench(
    retain: Duration = .seconds(86_400),
    _ body: (ReadingBench) async throws -> Void
) async throws {
    let bench = try await ReadingBench(retain: retain)
    do {
        try await body(bench)
    } catch {
        await bench.close()
        throw error
    }
    await bench.close()
}

/// The problem that a handler throws; `nil` when it throws none.
func problem(_ call: () async throws -> Response) async -> Problem? {
    do {
        _ = try await call()
        return nil
    } catch {
        return Problem(error)
    }
}

extension Response {
    /// The body as JSON; null when it is none.
    var tree: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
}
