//  What a configuration refers to outside its own file: environment variables, secret and PEM files.

/// Where `{"env": …}`, `{"file": …}` and the files of `server.tls` are looked up, and who judges the latter.
public struct ConfigSurroundings: Sendable {
    /// Why a file could not be read.
    public struct Unreadable: Error, Sendable {
        /// In words, such as `No such file or directory`.
        public var reason: String

        /// Makes a reason.
        public init(reason: String) {
            self.reason = reason
        }
    }

    /// Something to say about one file of `server.tls`.
    public struct TLSFinding: Equatable, Sendable {
        /// The member that names the file: `certificate`, `key` or `client_ca`.
        public var member: String
        /// What follows the file's name in a sentence.
        public var message: String
        /// Whether the file can be used all the same.
        public var isWarning: Bool

        /// Makes a finding.
        public init(member: String, message: String, isWarning: Bool = false) {
            self.member = member
            self.message = message
            self.isWarning = isWarning
        }
    }

    /// The value of an environment variable, or `nil`.
    public var environment: @Sendable (String) -> String?
    /// The bytes of a file; relative paths start at the working directory.
    public var file: @Sendable (String) -> Result<[UInt8], Unreadable>
    /// Whether certificate and key can be used together, as the TLS library sees it, which is no part of this room.
    public var judge: @Sendable (TLSConfig) -> [TLSFinding]

    /// Makes surroundings.
    public init(
        environment: @escaping @Sendable (String) -> String?,
        file: @escaping @Sendable (String) -> Result<[UInt8], Unreadable>,
        judge: @escaping @Sendable (TLSConfig) -> [TLSFinding] = { _ in [] }
    ) {
        self.environment = environment
        self.file = file
        self.judge = judge
    }

    /// Nothing around: every reference is missing.
    public static let none = ConfigSurroundings(
        environment: { _ in nil },
        file: { _ in .failure(Unreadable(reason: "there are no files here")) }
    )
}

/// A valid configuration, and the files that it was drawn from.
public struct DecodedConfig: Sendable {
    /// The configuration.
    public var config: GatewayConfig
    /// Paths of secret and PEM files, as written; a change of one asks for a reload.
    public var files: [String]
    /// What is allowed and should be looked at soon.
    public var warnings: [ConfigError]
}
