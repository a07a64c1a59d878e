//  The simulated contact source, call by call.

import HTTPCore
import JSON
import Platform
import Testing

@testable import Simulators

@Suite struct ContactSourceTests {
    private func withSource(
        _ settings: Simulator.Settings = Simulator.Settings(),
        _ body: (Simulator, Caller) async throws -> Void
    ) async throws {
        try await withSimulator(.contactSource, settings) { simulator, caller in
            let token = try await Self.token(caller)
            try await body(simulator, caller.with("Authorization", "Bearer \(token)"))
        }
    }

    private static func token(_ caller: Caller) async throws -> String {
        let basic = "Basic " + Base64.encode(Array("test_id:test_secret".utf8))
        let answer = try await caller.with("Authorization", basic).get("/token")
        #expect(answer.status == 200)
        return try #require(answer.json["token"]?.stringValue)
    }

    @Test func `the token is a JWT with an expiry after which everything is 401`() async throws {
        try await withSource { simulator, caller in
            let token = try #require(caller.fields["Authorization"]?.split(separator: ".").dropFirst().first)
            let claims = try JSONValue(parsing: try #require(Base64.decode(String(token), .url)))
            let issued = try #require(claims["iat"]?.intValue)
            #expect(claims["exp"]?.intValue == issued + 3600)
            #expect(try await caller.get("/contacts").status == 200)
            try simulator.control(["knobs": ["clock_offset": 3601]])
            let expired = try await caller.get("/contacts")
            #expect(expired.status == 401)
            #expect(expired.json["error"] != nil)
        }
    }

    @Test func `wrong credentials, verbs, parameters and paths get an error object`() async throws {
        try await withSource { _, caller in
            let wrong = "Basic " + Base64.encode(Array("test_id:no".utf8))
            #expect(try await caller.with("Authorization", wrong).get("/token").status == 401)
            #expect(try await caller.post("/contacts", [:]).status == 405)
            #expect(try await caller.get("/contact").status == 404)
            for query in ["limit=0", "limit=x", "page=0", "size=3"] {
                let answer = try await caller.get("/contacts?\(query)")
                #expect(answer.status == 400)
                #expect(answer.json["error"]?.stringValue != nil)
            }
            #expect(try await caller.get("/contacts/delta?limit=2&page=1").status == 400)
        }
    }

    @Test func `pages hold every contact once and say when there is more`() async throws {
        var settings = Simulator.Settings()
        settings.count = 25
        try await withSource(settings) { _, caller in
            var seen: [JSONValue] = []
            for page in 1...3 {
                let answer = try await caller.get("/contacts?limit=10&page=\(page)").json
                seen += answer["contacts"]?.arrayValue ?? []
                #expect(answer["has_more"] == .bool(page < 3))
            }
            #expect(Set(seen.compactMap { $0["id"]?.stringValue }).count == 25)
            #expect(seen.allSatisfy { $0["first_name"]?.stringValue != nil && $0["last_name"]?.stringValue != nil })
        }
    }

    @Test func `a delta counts updated and deleted apart and has more while either has`() async throws {
        try await withSource { simulator, caller in
            for id in 1...4 { try simulator.add(contact("\(id)", "Given Surname\(id)")) }
            for id in ["3", "4"] { try simulator.remove(id) }
            try simulator.remove("2")
            let first = try await caller.get("/contacts/delta?limit=1&page=1&timestamp=0").json
            #expect(first["updated"]?.arrayValue?.map { $0["id"] } == ["1"])
            #expect(first["deleted"] == ["3"])
            #expect(first["has_more"] == true)
            let third = try await caller.get("/contacts/delta?limit=1&page=3&timestamp=0").json
            #expect(third["updated"] == [])
            #expect(third["deleted"] == ["2"])
            #expect(third["has_more"] == false)
        }
    }

    @Test func `a delta leaves out what is older than its timestamp`() async throws {
        try await withSource { simulator, caller in
            try simulator.add(contact("1", "Ada Abara"))
            try simulator.control(["knobs": ["clock_offset": 1000]])
            let since = simulator.now.seconds
            try simulator.add(contact("2", "Ben Bauer"))
            let delta = try await caller.get("/contacts/delta?timestamp=\(since)").json
            #expect(delta["updated"]?.arrayValue?.map { $0["id"] } == ["2"])
            try simulator.control(["knobs": ["inclusive": false]])
            let later = try await caller.get("/contacts/delta?timestamp=\(since + 1)").json
            #expect(later["updated"] == [])
        }
    }

    @Test func `odd labels are spelled as no page lists them`() async throws {
        try await withSource { simulator, caller in
            try simulator.add(contact("1", "Ada Abara", email: "ada@example.com"))
            try simulator.control(["knobs": ["odd_labels": true]])
            let odd = try await caller.get("/contacts").json["contacts"]?.arrayValue?.first
            #expect(odd?["phones"]?.arrayValue?.first?["label"] == "Mobile")
            #expect(odd?["emails"]?.arrayValue?.first?["label"] == "Office")
        }
    }

    @Test func `a record can be broken on purpose`() async throws {
        try await withSource { simulator, caller in
            try simulator.add(contact("1", "Ada Abara"))
            try simulator.patch("1", ["first_name": .null, "phones": "none"])
            let broken = try await caller.get("/contacts").json["contacts"]?.arrayValue?.first
            #expect(broken?["first_name"] == nil)
            #expect(broken?["phones"] == "none")
        }
    }
}
