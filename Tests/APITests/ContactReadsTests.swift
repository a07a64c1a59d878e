//  Reading contacts: one, many, by filter, by key, and who may.

import HTTPCore
import JSON
import Testing

@Suite(.timeLimit(.minutes(1))) struct ContactReadsTests {
    @Test func `a stored contact has every member, an entity tag, and 304 for who has it`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"John Doe"},"phones":[{"number":"7223224241"}]"#)
            #expect(made.status == 201)
            #expect(made.fields["Location"] == "/v1/contacts/\(made.id)")
            let got = try await gateway.send(.get, "/v1/contacts/\(made.id)")
            #expect(got.status == 200)
            #expect(
                got.json.objectValue?.map(\.name) == [
                    "id", "connection", "vendor_id", "owner", "kind", "name", "organization", "title", "emails",
                    "phones", "addresses", "notes", "tags", "lifecycle", "favorite", "read_only", "custom_fields",
                    "created_at", "updated_at", "revision",
                ]
            )
            #expect(got.json["name"]?["given"] == "John" && got.json["name"]?["surname"] == "Doe")
            #expect(got.json["phones"]?.arrayValue?.first?["e164"] == "+17223224241")
            let tag = try #require(got.fields["ETag"])
            #expect(tag == made.fields["ETag"])
            let path = "/v1/contacts/\(made.id)"
            #expect(try await gateway.send(.get, path, ["If-None-Match": "\"x\", W/\(tag)"]).status == 304)
            #expect(try await gateway.send(.get, path, ["If-None-Match": "\"x\""]).status == 200)
            let head = try await gateway.send(.head, path)
            #expect(head.status == 200 && head.text.isEmpty && head.fields["ETag"] == tag)
            let raw = try await gateway.send(.get, "\(path)?include=raw")
            #expect(raw.json.objectValue?.last?.name == "raw")
            #expect(try await gateway.send(.get, "\(path)?include=x").code == "invalid_parameter")
        }
    }

    @Test func `raw is what a vendor holds, and null in the gateway's own book`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.create(#""organization":"plain""#)
            let body = #"{"connection":"book","organization":"keyed"}"#
            _ = try await gateway.send(.post, "/v1/contacts", body, ["Idempotency-Key": "k"])
            _ = try await gateway.create(#""organization":"own","vendor_id":"mine""#)
            _ = try await gateway.create(#""organization":"theirs","emails":[{"address":"a@b.c"}]"#, in: "crm")
            let listed = try await gateway.send(.get, "/v1/contacts?include=raw").json["items"]?.arrayValue ?? []
            #expect(listed.count == 4)
            #expect(listed.map { $0["raw"]?.objectValue != nil } == [false, false, false, true])
            for contact in listed {
                let id = contact["id"]?.stringValue ?? ""
                let one = try await gateway.send(.get, "/v1/contacts/\(id)?include=raw")
                #expect(one.json["raw"] == contact["raw"])
            }
        }
    }

    @Test(arguments: ["0", String(repeating: "f", count: 32), "../x", "%00", String(repeating: "a", count: 200)])
    func `an id that is nobody's is 404`(id: String) async throws {
        try await TestGateway.with { gateway in
            let answer = try await gateway.send(.get, "/v1/contacts/\(id)")
            #expect((400..<500).contains(answer.status))
        }
    }

    @Test func `keys, scopes and connections decide who sees what`() async throws {
        try await TestGateway.with { gateway in
            let hidden = try await gateway.create(#""organization":"eos","emails":[{"address":"a@b.c"}]"#, in: "crm")
            let path = "/v1/contacts/\(hidden.id)"
            #expect(try await gateway.send(.get, path, key: "").status == 401)
            #expect(try await gateway.send(.get, path, key: "wrong").status == 401)
            #expect(try await gateway.send(.get, path, key: "wrong").fields["WWW-Authenticate"] == "Bearer")
            #expect(try await gateway.send(.delete, path, key: "reader").status == 403)
            #expect(try await gateway.send(.get, path, key: "reader").status == 200)
            for method in [HTTPCore.Method.get, .delete] {
                #expect(try await gateway.send(method, path, key: "narrow").status == 404)
            }
            #expect(try await gateway.send(.patch, path, "{}", key: "narrow").status == 404)
            #expect(try await gateway.send(.get, "/v1/contacts?connection=crm", key: "narrow").status == 404)
            #expect(try await gateway.send(.get, "/v1/contacts", key: "narrow").items.isEmpty)
            #expect(try await gateway.send(.get, "/v1/lookup?email=a@b.c", key: "narrow").json["best"] == .null)
            let body = #"{"connection":"crm","name":{"full":"X"}}"#
            #expect(try await gateway.send(.post, "/v1/contacts", body, key: "narrow").status == 404)
        }
    }

    @Test func `pages by key neither skip nor repeat, and the link repeats the question`() async throws {
        try await TestGateway.with { gateway in
            for number in 0..<7 { _ = try await gateway.create(#""name":{"full":"N \#(number)"},"tags":["t"]"#) }
            var path: String? = "/v1/contacts?limit=3&tag=t"
            var names: [String] = []
            var pages = 0
            while let next = path {
                let page = try await gateway.send(.get, next)
                #expect(page.status == 200)
                names += page.items.compactMap { $0["name"]?["full"]?.stringValue }
                pages += 1
                path = page.json["next"]?.stringValue.map { "/v1/contacts?limit=3&tag=t&after=\($0)" }
                let link = page.fields["Link"]
                #expect((link == nil) == (path == nil))
                if let link, let path { #expect(link == "<\(path)>; rel=\"next\"") }
            }
            #expect(names.sorted() == (0..<7).map { "N \($0)" } && Set(names).count == 7 && pages == 3)
            for bad in ["limit=0", "limit=1001", "limit=x", "after=x", "after=1", "unknown=1", "updated_since=y"] {
                let answer = try await gateway.send(.get, "/v1/contacts?\(bad)")
                #expect(answer.status == 400 && answer.code == "invalid_parameter", "\(bad)")
            }
        }
    }

    static let filters: [(query: String, found: Set<String>)] = [
        ("email=JON@example.COM", ["John Doe"]), ("email=jon", []), ("email=", []),
        ("phone=%2B1%20722%20322%204241", ["John Doe"]), ("phone=(722)322-4241", ["John Doe"]),
        ("phone=22-4242", []), ("q=jo%20do", ["John Doe"]), ("q=DOE", ["John Doe", "Jane Doe"]), ("q=doe%20zz", []),
        ("q=%22%20OR%20*%20(", []), ("q=eos", ["Jane Doe"]), ("q=722322", ["John Doe"]),
        ("tag=vip", ["Jane Doe"]), ("tag=vi", []), ("owner=7", ["Jane Doe"]),
        ("connection=book", ["John Doe", "Jane Doe"]),
        ("connection=crm", []), ("updated_since=2020-01-01T00:00:00Z", ["John Doe", "Jane Doe"]),
        ("updated_since=2100-01-01T00:00:00Z", []), ("tag=vip&q=jane", ["Jane Doe"]), ("tag=vip&q=john", []),
    ]
    @Test func `every filter finds exactly what it says`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.create(
                #""name":{"full":"John Doe"},"emails":[{"address":"Jon@Example.com"}],"phones":[{"number":"722 322 4241"}]"#
            )
            _ = try await gateway.create(
                #""name":{"full":"Jane Doe"},"organization":"eos GmbH","tags":["vip"],"owner":"7","notes":"knows \"all\"""#
            )
            for filter in Self.filters {
                let answer = try await gateway.send(.get, "/v1/contacts?\(filter.query)")
                #expect(answer.status == 200, "\(filter.query)")
                let names = Set(answer.items.compactMap { $0["name"]?["full"]?.stringValue })
                #expect(names == filter.found, "\(filter.query)")
            }
        }
    }

    @Test func `two numbers with the same last digits are two lines where both are known whole`() async throws {
        try await TestGateway.with { gateway in
            let here = try await gateway.create(#""name":{"full":"Here"},"phones":[{"number":"+1 202 322 4241"}]"#)
            let there = try await gateway.create(#""name":{"full":"There"},"phones":[{"number":"+49 30 3224241"}]"#)
            let local = try await gateway.create(#""name":{"full":"Local"},"phones":[{"number":"322-4241"}]"#)
            func found(_ phone: String) async throws -> [String] {
                let answer = try await gateway.send(.get, "/v1/lookup?phone=\(phone)")
                let best = answer.json["best"].map { [$0] } ?? []
                return (best + (answer.json["alternatives"]?.arrayValue ?? [])).compactMap { $0["id"]?.stringValue }
            }
            #expect(try await found("%2B12023224241") == [here.id, local.id])
            #expect(try await found("(202)%20322-4241") == [here.id, local.id])
            #expect(try await found("%2B49303224241") == [there.id, local.id])
            #expect(try await found("%2B12123224241") == [local.id])
            #expect(try await found("3224241") == [here.id, there.id, local.id])
            let listed = try await gateway.send(.get, "/v1/contacts?phone=%2B12123224241")
            #expect(listed.json["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == [local.id])
            let upserted = try await gateway.send(
                .post,
                "/v1/contacts/upsert",
                #"{"match":"phone","contact":{"connection":"book","phones":[{"number":"+44 20 7322 4241"}]}}"#
            )
            #expect(upserted.status == 200 && upserted.json["id"]?.stringValue == local.id)
        }
    }

    @Test func `a look-up gives the exact match first, over all connections`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.create(#""name":{"full":"Far Away"},"phones":[{"number":"+44 20 7223 24241"}]"#)
            let exact = try await gateway.create(
                #""name":{"full":"Near"},"phones":[{"number":"(722) 322-4241"}]"#,
                in: "crm"
            )
            let found = try await gateway.send(.get, "/v1/lookup?phone=%2B17223224241")
            #expect(found.status == 200)
            #expect(found.json["best"]?["id"]?.stringValue == exact.id)
            #expect(found.json["alternatives"]?.arrayValue != nil)
            #expect(try await gateway.send(.get, "/v1/lookup?email=no@body").json == ["best": nil, "alternatives": []])
            #expect(try await gateway.send(.get, "/v1/lookup").status == 400)
            #expect(try await gateway.send(.get, "/v1/lookup?email=a&phone=1").status == 400)
        }
    }
}

extension TestGateway {
    /// A request without a body.
    func send(_ method: HTTPCore.Method, _ path: String, _ fields: HeaderFields) async throws -> Answer {
        try await send(method, path, "", key: "all", fields)
    }
}
