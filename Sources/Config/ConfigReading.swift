//  Walks the file's tree and collects every complaint instead of stopping at the first.

import JSON
import Log

/// Reads members of the configuration; what is wrong is noted with its place and reads as absent.
final class ConfigReading {
    /// An object of the file, its members looked up by name.
    struct Object {
        let pointer: String
        let offset: Int
        let members: [String: ConfigNode]

        /// The pointer of a member.
        func pointer(_ name: String) -> String { JSONPointer.appending(name, to: pointer) }

        /// Where complaints about a member stand: at the member, or at the object that lacks it.
        func offset(_ name: String) -> Int { members[name]?.offset ?? offset }
    }

    /// Complaints so far, with byte offsets instead of lines.
    private(set) var complaints: [(offset: Int, pointer: String, message: String)] = []
    /// Ids of connections that stand in the file, also of those with complaints of their own.
    var namedConnections: Set<String> = []
    /// What is allowed and should be looked at, like ``complaints``.
    private var remarks: [(offset: Int, pointer: String, message: String)] = []
    /// Files that secrets, certificates and keys were read from.
    private(set) var files: [String] = []
    private let bytes: [UInt8]
    private let surroundings: ConfigSurroundings

    init(bytes: [UInt8], surroundings: ConfigSurroundings) {
        self.bytes = bytes
        self.surroundings = surroundings
    }

    func complain(_ pointer: String, at offset: Int, _ message: String) {
        complaints.append((offset, pointer, message))
    }

    func complain(_ object: Object, _ name: String, _ message: String) {
        complain(object.pointer(name), at: object.offset(name), message)
    }

    /// Every complaint in the order of the file.
    func errors() -> [ConfigError] {
        placed(complaints)
    }

    /// Every remark in the order of the file.
    func warnings() -> [ConfigError] {
        placed(remarks)
    }

