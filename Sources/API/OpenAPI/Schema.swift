//  JSON Schemas (draft 2020-12) as values: what the description of the API is built of. Pure.

import JSON

/// One schema, as OpenAPI 3.1 embeds it.
struct Schema: Sendable {
    /// The members of the schema's object.
    private(set) var members: [JSONMember]

    /// One member of a described object.
    struct Property: Sendable {
        var name: String
        var schema: Schema
        var isRequired: Bool

        /// A member that is always there.
        init(_ name: String, _ schema: Schema, _ description: String? = nil) {
            self.init(name, schema, description, isRequired: true)
        }

        /// A member that may be absent.
        static func optional(_ name: String, _ schema: Schema, _ description: String? = nil) -> Property {
            Property(name, schema, description, isRequired: false)
        }

        private init(_ name: String, _ schema: Schema, _ description: String?, isRequired: Bool) {
            self.name = name
            self.schema = description.map { schema.described($0) } ?? schema
            self.isRequired = isRequired
        }

        /// The same member, which may be absent.
        var optional: Property { Property(name, schema, nil, isRequired: false) }
    }

    var json: JSONValue { .object(members) }

    subscript(_ name: String) -> JSONValue? { json[name] }
}

// MARK: Kinds

extension Schema {
    /// A schema of `components`.
    static func component(_ name: String) -> Schema {
        Schema(members: [JSONMember("$ref", .string("#/components/schemas/\(name)"))])
    }

    static func string(length: ClosedRange<Int>? = nil, pattern: String? = nil, format: String? = nil) -> Schema {
        var schema = Schema(type: "string")
        if let length {
            if length.lowerBound > 0 { schema.set("minLength", .int(length.lowerBound)) }
            schema.set("maxLength", .int(length.upperBound))
        }
        if let pattern { schema.set("pattern", .string(pattern)) }
        if let format { schema.set("format", .string(format)) }
        return schema
    }

    static func string(atLeast least: Int) -> Schema {
        var schema = Schema(type: "string")
        schema.set("minLength", .int(least))
        return schema
    }

    /// A text that is JSON by another schema.
    static func text(of component: String) -> Schema {
        var schema = Schema(type: "string")
        schema.set("contentMediaType", "application/json")
        schema.set("contentSchema", Schema.component(component).json)
        return schema
    }

    /// A moment in RFC 3339.
    static let time = string(format: "date-time")

    static let boolean = Schema(type: "boolean")

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        var schema = integer(from: range.lowerBound)
        schema.set("maximum", .int(range.upperBound))
        return schema
    }

    /// A whole number of 64 bits.
    static func integer(from least: Int) -> Schema {
        var schema = Schema(type: "integer")
        schema.set("format", "int64")
        schema.set("minimum", .int(least))
        return schema
    }

    static let number = Schema(type: "number")

    /// One of these words.
    static func word(_ words: [String]) -> Schema {
        var schema = Schema(type: "string")
        schema.set("enum", .array(words.map { .string($0) }))
        return schema
    }

    static func constant(_ word: String) -> Schema {
        var schema = Schema(type: "string")
        schema.set("const", .string(word))
        return schema
    }

    static func list(of element: Schema, count: ClosedRange<Int>? = nil) -> Schema {
        var schema = Schema(type: "array")
        schema.set("items", element.json)
        if let count {
            if count.lowerBound > 0 { schema.set("minItems", .int(count.lowerBound)) }
            schema.set("maxItems", .int(count.upperBound))
        }
        return schema
    }

    /// An object of any names with values of one kind.
    static func map(of value: Schema, names: Schema? = nil, most: Int? = nil) -> Schema {
        var schema = Schema(type: "object")
        schema.set("additionalProperties", value.json)
        if let names { schema.set("propertyNames", names.json) }
        if let most { schema.set("maxProperties", .int(most)) }
        return schema
    }

    /// An object that the gateway sends; a later version may add members.
    static func object(_ properties: [Property]) -> Schema {
        var schema = Schema(type: "object")
        schema.set("properties", .object(properties.map { JSONMember($0.name, $0.schema.json) }))
        let required = properties.filter(\.isRequired)
        if !required.isEmpty { schema.set("required", .array(required.map { .string($0.name) })) }
        return schema
    }

    /// An object that the gateway reads, where an unknown member is an error.
    static func closed(_ properties: [Property]) -> Schema {
        var schema = object(properties)
        schema.set("additionalProperties", false)
        return schema
    }

    static let null = Schema(type: "null")

    /// An object of any members.
    static let anyObject = Schema(type: "object")

    static func either(_ schemas: [Schema]) -> Schema {
        Schema(members: [JSONMember("oneOf", .array(schemas.map(\.json)))])
    }

    /// One of these, or several where they overlap.
    static func any(_ schemas: [Schema]) -> Schema {
        Schema(members: [JSONMember("anyOf", .array(schemas.map(\.json)))])
    }

    private init(type: String) {
        members = [JSONMember("type", .string(type))]
    }
}

// MARK: Refinements

extension Schema {
    /// The same, or null.
    var orNull: Schema {
        guard let type = self["type"]?.stringValue, self["const"] == nil else { return .either([self, .null]) }
        var schema = self
        schema.set("type", [.string(type), "null"])
        if let words = self["enum"]?.arrayValue { schema.set("enum", .array(words + [.null])) }
        return schema
    }

    /// Present in requests only to be compared with what is stored.
    var readOnly: Schema {
        var schema = self
        schema.set("readOnly", true)
        return schema
    }

    func described(_ text: String) -> Schema {
        var schema = self
        schema.set("description", .string(text))
        return schema
    }

    func defaulting(to value: JSONValue) -> Schema {
        var schema = self
        schema.set("default", value)
        return schema
    }

    func example(_ value: JSONValue) -> Schema {
        var schema = self
        schema.set("examples", [value])
        return schema
    }

    /// How generators choose among the alternatives: by a member's word.
    func discriminated(by member: String, _ mapping: [(word: String, component: String)]) -> Schema {
        var schema = self
        let places = mapping.map { JSONMember($0.word, .string("#/components/schemas/\($0.component)")) }
        schema.set("discriminator", ["propertyName": .string(member), "mapping": .object(places)])
        return schema
    }

    private mutating func set(_ name: String, _ value: JSONValue) {
        if let index = members.firstIndex(where: { $0.name == name }) {
            members[index].value = value
        } else {
            members.append(JSONMember(name, value))
        }
    }
}
