//  Faults, knobs, the request log and the other control endpoints.

import HTTPCore
import JSON
import Testing

@testable import Simulators

@Suite struct FaultTests {
    private func withBook(_ body: (Simulator, Caller) async throws -> Void) async throws {
        try await withSimulator(.portsip) { simulator, caller in
            try simulator.add(contact("a", "Ada Abara"))
            try await body(simulator, caller.with("Authorization", "Bearer portsip-token"))
        }
    }

    @Test func `a fault strikes the calls it names, as often as it says`() async throws {
        try await withBook { _, caller in
            let fault: JSONValue = [
                "faults": [
                    [
                        "path": "/api/user/contacts*", "method": "GET", "skip": 1, "times": 2, "status": 503,
                        "headers": ["Retry-After": "7"],
                    ]
                ]
            ]
            #expect(try await caller.post("/_simulate/faults", fault).status == 200)
            var answers: [Int] = []
            for _ in 0..<4 { answers.append(try await caller.get("/api/user/contacts/a").status) }
            #expect(answers == [200, 503, 503, 200])
            let log = try await caller.get("/_simulate/requests").json
            #expect(log["items"]?.arrayValue?.map { $0["fault"] } == [false, true, true, false])
        }
    }

    @Test func `bodies can be HTML, empty, cut, or something else entirely`() async throws {
        try await withBook { simulator, caller in
            try simulator.control([
                "faults": [
                    ["body": "html"], ["body": "empty"], ["body": "cut"], ["text": "[]"], ["redirect": "http://x/"],
                ]
            ])
            let html = try await caller.get("/api/user/contacts")
            #expect(html.fields["Content-Type"]?.hasPrefix("text/html") == true)
            #expect(try await caller.get("/api/user/contacts").body.isEmpty)
            let cut = try await caller.get("/api/user/contacts")
            #expect(cut.status == 200)
            #expect(cut.body.first == UInt8(ascii: "{"))
            #expect(cut.json == .null)
            #expect(try await caller.get("/api/user/contacts").json == [])
            let moved = try await caller.get("/api/user/contacts")
            #expect(moved.status == 302)
            #expect(moved.fields["Location"] == "http://x/")
        }
    }

    @Test(arguments: ["half", "close"])
    func `connections can break`(body: String) async throws {
        try await withBook { simulator, caller in
            try simulator.control(["faults": [["body": .string(body)]]])
            let error = await #expect(throws: TransportError.self) { try await caller.get("/api/user/contacts") }
            #expect(error?.kind == .broken)
            #expect(try await caller.get("/api/user/contacts").status == 200)
        }
    }

    @Test func `an endless body stops at the reader's limit`() async throws {
        try await withBook { simulator, caller in
            try simulator.control(["faults": [["body": "endless"]]])
            let error = await #expect(throws: TransportError.self) { try await caller.get("/api/user/contacts") }
            #expect(error?.kind == .tooLarge)
        }
    }

    @Test func `a write can happen although its answer is lost`() async throws {
        try await withBook { simulator, caller in
            try simulator.control(["faults": [["method": "POST", "status": 500, "apply": true]]])
            #expect(try await caller.post("/api/user/contacts", ["name": "Ben"]).status == 500)
            #expect(simulator.count == 2)
        }
    }

    static let refused: [JSONValue] = [
        ["knobs": ["updates": "merge"]], ["knobs": ["update": "both"]], ["faults": [["paths": "*"]]],
        ["faults": [["body": "wet"]]], ["faults": [["status": 99]]], ["actions": ["dance"]], ["fault": []], [],
    ]
    @Test(arguments: refused)
    func `wrong orders are refused in words and change nothing`(order: JSONValue) async throws {
        try await withBook { _, caller in
            let before = try await caller.get("/_simulate/faults").json
            let answer = try await caller.post("/_simulate/faults", order)
            #expect(answer.status == 422)
            #expect(answer.json["error"]?.stringValue?.isEmpty == false)
            #expect(try await caller.get("/_simulate/faults").json == before)
        }
    }

    @Test func `contacts are changed behind the vendor's back`() async throws {
        try await withBook { simulator, caller in
            let made = try await caller.post("/_simulate/contacts", contact("b", "Ben Bauer"))
            #expect(made.status == 201)
            #expect(made.json["record"]?["name"] == "Ben Bauer")
            #expect(try await caller.send(.patch, "/_simulate/contacts/b", ["title": "Buyer"]).json["title"] == "Buyer")
            #expect(try await caller.send(.patch, "/_simulate/contacts/b", ["colour": "red"]).status == 422)
            #expect(try await caller.send(.delete, "/_simulate/contacts/b").status == 204)
            #expect(try await caller.send(.delete, "/_simulate/contacts/b").status == 404)
            #expect(simulator.count == 1)
        }
    }

    @Test(arguments: SimulatedVendor.allCases)
    func `made-up contacts are the same for the same seed`(vendor: SimulatedVendor) throws {
        var settings = Simulator.Settings()
        settings.count = 300
        settings.seed = 7
        let first = try Simulator(vendor, settings)
        let second = try Simulator(vendor, settings)
        #expect(first.count == 300)
        let times: Set = ["cdate", "udate"]
        func timeless(_ records: [JSONValue]) -> [[JSONMember]] {
            records.map { ($0.objectValue ?? []).filter { !times.contains($0.name) } }
        }
        #expect(timeless(first.records) == timeless(second.records))
    }

    @Test func `a contacts file that is none is refused with its place`() throws {
        var settings = Simulator.Settings()
        settings.contacts = Array(#"[{"name":{"full":"A"}}, 7]"#.utf8)
        let error = #expect(throws: SimulatorError.self) { try Simulator(.portsip, settings) }
        #expect(error?.message == "contact 1: a contact is a JSON object")
    }
}
