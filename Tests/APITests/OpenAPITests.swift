//  The description of the API by itself: nothing dangles, nothing is said twice, and no code of an error is missing.

import FoundationEssentials
import HTTPCore
import HTTPServer
import JSON
import TestSupport
import Testing

@testable import API

extension APIDescription {
    /// The description of everything that this room describes.
    static let ofTheRoom: APIDescription = {
        let routes = OpenAPIDocument.allOperations.map { operation in
            Route([operation.method], operation.path, access: "read", .now { _, _ in })
        }
        return APIDescription(OpenAPIDocument(version: "1", routes: routes.map { ServedRoute($0) }).json)
    }()
}

@Suite struct OpenAPITests {
    let description = APIDescription.ofTheRoom

    /// Every value of a tree, with its place.
    private func walk(_ value: JSONValue, _ place: String = "#", _ visit: (String, JSONValue) -> Void) {
        visit(place, value)
        for member in value.objectValue ?? [] { walk(member.value, "\(place)/\(member.name)", visit) }
        for (index, element) in (value.arrayValue ?? []).enumerated() { walk(element, "\(place)/\(index)", visit) }
    }

    @Test func `every reference leads somewhere, and every component is referred to`() {
        let checker = SchemaChecker(document: description.document)
        var used = Set<String>()
        walk(description.document) { place, value in
            guard let pointer = value["$ref"]?.stringValue else { return }
            #expect(checker.resolve(pointer) != nil, "\(place): \(pointer)")
            used.insert(pointer)
        }
        for kind in ["schemas", "parameters", "headers"] {
            for member in description.document["components"]?[kind]?.objectValue ?? [] {
                #expect(used.contains("#/components/\(kind)/\(member.name)"), "\(kind) \(member.name)")
            }
        }
    }

    @Test func `every operation has a name of its own`() {
        var names: [String] = []
        walk(description.document) { _, value in
            if value["responses"] != nil, let name = value["operationId"]?.stringValue { names.append(name) }
        }
        let heads = OpenAPIDocument.allOperations.count { $0.method == .get }
        #expect(
            Set(names).isSuperset(
                of: OpenAPIDocument.allOperations.flatMap(\.answers).flatMap(\.links).map(\.operation)
            )
        )
        #expect(Set(names).count == OpenAPIDocument.allOperations.count + heads + EventSchemas.types.count)
        let schemas = OpenAPIDocument.schemas.map(\.name)
        #expect(Set(schemas).count == schemas.count)
        let operations = OpenAPIDocument.allOperations.map { "\($0.method) \($0.path)" }
        #expect(Set(operations).count == operations.count)
    }

    @Test func `every placeholder of a path is a parameter`() {
        for operation in OpenAPIDocument.allOperations {
            let placeholders = operation.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                String($0.dropFirst().dropLast())
            }
            let parameters = operation.parameters.filter { $0.place == .path }.map(\.name)
            #expect(parameters == placeholders, "\(operation.path)")
        }
    }

    @Test func `errors are described where they happen, and only there`() {
        func codes(_ method: String, _ path: String, _ status: String) -> String? {
            description.document["paths"]?[path]?[method]?["responses"]?[status]?["description"]?.stringValue
        }
        #expect(codes("get", "/metrics", "403")?.contains("`admin_listener_only`") == true)
        #expect(codes("post", "/v1/contacts", "400")?.contains("`invalid_json`") == true)
        #expect(codes("post", "/v1/config/check", "400")?.contains("`invalid_json`") == false)
        #expect(codes("post", "/v1/config/check", "415") == nil)
    }

    @Test func `examples are as their schemas say`() {
        var count = 0
        let checker = SchemaChecker(document: description.document)
        walk(description.document) { place, value in
            for example in value["examples"]?.arrayValue ?? [] {
                count += 1
                #expect(checker.complaints(example, value).isEmpty, "\(place)")
            }
        }
        #expect(count > 8)
    }

    @Test func `the event types are those of the description`() {
        #expect(Set(EventSchemas.all.map(\.name)).isSuperset(of: EventSchemas.types.map(\.component)))
        for (type, _, component) in EventSchemas.types {
            let words = EventSchemas.all.first { $0.name == component }?.schema["properties"]?["type"]?["enum"]
            #expect(words?.arrayValue?.contains(.string(type)) == true, "\(type)")
        }
    }

    /// Codes are written beside their status, wherever they are written: `Problem(404, "not_found"`,
    /// `self.init(409, "duplicate_email"`, `case 413: "body_too_large"`.
    @Test func `the codes of errors are those of the program's text, each with its status`() throws {
        let root = String(#filePath.dropLast("/Tests/APITests/OpenAPITests.swift".count))
        var found: [String: Set<Int>] = [:]
        for room in ["API", "Gateway", "HTTPServer", "HTTPCore", "Sync", "Webhooks"] {
            let folder = "\(root)/Sources/\(room)"
            for path in try FileManager.default.subpathsOfDirectory(atPath: folder) where path.hasSuffix(".swift") {
                let data = try #require(FileManager.default.contents(atPath: "\(folder)/\(path)"))
                let text = String(decoding: data, as: UTF8.self)
                for match in text.matches(of: #/(?:Problem|self\.init)\(\s*(\d{3}),\s*"([a-z_]+)"/#) {
                    found[String(match.output.2), default: []].insert(Int(match.output.1) ?? 0)
                }
                for match in text.matches(of: #/case (4\d\d|5\d\d): "([a-z]+_[a-z_]+)"/#) {
                    found[String(match.output.2), default: []].insert(Int(match.output.1) ?? 0)
                }
                if text.contains(#"default: "malformed_request""#) { found["malformed_request"] = [400] }
            }
        }
        let described = Dictionary(uniqueKeysWithValues: ProblemCode.allCases.map { ($0.rawValue, Set([$0.status])) })
        #expect(found == described)
    }
}
