//  The configuration file on disk, and what to watch for its changes.

import Platform

/// A configuration file by its path.
public struct ConfigFile: Sendable {
    /// The path as given.
    public let path: String

    /// Names a file.
    public init(path: String) {
        self.path = path
    }

    /// The file's bytes.
    ///
    /// - Throws: ``InvalidConfig`` with one complaint when it cannot be read.
    public func read() throws(InvalidConfig) -> [UInt8] {
        do throws(SystemError) {
            return try FileDescriptor.contents(ofFile: path)
        } catch {
            throw InvalidConfig(unreadable: "cannot be read: \(error.reason)")
        }
    }
}

extension ConfigSurroundings {
    /// This process's environment and the files of this machine.
    public static let system = ConfigSurroundings(
        environment: { Environment.value($0) },
        file: { path in
            do throws(SystemError) {
                return try secret(path)
            } catch {
                return .failure(Unreadable(reason: error.reason))
            }
        }
    )

    /// No secret and no chain of certificates is larger.
    private static let largestFile = 1 << 20

    /// The bytes of a regular file: a device may never end, and a FIFO may never begin.
    private static func secret(_ path: String) throws(SystemError) -> Result<[UInt8], Unreadable> {
        let file = try FileDescriptor.openToRead(path)
        guard try file.isRegularFile else { return .failure(Unreadable(reason: "it is no regular file")) }
        guard let bytes = try file.contents(atMost: largestFile) else {
            return .failure(Unreadable(reason: "it is larger than 1 MiB"))
        }
        return .success(bytes)
    }
}

/// Tells when the configuration file or one that it names changed: edits, atomic renames and what symbolic links lead to.
public struct ConfigWatcher: Sendable {
    private let path: String
    private let watch: FileWatch

    /// Starts watching the file.
    public init(path: String) {
        self.path = path
        watch = FileWatch(paths: [path])
    }

    /// One element for each settled change.
    public var changes: AsyncStream<Void> { watch.changes }

    /// Watches these files too, from now on.
    public func include(_ files: [String]) { watch.watch([path] + files) }

    /// Ends the watching and its stream.
    public func stop() { watch.stop() }
}
