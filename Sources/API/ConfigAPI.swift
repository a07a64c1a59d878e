//  `/v1/config`: the configuration in force, reloading it, and checking one that is not.

public import Config
public import HTTPCore
import JSON
public import Log
public import Platform

/// Where the configuration in force came from.
public struct ConfigStatus: Equatable, Sendable {
    /// A configuration that was refused.
    public struct Rejection: Equatable, Sendable {
        /// When.
        public var at: Timestamp
        /// Why, every complaint.
        public var errors: [ConfigError]

        /// Makes a rejection.
        public init(at: Timestamp, errors: [ConfigError]) {
            self.at = at
            self.errors = errors
        }
    }

    /// Counts the configurations that were in force since the start, from 1.
    public var generation: Int
    /// SHA-256 of the file, in hexadecimal digits.
    public var sha256: String
    /// When it was read.
    public var loadedAt: Timestamp
    /// Why the file as it is now is not in force; `nil` when it is.
    public var lastError: Rejection?

    /// Makes a status.
    public init(generation: Int, sha256: String, loadedAt: Timestamp, lastError: Rejection? = nil) {
        self.generation = generation
        self.sha256 = sha256
        self.loadedAt = loadedAt
        self.lastError = lastError
    }
}

/// What a reload did.
public struct ReloadReport: Equatable, Sendable {
    /// Where the configuration in force came from.
    public var status: ConfigStatus
    /// What changed, and what has to wait for a restart.
    public var changes: [ConfigChange]

    /// Makes a report.
    public init(status: ConfigStatus, changes: [ConfigChange]) {
        self.status = status
        self.changes = changes
    }
}

/// What `ConfigAPI` needs of the running program.
public struct ConfigControl: Sendable {
    /// The status of the configuration in force.
    public var status: @Sendable () -> ConfigStatus
    /// Reads the file again and puts it in force; what cannot be is ``InvalidConfig``.
    public var reload: @Sendable () async throws -> ReloadReport
    /// What a configuration would change; ``InvalidConfig`` with every complaint.
    public var check: @Sendable ([UInt8]) async throws -> [ConfigChange]

    /// Makes a control.
    public init(
        status: @escaping @Sendable () -> ConfigStatus,
        reload: @escaping @Sendable () async throws -> ReloadReport,
        check: @escaping @Sendable ([UInt8]) async throws -> [ConfigChange]
    ) {
        self.status = status
        self.reload = reload
        self.check = check
    }
}

/// The configuration's resource.
public final class ConfigAPI: Sendable {
    private let live: LiveState
    private let control: ConfigControl
    private let log: Log

    /// Makes the resource.
    public init(live: LiveState, control: ConfigControl, log: Log) {
        self.live = live
        self.control = control
        self.log = log
    }

    /// `GET /v1/config`.
    public func get(_ request: Request) async -> Response {
        await answering(request, log: log) { request in
            _ = try Parameters(request.query, known: [])
            let config = Self.visible(live.current.config.redacted, to: request.caller)
            return .json(
                200,
                .object(Self.members(of: control.status(), for: request.caller) + [JSONMember("config", config)])
            )
        }
    }

    /// The rendered configuration without what names a connection that the caller does not see.
    static func visible(_ config: JSONValue, to caller: Caller) -> JSONValue {
        guard caller.connections != nil, case .object(let members) = config else { return config }
        func sees(_ entry: JSONValue, _ names: String...) -> Bool {
            names.allSatisfy { entry[$0]?.stringValue.map(caller.sees) ?? false }
        }
        return .object(
            members.map { member in
                guard case .array(let entries) = member.value else { return member }
                let kept = entries.filter { entry in
                    switch member.name {
                    case "connections": sees(entry, "id")
                    case "facades": sees(entry, "connection")
                    case "bridges": sees(entry, "from", "to")
                    case "keys": entry["name"]?.stringValue == caller.name
                    default: true
                    }
                }
                return JSONMember(member.name, .array(kept))
            }
        )
    }

    /// A whole configuration, its changes and its errors speak of every connection and key.
    private static func requireEveryConnection(_ caller: Caller) throws(Problem) {
        guard caller.connections != nil else { return }
        throw Problem(
            403,
            "insufficient_scope",
            "This needs a key for all connections; the key \"\(caller.name)\" is limited to some."
        )
    }

    /// `POST /v1/config/reload`.
    public func reload(_ request: Request) async -> Response {
        await answering(request, log: log) { request in
            try Self.requireEveryConnection(request.caller)
            do {
                let report = try await control.reload()
                return .json(
                    200,
                    .object(
                        Self.members(of: report.status, for: request.caller) + [
                            JSONMember("changes", .array(report.changes.map(\.json))),
                            JSONMember("needs_restart", .bool(report.changes.contains(where: \.needsRestart))),
                        ]
                    )
                )
            } catch let invalid as InvalidConfig {
                let errors = invalid.errors.map {
                    Problem.InputError(
                        pointer: $0.pointer,
                        detail: "line \($0.line), column \($0.column): \($0.message)"
                    )
                }
                throw Problem(
                    422,
                    "invalid_config",
                    "The configuration file has \(errors.count) error\(errors.count == 1 ? "" : "s"); the old one stays in force.",
                    errors: errors
                )
            }
        }
    }

    /// `POST /v1/config/check`: the body is a whole configuration.
    public func check(_ request: Request) async -> Response {
        await answering(request, log: log) { request in
            try Self.requireEveryConnection(request.caller)
            do {
                let changes = try await control.check(request.body)
                return .json(200, ["valid": true, "errors": [], "changes": .array(changes.map(\.json))])
            } catch let invalid as InvalidConfig {
                return .json(200, ["valid": false, "errors": Self.errors(invalid.errors), "changes": []])
            }
        }
    }

    private static func members(of status: ConfigStatus, for caller: Caller) -> [JSONMember] {
        let lastError = caller.connections == nil ? status.lastError : nil
        return [
            JSONMember("generation", .int(status.generation)), JSONMember("sha256", .string(status.sha256)),
            JSONMember("loaded_at", .string(status.loadedAt.rfc3339)),
            JSONMember(
                "last_error",
                lastError.map { ["at": .string($0.at.rfc3339), "errors": errors($0.errors)] } ?? .null
            ),
        ]
    }

    private static func errors(_ errors: [ConfigError]) -> JSONValue {
        .array(
            errors.map {
                [
                    "pointer": .string($0.pointer), "line": .int($0.line), "column": .int($0.column),
                    "detail": .string($0.message),
                ]
            }
        )
    }
}
