//  Writing contacts through: the vendor first, then the store; nothing that was refused is kept.

import API
import HTTPCore
import JSON
import Store
import Testing
import Vendors

@Suite(.timeLimit(.minutes(1))) struct ContactWritesTests {
    static let refusedBodies: [(body: String, status: Int, pointers: [String])] = [
        ("{", 400, [""]), ("[]", 422, [""]), ("{\"connection\":\"book\",\"connection\":\"book\"}", 400, [""]),
        (#"{"name":{"full":"X"}}"#, 422, ["/connection"]), (#"{"connection":"book"}"#, 422, [""]),
        (#"{"connection":"book","nme":1,"title":2}"#, 422, ["/nme", "/title"]),
        (#"{"connection":"book","name":{"full":"a\u0000b"}}"#, 422, ["/name/full"]),
        (#"{"connection":"book","name":{"full":"X"},"id":"mine"}"#, 422, ["/id"]),
    ]
    @Test func `what is refused says where, and nothing of it is stored`() async throws {
        try await TestGateway.with { gateway in
            for refused in Self.refusedBodies {
                let answer = try await gateway.send(.post, "/v1/contacts", refused.body)
                #expect(answer.status == refused.status, "\(refused.body)")
                #expect(answer.pointers == refused.pointers, "\(refused.body)")
                #expect(answer.fields["Content-Type"] == "application/problem+json")
                #expect(answer.json["request_id"]?.stringValue == answer.fields["X-Request-Id"])
            }
            let long = #"{"connection":"book","name":{"full":"\#(String(repeating: "x", count: 10_000))"}}"#
            #expect(try await gateway.send(.post, "/v1/contacts", long).pointers == ["/name/full"])
            let deep = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
            #expect(try await gateway.send(.post, "/v1/contacts", deep).status == 400)
            #expect(try await gateway.send(.post, "/v1/contacts", "x").status == 400)
            #expect(
                try await gateway.send(.post, "/v1/contacts", #"{"connection":"no","name":{"full":"X"}}"#).status == 404
            )
            #expect(try await gateway.send(.get, "/v1/contacts").items.isEmpty)
        }
    }

    @Test func `a create reaches the vendor, and its answer says what was lost`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(
                #""name":{"full":"A B"},"phones":[{"number":"1"},{"number":"2"}],"notes":"n""#,
                in: "crm"
            )
            #expect(made.status == 201)
            #expect(made.json["vendor_id"] == "1")
            #expect(
                made.json["translation"]?.arrayValue?.compactMap { $0["field"]?.stringValue } == ["phones", "notes"]
            )
            #expect(made.json["phones"]?.arrayValue?.count == 2)
            #expect(gateway.crm.records["1"]?["phone"] == "1")
            let strict = try await gateway.send(
                .post,
                "/v1/contacts",
                #"{"connection":"crm","name":{"full":"C"},"notes":"n"}"#,
                ["Prefer": "handling=strict"]
            )
            #expect(strict.status == 422)
            #expect(gateway.crm.records.count == 1)
        }
    }

    @Test func `a create answered by the writer is like one that went the long way`() async throws {
        try await TestGateway.with { gateway in
            let body = """
                {"connection":"book","name":{"given":"Zoë","surname":"O'Hara"},"tags":["a","b"],"owner":"me",
                "emails":[{"address":"Zoe@example.com","label":"work"}],"phones":[{"number":"(202) 555-0123"}],
                "custom_fields":{"1":"\\u0041\\n"}}
                """
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let short = try await gateway.send(.post, "/v1/contacts", body, ["traceparent": trace])
            let long = try await gateway.send(
                .post,
                "/v1/contacts",
                body,
                ["traceparent": trace, "Idempotency-Key": "once"]
            )
            let own: Set = ["id", "created_at", "updated_at", "revision"]
            #expect(short.status == 201 && long.status == 201)
            #expect(short.json.objectValue?.map(\.name) == long.json.objectValue?.map(\.name))
            for member in short.json.objectValue ?? [] where !own.contains(member.name) {
                #expect(member.value == long.json[member.name])
            }
            let shared = { (answer: Answer) in answer.fields.lines.map { $0.name.lowercased() } }
            #expect(Set(shared(short)) == Set(shared(long)))
            for (answer, text) in [(short, short.text), (long, long.text)] {
                let stored = try await gateway.send(.get, "/v1/contacts/\(answer.id)")
                #expect(text == stored.text.dropLast() + ",\"translation\":[]}")
                #expect(answer.fields["ETag"] == stored.fields["ETag"])
                #expect(answer.fields["Location"] == "/v1/contacts/\(answer.id)")
            }
            for search in ["email=zoe@example.com", "phone=2025550123", "q=o'hara+zoe", "tag=b", "owner=me"] {
                let found = try await gateway.send(.get, "/v1/contacts?\(search)")
                #expect(found.items.map { $0["id"]?.stringValue } == [short.id, long.id])
            }
            let changes = try await gateway.store.read { try $0.changes.page(after: 0, limit: 9).changes }
            #expect(changes.map(\.trace) == [changes[0].trace, changes[0].trace] && changes[0].trace != nil)
            #expect(try await gateway.send(.post, "/v1/contacts", body, key: "reader").status == 403)
        }
    }

    @Test func `patch, put and delete go through, and a write that changes nothing makes no change`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"John Doe"},"title":"CTO""#, in: "crm")
            let path = "/v1/contacts/\(made.id)"
            let calls = gateway.crm.calls
            let same = try await gateway.send(.patch, path, #"{"title":"CTO","revision":\#(made.revision)}"#)
            #expect(same.status == 200 && same.revision == made.revision && gateway.crm.calls == calls)
            let patched = try await gateway.send(.patch, path, #"{"name":{"surname":"Roe"},"title":null}"#)
            #expect(patched.status == 200)
            #expect(patched.json["name"]?["full"] == "John Roe" && patched.json["title"] == .null)
            #expect(gateway.crm.records["1"]?["full"] == "John Roe")
            #expect(patched.revision > made.revision)
            let stale = ["If-Match": made.fields["ETag"] ?? ""] as HeaderFields
            #expect(try await gateway.send(.patch, path, #"{"title":"X"}"#, stale).status == 412)
            #expect(try await gateway.send(.put, path, #"{"name":{"full":"Z"}}"#, stale).status == 412)
            #expect(try await gateway.send(.delete, path, "", stale).status == 412)
            #expect(try await gateway.send(.patch, path, #"{"revision":1}"#).pointers == ["/revision"])
            #expect(try await gateway.send(.patch, path, #"{"vendor_id":"9"}"#).pointers == ["/vendor_id"])
            #expect(try await gateway.send(.patch, path, #"{"connection":"book"}"#).pointers == ["/connection"])
            let put = try await gateway.send(.put, path, #"{"organization":"eos"}"#)
            #expect(put.status == 200 && put.json["name"]?["full"] == "eos" && put.json["organization"] == "eos")
            let echo = try await gateway.send(.get, path)
            #expect(try await gateway.send(.put, path, echo.text).revision == put.revision)
            #expect(try await gateway.send(.delete, path).status == 204)
            #expect(try await gateway.send(.get, path).status == 404)
            #expect(try await gateway.send(.delete, path).status == 404)
            #expect(gateway.crm.records.isEmpty)
        }
    }

    static let failures: [(kind: VendorError.Kind, status: Int, code: String)] = [
        (.unreachable, 503, "vendor_unreachable"), (.breakerOpen, 503, "vendor_unreachable"),
        (.throttled, 503, "vendor_throttled"), (.refused, 422, "vendor_refused"),
        (.unauthorized, 502, "vendor_unauthorized"), (.malformed, 502, "vendor_malformed"),
        (.ambiguous, 504, "vendor_timeout"),
    ]
    @Test func `a vendor's failure is told with its own words, and nothing is stored`() async throws {
        try await TestGateway.with { gateway in
            for failure in Self.failures {
                gateway.crm.fails(with: VendorError(failure.kind, status: 499, code: "c7", message: "its words"))
                let answer = try await gateway.create(#""name":{"full":"X"}"#, in: "crm")
                #expect(answer.status == failure.status && answer.code == failure.code, "\(failure.kind)")
                #expect(answer.json["vendor"]?["code"] == "c7" && answer.json["vendor"]?["message"] == "its words")
                #expect(answer.json["vendor"]?["name"] == "activecampaign")
                #expect(answer.json["retryable"]?.boolValue != nil)
            }
            #expect(try await gateway.send(.get, "/v1/contacts").items.isEmpty)
        }
    }

    @Test func `a duplicate e-mail is 409 with whom it collides with`() async throws {
        try await TestGateway.with { gateway in
            let first = try await gateway.create(#""emails":[{"address":"a@b.c"}]"#, in: "crm")
            let second = try await gateway.create(#""emails":[{"address":"A@B.C"}]"#, in: "crm")
            #expect(second.status == 409 && second.code == "duplicate_email")
            #expect(second.json["candidates"]?.arrayValue?.first?["id"]?.stringValue == first.id)
        }
    }

    @Test func `a connection that can only be read refuses writes and says what it can do`() async throws {
        try await TestGateway.with { gateway in
            let answer = try await gateway.create(#""name":{"full":"X"}"#, in: "erp")
            #expect(answer.status == 422)
            #expect(answer.json["detail"]?.stringValue?.contains("read") == true)
        }
    }

    @Test func `upsert creates, updates the one that matches, and asks when several do`() async throws {
        try await TestGateway.with { gateway in
            func upsert(_ match: String, _ contact: String) async throws -> Answer {
                let body = #"{"match":"\#(match)","contact":{"connection":"book",\#(contact)}}"#
                return try await gateway.send(.post, "/v1/contacts/upsert", body)
            }
            let made = try await upsert("email", #""emails":[{"address":"a@b.c"}],"title":"x""#)
            #expect(made.status == 201)
            let updated = try await upsert("email", #""emails":[{"address":"A@b.c"}],"title":"y""#)
            #expect(updated.status == 200 && updated.id == made.id && updated.json["title"] == "y")
            _ = try await gateway.create(#""emails":[{"address":"a@B.c"}]"#)
            let several = try await upsert("email", #""emails":[{"address":"a@b.c"}]"#)
            #expect(several.status == 409 && several.json["candidates"]?.arrayValue?.count == 2)
            #expect(try await upsert("vendor_id", #""vendor_id":"v1","title":"t""#).status == 201)
            #expect(try await upsert("vendor_id", #""vendor_id":"v1","title":"u""#).status == 200)
            #expect(try await upsert("phone", #""phones":[{"number":"(722) 322-4241"}]"#).status == 201)
            #expect(try await upsert("phone", #""phones":[{"number":"+1 7223224241"}]"#).status == 200)
            #expect(try await upsert("phone", #""title":"t""#).status == 422)
            #expect(try await upsert("name", #""title":"t""#).pointers == ["/match"])
        }
    }

    @Test func `a batch answers each operation in order, and none stops another`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"Old"}"#)
            let answer = try await gateway.send(
                .post,
                "/v1/contacts/batch",
                #"""
                {"operations":[{"op":"create","contact":{"connection":"book","name":{"full":"A"}}},
                {"op":"create","contact":{"connection":"book","title":7}},{"op":"update","id":"\#(made.id)",
                "contact":{"title":"x"}},{"op":"delete","id":"nobody"},{"op":"fly"},{"op":"delete","id":"\#(made.id)"},
                {"op":"upsert","match":"email","contact":{"connection":"book","emails":[{"address":"q@r"}]}}]}
                """#
            )
            #expect(answer.status == 200)
            let results = answer.json["results"]?.arrayValue ?? []
            #expect(results.compactMap { $0["status"]?.intValue } == [201, 422, 200, 404, 422, 204, 201])
            let fault = results.dropFirst().first?["problem"]?["errors"]?.arrayValue?.first
            #expect(fault?["pointer"] == "/operations/1/contact/title")
            #expect(try await gateway.send(.post, "/v1/contacts/batch", "{}").status == 422)
            let many = String(repeating: #"{"op":"x"},"#, count: 1001).dropLast()
            #expect(try await gateway.send(.post, "/v1/contacts/batch", #"{"operations":[\#(many)]}"#).status == 422)
        }
    }

    @Test func `the same key and body are one write, another body is refused`() async throws {
        try await TestGateway.with { gateway in
            func send(_ key: String, _ name: String) async throws -> Answer {
                let body = #"{"connection":"crm","name":{"full":"\#(name)"}}"#
                return try await gateway.send(.post, "/v1/contacts", body, ["Idempotency-Key": key])
            }
            let first = try await send("\"k1\"", "A")
            let again = try await send("k1", "A")
            #expect(first.status == 201 && again.status == 201 && again.text == first.text)
            #expect(
                again.fields["Location"] == first.fields["Location"] && again.fields["ETag"] == first.fields["ETag"]
            )
            #expect(gateway.crm.records.count == 1)
            #expect(try await send("k1", "B").status == 422)
            gateway.crm.fails(with: VendorError(.unreachable, message: "down"))
            #expect(try await send("k2", "C").status == 503)
            gateway.crm.fails(with: nil)
            #expect(try await send("k2", "C").status == 201)
        }
    }

    @Test func `writes of one contact at the same time never interleave at the vendor`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"0"}"#, in: "crm")
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...20 {
                    group.addTask {
                        let body = #"{"name":{"full":"n\#(number)"}}"#
                        return try await gateway.send(.patch, "/v1/contacts/\(made.id)", body).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
            #expect(!gateway.crm.hasInterleaved)
            let stored = try await gateway.send(.get, "/v1/contacts/\(made.id)")
            #expect(stored.json["name"]?["full"] == gateway.crm.records["1"]?["full"])
        }
    }

    @Test func `a queued write is durable, and is sent once when the vendor is back`() async throws {
        try await TestGateway.with { gateway in
            gateway.crm.fails(with: VendorError(.unreachable, message: "down", retryAfterSeconds: 1))
            let body = #"{"connection":"crm","name":{"full":"Later"}}"#
            let queued = try await gateway.send(.post, "/v1/contacts", body, ["Prefer": "respond-async"])
            #expect(queued.status == 202)
            let place = try #require(queued.fields["Location"])
            #expect(try await gateway.send(.get, place).json["state"] == "queued")
            #expect(try await gateway.send(.get, place, key: "narrow").status == 404)
            #expect(try await gateway.send(.get, "/v1/contacts").items.isEmpty)
            gateway.crm.fails(with: nil)
            let sender = Task { try await gateway.queue.run() }
            var settled = try await gateway.send(.get, place)
            while settled.json["state"] == "queued" { settled = try await gateway.send(.get, place) }
            sender.cancel()
            _ = await sender.result
            #expect(settled.json["state"] == "sent")
            #expect(try await gateway.send(.get, "/v1/contacts").items.first?["id"] == settled.json["contact_id"])
            #expect(gateway.crm.records.count == 1)
        }
    }
}

extension Answer {
    var revision: Int { json["revision"]?.intValue ?? 0 }
}

extension TestGateway {
    func send(_ method: HTTPCore.Method, _ path: String, _ body: String, _ fields: HeaderFields) async throws -> Answer
    {
        try await send(method, path, body, key: "all", fields)
    }
}
