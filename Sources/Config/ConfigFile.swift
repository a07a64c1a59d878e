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
        switch ConfigSurroundings.system.file(path) {
        case .success(let bytes): return bytes
        case .failure(let failure): throw InvalidConfig(unreadable: "cannot be read: \(failure.reason)")
        }
    }
}

extension ConfigSurroundings {
    /// This process's environment and the files of this machine.
    public static let system = ConfigSurroundings(
        environment: { Environment.value($0) },
        file: { path in
            do throws(SystemError) {
                return .success(try FileDescriptor.contents(ofFile: path))
            } catch {
                return .failure(Unreadable(reason: error.reason))
            }
        }
    )
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
