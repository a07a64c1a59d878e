//  Sockets: listening ones, and who is at the other end.

import Glibc
import Platform

/// Which of a server's two listeners a connection came to.
public enum ListenerRole: Sendable {
    /// The one that every server has.
    case main
    /// ``ServerSettings/admin``.
    case admin
}

/// Where to listen.
public enum ListenTarget: Equatable, Sendable {
    /// A numeric address or name, and a port; 0 asks for a free one.
    case tcp(host: String, port: Int)
    /// A unix socket at that path, which nobody but the process's own user may connect to.
    case unix(path: String)

    /// Reads `HOST:PORT`, with brackets around an IPv6 address, or `unix:PATH`; `nil` when it is neither.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard UnixSocket.fits(path) else { return nil }
            self = .unix(path: path)
        } else {
            guard let settings = ServerSettings(listen: text) else { return nil }
            self = .tcp(host: settings.host, port: settings.port)
        }
    }
}

/// One listening socket of one loop.
struct ListeningSocket {
    let descriptor: Int32
    let role: ListenerRole
    /// Whether several loops wait at the same socket.
    var isShared = false
    /// A unix socket needs no TLS: the kernel says who may connect.
    var isUnix = false
    /// Whether the loop takes no connections now.
    var isPaused = false

    /// Whether somebody waits in the kernel's queue.
    var hasWaiting: Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wanted, 1, 0) > 0
    }
}

/// One listener: a socket for each loop.
struct BoundSockets {
    /// With the port that was bound, such as `127.0.0.1:41233`, or `unix:PATH`.
    let address: String
    /// The file of a unix socket.
    let file: UnixSocket?
    private let sockets: [ListeningSocket]

    /// Opens a listener: for TCP one socket a loop, for unix one that every loop waits at.
    static func open(
        _ target: ListenTarget,
        _ role: ListenerRole,
        _ count: Int
    ) throws(SystemError) -> BoundSockets {
        switch target {
        case .tcp(let host, let port):
            let (sockets, address) = try Listener.open(host: host, port: port, count: count)
            return BoundSockets(
                address: address,
                file: nil,
                sockets: sockets.map { ListeningSocket(descriptor: $0, role: role) }
            )
        case .unix(let path):
            let (socket, file) = try UnixSocket.open(path)
            var descriptors = [socket]
            while descriptors.count < count {
                let copy = fcntl(descriptors[0], F_DUPFD_CLOEXEC, 0)
                guard copy >= 0 else { break }  // the loops that got none leave this listener to the others
                descriptors.append(copy)
            }
            return BoundSockets(
                address: "unix:\(path)",
                file: file,
                sockets: descriptors.map {
                    ListeningSocket(descriptor: $0, role: role, isShared: count > 1, isUnix: true)
                }
            )
        }
    }

    /// The socket of that loop; `nil` when there were not enough descriptors.
    func socket(ofLoop index: Int) -> ListeningSocket? { index < sockets.count ? sockets[index] : nil }

    func close() {
        for socket in sockets { Glibc.close(socket.descriptor) }
    }
}

/// Opens the listening sockets of a server.
enum Listener {
    /// Opens one listening socket for each loop, all on one address.
    ///
    /// - Returns: The sockets, and the address with the port that was bound, such as `127.0.0.1:41233`.
    static func open(host: String, port: Int, count: Int) throws(SystemError) -> (sockets: [Int32], address: String) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else {
            throw SystemError(errno: EADDRNOTAVAIL, operation: "resolving \(host)")
        }
        defer { freeaddrinfo(first) }
        // Sockets with SO_REUSEPORT would share the port with another program of ours unnoticed, so the first one is
        // bound without it, and opened anew once the address is known to be free.
        var address = sockaddr_storage()
        let length = first.pointee.ai_addrlen
        withUnsafeMutableBytes(of: &address) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(length)))
        }
        let probe = FileDescriptor(owning: try bound(&address, length, shared: false))
        try name(of: probe.raw, &address)
        if count == 1 {
            _ = try SystemError.check("listen") { listen(probe.raw, 4096) }
            return ([probe.take()], PeerAddress.text(&address))
        }
        close(probe.take())
        var sockets: [Int32] = []
        do throws(SystemError) {
            for _ in 0..<count {
                let socket = try bound(&address, length, shared: true)
                sockets.append(socket)
                _ = try SystemError.check("listen") { listen(socket, 4096) }
            }
        } catch {
            for socket in sockets { close(socket) }
            throw error
        }
        return (sockets, PeerAddress.text(&address))
    }

    private static func bound(
        _ address: inout sockaddr_storage,
        _ length: socklen_t,
        shared: Bool
    ) throws(SystemError) -> Int32 {
        let family = Int32(address.ss_family)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = FileDescriptor(owning: try SystemError.check("socket") { socket(family, kind, 0) })
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor.raw, SOL_SOCKET, SO_REUSEADDR, &yes, size)
        if shared { setsockopt(descriptor.raw, SOL_SOCKET, SO_REUSEPORT, &yes, size) }
        var failure: SystemError?
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                if bind(descriptor.raw, generic, length) != 0 { failure = SystemError(errno: errno, operation: "bind") }
            }
        }
        if let failure { throw failure }
        return descriptor.take()
    }

    private static func name(of descriptor: Int32, _ address: inout sockaddr_storage) throws(SystemError) {
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var failure: SystemError?
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                if getsockname(descriptor, generic, &length) != 0 {
                    failure = SystemError(errno: errno, operation: "getsockname")
                }
            }
        }
        if let failure { throw failure }
    }
}

/// Numeric addresses as text.
enum PeerAddress {
    /// The peer of a connected socket, without its port; empty when it has gone.
    static func text(of descriptor: Int32) -> String {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        guard code == 0 else { return "" }
        return address.ss_family == sa_family_t(AF_UNIX) ? "unix" : parts(&address).host
    }

    /// `host:port`, with brackets around IPv6.
    static func text(_ address: inout sockaddr_storage) -> String {
        let (host, port) = parts(&address)
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func parts(_ address: inout sockaddr_storage) -> (host: String, port: String) {
        var host = [CChar](repeating: 0, count: 64)
        var port = [CChar](repeating: 0, count: 8)
        let length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getnameinfo($0, length, &host, 64, &port, 8, NI_NUMERICHOST | NI_NUMERICSERV)
            }
        }
        guard code == 0 else { return ("", "") }
        func text(_ characters: [CChar]) -> String {
            String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return (text(host), text(port))
    }
}
