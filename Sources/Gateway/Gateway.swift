//  What the executable calls.

/// The running program.
public enum Gateway {
    /// The version, as `--version` prints it.
    public static let version = "0.1.0"

    /// Serves until it is told to stop.
    ///
    /// - Parameters:
    ///   - configPath: The configuration file.
    ///   - listen: Goes before `server.listen`.
    /// - Returns: The exit code: 0 after a drain, 1 for a failure.
    public static func serve(configPath: String, listen: String?) async -> Int32 { 1 }
}
