//  From the file's bytes to a validated configuration, with every complaint at once.

import JSON
import Log

extension GatewayConfig {
    /// Reads and validates a configuration file.
    ///
    /// - Parameters:
    ///   - bytes: The whole file: UTF-8 JSON (RFC 8259).
    ///   - surroundings: Where secrets outside the file are looked up.
    /// - Returns: The configuration, the files that it was drawn from, and what should be looked at.
    /// - Throws: ``InvalidConfig`` with every complaint in the order of the file. A file that is no JSON has one.
    public static func decode(
        _ bytes: [UInt8],
        surroundings: ConfigSurroundings
    ) throws(InvalidConfig) -> DecodedConfig {
        let reading = ConfigReading(bytes: bytes, surroundings: surroundings)
        let root: ConfigNode
        do {
            root = try ConfigNode(parsing: bytes)
        } catch {
            let place = reading.place(of: error.offset)
            throw InvalidConfig([
                ConfigError(pointer: "", line: place.line, column: place.column, message: "not JSON: \(error.reason)")
            ])
        }
        var config = GatewayConfig()
        if let object = reading.object(root, "", ConfigKeys.root) { config.read(object, reading) }
        let errors = reading.errors()
        guard errors.isEmpty else { throw InvalidConfig(errors, files: reading.files) }
        return DecodedConfig(config: config, files: reading.files, warnings: reading.warnings())
    }

    private mutating func read(_ root: ConfigReading.Object, _ reading: ConfigReading) {
        _ = reading.string(root, "$schema")
        if let section = reading.section(root, "server", ConfigKeys.server) { server.read(section, reading) }
        if let section = reading.section(root, "database", ConfigKeys.database) {
            if let path = reading.string(section, "path") { database.path = path }
            database.key = reading.secret(section, "key")
        }
        readConnections(root, reading)
        readKeys(root, reading)
        readFacades(root, reading)
        readBridges(root, reading)
        if let section = reading.section(root, "webhooks", ConfigKeys.webhooks) { webhooks.read(section, reading) }
        if let section = reading.section(root, "changes", ConfigKeys.changes) {
            reading.duration(section, "retain", into: &changes.retain)
        }
    }

    private mutating func readConnections(_ root: ConfigReading.Object, _ reading: ConfigReading) {
        var seen: [String: String] = [:]
        for (node, pointer) in reading.elements(root, "connections") {
            guard let object = reading.object(node, pointer, ConfigKeys.connection) else { continue }
            let id = reading.identifier(object, "id", unique: &seen)
            guard let connection = ConnectionConfig(id: id ?? "", object, reading), id != nil else { continue }
            connections.append(connection)
        }
    }

