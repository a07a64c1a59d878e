//  Batches: which operations go side by side, and that nobody sees it in the results.

@testable import API
import HTTPCore
import JSON
import Testing

@Suite struct ContactBatchTests {
    @Test func `what could meet in one contact is never in one wave of a batch`() throws {
        func waves(_ operations: String) throws -> [Range<Int>] {
            let parsed = try JSONValue(parsing: Array("[\(operations)]".utf8)).arrayValue ?? []
            return Array(BatchWaves(parsed) { $0 == "book" })
        }
        let ann = #"{"op":"create","contact":{"connection":"book","emails":[{"address":"ann@x"}]}}"#
        let other = #"{"op":"create","contact":{"connection":"book"}}"#
        let vendors = #"{"op":"create","contact":{"connection":"crm"}}"#
        let change = #"{"op":"update","id":"1","contact":{"title":"x"}}"#
        let rename = #"{"op":"update","id":"2","contact":{"emails":[{"address":"ann@x"}]}}"#
        let removal = #"{"op":"delete","id":"1"}"#
        let otherRemoval = #"{"op":"delete","id":"3"}"#
        let upsert = #"{"op":"upsert","match":"email","contact":{}}"#
        #expect(try waves("") == [])
        #expect(try waves([ann, other, other, change].joined(separator: ",")) == [0..<3, 3..<4])
        #expect(try waves([change, otherRemoval, other, ann].joined(separator: ",")) == [0..<2, 2..<4])
        #expect(
            try waves([ann, other, ann.replacing("ann@x", with: "Ann@X")].joined(separator: ",")) == [0..<2, 2..<3]
        )
        #expect(try waves([change, removal].joined(separator: ",")) == [0..<1, 1..<2])
        #expect(try waves([ann, rename, other].joined(separator: ",")) == [0..<1, 1..<2, 2..<3])
        #expect(try waves([other, upsert, other, other].joined(separator: ",")) == [0..<1, 1..<2, 2..<4])
        #expect(try waves(Array(repeating: vendors, count: 10).joined(separator: ",")) == [0..<8, 8..<10])
        #expect(try waves(Array(repeating: other, count: 130).joined(separator: ",")) == [0..<128, 128..<130])
    }

    @Test func `a contact of a batch may have the id that the operation before it gives up`() async throws {
        try await TestGateway.with { gateway in
            let members = #""name":{"full":"N"},"vendor_id":"A""#
            var id = try await gateway.create(members).id
            for _ in 0..<20 {
                let operations = """
                    {"op":"delete","id":"\(id)"},{"op":"create","contact":{"connection":"book",\(members)}}
                    """
                let answer = try await gateway.send(.post, "/v1/contacts/batch", #"{"operations":[\#(operations)]}"#)
                let results = answer.json["results"]?.arrayValue ?? []
                #expect(results.compactMap { $0["status"]?.intValue } == [204, 201])
                id = results.last?["contact"]?["id"]?.stringValue ?? ""
            }
        }
    }

    @Test func `a batch of creates is listed in the order of its operations`() async throws {
        try await TestGateway.with { gateway in
            let operations = (0..<300).map {
                #"{"op":"create","contact":{"connection":"book","name":{"full":"N\#($0)"},"emails":[{"address":"same@x"}]}}"#
                    .replacing("same@x", with: "n\($0 % 200)@x")
            }
            let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            let answer = try await gateway.send(.post, "/v1/contacts/batch", body)
            let results = answer.json["results"]?.arrayValue ?? []
            #expect(results.compactMap { $0["status"]?.intValue } == Array(repeating: 201, count: 300))
            let names = results.map { $0["contact"]?["name"]?["full"]?.stringValue ?? "" }
            #expect(names == (0..<300).map { "N\($0)" })
            let revisions = results.compactMap { $0["contact"]?["revision"]?.intValue }
            #expect(revisions == revisions.sorted() && Set(revisions).count == 300)
        }
    }
}