    private func placed(_ entries: [(offset: Int, pointer: String, message: String)]) -> [ConfigError] {
        entries.enumerated().sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }.map { entry in
            let place = place(of: entry.element.offset)
            return ConfigError(
                pointer: entry.element.pointer,
                line: place.line,
                column: place.column,
                message: entry.element.message
            )
        }
    }

    func place(of offset: Int) -> TextPosition { TextPosition(of: offset, in: bytes) }

    /// An object with known members; complains about other kinds, unknown and repeated members.
    func object(_ node: ConfigNode, _ pointer: String, _ known: [String]) -> Object? {
        guard let object = anyObject(node, pointer) else { return nil }
        guard case .object(let members) = node.kind else { return nil }
        for member in members where !known.contains(member.name) {
            let nearest = NearestName.of(member.name, among: known)
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known here: \(known.joined(separator: ", "))"
            complain(object.pointer(member.name), at: member.offset, "unknown key \(quoted(member.name)); \(hint)")
        }
        return object
    }

    /// An object whose members' names are data.
    func anyObject(_ node: ConfigNode, _ pointer: String) -> Object? {
        guard case .object(let members) = node.kind else {
            complain(pointer, at: node.offset, "must be an object, not \(node.kindName)")
            return nil
        }
        var first: [String: ConfigNode.Member] = [:]
        for member in members {
            if let earlier = first[member.name] {
                let place = place(of: earlier.offset)
                complain(
                    JSONPointer.appending(member.name, to: pointer),
                    at: member.offset,
                    "\(quoted(member.name)) is repeated; it first stands at line \(place.line), column \(place.column)"
                )
            } else {
                first[member.name] = member
            }
        }
        return Object(pointer: pointer, offset: node.offset, members: first.mapValues(\.value))
    }

    /// The section of that name; `nil` when it is absent or wrong.
    func section(_ parent: Object, _ name: String, _ known: [String]) -> Object? {
        parent.members[name].flatMap { object($0, parent.pointer(name), known) }
    }

    /// The elements of an array member, each with its pointer; empty when it is absent or wrong.
    func elements(_ parent: Object, _ name: String) -> [(node: ConfigNode, pointer: String)] {
        guard let node = parent.members[name] else { return [] }
        guard case .array(let elements) = node.kind else {
            complain(parent, name, "must be an array, not \(node.kindName)")
            return []
        }
        return elements.enumerated().map { ($0.element, "\(parent.pointer(name))/\($0.offset)") }
    }

    /// A text; complains about other kinds, about control characters and, unless allowed, about an empty one.
    func text(_ node: ConfigNode, _ pointer: String) -> String? {
        guard case .string(let text) = node.kind else {
            complain(pointer, at: node.offset, "must be a string, not \(node.kindName)")
            return nil
        }
        guard !text.isEmpty else {
            complain(pointer, at: node.offset, "must not be empty")
            return nil
        }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            complain(pointer, at: node.offset, "must not hold control characters")
            return nil
        }
        return text
    }

    func string(_ object: Object, _ name: String) -> String? {
        object.members[name].flatMap { text($0, object.pointer(name)) }
    }

    func requiredString(_ object: Object, _ name: String) -> String? {
        guard object.members[name] != nil else {
            complain(object, name, "is missing; it must be a string")
            return nil
        }
        return string(object, name)
    }

    /// One word of a closed list.
    func choice<Value>(_ text: String, _ pointer: String, at offset: Int, _ choices: [(String, Value)]) -> Value? {
        if let match = choices.first(where: { $0.0 == text }) { return match.1 }
        let names = choices.map(\.0)
        let hint = NearestName.of(text, among: names).map { "did you mean \"\($0)\"? " } ?? ""
        complain(
            pointer,
            at: offset,
            "\(quoted(text)) is none of them; \(hint)possible: \(names.joined(separator: ", "))"
        )
        return nil
    }

    func bool(_ object: Object, _ name: String, into value: inout Bool) {
        guard let node = object.members[name] else { return }
        guard case .bool(let truth) = node.kind else {
            return complain(object, name, "must be true or false, not \(node.kindName)")
        }
        value = truth
    }

    func integer(_ object: Object, _ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = object.members[name] else { return nil }
        guard case .number(let digits) = node.kind, let number = Int(digits), range.contains(number) else {
            complain(object, name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    func decimal(_ object: Object, _ name: String, above low: Double, upTo high: Double) -> Double? {
        guard let node = object.members[name] else { return nil }
        guard case .number(let digits) = node.kind, let number = Double(digits), number > low, number <= high else {
            complain(object, name, "must be a number above \(Int(low)) and at most \(Int(high))")
            return nil
        }
        return number
    }

    func duration(_ object: Object, _ name: String, into value: inout Duration) {
        guard let node = object.members[name] else { return }
        guard case .string(let text) = node.kind, let duration = Duration(configured: text) else {
            return complain(object, name, "must be a duration such as \"15s\", \"5m\", \"24h\" or \"30d\"")
        }
        guard duration >= .seconds(1) else { return complain(object, name, "is too short: at least \"1s\"") }
        guard duration <= .seconds(3650 * 86_400) else {
            return complain(object, name, "is too long: at most \"3650d\"")
        }
        value = duration
    }

    /// A secret: the text, or where it is to be found. The text itself is never in a complaint.
    func secret(_ object: Object, _ name: String) -> Secret? {
        guard let node = object.members[name] else { return nil }
        let pointer = object.pointer(name)
        if case .string = node.kind { return text(node, pointer).map(Secret.init) }
        guard case .object = node.kind else {
            complain(
                object,
                name,
                "must be a string, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}, not \(node.kindName)"
            )
            return nil
        }
        guard let place = self.object(node, pointer, ConfigKeys.secret) else { return nil }
        guard place.members.keys.filter(ConfigKeys.secret.contains).count == 1 else {
            complain(object, name, "must name exactly one of \"env\" and \"file\"")
            return nil
        }
        if let variable = string(place, "env") {
            guard let value = surroundings.environment(variable), !value.isEmpty else {
                complain(place, "env", "the environment has no variable \(quoted(variable)), or it is empty")
                return nil
            }
            return checked(value, place, "env")
        }
        guard let path = string(place, "file") else { return nil }
        files.append(path)
        switch surroundings.file(path) {
        case .failure(let failure):
            complain(place, "file", "the file \(quoted(path)) cannot be read: \(failure.reason)")
            return nil
        case .success(let bytes):
            var bytes = bytes[...]
            // An editor's or `echo`'s final line break is no part of the secret.
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            guard !bytes.isEmpty else {
                complain(place, "file", "the file \(quoted(path)) is empty")
                return nil
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                complain(place, "file", "the file \(quoted(path)) is not UTF-8")
                return nil
            }
            return checked(text, place, "file")
        }
    }

    func requiredSecret(_ object: Object, _ name: String) -> Secret? {
        guard object.members[name] != nil else {
            complain(object, name, "is missing; it must be a string, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}")
            return nil
        }
        return secret(object, name)
    }

    /// A PEM file by its path; complains when it cannot be read.
    func pemFile(_ object: Object, _ name: String) -> PEMFile? {
        guard let path = string(object, name) else { return nil }
        files.append(path)
        switch surroundings.file(path) {
        case .failure(let failure):
            complain(object, name, "the file \(quoted(path)) cannot be read: \(failure.reason)")
            return nil
        case .success(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                complain(object, name, "the file \(quoted(path)) is not PEM, which is text")
                return nil
            }
            return PEMFile(path: path, text: Secret(text))
        }
    }

    func requiredPEMFile(_ object: Object, _ name: String) -> PEMFile? {
        guard object.members[name] != nil else {
            complain(object, name, "is missing; it must be the path of a PEM file")
            return nil
        }
        return pemFile(object, name)
    }

    /// Notes what there is to say about the files of `server.tls`.
    func judge(_ tls: TLSConfig, _ object: Object) {
        let paths = ["certificate": tls.certificate.path, "key": tls.key.path, "client_ca": tls.clientCA?.path]
        for finding in surroundings.judge(tls) {
            let name = (paths[finding.member] ?? nil).map { "the file \(quoted($0)) " } ?? ""
            let entry = (
                offset: object.offset(finding.member), pointer: object.pointer(finding.member),
                message: name + finding.message
            )
            if finding.isWarning { remarks.append(entry) } else { complaints.append(entry) }
        }
    }

    private func checked(_ value: String, _ place: Object, _ name: String) -> Secret? {
        guard value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            complain(place, name, "the secret found there holds control characters")
            return nil
        }
        return Secret(value)
    }
}

/// The text as a JSON string, shortened.
func quoted(_ text: String) -> String {
    let short =
        text.unicodeScalars.count > 80 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(80))) + "…" : text
    return String(decoding: JSONValue.string(short).encoded(), as: UTF8.self)
}