    private mutating func readKeys(_ root: ConfigReading.Object, _ reading: ConfigReading) {
        var names: [String: String] = [:]
        var secrets: [String: String] = [:]
        for (node, pointer) in reading.elements(root, "keys") {
            guard let object = reading.object(node, pointer, ConfigKeys.key) else { continue }
            let name = reading.requiredString(object, "name")
            if let name, let earlier = names.updateValue(pointer, forKey: name) {
                reading.complain(object, "name", "\(quoted(name)) is already the name of \(earlier)")
            }
            let secret = reading.requiredSecret(object, "secret")
            if let secret {
                if !secret.revealed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                    reading.complain(
                        object,
                        "secret",
                        "must be of visible ASCII characters, to fit into a header field"
                    )
                } else if let earlier = secrets.updateValue(pointer, forKey: secret.revealed) {
                    reading.complain(object, "secret", "is the same as that of \(earlier)")
                }
            }
            let scopes = readScopes(object, reading)
            let visible = readVisibleConnections(object, reading)
            let limits = readLimits(object, reading)
            guard let name, let secret else { continue }
            keys.append(KeyConfig(name: name, secret: secret, scopes: scopes, connections: visible, limits: limits))
        }
    }

    /// `limits` of a key; `nil` for none.
    private func readLimits(_ object: ConfigReading.Object, _ reading: ConfigReading) -> KeyLimits? {
        guard let limits = reading.section(object, "limits", ConfigKeys.keyLimits) else { return nil }
        let burst = reading.integer(limits, "burst", in: 1...1_000_000)
        guard let node = limits.members["requests_per_second"] else {
            reading.complain(limits, "requests_per_second", "is missing; it must be a number")
            return nil
        }
        guard case .number(let digits) = node.kind, let rate = Double(digits), rate >= 0.001, rate <= 1_000_000 else {
            reading.complain(limits, "requests_per_second", "must be a number from 0.001 to 1000000")
            return nil
        }
        return KeyLimits(requestsPerSecond: rate, burst: burst)
    }

    /// `scopes`; a key that names none may read.
    private func readScopes(_ object: ConfigReading.Object, _ reading: ConfigReading) -> Set<Scope> {
        guard object.members["scopes"] != nil else { return [.read] }
        var scopes: Set<Scope> = []
        for (node, pointer) in reading.elements(object, "scopes") {
            guard let text = reading.text(node, pointer) else { continue }
            let choices = Scope.allCases.map { ($0.rawValue, $0) }
            if let scope = reading.choice(text, pointer, at: node.offset, choices) { scopes.insert(scope) }
        }
        if case .array(let elements)? = object.members["scopes"]?.kind, elements.isEmpty {
            reading.complain(object, "scopes", "must name at least one of read, write, admin")
        }
        return scopes
    }

    /// `connections` of a key; `nil` for all.
    private func readVisibleConnections(_ object: ConfigReading.Object, _ reading: ConfigReading) -> Set<String>? {
        guard object.members["connections"] != nil else { return nil }
        var visible: Set<String> = []
        for (node, pointer) in reading.elements(object, "connections") {
            guard let id = reading.text(node, pointer) else { continue }
            if id != "*" { checkReference(id, pointer, at: node.offset, reading) }
            visible.insert(id)
        }
        return visible.contains("*") ? nil : visible
    }

    private mutating func readFacades(_ root: ConfigReading.Object, _ reading: ConfigReading) {
        var seen: [String: String] = [:]
        for (node, pointer) in reading.elements(root, "facades") {
            guard let object = reading.object(node, pointer, ConfigKeys.facade) else { continue }
            let name = reading.identifier(object, "name", unique: &seen)
            let connection = reference(object, "connection", reading)
            var vendor: VendorName?
            if let text = reading.requiredString(object, "protocol") {
                let choices = VendorName.allCases.filter { $0 != .local }.map { ($0.rawValue, $0) }
                vendor = reading.choice(text, object.pointer("protocol"), at: object.offset("protocol"), choices)
            }
            guard let vendor else { continue }
            let credentials = reading.credentials(object, of: vendor)
            guard let name, let connection else { continue }
            facades.append(
                FacadeConfig(name: name, protocolName: vendor, connection: connection, credentials: credentials)
            )
        }
    }

    private mutating func readBridges(_ root: ConfigReading.Object, _ reading: ConfigReading) {
        var seen: [String: String] = [:]
        for (node, pointer) in reading.elements(root, "bridges") {
            guard let object = reading.object(node, pointer, ConfigKeys.bridge) else { continue }
            let id = reading.identifier(object, "id", unique: &seen)
            let from = reference(object, "from", reading)
            let to = reference(object, "to", reading)
            if let from, from == to { reading.complain(object, "to", "must be another connection than \"from\"") }
            if let to, connection(to)?.vendor == .contactSource {
                reading.complain(object, "to", "\(quoted(to)) is a contact-source, which cannot be written")
            }
            var bridge = BridgeConfig(id: id ?? "", from: from ?? "", to: to ?? "")
            reading.bool(object, "deletes", into: &bridge.deletes)
            if let filter = reading.section(object, "filter", ConfigKeys.filter) {
                bridge.tag = reading.string(filter, "tag")
            }
            if id != nil, from != nil, to != nil { bridges.append(bridge) }
        }
    }

    /// A required member that names a connection.
    private func reference(_ object: ConfigReading.Object, _ name: String, _ reading: ConfigReading) -> String? {
        guard let id = reading.requiredString(object, name) else { return nil }
        checkReference(id, object.pointer(name), at: object.offset(name), reading)
        return id
    }

    private func checkReference(_ id: String, _ pointer: String, at offset: Int, _ reading: ConfigReading) {
        guard connection(id) == nil, !reading.namedConnections.contains(id) else { return }
        let known = connections.map(\.id)
        let hint = NearestName.of(id, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
        reading.complain(pointer, at: offset, "there is no connection \(quoted(id))\(hint)")
    }
}

