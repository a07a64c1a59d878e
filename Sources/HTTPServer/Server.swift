//  A server: its listening sockets, its loops, and how it ends.

import Glibc
public import Log
public import Platform

/// Which of a server's event loops, from 0.
public struct LoopIndex: Hashable, Sendable {
    /// From 0 to one less than the number of workers.
    public let value: Int
}

/// Why a server does not begin to listen.
public struct ListenError: Error, CustomStringConvertible {
    /// Which listener it is about.
    public let role: ListenerRole
    /// What the system said.
    public let cause: SystemError

    /// `bind: Address already in use`.
    public var description: String { cause.description }
}

/// An HTTP/1.1 server: a listening socket and a thread for each of its event loops.
public final class Server: Sendable {
    /// The bound address, such as `127.0.0.1:41233`.
    public let address: String
    /// The bound address of the second listener, such as `127.0.0.1:41234` or `unix:/run/gateway.sock`; `nil` without.
    public let adminAddress: String?
    private let loops: [EventLoop]
    private let unixSocket: UnixSocket?
    private let cap: ConnectionCap

    /// Binds and listens; nothing is accepted before ``run()``.
    ///
    /// - Parameters:
    ///   - settings: Address, sizes and time-outs.
    ///   - log: Gets a line for each request, when the settings say so, and the server's troubles.
    ///   - routes: Makes each loop's own table, on that loop's thread; what it throws, ``run()`` throws.
    /// - Throws: ``ListenError`` when an address cannot be bound.
    public init(
        settings: ServerSettings,
        log: Log,
        routes: @escaping @Sendable (LoopIndex) throws -> Router
    ) throws(ListenError) {
        let cap = ConnectionCap(limit: Self.connectionLimit(settings, log))
        self.cap = cap
        let sockets: BoundSockets
        do throws(SystemError) {
            sockets = try BoundSockets.open(.tcp(host: settings.host, port: settings.port), .main, settings.workers)
        } catch {
            throw ListenError(role: .main, cause: error)
        }
        let admin: BoundSockets?
        do throws(SystemError) {
            admin = try settings.admin.map { (target) throws(SystemError) in
                try BoundSockets.open(target, .admin, settings.workers)
            }
        } catch {
            sockets.close()
            throw ListenError(role: .admin, cause: error)
        }
        address = sockets.address
        adminAddress = admin?.address
        unixSocket = admin?.file
        do throws(SystemError) {
            loops = try (0..<settings.workers).map { (index) throws(SystemError) in
                let listeners = [sockets, admin].compactMap { $0?.socket(ofLoop: index) }
                return try EventLoop(LoopIndex(value: index), listeners: listeners, settings, cap, log, routes)
            }
        } catch {
            throw ListenError(role: .main, cause: error)
        }
    }

    deinit { unixSocket?.remove() }

    /// The port that was bound.
    public var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    /// What all loops have done since they began.
    public var statistics: ServerStatistics {
        loops.reduce(into: ServerStatistics()) { $0.add($1.statistics) }
    }

    /// Serves until ``drain()`` or ``stop()`` has taken effect. A cancelled task drains. SIGPIPE is ignored from then on.
    public func run() async throws {
        // sendfile(2) cannot be asked not to send it.
        Signals.ignoreBrokenPipes()
        defer { unixSocket?.remove() }
        cap.whenRoomIsMade { [loops] in for loop in loops { loop.perform { loop.resumeAccepting() } } }
        defer { cap.whenRoomIsMade {} }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for loop in loops { group.addTask { try await loop.run() } }
                do {
                    try await group.waitForAll()
                } catch {
                    stop()
                    throw error
                }
            }
        } onCancel: {
            drain()
        }
    }

    /// Stops accepting, closes idle connections, and lets requests under way finish, each answered with
    /// `Connection: close`.
    public func drain() {
        for loop in loops { loop.perform { loop.drain() } }
    }

    /// Serves new connections under another certificate, or plainly without one; the others stay as they began.
    public func replaceIdentity(_ context: TLSContext?) {
        for loop in loops { loop.perform { loop.use(context) } }
    }

    /// Closes everything at once.
    public func stop() {
        for loop in loops { loop.perform { loop.stop() } }
    }

    /// The most connections: as many as are wanted, but never so many that no descriptor is left for files and for
    /// calls of our own.
    private static func connectionLimit(_ settings: ServerSettings, _ log: Log) -> Int {
        let files = ProcessLimits.raiseOpenFiles()
        let allowed = max(1, files - min(256, files / 4))
        if allowed >= settings.maxConnections { return settings.maxConnections }
        log.warning(
            "server.connections_capped",
            ["wanted": "\(settings.maxConnections)", "allowed": "\(allowed)", "open_files": "\(files)"]
        )
        return allowed
    }
}
