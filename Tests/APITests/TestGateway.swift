//  The contacts' routes on a real server, store and client, with vendors in memory.

import API
import Config
import Crypto
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Log
import Store
import Synchronization
import TestSupport
import Testing
import Vendors

/// What a request came to.
struct Answer {
    var status: Int
    var fields: HeaderFields
    var text: String
    var json: JSONValue

    var items: [JSONValue] { json["items"]?.arrayValue ?? [] }
    var id: String { json["id"]?.stringValue ?? "" }
    var code: String? { json["code"]?.stringValue }
    var pointers: [String] { json["errors"]?.arrayValue?.compactMap { $0["pointer"]?.stringValue } ?? [] }
}

/// `book` is local; `crm` writes to ``FakeVendor``; `erp` can only be read; the key `narrow` sees `book` alone.
struct TestGateway: Sendable {
    let store: Store
    let crm = FakeVendor()
    let writes: ContactWrites
    let queue: QueuedWrites
    private let server: Server
    private let client = Client(log: .silent)

    /// Runs bodies, one after the other, each against a newly started gateway on the same file.
    static func with(_ bodies: @Sendable (TestGateway) async throws -> Void...) async throws {
        let directory = ScratchDirectory()
        for body in bodies { try await run(directory.database, body) }
    }

    private static func run(_ path: String, _ body: @Sendable (TestGateway) async throws -> Void) async throws {
        let gateway = try await TestGateway(path: path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gateway.server.run() }
            let result: Result<Void, any Error>
            do {
                try await body(gateway)
                result = .success(())
            } catch { result = .failure(error) }
            gateway.server.stop()
            try await group.waitForAll()
            await gateway.client.close()
            await gateway.store.close()
            try result.get()
        }
    }

    private init(path: String) async throws {
        let store = try Store(path: path, log: .silent)
        let rows = try await store.write { transaction in
            try transaction.connections.register(
                [("book", "local"), ("crm", "activecampaign"), ("erp", "contact-source")],
                at: transaction.now
            )
        }
        var configs = [
            ConnectionConfig(id: "book", vendor: .local), ConnectionConfig(id: "crm", vendor: .activecampaign),
            ConnectionConfig(id: "erp", vendor: .contactSource),
        ]
        for index in configs.indices { configs[index].region = "US" }
        let link = VendorLink(connection: configs[0], sender: client, log: .silent)
        let adapters: [any VendorAdapter] = [
            VendorFactory.adapter(for: configs[0], link: link), FakeAdapter(vendor: crm),
            FakeAdapter(vendor: crm, isReadOnly: true),
        ]
        let connections = ConnectionDirectory(
            configs.indices.map {
                LiveConnection(key: rows[$0].key, config: configs[$0], adapter: adapters[$0], link: nil)
            }
        )
        var config = GatewayConfig()
        config.connections = configs
        config.keys = [
            KeyConfig(name: "app", secret: Secret("all"), scopes: [.read, .write, .admin]),
            KeyConfig(name: "narrow", secret: Secret("narrow"), scopes: [.read, .write], connections: ["book"]),
            KeyConfig(name: "reader", secret: Secret("reader"), scopes: [.read]),
        ]
        let live = LiveState(GatewayState(config: config, keys: KeyRing(config.keys), connections: connections))
        let writes = ContactWrites(store: store, state: live, log: .silent)
        let queue = QueuedWrites(writes: writes, store: store, state: live, log: .silent, clock: HastyClock())
        let api = ContactsAPI(writes: writes, queue: queue, store: store, log: .silent)
        self.store = store
        self.writes = writes
        self.queue = queue
        let rules = DoorRules()
        server = try Server(settings: ServerSettings(), log: .silent) { _ in
            let context = try LoopContext(store: store, live: live)
            let reads = ContactReads(context: context)
            let routes = Self.routes(reads, api)
            let doorkeeper = Doorkeeper(live: live, rules: rules, routes: routes)
            return Router(routes, hooks: context.hooks(doorkeeper))
        }
    }

    private static func routes(_ reads: ContactReads, _ api: ContactsAPI) -> [Route] {
        [
            .get("/v1/contacts", access: "read", .now { reads.list($0, &$1) }),
            .get("/v1/contacts/{id}", access: "read", .now { reads.get($0, &$1) }),
            .get("/v1/lookup", access: "read", .now { reads.lookup($0, &$1) }),
            .post("/v1/contacts", access: "write", .handedOver(api.createAtOnce, api.create)),
            .patch("/v1/contacts/{id}", access: "write", .later { await api.patch($0) }),
            .put("/v1/contacts/{id}", access: "write", .later { await api.replace($0) }),
            .delete("/v1/contacts/{id}", access: "write", .later { await api.delete($0) }),
            .post("/v1/contacts/upsert", access: "write", .later { await api.upsert($0) }),
            .post("/v1/contacts/batch", access: "write", maxBody: 16 << 20, .later { await api.batch($0) }),
            .get("/v1/writes/{id}", access: "read", .later { await api.write($0) }),
        ]
    }

    /// Sends one request.
    func send(
        _ method: HTTPCore.Method,
        _ path: String,
        _ body: String = "",
        key: String = "all",
        _ fields: HeaderFields = HeaderFields()
    ) async throws -> Answer {
        var fields = fields
        if !key.isEmpty { fields.add("Authorization", "Bearer \(key)") }
        if !body.isEmpty { fields.add("Content-Type", "application/json") }
        let response = try await client.send(
            ClientRequest(
                method: method,
                url: "http://\(server.address)\(path)",
                fields: fields,
                body: Array(body.utf8)
            )
        )
        let exchange = Exchange(
            method: method.rawValue,
            path: String(path.prefix { $0 != "?" }),
            sent: try? JSONValue(parsing: Array(body.utf8)),
            status: response.status,
            body: response.body,
            field: { [fields = response.fields] in fields[$0] }
        )
        for complaint in APIDescription.ofTheRoom.complaints(exchange) { Issue.record("\(complaint)") }
        return Answer(
            status: response.status,
            fields: response.fields,
            text: String(decoding: response.body, as: UTF8.self),
            json: (try? JSONValue(parsing: response.body)) ?? .null
        )
    }

    /// Creates a contact and returns the answer.
    func create(_ members: String, in connection: String = "book") async throws -> Answer {
        try await send(.post, "/v1/contacts", #"{"connection":"\#(connection)",\#(members)}"#)
    }
}

/// A clock on which waiting takes a hundredth of the time.
private struct HastyClock: Clock {
    private let clock = ContinuousClock()

    var now: ContinuousClock.Instant { clock.now }
    var minimumResolution: Duration { clock.minimumResolution }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        try await clock.sleep(for: now.duration(to: deadline) / 100)
    }
}