extension ServerConfig {
    fileprivate mutating func read(_ section: ConfigReading.Object, _ reading: ConfigReading) {
        if let text = reading.string(section, "listen") {
            if ListenAddress(text) != nil {
                listen = text
            } else {
                reading.complain(section, "listen", "must be HOST:PORT, such as \"127.0.0.1:8080\" or \"[::1]:8080\"")
            }
        }
        if let text = reading.string(section, "admin_listen") {
            if let complaint = Self.complaint(ofAdminListen: text, beside: listen) {
                reading.complain(section, "admin_listen", complaint)
            } else {
                adminListen = text
            }
        }
        workers = reading.integer(section, "workers", in: 1...256)
        if let count = reading.integer(section, "max_connections", in: 1...1_000_000) { maxConnections = count }
        if let text = reading.string(section, "log_level") {
            let choices = LogLevel.allCases.map { ("\($0)", $0) }
            let level = reading.choice(text, section.pointer("log_level"), at: section.offset("log_level"), choices)
            logLevel = level ?? logLevel
        }
        if let object = reading.section(section, "tls", ConfigKeys.tls) {
            tls = TLSConfig(object, reading)
        }
    }
}

extension ServerConfig {
    /// What is wrong with an `admin_listen`; `nil` for nothing.
    fileprivate static func complaint(ofAdminListen text: String, beside listen: String) -> String? {
        if text.hasPrefix("unix:") {
            // unix(7): 108 bytes with the final zero.
            let count = text.utf8.count - 5
            return (1...107).contains(count) ? nil : "the path of a unix socket has 1 to 107 bytes"
        }
        guard let address = ListenAddress(text) else {
            return "must be HOST:PORT, such as \"127.0.0.1:8081\", or \"unix:PATH\""
        }
        return text == listen && address.port != 0 ? "must not be the address of \"listen\"" : nil
    }
}

extension TLSConfig {
    fileprivate init?(_ object: ConfigReading.Object, _ reading: ConfigReading) {
        let certificate = reading.requiredPEMFile(object, "certificate")
        let key = reading.requiredPEMFile(object, "key")
        let authorities = reading.pemFile(object, "client_ca")
        guard let certificate, let key else { return nil }
        if object.members["client_ca"] != nil, authorities == nil { return nil }
        self.init(certificate: certificate, key: key, clientCA: authorities)
        reading.judge(self, object)
    }
}

extension WebhooksConfig {
    fileprivate mutating func read(_ section: ConfigReading.Object, _ reading: ConfigReading) {
        reading.duration(section, "timeout", into: &timeout)
        reading.duration(section, "retain", into: &retain)
        for (node, pointer) in reading.elements(section, "allow_networks") {
            guard let text = reading.text(node, pointer) else { continue }
            if NetworkRange(text) == nil {
                reading.complain(pointer, at: node.offset, "must be a network such as \"10.0.0.0/8\" or \"fd00::/8\"")
            }
            allowNetworks.append(text)
        }
    }
}
