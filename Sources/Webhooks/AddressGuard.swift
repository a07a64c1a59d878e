//  Which addresses webhooks may be sent to. Pure; the engine asks for every address after it was resolved.

/// Judges webhook targets: hostile input until shown otherwise.
public struct AddressGuard: Equatable, Sendable {
    private let allowed: [IPNetwork]

    /// Makes a guard.
    ///
    /// - Parameter allowNetworks: `webhooks.allow_networks`, in CIDR notation; unreadable entries allow nothing.
    public init(allowNetworks: [String] = []) {
        allowed = allowNetworks.compactMap { IPNetwork($0) }
    }

    /// Whether a connection to that numeric address may be made.
    public func allows(_ text: String) -> Bool {
        guard let address = IPAddress(text) else { return false }
        return allows(address)
    }

    /// Whether a connection to that address may be made.
    public func allows(_ address: IPAddress) -> Bool {
        let inner = address.unwrapped
        if Self.never.contains(inner) { return false }
        if allowed.contains(where: { $0.contains(inner) }) { return true }
        if inner.isV4 { return !Self.blockedV4.contains { $0.contains(inner) } }
        return Self.globalV6.contains { $0.contains(inner) } && !Self.blockedV6.contains { $0.contains(inner) }
    }

    /// Why a URL is refused at registration; `nil` when only its name's addresses remain to be judged.
    public func refusal(ofURL url: String) -> String? {
        guard url.utf8.count <= 2048 else { return "is longer than 2048 characters" }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
            return "holds white space, a backslash, or a character that is not ASCII"
        }
        let lower = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lower.hasPrefix($0) }) else {
            return "must begin with https:// or http://"
        }
        let authority = lower.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { return "must not hold a user name or password" }
        let host: Substring
        let port: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return "has no closing bracket in its host" }
            host = authority[authority.index(after: authority.startIndex)..<end]
            port = authority[authority.index(after: end)...]
            guard !host.contains("%"), let address = IPAddress(host), !address.isV4 else {
                return "has a host in brackets that is no IPv6 address"
            }
            guard allows(address) else { return "names the address \(host), which is not allowed" }
        } else {
            host = authority.prefix { $0 != ":" }
            port = authority[host.endIndex...]
            if let reason = refusal(ofHost: host) { return reason }
        }
        guard port.isEmpty || Self.isPort(port) else { return "has a port that is not in 1…65535" }
        return nil
    }

    private func refusal(ofHost host: Substring) -> String? {
        guard !host.isEmpty else { return "has no host" }
        guard host.utf8.count <= 253,
            host.utf8.allSatisfy({
                $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
            })
        else { return "has a host that is no name and no address" }
        if let address = IPAddress(host) {
            return allows(address) ? nil : "names the address \(host), which is not allowed"
        }
        // What resolvers take for a number although it is no dotted quad: 2130706433, 0x7f.1, 127.1, 0177.0.0.1.
        let labels = host.split(separator: ".")
        guard let last = labels.last else { return "has no host" }
        let isNumber = last.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } || last.hasPrefix("0x")
        return isNumber ? "has a host that is an odd spelling of an address" : nil
    }

    private static func isPort(_ text: Substring) -> Bool {
        let digits = text.dropFirst()
        guard text.first == ":", digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt32(digits) else {
            return false
        }
        return (1...65_535).contains(port)
    }

    /// Cloud metadata services: not even `allow_networks` opens these.
    private static let never = ["169.254.169.254", "fd00:ec2::254"].compactMap { IPAddress($0) }

    /// Everything that is not the public internet (IANA special-purpose registry, RFC 6890).
    private static let blockedV4 = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    ].compactMap { IPNetwork($0) }
    private static let globalV6 = ["2000::/3"].compactMap { IPNetwork($0) }
    private static let blockedV6 = ["2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20"].compactMap { IPNetwork($0) }
}
