//  The JSON Schema beside the configuration knows the same keys as the decoder.

import JSON
import Platform
import Testing

@testable import Config

@Suite struct SchemaTests {
    static let root = String(#filePath.dropLast("Tests/ConfigTests/SchemaTests.swift".count))

    @Test func `schema and decoder know the same keys in every section`() throws {
        let bytes = try FileDescriptor.contents(ofFile: Self.root + "config/gateway.schema.json")
        let schema = try JSONDocument(parsing: bytes).value
        for (pointer, keys) in ConfigKeys.sections {
            var place = schema
            for step in pointer.split(separator: "/") {
                place = try #require(step == "*" ? place["items"] : place["properties"]?[String(step)])
            }
            #expect(Set((place["properties"]?.objectValue ?? []).map(\.name)) == Set(keys), "\(pointer)")
            #expect(place["additionalProperties"] == .bool(false), "\(pointer)")
        }
        for vendor in VendorName.allCases where vendor != .local {
            let place = try #require(schema["$defs"]?["credentials-\(vendor.rawValue)"])
            let objects = place["oneOf"]?.arrayValue ?? [place]
            let known = ConfigKeys.credentials(vendor)
            #expect(objects.count == known.count)
            for (object, alternative) in zip(objects, known) {
                #expect((object["required"]?.arrayValue ?? []).compactMap(\.stringValue) == alternative.required)
                let names = (object["properties"]?.objectValue ?? []).map(\.name)
                #expect(Set(names) == Set(alternative.required + alternative.optional))
            }
        }
    }
}
