//  The simulated ActiveCampaign account, call by call.

import HTTPCore
import JSON
import Testing

@testable import Simulators

@Suite struct ActiveCampaignTests {
    private func withAccount(
        _ settings: Simulator.Settings = Simulator.Settings(),
        _ body: (Simulator, Caller) async throws -> Void
    ) async throws {
        try await withSimulator(.activecampaign, settings) { simulator, caller in
            try simulator.control(["knobs": ["requests_per_second": 0]])
            try await body(simulator, caller.with("Api-Token", "activecampaign-token"))
        }
    }

    /// The request of the vendor's own example.
    static let example: JSONValue = [
        "contact": [
            "email": "jondoe@example.com", "firstName": "John", "lastName": "Doe", "phone": "7223224241",
            "fieldValues": [
                ["field": "1", "value": "The Value for First Field"], ["field": "6", "value": "2008-01-20"],
            ],
        ]
    ]

    @Test func `contact sync makes a contact once and then updates it by its e-mail`() async throws {
        try await withAccount { simulator, caller in
            let made = try await caller.post("/api/3/contact/sync", Self.example)
            #expect(made.status == 201)
            #expect(made.json["contact"]?["fieldValues"] == ["14", "15"])
            #expect(
                made.json["fieldValues"]?.arrayValue?.map { $0["value"] } == [
                    "The Value for First Field", "2008-01-20",
                ]
            )
            #expect(made.json["contact"]?["cdate"]?.stringValue?.hasSuffix("-05:00") == true)
            let again: JSONValue = [
                "contact": ["email": "JONDOE@example.com", "phone": "", "fieldValues": [["field": "1", "value": ""]]]
            ]
            let changed = try await caller.post("/api/3/contact/sync", again)
            #expect(changed.json["contact"]?["id"] == made.json["contact"]?["id"])
            #expect(changed.json["contact"]?["firstName"] == "John")
            #expect(changed.json["contact"]?["phone"] == "")
            #expect(changed.json["fieldValues"]?.arrayValue?.map { $0["field"] } == ["6"])
            #expect(simulator.count == 1)
        }
    }

    @Test func `the answer to an update has the members of the documented example`() async throws {
        try await withAccount { _, caller in
            _ = try await caller.post("/api/3/contact/sync", Self.example)
            let full = try await caller.post("/api/3/contact/sync", Self.example).json["contact"]
            for name in [
                "cdate", "email", "phone", "firstName", "lastName", "orgid", "segmentio_id", "bounced_hard",
                "bounced_soft", "bounced_date", "ip", "ua", "hash", "socialdata_lastcheck", "email_local",
                "email_domain", "sentcnt", "rating_tstamp", "gravatar", "deleted", "anonymized", "udate", "deleted_at",
                "created_utc_timestamp", "updated_utc_timestamp", "links", "id", "organization",
            ] { #expect(full?[name] != nil, "\(name)") }
        }
    }

    @Test func `create, read, change and delete by id`() async throws {
        try await withAccount { _, caller in
            let made = try await caller.post("/api/3/contacts", Self.example)
            #expect(made.status == 201)
            #expect(made.json["contact"]?["firstName"] == nil)
            let duplicate = try await caller.post("/api/3/contacts", Self.example)
            #expect(duplicate.status == 422)
            #expect(duplicate.json["errors"]?.arrayValue?.first?["code"] == "duplicate")
            let put = try await caller.send(.put, "/api/3/contacts/1", ["contact": ["email": "new@example.com"]])
            #expect(put.status == 200)
            let shown = try await caller.get("/api/3/contacts/1").json
            #expect(shown["contact"]?["email"] == "new@example.com")
            #expect(shown["contact"]?["lastName"] == "Doe")
            #expect(shown["fieldValues"]?.arrayValue?.count == 2)
            #expect(try await caller.send(.delete, "/api/3/contacts/1").body == Array("{}".utf8))
            let gone = try await caller.get("/api/3/contacts/1")
            #expect(gone.status == 404)
            #expect(gone.json["message"] == "No Result found for Subscriber with id 1")
        }
    }

    @Test func `lists are walked by id, clamp the limit and ignore what they do not know`() async throws {
        var settings = Simulator.Settings()
        settings.count = 230
        try await withAccount(settings) { _, caller in
            #expect(try await caller.get("/api/3/contacts").json["contacts"]?.arrayValue?.count == 20)
            var last = "0"
            var sizes: [Int] = []
            repeat {
                let path = "/api/3/contacts?orders%5Bid%5D=ASC&id_greater=\(last)&limit=500&filters%5Bcolour%5D=red"
                let page = try await caller.get(path).json["contacts"]?.arrayValue ?? []
                sizes.append(page.count)
                last = page.last?["id"]?.stringValue ?? ""
            } while !last.isEmpty
            #expect(sizes == [100, 100, 30, 0])
            let future = try await caller.get("/api/3/contacts?filters%5Bupdated_after%5D=2999-01-01").json
            #expect(future["meta"]?["total"] == "0")
            #expect(try await caller.get("/api/3/contacts?nonsense=1").json["meta"]?["total"] == "230")
        }
    }

    @Test func `filters can be without any effect`() async throws {
        try await withAccount { simulator, caller in
            try simulator.add(contact("7", "Ada Abara", email: "ada@example.com"))
            try simulator.control(["knobs": ["filters": "ignored"]])
            let future = try await caller.get("/api/3/contacts?filters%5Bupdated_after%5D=2999-01-01").json
            #expect(future["contacts"]?.arrayValue?.map { $0["id"] } == ["7"])
        }
    }

    @Test func `the list side-loads custom fields only when asked`() async throws {
        try await withAccount { simulator, caller in
            try simulator.add(contact("7", "Ada Abara", email: "ada@example.com"))
            let plain = try await caller.get("/api/3/contacts").json
            #expect(plain["fieldValues"] == nil)
            let loaded = try await caller.get("/api/3/contacts?include=fieldValues").json
            #expect(loaded["fieldValues"]?.arrayValue?.first?["field"] == "4")
            #expect(loaded["contacts"]?.arrayValue?.first?["fieldValues"]?.arrayValue?.count == 1)
        }
    }

    @Test func `the catalogue of fields has a second page`() async throws {
        try await withAccount { _, caller in
            let first = try await caller.get("/api/3/fields").json
            #expect(first["fields"]?.arrayValue?.count == 20)
            #expect(first["meta"]?["total"] == "24")
            let rest = try await caller.get("/api/3/fields?offset=20").json
            #expect(rest["fields"]?.arrayValue?.first?["title"] == "Notes")
        }
    }

    @Test func `more than five requests a second are throttled and told when to come back`() async throws {
        try await withSimulator(.activecampaign) { _, caller in
            let caller = caller.with("Api-Token", "activecampaign-token")
            // All at once: a slow machine may spread a few of them over several seconds, but not so many.
            let answers = try await withThrowingTaskGroup { group in
                for _ in 0..<64 { group.addTask { try await caller.get("/api/3/fields") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let throttled = answers.filter { $0.status == 429 }
            #expect(answers.count { $0.status == 200 } >= 5)
            #expect(!throttled.isEmpty)
            #expect(throttled.allSatisfy { $0.fields["Retry-After"] == "1" })
        }
    }

    @Test func `errors come in the three shapes`() async throws {
        try await withAccount { _, caller in
            let forbidden = try await caller.with("Api-Token", "wrong").get("/api/3/contacts")
            #expect(forbidden.status == 403)
            #expect(forbidden.json == ["message": "Forbidden"])
            let unreadable = try await caller.with("Content-Type", "application/json").send(
                .post,
                "/api/3/contact/sync",
                bytes: Array("{".utf8)
            )
            #expect(unreadable.status == 400)
            #expect(unreadable.json == [:])
            let bad = try await caller.post("/api/3/contact/sync", ["contact": ["email": "nobody"]])
            #expect(bad.status == 422)
            #expect(bad.json["errors"]?.arrayValue?.first?["code"] == "email_invalid")
            let odd = try await caller.post("/api/3/contact/sync", ["contact": ["email": "a@b.c", "first_name": "A"]])
            #expect(odd.status == 422)
        }
    }
}
