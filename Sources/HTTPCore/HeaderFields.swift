//  Header fields as an ordered list (RFC 9110 §5).

/// Header fields in the order received or to be sent; names compare without case.
public struct HeaderFields: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    /// One field line.
    public struct Field: Equatable, Sendable {
        /// As received or as to be sent.
        public var name: String
        /// Without surrounding white space.
        public var value: String
    }

    /// Every field line, in order.
    public var lines: [Field] = []

    /// No fields.
    public init() {}

    /// Fields in the order written.
    public init(dictionaryLiteral elements: (String, String)...) {
        lines = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first value of that name.
    public subscript(_ name: String) -> String? {
        lines.first { $0.name.matchesFieldName(name) }?.value
    }

    /// All values of that name, in order.
    public func all(_ name: String) -> [String] {
        lines.filter { $0.name.matchesFieldName(name) }.map(\.value)
    }

    /// Adds a field line at the end.
    public mutating func add(_ name: String, _ value: String) {
        lines.append(Field(name: name, value: value))
    }

    /// Removes what has that name and adds the value.
    public mutating func set(_ name: String, _ value: String) {
        lines.removeAll { $0.name.matchesFieldName(name) }
        add(name, value)
    }
}

extension String {
    /// Whether both name the same field: ASCII letters compare without case.
    public func matchesFieldName(_ other: String) -> Bool {
        let left = utf8
        let right = other.utf8
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { $0.lowercasedASCII == $1.lowercasedASCII }
    }
}

extension UInt8 {
    /// The lower-case letter for `A` to `Z`, else itself.
    public var lowercasedASCII: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }
}
