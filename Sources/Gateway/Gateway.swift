//  What the executable calls.

import Config
import Glibc
import Log
import Platform

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
    public static func serve(configPath: String, listen: String?) async -> Int32 {
        // The first thread of ours is one that gives way to nobody: its place is what the others start from.
        let signals = Signals.stream([SIGHUP, SIGTERM, SIGINT])
        let log = Log()
        do {
            let app = try await App(configPath: configPath, listen: listen, signals: signals, log: log)
            return await app.run().rawValue
        } catch let error as InvalidConfig {
            error.log(to: log, configPath, "start")
        } catch {
            log.error("server.failed", ["error": "\(error)"])
        }
        return 1
    }
}
