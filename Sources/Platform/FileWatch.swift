//  Tells when files change, by inotify on their directories and, where that says nothing, by looking twice a second.

import CLinux
import Glibc
import Synchronization

/// Watches files by path: edits in place, atomic renames over them, files that come and go, and changes behind
/// symbolic links all count. A change is told once it has been quiet for a moment.
public final class FileWatch: Sendable {
    /// What tells two states of a file apart; `nil` fields for a file that is not there.
    private struct Fingerprint: Equatable {
        var device: UInt = 0
        var inode: UInt = 0
        var size: Int = -1
        var modified: [Int] = []
    }

    private struct State {
        /// Each path with the state in which it was last told of.
        var known: [String: Fingerprint]
        var isStopped = false
    }

    private let state: Mutex<State>
    private let continuation: AsyncStream<Void>.Continuation
    /// One element for each settled change; several that nobody has taken yet are one.
    public let changes: AsyncStream<Void>

    /// How long files must be quiet, and how often they are looked at without a hint from the kernel.
    private static let quietMilliseconds: Int64 = 100
    private static let lookMilliseconds: Int64 = 500

    /// Starts watching; a change after this call is told.
    public init(paths: [String]) {
        state = Mutex(State(known: Self.fingerprints(paths)))
        (changes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        PosixThread.start(name: "file-watch") { [self] in run() }
    }

    /// Watches these files from now on; those that were watched before stay as they were last told of.
    public func watch(_ paths: [String]) {
        let fresh = Self.fingerprints(paths)
        state.withLock { state in
            state.known = fresh.merging(state.known.filter { fresh[$0.key] != nil }) { _, earlier in earlier }
        }
    }

    /// Ends the thread and the stream.
    public func stop() {
        state.withLock { $0.isStopped = true }
        continuation.finish()
    }

    private func run() {
        // Without inotify (its limits are the user's) looking twice a second remains.
        let inotify = clinux_inotify_open()
        defer { if inotify >= 0 { close(inotify) } }
        var directories: Set<String> = []
        while true {
            let (paths, isStopped) = state.withLock { (Array($0.known.keys), $0.isStopped) }
            if isStopped { return }
            for directory in Self.directories(of: paths) where directories.insert(directory).inserted {
                if inotify >= 0 { _ = clinux_inotify_add(inotify, directory) }
            }
            Self.waitForHint(inotify)
            var current = Self.fingerprints(paths)
            guard changed(current) else { continue }
            while true {
                usleep(UInt32(Self.quietMilliseconds * 1000))
                let again = Self.fingerprints(paths)
                if again == current { break }
                current = again
            }
            state.withLock { state in
                for (path, fingerprint) in current where state.known[path] != nil { state.known[path] = fingerprint }
            }
            continuation.yield()
        }
    }

    private func changed(_ current: [String: Fingerprint]) -> Bool {
        state.withLock { state in
            current.contains { path, fingerprint in state.known[path].map { $0 != fingerprint } ?? false }
        }
    }

    private static func fingerprints(_ paths: [String]) -> [String: Fingerprint] {
        Dictionary(paths.map { ($0, fingerprint($0)) }, uniquingKeysWith: { first, _ in first })
    }

    private static func waitForHint(_ inotify: Int32) {
        var wanted = pollfd(fd: inotify, events: Int16(POLLIN), revents: 0)
        // poll(2) ignores a negative descriptor and just waits.
        guard poll(&wanted, 1, Int32(lookMilliseconds)) > 0 else { return }
        var events = [UInt8](repeating: 0, count: 4096)
        while read(inotify, &events, events.count) > 0 {}
    }

    private static func fingerprint(_ path: String) -> Fingerprint {
        var status = stat()
        guard stat(path, &status) == 0 else { return Fingerprint() }
        return Fingerprint(
            device: UInt(status.st_dev),
            inode: UInt(status.st_ino),
            size: Int(status.st_size),
            modified: [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
        )
    }

    /// The directories of the paths and of what they resolve to.
    private static func directories(of paths: [String]) -> Set<String> {
        var found: Set<String> = []
        for path in paths {
            var candidates = [path]
            if let resolved = realpath(path, nil) {
                candidates.append(String(cString: resolved))
                free(resolved)
            }
            for candidate in candidates {
                let directory = candidate.lastIndex(of: "/").map { String(candidate[...$0]) } ?? "."
                found.insert(directory)
            }
        }
        return found
    }
}
