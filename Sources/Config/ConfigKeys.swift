//  Every key of the configuration, by section: what the decoder accepts and the schema describes.

/// The members that each section may have.
enum ConfigKeys {
    static let root = [
        "$schema", "server", "database", "keys", "connections", "facades", "bridges", "webhooks", "changes",
    ]
    static let server = ["listen", "admin_listen", "tls", "workers", "max_connections", "log_level"]
    static let tls = ["certificate", "key", "client_ca"]
    static let database = ["path", "key"]
    static let key = ["name", "secret", "scopes", "connections", "limits"]
    static let keyLimits = ["requests_per_second", "burst"]
    static let connection = [
        "id", "vendor", "base_url", "credentials", "sync", "region", "owner", "limits", "fields", "deletes", "ca_file",
    ]
    static let sync = ["every", "full_every", "page_size"]
    static let limits = ["requests_per_second", "timeout"]
    static let deletes = ["sweep_every", "hold_above_percent", "hold_above_count"]
    static let facade = ["name", "protocol", "connection", "credentials"]
    static let bridge = ["id", "from", "to", "deletes", "filter"]
    static let filter = ["tag"]
    static let webhooks = ["timeout", "allow_networks", "retain"]
    static let changes = ["retain"]
    static let secret = ["env", "file"]
    /// Members of a contact that a custom field of the vendor can hold.
    static let customFields = ["organization", "title", "notes", "lifecycle", "addresses"]

    /// The credentials of a vendor: every alternative that it accepts, each with what is required and what may be.
    static func credentials(_ vendor: VendorName) -> [(required: [String], optional: [String])] {
        switch vendor {
        case .portsip: [(["token"], []), (["username", "password"], ["domain"])]
        case .taptalk: [(["key_id", "key_secret"], [])]
        case .contactSource: [(["client_id", "client_secret"], [])]
        case .activecampaign: [(["api_token"], [])]
        case .local: []
        }
    }

    /// Sections by their pointer, `*` for each element: the table that the schema is tested against.
    static let sections: [(pointer: String, keys: [String])] = [
        ("", root), ("/server", server), ("/server/tls", tls), ("/database", database), ("/keys/*", key),
        ("/keys/*/limits", keyLimits),
        ("/connections/*", connection), ("/connections/*/sync", sync), ("/connections/*/limits", limits),
        ("/connections/*/deletes", deletes), ("/connections/*/fields", customFields), ("/facades/*", facade),
        ("/bridges/*", bridge), ("/bridges/*/filter", filter), ("/webhooks", webhooks), ("/changes", changes),
    ]
}
