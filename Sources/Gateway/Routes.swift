//  The whole API as one table: which path, which scope, at once or later.

import API
import Config
import HTTPCore
import HTTPServer
import JSON

/// The table of `/v1`. Every loop makes its own router of it, with its own read connection.
struct Routes: Sendable {
    private let services: Services
    private let config: ConfigAPI
    private let contacts: ContactsAPI
    private let changes: ChangesAPI
    private let connections: ConnectionsAPI
    private let runs: RunsAPI
    private let webhooks: WebhooksAPI
    private let health: HealthAPI
    private let doorRules: DoorRules
    private let openAPI = OpenAPI(version: Gateway.version)
    private let scrape: Scrape

    init(services: Services, control: ConfigControl, scrape: Scrape) {
        self.services = services
        let separatesAdmin = services.live.current.config.server.adminListen != nil
        doorRules = DoorRules(separatesAdmin: separatesAdmin, log: services.log)
        self.scrape = scrape
        let (live, store, log) = (services.live, services.store, services.log)
        let sync = SyncRequests(sync: services.sync)
        config = ConfigAPI(live: live, control: control, log: log)
        contacts = ContactsAPI(writes: services.writes, queue: services.queue, store: store, log: log)
        changes = ChangesAPI(live: live, store: store, log: log, stop: services.stop)
        connections = ConnectionsAPI(live: live, store: store, sync: sync, log: log)
        runs = RunsAPI(live: live, store: store, sync: sync, log: log)
        webhooks = WebhooksAPI(store: store, state: live, rules: services.webhookRules, seal: services.seal, log: log)
        health = HealthAPI(store: store, stop: services.stop, log: log)
    }

    /// A loop's router.
    func router() throws -> Router {
        let context = try LoopContext(store: services.store, live: services.live)
        let table = table(context)
        let doorkeeper = Doorkeeper(live: services.live, rules: doorRules, routes: table)
        return Router(table, hooks: context.hooks(doorkeeper))
    }

    /// Every row. `now` answers on the loop from its snapshot; `later` waits for the writer, a vendor or a change.
    private func table(_ context: LoopContext) -> [Route] {
        let reads = ContactReads(context: context)
        let large = 16 << 20
        let rows: [Route] = [
            .get("/v1/contacts/{id}", access: "read", .now(reads.get)),
            .get("/v1/contacts", access: "read", .now(reads.list)),
            .get("/v1/lookup", access: "read", .now(reads.lookup)),
            .post("/v1/contacts", access: "write", .handedOver(contacts.createAtOnce, contacts.create)),
            .post("/v1/contacts/upsert", access: "write", .later(contacts.upsert)),
            .post("/v1/contacts/batch", access: "write", maxBody: large, .later(contacts.batch)),
            .patch("/v1/contacts/{id}", access: "write", .later(contacts.patch)),
            .put("/v1/contacts/{id}", access: "write", .later(contacts.replace)),
            .delete("/v1/contacts/{id}", access: "write", .later(contacts.delete)),
            .get("/v1/writes/{id}", access: "write", .later(contacts.write)),

            .get("/v1/config", access: "admin", .later(config.get)),
            .post("/v1/config/reload", access: "admin", .later(config.reload)),
            .post("/v1/config/check", access: "admin", .later(config.check)),

            .get("/metrics", access: "read", .later(scrape.answer)),
        ]
        let all = rows + changes.routes(context) + connections.routes + runs.routes + webhooks.routes + health.routes
        return all.map(\.refusingUnknownQuery) + [openAPI.route(describing: all)]
    }
}
