//  The configuration as JSON: redacted for people, and section by section to say what a reload changed.

import Crypto
public import JSON
import Log

extension GatewayConfig {
    /// The whole configuration in force, defaults included, with every secret as `"<redacted>"`.
    public var redacted: JSONValue { rendered { _ in "<redacted>" } }

    /// What differs between two configurations, for people: sections, and members of connections.
    ///
    /// - Returns: In the order of the sections; empty when both mean the same.
    public static func changes(from old: GatewayConfig, to new: GatewayConfig) -> [ConfigChange] {
        let isRenewed = old.server.tls != new.server.tls && old.server.tls?.rendered == new.server.tls?.rendered
        // Compared with the secrets in clear, keys by their digests, so that a new one shows; only paths leave this
        // function.
        let old = old.rendered { .string($0.revealed) }
        let new = new.rendered { .string($0.revealed) }
        var changes: [ConfigChange] = []
        for section in ["server", "database", "webhooks", "changes"] {
            changes += difference(old[section] ?? .null, new[section] ?? .null, "/\(section)")
        }
        // A renewed certificate under the same path.
        if isRenewed { changes.append(ConfigChange(path: "/server/tls", kind: .changed)) }
        for (section, id, goesDeeper) in [
            ("keys", "name", false), ("connections", "id", true), ("facades", "name", false), ("bridges", "id", false),
        ] {
            let before = elements(old[section], id)
            let after = elements(new[section], id)
            for (name, value) in before where !after.contains(where: { $0.0 == name }) {
                _ = value
                changes.append(ConfigChange(path: "/\(section)/\(name)", kind: .removed))
            }
            for (name, value) in after {
                let path = "/\(section)/\(name)"
                guard let earlier = before.first(where: { $0.0 == name })?.1 else {
                    changes.append(ConfigChange(path: path, kind: .added))
                    continue
                }
                if goesDeeper {
                    changes += difference(earlier, value, path)
                } else if earlier != value {
                    changes.append(ConfigChange(path: path, kind: .changed))
                }
            }
        }
        return changes
    }

    private static func elements(_ value: JSONValue?, _ id: String) -> [(String, JSONValue)] {
        (value?.arrayValue ?? []).map { ($0[id]?.stringValue ?? "", $0) }
    }

    private static func difference(_ old: JSONValue, _ new: JSONValue, _ path: String) -> [ConfigChange] {
        (new.objectValue ?? []).filter { old[$0.name] != $0.value }.map {
            ConfigChange(path: "\(path)/\($0.name)", kind: .changed)
        }
    }

    private func rendered(_ secret: (Secret) -> JSONValue) -> JSONValue {
        [
            "server": [
                "listen": .string(server.listen), "admin_listen": .optional(server.adminListen),
                "tls": server.tls?.rendered ?? .null,
                "workers": server.workers.map { .int($0) } ?? .null, "max_connections": .int(server.maxConnections),
                "log_level": .string("\(server.logLevel)"),
            ],
            "database": ["path": .string(database.path), "key": database.key.map(secret) ?? .null],
            "keys": .array(
                keys.map { key in
                    [
                        "name": .string(key.name), "secret": secret(Secret(Hex.encode(key.digest))),
                        "scopes": .array(Scope.allCases.filter(key.scopes.contains).map { .string($0.rawValue) }),
                        "connections": .array((key.connections?.sorted() ?? ["*"]).map { .string($0) }),
                        "limits": key.limits.map { limits in
                            [
                                "requests_per_second": .number("\(limits.requestsPerSecond)"),
                                "burst": .int(limits.burst),
                            ]
                        } ?? .null,
                    ]
                }
            ),
            "connections": .array(connections.map { $0.rendered(secret) }),
            "facades": .array(
                facades.map { facade in
                    [
                        "name": .string(facade.name), "protocol": .string(facade.protocolName.rawValue),
                        "connection": .string(facade.connection),
                        "credentials": rendered(credentials: facade.credentials, secret),
                    ]
                }
            ),
            "bridges": .array(
                bridges.map { bridge in
                    [
                        "id": .string(bridge.id), "from": .string(bridge.from), "to": .string(bridge.to),
                        "deletes": .bool(bridge.deletes), "filter": bridge.tag.map { ["tag": .string($0)] } ?? .null,
                    ]
                }
            ),
            "webhooks": [
                "timeout": .string(webhooks.timeout.configured),
                "allow_networks": .array(webhooks.allowNetworks.map { .string($0) }),
                "retain": .string(webhooks.retain.configured),
            ],
            "changes": ["retain": .string(changes.retain.configured)],
        ]
    }
}

extension ConnectionConfig {
    fileprivate func rendered(_ secret: (Secret) -> JSONValue) -> JSONValue {
        [
            "id": .string(id), "vendor": .string(vendor.rawValue),
            "base_url": vendor == .local ? .null : .string(baseURL),
            "credentials": GatewayConfig.rendered(credentials, secret),
            "sync": [
                "every": .string(sync.every.configured), "full_every": .string(sync.fullEvery.configured),
                "page_size": sync.pageSize.map { .int($0) } ?? .null,
            ],
            "region": .optional(region), "owner": .optional(owner),
            "limits": [
                "requests_per_second": limits.requestsPerSecond.map { .number("\($0)") } ?? .null,
                "timeout": .string(limits.timeout.configured),
            ],
            "fields": .object(fields.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) }),
            "deletes": [
                "sweep_every": .string(deletes.sweepEvery.configured),
                "hold_above_percent": .int(deletes.holdAbovePercent),
                "hold_above_count": .int(deletes.holdAboveCount),
            ],
            "ca_file": .optional(caFile),
        ]
    }
}

extension TLSConfig {
    fileprivate var rendered: JSONValue {
        ["certificate": .string(certificate.path), "key": .string(key.path), "client_ca": .optional(clientCA?.path)]
    }
}

extension GatewayConfig {
    fileprivate static func rendered(_ credentials: [String: Secret], _ secret: (Secret) -> JSONValue) -> JSONValue {
        .object(credentials.sorted { $0.key < $1.key }.map { JSONMember($0.key, secret($0.value)) })
    }

    private func rendered(credentials: [String: Secret], _ secret: (Secret) -> JSONValue) -> JSONValue {
        Self.rendered(credentials, secret)
    }
}

/// One difference between two configurations.
public struct ConfigChange: Equatable, Sendable {
    /// What happened to it.
    public enum Kind: String, Sendable {
        case added, removed, changed
    }

    /// Its place, elements of lists by their id: `/connections/crm/limits`.
    public var path: String
    /// What happened to it.
    public var kind: Kind

    /// Makes a change.
    public init(path: String, kind: Kind) {
        self.path = path
        self.kind = kind
    }

    /// True for what takes effect only at the next start: the listener and the database.
    public var needsRestart: Bool {
        if path.hasPrefix("/server/") { return !["/server/log_level", "/server/tls"].contains(path) }
        return path.hasPrefix("/database/")
    }

    /// For answers.
    public var json: JSONValue {
        ["path": .string(path), "change": .string(kind.rawValue), "needs_restart": .bool(needsRestart)]
    }
}
