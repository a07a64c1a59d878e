//  The configuration file as a tree in which every value and every name knows where it stands.

import JSON

/// One value of the file with its place.
struct ConfigNode {
    /// A member of an object, repeated ones included.
    struct Member {
        var name: String
        /// Byte offset of the name's opening quote.
        var offset: Int
        var value: ConfigNode
    }

    /// What the value is.
    enum Kind {
        case null
        case bool(Bool)
        case number(String)
        case string(String)
        case array([ConfigNode])
        case object([Member])
    }

    /// Byte offset of the value's first byte.
    var offset: Int
    var kind: Kind

    /// What it is, in words.
    var kindName: String {
        switch kind {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension ConfigNode {
    /// Parses a whole file; repeated members are kept, for the complaint that names both places.
    init(parsing bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes.span)
        self = try ConfigNode(&reader)
        try reader.end()
    }

    /// Reads one value; the reader bounds the recursion.
    private init(_ reader: inout JSONReader) throws(JSONError) {
        let kind = try reader.peek()
        offset = reader.offset
        switch kind {
        case .null:
            try reader.null()
            self.kind = .null
        case .bool: self.kind = .bool(try reader.bool())
        case .number:
            let range = try reader.number()
            self.kind = .number(reader.rawText(range))
        case .string:
            let string = try reader.string()
            self.kind = .string(reader.text(string))
        case .array:
            var elements: [ConfigNode] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try ConfigNode(&reader)) }
            self.kind = .array(elements)
        case .object:
            var members: [Member] = []
            try reader.beginObject()
            while let name = try reader.nextMember() {
                let text = reader.text(name)
                members.append(
                    Member(name: text, offset: name.range.lowerBound - 1, value: try ConfigNode(&reader))
                )
            }
            self.kind = .object(members)
        }
    }
}
