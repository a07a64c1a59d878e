//  A server: its listening sockets, its loops, and how it ends.

public import Log
public import Platform

/// Which of a server's event loops, from 0.
public struct LoopIndex: Hashable, Sendable {
    /// From 0 to one less than the number of workers.
    public let value: Int
}

/// An HTTP/1.1 server: a listening socket and a thread for each of its event loops.
public final class Server: Sendable {
    /// The bound address, such as `127.0.0.1:41233`.
    public let address: String
    private let loops: [EventLoop]

    /// Binds and listens; nothing is accepted before ``run()``.
    ///
    /// - Parameters:
    ///   - settings: Address, sizes and time-outs.
    ///   - log: Gets a line for each request, when the settings say so, and the server's troubles.
    ///   - routes: Makes each loop's own table, on that loop's thread; what it throws, ``run()`` throws.
    /// - Throws: ``SystemError`` when the address cannot be bound.
    public init(
        settings: ServerSettings,
        log: Log,
        routes: @escaping @Sendable (LoopIndex) throws -> Router
    ) throws(SystemError) {
        ProcessLimits.raiseOpenFiles()
        let (sockets, address) = try Listener.open(host: settings.host, port: settings.port, count: settings.workers)
        self.address = address
        var loops: [EventLoop] = []
        for (index, socket) in sockets.enumerated() {
            let listener = FileDescriptor(owning: socket)
            loops.append(try EventLoop(LoopIndex(value: index), listener: listener, settings, log, routes))
        }
        self.loops = loops
    }

    /// The port that was bound.
    public var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    /// Serves until ``drain()`` or ``stop()`` has taken effect. A cancelled task drains.
    public func run() async throws {
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

    /// Serves new connections under another certificate; the others keep theirs. For a server that began with TLS.
    public func replaceIdentity(_ context: TLSContext) {
        for loop in loops { loop.perform { loop.use(context) } }
    }

    /// Closes everything at once.
    public func stop() {
        for loop in loops { loop.perform { loop.stop() } }
    }
}
