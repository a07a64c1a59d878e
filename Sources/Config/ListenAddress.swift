//  `HOST:PORT`, as `server.listen` and `--listen` have it.

/// A host and a port; an IPv6 address stands in brackets.
public struct ListenAddress: Equatable, Sendable {
    /// A numeric address without brackets, or a name.
    public var host: String
    /// 0 asks for any free port.
    public var port: Int

    /// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:0`; `nil` for anything else.
    public init?(_ text: String) {
        self.init(text, allowsZero: true)
    }

    init?(_ text: String, allowsZero: Bool) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = text[text.utf8.index(after: colon)...]
        var host = text[..<colon]
        guard !digits.isEmpty, digits.utf8.count <= 5, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
            let port = Int(digits), port <= 65_535, allowsZero || port > 0
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.utf8.contains(UInt8(ascii: ":")), NetworkRange.address(String(host)) != nil else { return nil }
        } else {
            let isName = host.utf8.allSatisfy { byte in
                byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    || (byte >= 48 && byte <= 57) || (byte | 0x20 >= 97 && byte | 0x20 <= 122)
            }
            guard !host.isEmpty, host.utf8.count <= 253, isName else { return nil }
        }
        self.host = String(host)
        self.port = port
    }
}
