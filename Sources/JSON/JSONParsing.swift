//  From text to a tree, with the place of every value where it is wanted.

/// What to do with a member name that an object has already.
public enum RepeatedMembers: Sendable {
    /// An error that names both places: API bodies and the configuration.
    case refused
    /// The last one counts, in the place of the first: a vendor's records.
    case lastCounts
    /// All are kept.
    case kept
}

extension JSONValue {
    /// Parses a whole text.
    public init(
        parsing text: [UInt8],
        repeated: RepeatedMembers = .refused,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        self = try JSONDocument(parsing: text, repeated: repeated, limits: limits, places: false).value
    }

    /// Parses a whole text where it lies.
    public init(
        parsing text: Span<UInt8>,
        repeated: RepeatedMembers = .refused,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        self = try JSONDocument(parsing: text, repeated: repeated, limits: limits, places: false).value
    }

    /// Parses a whole text that is part of a larger one.
    public init(
        parsing text: ArraySlice<UInt8>,
        repeated: RepeatedMembers = .refused,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        try self.init(parsing: Array(text), repeated: repeated, limits: limits)
    }
}

/// A parsed text that knows where each of its values stands.
public struct JSONDocument: Sendable {
    /// The tree.
    public let value: JSONValue
    /// Offset of each value by its JSON pointer (RFC 6901); of members, the offset of the value.
    public private(set) var valueOffsets: [String: Int] = [:]
    /// Offset of each member's name by the pointer of its value.
    public private(set) var nameOffsets: [String: Int] = [:]

    /// Parses a whole text.
    ///
    /// - Parameters:
    ///   - text: UTF-8 without a byte order mark.
    ///   - repeated: What to do with repeated members.
    ///   - limits: Depth and size.
    ///   - places: False to leave both tables empty.
    /// - Throws: ``JSONError`` with the offset of the first fault.
    public init(
        parsing text: [UInt8],
        repeated: RepeatedMembers = .refused,
        limits: JSONLimits = JSONLimits(),
        places: Bool = true
    ) throws(JSONError) {
        try self.init(parsing: text.span, repeated: repeated, limits: limits, places: places)
    }

    init(
        parsing text: Span<UInt8>,
        repeated: RepeatedMembers,
        limits: JSONLimits,
        places: Bool
    ) throws(JSONError) {
        var builder = TreeBuilder(repeated: repeated, places: places)
        var reader = JSONReader(text, limits: limits)
        value = try builder.value(&reader, at: "")
        try reader.end()
        valueOffsets = builder.valueOffsets
        nameOffsets = builder.nameOffsets
    }
}

/// Names as parts of a JSON pointer.
public enum JSONPointer {
    /// The pointer one step down, `~` and `/` escaped (RFC 6901 §3).
    public static func appending(_ name: String, to pointer: String) -> String {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
            return pointer + "/" + name
        }
        var escaped = pointer + "/"
        for character in name.unicodeScalars {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}

/// Builds a tree by recursion; the reader bounds its depth.
private struct TreeBuilder {
    let repeated: RepeatedMembers
    let places: Bool
    var valueOffsets: [String: Int] = [:]
    var nameOffsets: [String: Int] = [:]

    mutating func value(_ reader: inout JSONReader, at pointer: String) throws(JSONError) -> JSONValue {
        let kind = try reader.peek()
        if places { valueOffsets[pointer] = reader.offset }
        switch kind {
        case .null:
            try reader.null()
            return .null
        case .bool: return .bool(try reader.bool())
        case .number:
            let range = try reader.number()
            return .number(reader.rawText(range))
        case .string:
            let string = try reader.string()
            return .string(reader.text(string))
        case .array: return try array(&reader, at: pointer)
        case .object: return try object(&reader, at: pointer)
        }
    }

    private mutating func array(_ reader: inout JSONReader, at pointer: String) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        try reader.beginArray()
        while try reader.nextElement() {
            elements.append(try value(&reader, at: places ? pointer + "/" + String(elements.count) : ""))
        }
        return .array(elements)
    }

    private mutating func object(_ reader: inout JSONReader, at pointer: String) throws(JSONError) -> JSONValue {
        var members: [JSONMember] = []
        var seen = SeenMembers()
        try reader.beginObject()
        while let string = try reader.nextMember() {
            let name = reader.text(string)
            let offset = string.range.lowerBound - 1
            let first = repeated == .kept ? nil : seen.find(name, among: members)
            if let first, repeated == .refused {
                throw JSONError(
                    offset: offset,
                    reason: "the member \"\(name.prefix(80))\" stands here a second time",
                    firstOffset: first.offset
                )
            }
            let below = places ? JSONPointer.appending(name, to: pointer) : ""
            let member = JSONMember(name, try value(&reader, at: below))
            if places { nameOffsets[below] = offset }
            if let first {
                members[first.index] = member
            } else {
                if repeated != .kept { seen.add(name, at: offset) }
                members.append(member)
            }
        }
        return .object(members)
    }
}

/// Where the members of an object began. A few names are compared sooner than hashed.
private struct SeenMembers {
    private static let mostCompared = 16
    private var offsets: [Int] = []
    private var places: [String: Int] = [:]

    mutating func add(_ name: String, at offset: Int) {
        offsets.append(offset)
        // From here on all are looked up; those before are compared still.
        if offsets.count > Self.mostCompared { places[name] = offsets.count - 1 }
    }

    func find(_ name: String, among members: [JSONMember]) -> (index: Int, offset: Int)? {
        let compared = members.prefix(Self.mostCompared)
        let index = compared.firstIndex { $0.name == name } ?? (places.isEmpty ? nil : places[name])
        return index.map { ($0, offsets[$0]) }
    }
}
