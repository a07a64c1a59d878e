//  Directories that end with the tests.

import FoundationEssentials
import Glibc
import Platform
import Synchronization

/// A directory for one test. All of them are removed when the process ends.
public struct ScratchDirectory: Sendable {
    /// Where it is, without a slash at the end.
    public let path: String

    private static let made: Mutex<[String]> = {
        atexit {
            // A directory left behind in the system's own place for such is not worth a failed test.
            for path in ScratchDirectory.made.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
        }
        return Mutex([])
    }()

    /// Makes one that only this user may enter.
    public init() {
        path = "/tmp/contact-gateway-test-\(getpid())-\(RandomSource.shared.hex(8))"
        precondition(mkdir(path, 0o700) == 0, "\(path) cannot be made")
        Self.made.withLock { $0.append(path) }
    }

    /// A path for a database in it.
    public var database: String { "\(path)/contacts.db" }
}
