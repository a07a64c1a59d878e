//  One entry of `connections`: what each vendor needs, and what makes no sense for it.

import Log

extension ConnectionConfig {
    /// Reads a connection; `nil` when its vendor is not known. Complaints go to the reading.
    init?(id: String, _ object: ConfigReading.Object, _ reading: ConfigReading) {
        guard let vendor = Self.vendor(object, reading) else {
            // The rest is judged all the same: every error at once.
            var rest = ConnectionConfig(id: id, vendor: .local)
            rest.readCommon(object, reading)
            return nil
        }
        self.init(id: id, vendor: vendor)
        readUpstream(object, reading)
        readCommon(object, reading)
        readFields(object, reading)
    }

    private static func vendor(_ object: ConfigReading.Object, _ reading: ConfigReading) -> VendorName? {
        guard let text = reading.requiredString(object, "vendor") else { return nil }
        let choices = VendorName.allCases.map { ($0.rawValue, $0) }
        return reading.choice(text, object.pointer("vendor"), at: object.offset("vendor"), choices)
    }

    /// What every vendor's connection may have.
    private mutating func readCommon(_ object: ConfigReading.Object, _ reading: ConfigReading) {
        if let section = reading.section(object, "sync", ConfigKeys.sync) {
            reading.duration(section, "every", into: &sync.every)
            reading.duration(section, "full_every", into: &sync.fullEvery)
            sync.pageSize = reading.integer(section, "page_size", in: 1...10_000)
        }
        if let code = reading.string(object, "region") {
            if CountryCodes.contains(code) {
                region = code
            } else {
                reading.complain(object, "region", "must be a country code of ISO 3166-1 in capitals, such as \"US\"")
            }
        }
        owner = reading.string(object, "owner")
        if let section = reading.section(object, "limits", ConfigKeys.limits) {
            limits.requestsPerSecond = reading.decimal(section, "requests_per_second", above: 0, upTo: 100_000)
            reading.duration(section, "timeout", into: &limits.timeout)
        }
        if let section = reading.section(object, "deletes", ConfigKeys.deletes) {
            reading.duration(section, "sweep_every", into: &deletes.sweepEvery)
            if let percent = reading.integer(section, "hold_above_percent", in: 0...100) {
                deletes.holdAbovePercent = percent
            }
            if let count = reading.integer(section, "hold_above_count", in: 0...1_000_000_000) {
                deletes.holdAboveCount = count
            }
        }
    }

    /// What a link to a vendor needs and a local book has no use for.
    private mutating func readUpstream(_ object: ConfigReading.Object, _ reading: ConfigReading) {
        guard vendor != .local else {
            for name in ["base_url", "credentials", "ca_file"] where object.members[name] != nil {
                reading.complain(object, name, "makes no sense for \"local\", which has no upstream")
            }
            return
        }
        if let text = reading.requiredString(object, "base_url") {
            if let url = Self.normalised(baseURL: text) {
                baseURL = url
            } else {
                reading.complain(
                    object,
                    "base_url",
                    "must be an http or https URL without user, query or fragment, such as \"https://host:8887\""
                )
            }
        }
        caFile = reading.string(object, "ca_file")
        credentials = reading.credentials(object, of: vendor)
    }

    private mutating func readFields(_ object: ConfigReading.Object, _ reading: ConfigReading) {
        guard let section = reading.section(object, "fields", ConfigKeys.customFields) else { return }
        guard vendor == .activecampaign else {
            return reading.complain(object, "fields", "\"\(vendor.rawValue)\" has no custom fields")
        }
        var used: [String: String] = [:]
        for name in ConfigKeys.customFields {
            guard let field = reading.string(section, name) else { continue }
            if !field.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
                reading.complain(section, name, "must be the id of a custom field, digits in a string, such as \"4\"")
            } else if let other = used.updateValue(name, forKey: field) {
                reading.complain(section, name, "the custom field \(field) already holds \"\(other)\"")
            }
            fields[name] = field
        }
    }

    /// The URL without slashes at its end; `nil` when it is none that a vendor's path can be appended to.
    static func normalised(baseURL text: String) -> String? {
        var text = Substring(text)
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        while text.hasSuffix("/"), text.utf8.count > scheme.utf8.count { text.removeLast() }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }), !authority.isEmpty,
            !rest.contains(where: { "?#".contains($0) }), !authority.contains("@"),
            ListenAddress(authority.hasPort ? String(authority) : "\(authority):80", allowsZero: false) != nil
        else { return nil }
        return scheme + rest
    }
}

extension Substring {
    /// Whether a port follows the host; an IPv6 address stands in brackets.
    fileprivate var hasPort: Bool {
        guard let colon = lastIndex(of: ":") else { return false }
        return !self[colon...].contains("]")
    }
}

extension ConfigReading {
    /// A required name of `[A-Za-z0-9_-]`, at most 64 characters, unique among its kind: `seen` has those so far.
    func identifier(_ object: Object, _ name: String, unique seen: inout [String: String]) -> String? {
        guard let text = requiredString(object, name) else { return nil }
        let isWellFormed = text.utf8.count <= 64 && text.utf8.allSatisfy(\.isIdentifier)
        guard isWellFormed else {
            complain(object, name, "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
            return nil
        }
        if let earlier = seen.updateValue(object.pointer, forKey: text) {
            complain(object, name, "\(quoted(text)) is already used by \(earlier)")
            return nil
        }
        if object.pointer.hasPrefix("/connections/") { namedConnections.insert(text) }
        return text
    }

    /// `credentials` in the vendor's words.
    func credentials(_ object: Object, of vendor: VendorName) -> [String: Secret] {
        let alternatives = ConfigKeys.credentials(vendor)
        let wanted = alternatives.map { $0.required.map { "\"\($0)\"" }.joined(separator: " and ") }
            .joined(separator: ", or ")
        guard object.members["credentials"] != nil else {
            complain(object, "credentials", "are missing; \(vendor.rawValue) needs \(wanted)")
            return [:]
        }
        let known = alternatives.flatMap { $0.required + $0.optional }
        guard let section = section(object, "credentials", known) else { return [:] }
        var found: [String: Secret] = [:]
        for name in known { found[name] = secret(section, name) }
        let given = Set(section.members.keys).intersection(known)
        // The alternative that the operator seems to have meant: the first with a member of its own.
        let meant = alternatives.first { !given.isDisjoint(with: $0.required + $0.optional) } ?? alternatives[0]
        if given.isEmpty {
            complain(object, "credentials", "must have \(wanted)")
        } else {
            for name in meant.required where !given.contains(name) { complain(section, name, "is missing") }
            for name in given.subtracting(meant.required + meant.optional).sorted() {
                complain(section, name, "does not go with \"\(meant.required[0])\": give \(wanted)")
            }
        }
        return found
    }
}

extension UInt8 {
    fileprivate var isIdentifier: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
