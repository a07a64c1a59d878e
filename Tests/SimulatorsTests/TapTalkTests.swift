//  The simulated chat service, call by call.

import HTTPCore
import JSON
import Platform
import Testing

@testable import Simulators

@Suite struct TapTalkTests {
    static let sync = "/v1/server/contact/sync"

    private func withService(_ body: (Simulator, Caller) async throws -> Void) async throws {
        try await withSimulator(.taptalk) { simulator, caller in
            let key = Base64.encode(Array("taptalk-key:taptalk-secret".utf8))
            try await body(simulator, caller.with("Server-Key", key))
        }
    }

    private func pair(_ owner: String, _ contact: String, deleted: Bool? = nil) -> JSONValue {
        var members = [JSONMember("ownerXCUserID", .string(owner)), JSONMember("contactXCUserID", .string(contact))]
        if let deleted { members.append(JSONMember("isDeleted", .bool(deleted))) }
        return .object(members)
    }

    @Test func `users are upserted, pairs counted, and deletes run last`() async throws {
        try await withService { simulator, caller in
            for id in ["1", "2", "6"] {
                let user = try await caller.post("/v1/server/user/update", ["xcUserID": .string(id), "fullName": "U"])
                #expect(user.json["data"]?["userID"]?.stringValue != nil)
            }
            let answer = try await caller.post(
                Self.sync,
                ["contacts": [pair("1", "2", deleted: true), pair("1", "2"), pair("1", "6", deleted: false)]]
            )
            #expect(answer.status == 200)
            #expect(answer.json["status"] == 200)
            #expect(answer.json["error"] == ["code": "", "message": "", "field": ""])
            #expect(answer.json["data"] == ["countInserted": 2, "countDeleted": 1])
            #expect(simulator.records.map { $0["id"] } == ["1:6"])
            let again = try await caller.post(Self.sync, ["contacts": [pair("1", "6")]])
            #expect(again.json["data"] == ["countInserted": 0, "countDeleted": 0])
        }
    }

    static let refused: [(body: JSONValue, code: String, field: String)] = [
        (["contacts": []], "40002", "101"),
        ([:], "40002", "101"),
        (["contacts": [["contactXCUserID": "2"]]], "40002", "102"),
        (["contacts": [["ownerXCUserID": "1", "contactXCUserID": ""]]], "40002", "103"),
        (["contacts": [["ownerXCUserID": "9", "contactXCUserID": "1"]]], "40002", "102"),
        (["contacts": [["ownerXCUserID": "1", "contactXCUserID": "1", "isDeleted": "true"]]], "40002", "104"),
        (["contacts": [["ownerXCUserID": "1", "contactXCUserID": "1", "deleted": true]]], "40002", ""),
    ]
    @Test(arguments: refused)
    func `what is missing or wrong is named by its number`(body: JSONValue, code: String, field: String) async throws {
        try await withService { simulator, caller in
            _ = try await caller.post("/v1/server/user/update", ["xcUserID": "1", "fullName": "One"])
            for (knob, status) in [("mirror", 400), ("always_200", 200)] {
                try simulator.control(["knobs": ["http_status": .string(knob)]])
                let answer = try await caller.post(Self.sync, body)
                #expect(answer.status == status)
                #expect(answer.json["status"] == 400)
                #expect(answer.json["error"]?["code"] == .string(code))
                #expect(answer.json["error"]?["field"] == .string(field))
                #expect(answer.json["data"] == [:])
            }
        }
    }

    @Test func `the server key is wanted as base64 without a scheme`() async throws {
        try await withSimulator(.taptalk) { _, caller in
            let missing = try await caller.post(Self.sync, [:]).json
            #expect(missing["error"]?["message"] == "Request headers are required (Server-Key)")
            #expect(missing["error"]?["code"] == "40001")
            let wrong = try await caller.with("Server-Key", "Basic eA==").post(Self.sync, [:])
            #expect(wrong.status == 401)
            #expect(try await caller.get(Self.sync).json["status"] == 405)
        }
    }

    @Test func `the pairs can be seen with their users`() async throws {
        try await withService { simulator, caller in
            try simulator.add(contact("77", "Ada Abara", email: "ada@example.com"))
            let shown = try await caller.get("/_simulate/contacts").json
            #expect(shown["count"] == 1)
            let item = shown["items"]?.arrayValue?.first
            #expect(item?["ownerXCUserID"] == "1")
            #expect(item?["contactXCUserID"] == "77")
            #expect(item?["user"]?["fullName"] == "Ada Abara")
        }
    }
}
