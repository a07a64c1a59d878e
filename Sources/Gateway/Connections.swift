//  Connections at work: built from the configuration, and kept as they are where their settings stayed.

import API
import Config
import HTTPCore
import Log
import Platform
import Store
import Vendors

/// Builds the live connections of a configuration.
struct ConnectionBuilder: Sendable {
    let store: Store
    let sender: any HTTPSending
    let meters: CallMeters
    let log: Log

    /// Every connection of the configuration, in its order. One in force whose settings did not change is taken over
    /// with its adapter, link, tokens and pace.
    func connections(for config: GatewayConfig, keeping current: [LiveConnection]) async throws -> [LiveConnection] {
        let wanted = config.connections.map { (name: $0.id, vendor: $0.vendor.rawValue) }
        let rows = try await store.write { transaction in
            try transaction.connections.register(wanted, at: transaction.now)
        }
        return zip(config.connections, rows).map { connection, row in
            if let kept = current.first(where: { $0.config == connection && $0.key == row.key }) { return kept }
            let link = VendorLink(
                connection: connection,
                sender: sender,
                meter: meters.meter(of: connection.id),
                log: log
            )
            return LiveConnection(
                key: row.key,
                config: connection,
                adapter: VendorFactory.adapter(for: connection, link: link),
                link: connection.vendor == .local ? nil : link
            )
        }
    }
}
