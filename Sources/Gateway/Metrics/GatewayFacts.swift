//  Everything that a scrape gathers, as one value; the families that it becomes stand beside it, by subject.

import API
import HTTPServer
import Metrics
import Platform
import Store
import Sync
import Vendors
import Webhooks

/// The gateway at one moment.
struct GatewayFacts: Sendable {
    /// One configured connection.
    struct Connection: Sendable {
        var id: String
        /// `nil` for one that calls nobody.
        var link: LinkStatus?
        var lastGoodRunAt: Timestamp?
        var contacts = 0
        var queuedWrites = 0
        var runningRuns = 0
        var heldRuns = 0
    }

    /// What waits for one webhook.
    struct Waiting: Sendable {
        var webhook: Int64
        var count: Int
        var oldest: Timestamp
    }

    var now: Timestamp
    var build = BuildInfo()
    var process: ProcessFacts
    var logLinesLost: UInt64 = 0
    var server = ServerStatistics()
    var store = StoreStatistics()
    var lastSequence: Int64 = 0
    var config: ConfigStatus
    var connections: [Connection] = []
    /// By the connection's id, those that have left the configuration included: a counter never goes back.
    var calls: [String: [VendorOperation: CallMeter.Counts]] = [:]
    /// The same.
    var sync: [String: SyncCounts] = [:]
    var deliveries = DeliveryCounts()
    var waiting: [Waiting] = []
    /// Whether a webhook may be named.
    var namesWebhooks = true

    /// All families, in the order of the text.
    var families: [MetricFamily] {
        serverFamilies + vendorFamilies + syncFamilies + webhookFamilies + storeFamilies + configFamilies
            + processFamilies
    }

    /// Only what a key sees that is limited to some connections.
    func limited(to caller: Caller) -> GatewayFacts {
        var facts = self
        facts.connections.removeAll { !caller.sees($0.id) }
        facts.calls = calls.filter { caller.sees($0.key) }
        facts.sync = sync.filter { caller.sees($0.key) }
        facts.namesWebhooks = caller.connections == nil
        return facts
    }
}

/// A name of ours.
func metric(_ name: StaticString) -> String { "contact_gateway_\(name)" }

extension MetricFamily.Value {
    /// A moment in seconds since 1970.
    static func moment(_ timestamp: Timestamp) -> Self { .fraction(timestamp.milliseconds, of: 1000) }

    static func count(_ value: UInt64) -> Self { .whole(Int64(clamping: value)) }
}
