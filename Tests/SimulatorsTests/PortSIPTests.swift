//  The simulated PBX, call by call.

import HTTPCore
import JSON
import Testing

@testable import Simulators

@Suite struct PortSIPTests {
    static let book = "/api/user/contacts"

    private func withBook(_ body: (Simulator, Caller) async throws -> Void) async throws {
        try await withSimulator(.portsip) { simulator, caller in
            try await body(simulator, caller.with("Authorization", "Bearer portsip-token"))
        }
    }

    @Test func `a contact is created, read, replaced and destroyed by GET and POST alone`() async throws {
        try await withBook { _, caller in
            let created = try await caller.post(Self.book, ["name": "Ada Abara", "business": "201"])
            #expect(created.status == 201)
            #expect(created.json.objectValue?.map(\.name) == ["id"])
            let id = try #require(created.json["id"]?.stringValue)
            let shown = try await caller.get("\(Self.book)/\(PercentEncoding.encode(id))").json
            #expect(shown["name"] == "Ada Abara")
            #expect(shown["email"] == .null)
            #expect(shown["favorite"] == false)

            let place = "\(Self.book)/\(PercentEncoding.encode(id))"
            let updated = try await caller.post(place, ["name": "Ada B. Abara"])
            #expect(updated.status == 200)
            #expect(updated.body.isEmpty)
            #expect(try await caller.get(place).json["business"] == .null)
            #expect(try await caller.post("\(place)/favorite").status == 200)
            #expect(try await caller.get(place).json["favorite"] == true)
            #expect(try await caller.post("\(place)/destroy").status == 204)
            #expect(try await caller.get(place).status == 404)
            #expect(try await caller.send(.delete, place).status == 405)
        }
    }

    @Test func `an update merges when the knob says so`() async throws {
        try await withBook { simulator, caller in
            try simulator.control(["knobs": ["update": "merge", "blank": "empty"]])
            let id = try simulator.add(contact("x1", "Ada Abara"))
            #expect(try await caller.post("\(Self.book)/\(id)", ["title": "Buyer"]).status == 200)
            let shown = try await caller.get("\(Self.book)/\(id)").json
            #expect(shown["name"] == "Ada Abara")
            #expect(shown["title"] == "Buyer")
            #expect(shown["home_fax"] == "")
        }
    }

