//  A small checker of JSON Schemas, for the keywords that the description of the API uses; any other is an error.

public import JSON
import Platform

/// Checks values against the schemas of a document.
///
/// It is stricter than the schemas: where an object's members are described, one that is not described is a complaint.
public struct SchemaChecker: Sendable {
    private let document: JSONValue

    /// Makes a checker of the document that `$ref` points into.
    public init(document: JSONValue) {
        self.document = document
    }

    /// What is wrong with a value, each complaint with its place; empty when it is as the schema says.
    public func complaints(_ value: JSONValue, _ schema: JSONValue, at place: String = "") -> [String] {
        guard case .object(let keywords) = schema else {
            return schema == .bool(true) ? [] : ["\(place): nothing is allowed here"]
        }
        return keywords.flatMap { check(value, $0.name, $0.value, schema, place) }
    }

    /// The value that a pointer such as `#/components/schemas/Contact` names.
    public func resolve(_ pointer: String) -> JSONValue? {
        var value: JSONValue? = document
        for step in pointer.split(separator: "/").dropFirst() {
            value = value?[String(step)]
        }
        return value
    }

    private func check(
        _ value: JSONValue,
        _ keyword: String,
        _ argument: JSONValue,
        _ schema: JSONValue,
        _ place: String
    ) -> [String] {
        switch keyword {
        case "$ref":
            guard let target = resolve(argument.stringValue ?? "") else { return ["\(place): dangling \(argument)"] }
            return complaints(value, target, at: place)
        case "type":
            let types = argument.arrayValue ?? [argument]
            return types.contains { Self.isOf($0.stringValue ?? "", value) } ? [] : ["\(place): not \(types)"]
        case "enum": return argument.arrayValue?.contains(value) == true ? [] : ["\(place): \(value) is no such word"]
        case "const": return argument == value ? [] : ["\(place): \(value) is not \(argument)"]
        case "oneOf", "anyOf":
            let branches = argument.arrayValue ?? []
            let failures = branches.map { complaints(value, $0, at: place) }
            let matching = failures.count(where: \.isEmpty)
            if matching == 1 || (keyword == "anyOf" && matching > 1) { return [] }
            return ["\(place): \(matching) of \(keyword) match"] + failures.flatMap(\.self)
        case "discriminator", "description", "examples", "default", "readOnly": return []
        default: break
        }
        switch value {
        case .string(let text): return check(text, keyword, argument, place)
        case .number(let digits): return check(digits, number: keyword, argument, place)
        case .array(let elements): return check(elements, keyword, argument, place)
        case .object(let members): return check(members, keyword, argument, schema, place)
        case .null, .bool: return Self.known.contains(keyword) ? [] : ["\(place): unknown keyword \(keyword)"]
        }
    }

    private static let known: Set<String> = [
        "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "items", "minItems", "maxItems",
        "properties", "required", "additionalProperties", "propertyNames", "maxProperties",
    ]

    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array), ("object", .object),
            ("number", .number):
            true
        case ("integer", .number(let digits)): Int64(digits) != nil
        default: false
        }
    }

    private func check(_ text: String, _ keyword: String, _ argument: JSONValue, _ place: String) -> [String] {
        let length = text.unicodeScalars.count
        let isFine: Bool
        switch keyword {
        case "minLength": isFine = length >= argument.intValue ?? 0
        case "maxLength": isFine = length <= argument.intValue ?? 0
        case "pattern": isFine = matches(text, argument.stringValue ?? "")
        case "format":
            switch argument.stringValue {
            case "date-time": isFine = Timestamp(rfc3339: text) != nil
            case "uri", "uri-reference": isFine = !text.isEmpty && !text.contains(" ")
            default: isFine = false
            }
        default: isFine = Self.known.contains(keyword)
        }
        return isFine ? [] : ["\(place): \"\(text)\" against \(keyword) \(argument)"]
    }

    private func matches(_ text: String, _ pattern: String) -> Bool {
        // ECMA-262 writes \u0000 for what Swift writes \u{0000}.
        let swift = pattern.replacing(#/\\u([0-9a-f]{4})/#) { "\\u{\($0.output.1)}" }
        guard let regex = try? Regex(swift).matchingSemantics(.unicodeScalar) else { return false }
        return text.contains(regex)
    }

    private func check(_ digits: String, number keyword: String, _ argument: JSONValue, _ place: String) -> [String] {
        guard let number = Double(digits) else { return ["\(place): \(digits) is no number"] }
        let isFine: Bool
        switch keyword {
        case "minimum": isFine = number >= Double(argument.intValue ?? 0)
        case "maximum": isFine = number <= Double(argument.intValue ?? 0)
        case "format": isFine = argument == "int64"
        default: isFine = Self.known.contains(keyword)
        }
        return isFine ? [] : ["\(place): \(digits) against \(keyword) \(argument)"]
    }

    private func check(
        _ elements: [JSONValue],
        _ keyword: String,
        _ argument: JSONValue,
        _ place: String
    ) -> [String] {
        switch keyword {
        case "items":
            return elements.enumerated().flatMap { complaints($0.element, argument, at: "\(place)/\($0.offset)") }
        case "minItems": return elements.count >= argument.intValue ?? 0 ? [] : ["\(place): too few"]
        case "maxItems": return elements.count <= argument.intValue ?? 0 ? [] : ["\(place): too many"]
        default: return Self.known.contains(keyword) ? [] : ["\(place): unknown keyword \(keyword)"]
        }
    }

    private func check(
        _ members: [JSONMember],
        _ keyword: String,
        _ argument: JSONValue,
        _ schema: JSONValue,
        _ place: String
    ) -> [String] {
        let described = schema["properties"]
        switch keyword {
        case "properties":
            return members.flatMap { member -> [String] in
                let below = "\(place)/\(member.name)"
                if let schema = described?[member.name] { return complaints(member.value, schema, at: below) }
                return schema["additionalProperties"] == nil ? ["\(below): not described"] : []
            }
        case "required":
            return (argument.arrayValue ?? []).compactMap { name in
                members.contains { $0.name == name.stringValue }
                    ? nil : "\(place): \(name.stringValue ?? "") is missing"
            }
        case "additionalProperties":
            return members.filter { described?[$0.name] == nil }.flatMap {
                complaints($0.value, argument, at: "\(place)/\($0.name)")
            }
        case "propertyNames":
            return members.flatMap { complaints(.string($0.name), argument, at: "\(place)/\($0.name)") }
        case "maxProperties": return members.count <= argument.intValue ?? 0 ? [] : ["\(place): too many members"]
        default: return Self.known.contains(keyword) ? [] : ["\(place): unknown keyword \(keyword)"]
        }
    }
}
