//  What the operator said: one immutable snapshot of the configuration file, validated.

import Crypto
public import Log

/// The whole configuration in force.
public struct GatewayConfig: Equatable, Sendable {
    /// Where and how to serve.
    public var server = ServerConfig()
    /// Where contacts are kept.
    public var database = DatabaseConfig()
    /// Who may call.
    public var keys: [KeyConfig] = []
    /// The links to vendors, in the order of the file.
    public var connections: [ConnectionConfig] = []
    /// Vendors' protocols that we answer.
    public var facades: [FacadeConfig] = []
    /// Standing orders to mirror.
    public var bridges: [BridgeConfig] = []
    /// How webhooks are delivered.
    public var webhooks = WebhooksConfig()
    /// How long changes are kept.
    public var changes = ChangesConfig()

    /// An empty configuration with every default.
    public init() {}

    /// The connection of that id.
    public func connection(_ id: String) -> ConnectionConfig? { connections.first { $0.id == id } }
}

/// `server`.
public struct ServerConfig: Equatable, Sendable {
    /// `HOST:PORT`.
    public var listen = "127.0.0.1:8080"
    /// `HOST:PORT` or `unix:PATH` of a second listener, which alone answers admins' calls; `nil` for none. It has the
    /// TLS of the first one when it is TCP, and never any when it is a unix socket.
    public var adminListen: String?
    /// Event loops; the default is one a core.
    public var workers: Int?
    /// Most simultaneous connections.
    public var maxConnections = 10_000
    /// Certificate and key, for TLS.
    public var tls: TLSConfig?
    /// `debug`, `info`, `warning` or `error`.
    public var logLevel = LogLevel.info

    /// Every default.
    public init() {}
}

/// `server.tls`.
public struct TLSConfig: Equatable, Sendable {
    /// The certificate, followed by its chain.
    public var certificate: PEMFile
    /// The private key.
    public var key: PEMFile
    /// Authorities that client certificates must come from; `nil` asks clients for none.
    public var clientCA: PEMFile?

    /// Makes a TLS setting.
    public init(certificate: PEMFile, key: PEMFile, clientCA: PEMFile? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientCA = clientCA
    }
}

/// A PEM file as it was read: two configurations that name the same path differ when its content does.
public struct PEMFile: Equatable, Sendable {
    /// The path as given.
    public var path: String
    /// What it held; a secret, since a key may have been put where a certificate belongs.
    public var text: Secret

    /// Names a file and its content.
    public init(path: String, text: Secret) {
        self.path = path
        self.text = text
    }
}

/// `database`.
public struct DatabaseConfig: Equatable, Sendable {
    /// The SQLite file.
    public var path = "data/contacts.db"
    /// Encrypts webhook secrets; `nil` for a key file beside the database.
    public var key: Secret?

    /// Every default.
    public init() {}
}

/// What a key may do.
public enum Scope: String, CaseIterable, Sendable {
    case read, write, admin
}

/// One entry of `keys`.
public struct KeyConfig: Equatable, Sendable {
    /// For logs and people.
    public var name: String
    /// SHA-256 of the bearer token, which itself is not kept.
    public var digest: [UInt8]
    /// What it may do.
    public var scopes: Set<Scope>
    /// Connection ids it sees; `nil` for all (`["*"]`).
    public var connections: Set<String>?
    /// How fast it may ask; `nil` for no limit.
    public var limits: KeyLimits?

    /// Makes a key of its bearer token.
    public init(
        name: String,
        secret: Secret,
        scopes: Set<Scope>,
        connections: Set<String>? = nil,
        limits: KeyLimits? = nil
    ) {
        self.name = name
        digest = SHA256.digest(of: Array(secret.revealed.utf8))
        self.scopes = scopes
        self.connections = connections
        self.limits = limits
    }
}

/// `keys[].limits`.
public struct KeyLimits: Equatable, Sendable {
    /// Requests a second in the long run, from 0.001 to 1,000,000.
    public var requestsPerSecond: Double
    /// Most requests at once after a quiet time.
    public var burst: Int

    /// Makes limits; without a burst it is what one second allows, and at least one.
    public init(requestsPerSecond: Double, burst: Int? = nil) {
        self.requestsPerSecond = requestsPerSecond
        self.burst = burst ?? max(1, Int(requestsPerSecond.rounded(.up)))
    }
}

