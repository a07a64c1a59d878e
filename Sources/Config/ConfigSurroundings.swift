//  What a configuration refers to outside its own file: environment variables and secret files.

/// Where `{"env": …}` and `{"file": …}` are looked up.
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

    /// The value of an environment variable, or `nil`.
    public var environment: @Sendable (String) -> String?
    /// The bytes of a file; relative paths start at the working directory.
    public var file: @Sendable (String) -> Result<[UInt8], Unreadable>

    /// Makes surroundings.
    public init(
        environment: @escaping @Sendable (String) -> String?,
        file: @escaping @Sendable (String) -> Result<[UInt8], Unreadable>
    ) {
        self.environment = environment
        self.file = file
    }

    /// Nothing around: every reference is missing.
    public static let none = ConfigSurroundings(
        environment: { _ in nil },
        file: { _ in .failure(Unreadable(reason: "there are no files here")) }
    )
}

/// A valid configuration, and the files that it drew secrets from.
public struct DecodedConfig: Sendable {
    /// The configuration.
    public var config: GatewayConfig
    /// Paths of secret files, as written; a change of one asks for a reload.
    public var secretFiles: [String]
}