    static let refused: [(body: String, type: String, status: Int)] = [
        (#"{"nickname":"A"}"#, "application/json", 400),
        (#"{"name":""}"#, "application/json", 400),
        (#"{"name":7}"#, "application/json", 400),
        (#"{"favorite":true}"#, "application/json", 400),
        (#"{"name":"\#(String(repeating: "n", count: 65))"}"#, "application/json", 400),
        (#"["name"]"#, "application/json", 400),
        (#"{"name":"A"}"#, "text/plain", 415),
    ]
    @Test(arguments: refused)
    func `what a contact may not be is refused in the vendor's words`(body: String, type: String, status: Int)
        async throws
    {
        try await withBook { simulator, caller in
            let answer = try await caller.with("Content-Type", type).send(.post, Self.book, bytes: Array(body.utf8))
            #expect(answer.status == status)
            #expect(answer.json["errors"]?.arrayValue?.first?["code"] == "VALIDATE_FAILED")
            #expect(simulator.count == 0)
        }
    }

    @Test func `lists state the total and take skip and top within bounds`() async throws {
        var settings = Simulator.Settings()
        settings.count = 150
        try await withSimulator(.portsip, settings) { _, caller in
            let caller = caller.with("Authorization", "Bearer portsip-token")
            let first = try await caller.get(Self.book).json
            #expect(first["count"] == 150)
            #expect(first["items"]?.arrayValue?.count == 100)
            let rest = try await caller.get("\(Self.book)?skip=100&top=100&orderby=name").json
            #expect(rest["items"]?.arrayValue?.count == 50)
            #expect(try await caller.get("\(Self.book)?top=101").status == 400)
            #expect(try await caller.get("\(Self.book)?skip=-1").status == 400)
            #expect(try await caller.with("Authorization", "Bearer wrong").get(Self.book).status == 401)
        }
    }

    @Test func `a sync token tells what was created, updated and deleted since, on both paths`() async throws {
        try await withBook { simulator, caller in
            for id in ["a", "b", "c"] { try simulator.add(contact(id, "Contact \(id)")) }
            let issued = try await caller.post("\(Self.book)/sync_tokens")
            #expect(issued.status == 201)
            let token = try #require(issued.json["token"]?.stringValue)
            try simulator.patch("a", ["title": "Director"])
            try simulator.remove("b")
            try simulator.add(contact("d", "Contact d"))
            let passing = try simulator.add(contact("e", "Contact e"))
            try simulator.remove(passing)

            for path in ["", "/diff"] {
                let answer = try await caller.post("\(Self.book)/sync_tokens/\(token)\(path)")
                #expect(answer.status == 200)
                let items = answer.json["items"]?.arrayValue ?? []
                #expect(items.map { $0["id"] } == ["a", "b", "d"])
                #expect(items.map { $0["change_type"] } == ["UPDATED", "DELETED", "CREATED"])
                #expect(items.allSatisfy { $0["sync_type"] == nil })
            }
            try simulator.control(["knobs": ["diff_path": "bare"]])
            #expect(try await caller.post("\(Self.book)/sync_tokens/\(token)/diff").status == 404)
            try simulator.control(["actions": ["forget_sync_tokens"]])
            #expect(try await caller.post("\(Self.book)/sync_tokens/\(token)").status == 403)
        }
    }

    @Test func `both sign-ins give tokens that expire and can be refreshed once`() async throws {
        try await withSimulator(.portsip) { simulator, caller in
            let form =
                "grant_type=password&username=1001&password=portsip-password&domain=pbx.example&scope=all"
                + "&client_id=\(PortSIPLogins.clientID)"
            let forms = caller.with("Content-Type", "application/x-www-form-urlencoded")
            let granted = try await forms.send(.post, "/api/login/oauth/token", bytes: Array(form.utf8))
            #expect(granted.status == 200)
            #expect(granted.json["expires_in"] == 1800)
            let access = try #require(granted.json["access_token"]?.stringValue)
            #expect(access.count == 48)
            let signedIn = caller.with("Authorization", "Bearer \(access)")
            #expect(try await signedIn.get(Self.book).status == 200)
            try simulator.control(["knobs": ["clock_offset": 1801]])
            #expect(try await signedIn.get(Self.book).status == 401)

            let login: JSONValue = ["username": "1001", "password": "portsip-password"]
            let json = try await caller.post("/api/auth/sign_in", login).json
            let refresh: JSONValue = ["refresh_token": try #require(json["refresh_token"])]
            #expect(try await caller.post("/api/auth/refresh_token", refresh).status == 200)
            #expect(try await caller.post("/api/auth/refresh_token", refresh).status == 400)

            let wrong = try await caller.post("/api/auth/sign_in", ["username": "1001", "password": "no"])
            #expect(wrong.status == 400)
            #expect(wrong.json["errors"]?.arrayValue?.first?["code"] == "UNAUTHORIZED")
        }
    }

    @Test func `a second factor stands between sign-in and token`() async throws {
        try await withSimulator(.portsip) { simulator, caller in
            try simulator.control(["knobs": ["two_factor": true]])
            let login: JSONValue = ["username": "1001", "password": "portsip-password", "domain": "pbx.example"]
            let first = try await caller.post("/api/auth/sign_in", login).json
            #expect(first["two_factor_enabled"] == true)
            let proof: JSONValue = ["token": try #require(first["token"]), "code": "123456"]
            #expect(try await caller.post("/api/auth/verify_otp", proof).json["access_token"] != nil)
        }
    }

    @Test func `a drifting list shifts by one between pages`() async throws {
        try await withBook { simulator, caller in
            for id in ["a", "b", "c", "d"] { try simulator.add(contact(id, "Contact \(id)")) }
            try simulator.control(["knobs": ["list_drift": 1]])
            _ = try await caller.get("\(Self.book)?skip=0&top=2")
            let second = try await caller.get("\(Self.book)?skip=2&top=2").json
            #expect(second["items"]?.arrayValue?.map { $0["id"] } == ["d", "a"])
        }
    }
}