/// The kinds of system we talk to.
public enum VendorName: String, CaseIterable, Sendable {
    case portsip, taptalk, activecampaign, local
    case contactSource = "contact-source"
}

/// One entry of `connections`.
public struct ConnectionConfig: Equatable, Sendable {
    /// Its id, as contacts name it.
    public var id: String
    /// Which protocol it speaks.
    public var vendor: VendorName
    /// What stands before the path in the vendor's page, without a trailing slash; empty for `local`.
    public var baseURL = ""
    /// By the vendor's words (`token`, `username`, `client_id`, …).
    public var credentials: [String: Secret] = [:]
    /// When to synchronise.
    public var sync = SyncConfig()
    /// ISO 3166-1 alpha-2, for numbers without a country code.
    public var region: String?
    /// The default owner, for vendors whose books have owners.
    public var owner: String?
    /// How hard we may press the vendor.
    public var limits = LimitsConfig()
    /// Our member name (`organization`, `title`, `notes`, …) to the vendor's custom field id.
    public var fields: [String: String] = [:]
    /// How deletes are looked for and held.
    public var deletes = DeletesConfig()
    /// PEM file of authorities to trust instead of the system's.
    public var caFile: String?

    /// A connection with every default.
    public init(id: String, vendor: VendorName) {
        self.id = id
        self.vendor = vendor
    }
}

/// `connections[].sync`.
public struct SyncConfig: Equatable, Sendable {
    /// Between delta runs (or full ones, where the vendor has no delta).
    public var every = Duration.seconds(60)
    /// Between full runs.
    public var fullEvery = Duration.seconds(86_400)
    /// Records asked for in one page; `nil` for the vendor's default.
    public var pageSize: Int?

    /// Every default.
    public init() {}
}

/// `connections[].limits`.
public struct LimitsConfig: Equatable, Sendable {
    /// Requests a second; `nil` for the vendor's default.
    public var requestsPerSecond: Double?
    /// Bound on one request.
    public var timeout = Duration.seconds(30)

    /// Every default.
    public init() {}
}

/// `connections[].deletes`.
public struct DeletesConfig: Equatable, Sendable {
    /// Between sweeps, where deletes are found by sweep.
    public var sweepEvery = Duration.seconds(86_400)
    /// A run that would delete a larger share, and at least ten, is held.
    public var holdAbovePercent = 20
    /// A run that would delete more is held.
    public var holdAboveCount = 1000

    /// Every default.
    public init() {}
}

/// One entry of `facades`.
public struct FacadeConfig: Equatable, Sendable {
    /// Its place under `/facade/`.
    public var name: String
    /// Whose protocol it answers.
    public var protocolName: VendorName
    /// The connection it stands in front of.
    public var connection: String
    /// By the vendor's words.
    public var credentials: [String: Secret]

    /// Makes a facade.
    public init(name: String, protocolName: VendorName, connection: String, credentials: [String: Secret]) {
        self.name = name
        self.protocolName = protocolName
        self.connection = connection
        self.credentials = credentials
    }
}

/// One entry of `bridges`.
public struct BridgeConfig: Equatable, Sendable {
    /// Its id.
    public var id: String
    /// The connection that is read.
    public var from: String
    /// The connection that is written.
    public var to: String
    /// Whether deletes cross.
    public var deletes = false
    /// Only contacts with this tag; `nil` for all.
    public var tag: String?

    /// Makes a bridge.
    public init(id: String, from: String, to: String) {
        self.id = id
        self.from = from
        self.to = to
    }
}

/// `webhooks`.
public struct WebhooksConfig: Equatable, Sendable {
    /// Bound on one attempt.
    public var timeout = Duration.seconds(15)
    /// Networks in CIDR notation that are allowed although they are not public.
    public var allowNetworks: [String] = []
    /// How long deliveries are kept.
    public var retain = Duration.seconds(30 * 86_400)

    /// Every default.
    public init() {}
}

/// `changes`.
public struct ChangesConfig: Equatable, Sendable {
    /// How long changes are kept.
    public var retain = Duration.seconds(30 * 86_400)

    /// Every default.
    public init() {}
}
