//  The configuration in force as `GET /v1/config` renders it, as schemas. Pure.

import Config
import JSON

extension ServiceSchemas {
    /// Every secret is `"<redacted>"`, every default is filled in.
    static var config: [(name: String, schema: Schema)] {
        [
            (
                "Config",
                .object([
                    .init("server", .component("ConfigServer")), .init("database", .component("ConfigDatabase")),
                    .init("keys", .list(of: .component("ConfigKey"))),
                    .init("connections", .list(of: .component("ConfigConnection"))),
                    .init("facades", .list(of: .component("ConfigFacade"))),
                    .init("bridges", .list(of: .component("ConfigBridge"))),
                    .init("webhooks", .component("ConfigWebhooks")), .init("changes", .component("ConfigChanges")),
                ])
            ),
            ("ConfigServer", server),
            ("ConfigDatabase", .object([.init("path", .string()), .init("key", secret.orNull)])),
            ("ConfigKey", key), ("ConfigConnection", connection), ("ConfigFacade", facade), ("ConfigBridge", bridge),
            (
                "ConfigWebhooks",
                .object([
                    .init("timeout", duration), .init("allow_networks", .list(of: .string())),
                    .init("retain", duration),
                ])
            ),
            ("ConfigChanges", .object([.init("retain", duration)])),
        ]
    }

    private static let duration = Schema.string(pattern: "^[0-9]+(ms|s|m|h|d)$")
    private static let secret = Schema.constant("<redacted>")

    private static var server: Schema {
        let tls = Schema.object([
            .init("certificate", .string()), .init("key", .string()), .init("client_ca", .string().orNull),
        ])
        return .object([
            .init("listen", .string()), .init("admin_listen", .string().orNull), .init("tls", tls.orNull),
            .init("workers", Schema.integer(from: 1).orNull),
            .init("max_connections", .integer(from: 1)),
            .init("log_level", .word(["debug", "info", "warning", "error"])),
        ])
    }

    private static var key: Schema {
        let limits = Schema.object([.init("requests_per_second", .number), .init("burst", .integer(from: 1))])
        return .object([
            .init("name", .string()), .init("secret", secret),
            .init("scopes", .list(of: .word(Scope.allCases.map(\.rawValue)))),
            .init("connections", .list(of: .string()), "The ids that it sees; `*` for all."),
            .init("limits", limits.orNull),
        ])
    }

    private static var connection: Schema {
        let sync = Schema.object([
            .init("every", duration), .init("full_every", duration),
            .init("page_size", Schema.integer(from: 1).orNull),
        ])
        let limits = Schema.object([
            .init("requests_per_second", Schema.number.orNull), .init("timeout", duration),
        ])
        let deletes = Schema.object([
            .init("sweep_every", duration), .init("hold_above_percent", .integer(0...100)),
            .init("hold_above_count", .integer(from: 0)),
        ])
        return .object([
            .init("id", .string()), .init("vendor", .word(VendorName.allCases.map(\.rawValue))),
            .init("base_url", .string().orNull), .init("credentials", .map(of: secret)), .init("sync", sync),
            .init("region", .string().orNull), .init("owner", .string().orNull), .init("limits", limits),
            .init("fields", .map(of: .string())), .init("deletes", deletes), .init("ca_file", .string().orNull),
        ])
    }

    private static var facade: Schema {
        .object([
            .init("name", .string()), .init("protocol", .word(VendorName.allCases.map(\.rawValue))),
            .init("connection", .string()), .init("credentials", .map(of: secret)),
        ])
    }

    private static var bridge: Schema {
        let filter = Schema.object([.init("tag", .string())])
        return .object([
            .init("id", .string()), .init("from", .string()), .init("to", .string()), .init("deletes", .boolean),
            .init("filter", filter.orNull),
        ])
    }
}
