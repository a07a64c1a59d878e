//  `/metrics`: gathers from every part, and answers in Prometheus's text.

import API
import HTTPCore
import HTTPServer
import Log
import Metrics
import Platform
import Store
import Sync
import Synchronization
import Vendors
import Webhooks

/// Answers scrapes. It only reads: nothing here is on the way of a request, a run or a delivery.
final class Scrape: Sendable {
    /// The number of contacts of each connection, and until when it is believed.
    private struct Census {
        var counts: [Int64: Int] = [:]
        var version: UInt64 = .max
        var goodUntil: Int64 = 0
    }

    private let services: Services
    private let meters: CallMeters
    private let status: @Sendable () -> ConfigStatus
    private let servers = Mutex<[Server]>([])
    private let census = Mutex(Census())

    init(services: Services, meters: CallMeters, status: @escaping @Sendable () -> ConfigStatus) {
        self.services = services
        self.meters = meters
        self.status = status
    }

    /// From now on this server's numbers are among those that are told.
    func watch(_ server: Server) {
        servers.withLock { $0.append(server) }
    }

    /// `GET /metrics`
    func answer(_ request: Request) async -> Response {
        await answering(request, log: services.log) { request in
            let families = try await self.facts().limited(to: request.caller).families
            var response = Response(status: 200, body: MetricText(families).bytes)
            response.fields.set("Content-Type", MetricText.contentType)
            return response
        }
    }

    private func facts() async throws -> GatewayFacts {
        let store = services.store
        var facts = GatewayFacts(now: .now(), process: try ProcessFacts(), config: status())
        facts.logLinesLost = LogWriter.standardError.lost
        facts.server = servers.withLock { $0 }.reduce(into: ServerStatistics()) { $0.add($1.statistics) }
        facts.store = store.statistics
        facts.lastSequence = store.lastSequence
        facts.calls = meters.current
        facts.sync = services.sync.meter.current
        facts.deliveries = services.dispatcher.meter.current
        let live = services.live.current.connections.all
        let stored = try await store.readAtLeisure { [self] snapshot in try read(snapshot) }
        facts.waiting = stored.waiting
        facts.connections = live.map { connection in
            var fact = GatewayFacts.Connection(id: connection.id, link: connection.link?.status)
            fact.lastGoodRunAt = stored.lastGoodRuns[connection.key]
            fact.contacts = stored.contacts[connection.key] ?? 0
            fact.queuedWrites = stored.queuedWrites[connection.key] ?? 0
            fact.runningRuns = stored.openRuns.count { $0.connection == connection.key && $0.state == .running }
            fact.heldRuns = stored.openRuns.count { $0.connection == connection.key && $0.state == .held }
            return fact
        }
        return facts
    }

    private struct Stored: Sendable {
        var lastGoodRuns: [Int64: Timestamp]
        var contacts: [Int64: Int]
        var queuedWrites: [Int64: Int]
        var openRuns: [RunRow]
        var waiting: [GatewayFacts.Waiting]
    }

    private func read(_ snapshot: Snapshot) throws(StoreError) -> Stored {
        let rows = try snapshot.connections.all()
        return Stored(
            lastGoodRuns: Dictionary(rows.map { ($0.key, $0.lastGoodRunAt) }, uniquingKeysWith: { first, _ in first })
                .compactMapValues { $0 },
            contacts: try contacts(snapshot),
            queuedWrites: try snapshot.writes.queuedCounts(),
            openRuns: try snapshot.runs.open(),
            waiting: try snapshot.deliveries.waiting().map { waiting in
                GatewayFacts.Waiting(webhook: waiting.webhook, count: waiting.count, oldest: waiting.oldest)
            }
        )
    }

    /// Counting millions takes a tenth of a second. A count is good as long as nothing was committed, and else for a
    /// hundred times as long as it took: it never costs the reader more than a hundredth of its time.
    private func contacts(_ snapshot: Snapshot) throws(StoreError) -> [Int64: Int] {
        let version = snapshot.committedVersion
        let now = Monotonic.nanoseconds()
        let known = census.withLock { $0.version == version || now < $0.goodUntil ? $0.counts : nil }
        if let known { return known }
        let counts = try snapshot.contacts.counts()
        let end = Monotonic.nanoseconds()
        census.withLock { $0 = Census(counts: counts, version: version, goodUntil: end + (end - now) * 100) }
        return counts
    }
}
