//  What a server is told when it starts.

public import HTTPCore

/// Address, sizes and time-outs of a server.
public struct ServerSettings: Sendable {
    /// The numeric address or name to listen on.
    public var host: String
    /// The port; 0 asks for a free one.
    public var port: Int
    /// A second listener, whose requests handlers tell apart by ``RequestView/listener``. It has the same TLS as the
    /// main one, but for a unix socket, which has none.
    public var admin: ListenTarget?
    /// How many event loops.
    public var workers = 1
    /// The most connections at once, over all loops; beyond it accepting stops. Fewer when the limit of open files
    /// leaves no room for them.
    public var maxConnections = 20_000
    /// Bounds on request heads.
    public var limits = RequestLimits()
    /// Bounds on waiting.
    public var timeouts = ServerTimeouts()
    /// Certificate and key, loaded; `nil` serves plain HTTP.
    public var tls: TLSContext?
    /// Whether each request is logged at `info`.
    public var logsRequests = true

    /// Makes settings for a host and a port.
    public init(host: String = "127.0.0.1", port: Int = 0) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, with brackets around an IPv6 address; `nil` when it is not that.
    public init?(listen: String) {
        guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]) else {
            return nil
        }
        var host = listen[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: Int(port))
    }
}

/// How long a server waits for what, in milliseconds.
public struct ServerTimeouts: Sendable {
    /// An idle connection between two requests.
    public var keepAlive: Int64 = 60_000
    /// From accepting to the end of a TLS handshake.
    public var handshake: Int64 = 10_000
    /// From the first byte of a head to its last.
    public var head: Int64 = 10_000
    /// A body without any progress.
    public var bodyProgress: Int64 = 60_000
    /// From when on a body must have arrived at ``bodyRate``.
    public var bodyGrace: Int64 = 5000
    /// Bytes a second that a body must have brought on the average.
    public var bodyRate: Int64 = 500
    /// A client that takes nothing of its answer.
    public var slowReader: Int64 = 30_000
    /// A closing connection whose peer sends nothing: what it sends is read and dropped so that the answer arrives.
    public var linger: Int64 = 2000
    /// A closing connection whose peer goes on sending.
    public var lingerInAll: Int64 = 30_000

    /// The usual time-outs.
    public init() {}
}
