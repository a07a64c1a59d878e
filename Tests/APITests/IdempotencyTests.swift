//  Keyed writes over crashes: nothing that was committed is done twice, and what a vendor may have done is looked for.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Store
import Synchronization
import TestSupport
import Testing
import Vendors

@testable import API

@Suite struct IdempotencyTests {
    private static func request(_ body: String = "{}") -> Request {
        var request = Request(
            method: .post,
            path: "/v1/contacts",
            query: nil,
            parameters: [],
            fields: ["Idempotency-Key": "k"],
            body: Array(body.utf8),
            id: "r"
        )
        request.principal = Caller(name: "app", scopes: [.write], connections: nil)
        return request
    }

    /// Runs bodies, each on a newly opened store of the same file, as a program that is started again.
    private func lives(_ bodies: (Store) async throws -> Void...) async throws {
        let directory = ScratchDirectory()
        for body in bodies {
            let store = try Store(path: directory.database, log: .silent)
            try await body(store)
            await store.close()
        }
    }

    /// The program ends while a keyed request is at work.
    private func cutOff(in store: Store) async throws {
        let fingerprint = Idempotency.fingerprint(of: Self.request())
        let outcome = try await store.write { transaction in
            try transaction.idempotency.begin(
                owner: "app",
                key: "k",
                fingerprint: fingerprint,
                now: transaction.now
            )
        }
        #expect(outcome == .new)
    }

    @Test func `a request that was cut off is told so when it comes again, until it has an answer`() async throws {
        try await lives(
            { store in try await cutOff(in: store) },
            { store in
                let idempotency = Idempotency(store: store)
                for status in [503, 504] {
                    await #expect(throws: Problem.self) {
                        try await idempotency.once(Self.request()) { _, keyed in
                            #expect(keyed?.mayHaveHappened == true)
                            throw Problem(status, "down", "down")
                        }
                    }
                }
                let other = await problem { try await idempotency.once(Self.request("[]")) { _, _ in .text(200, "x") } }
                #expect(other?.code == "idempotency_key_reused")
                let done = try await idempotency.once(Self.request()) { _, keyed in
                    #expect(keyed?.mayHaveHappened == true)
                    return .text(201, "done")
                }
                #expect(done.status == 201)
            },
            { store in
                let again = try await Idempotency(store: store).once(Self.request()) { _, _ in .text(200, "done twice")
                }
                #expect(again.status == 201 && again.body == Array("done".utf8))
            }
        )
    }

    @Test func `an answer that a vendor may have acted on without is no answer`() async throws {
        try await lives { store in
            let idempotency = Idempotency(store: store)
            var seen: [Bool?] = []
            for status in [503, 504, 504] {
                let refusal = await problem {
                    try await idempotency.once(Self.request()) { _, keyed in
                        seen.append(keyed?.mayHaveHappened)
                        throw Problem(status, "x", "x")
                    }
                }
                #expect(refusal?.status == status)
            }
            #expect(seen == [false, false, true])
        }
    }

    @Test func `an answer is kept in the write's own transaction`() async throws {
        let answer = Response.text(201, "made")
        try await lives(
            { store in
                let stopped = await problem {
                    try await Idempotency(store: store).once(Self.request()) { _, keyed in
                        try await store.write { try keyed?.keep(answer, in: $0) }
                        // The program ends between the commit and the answer.
                        throw CancellationError()
                    }
                }
                #expect(stopped?.status == 503)
            },
            { store in
                let again = try await Idempotency(store: store).once(Self.request()) { _, _ in .text(200, "done twice")
                }
                #expect(again.status == 201 && again.body == answer.body)
            }
        )
    }

    @Test func `a key limits itself to what a header field may hold`() async throws {
        try await TestGateway.with { gateway in
            for key in ["\"\"", "\"a", "a b", "a\"b", "\"a\\\"b\"", String(repeating: "k", count: 256), "ü"] {
                let answer = try await gateway.send(
                    .post,
                    "/v1/contacts",
                    #"{"connection":"book","title":"x"}"#,
                    ["Idempotency-Key": key]
                )
                #expect(answer.status == 400 && answer.pointers == ["Idempotency-Key"], "\(key)")
            }
        }
    }

    @Test func `a create that a crash cut off is looked for at its vendor before it is sent again`() async throws {
        try await TestGateway.with { gateway in
            let caller = Caller(name: "app", scopes: [.write], connections: nil)
            let json: JSONValue = ["connection": "crm", "name": ["full": "Ann"]]
            // The vendor has it, and the process ended before it was stored.
            gateway.crm.adopt(#"{"full":"Ann","email":null,"phone":null}"#)
            var terms = WriteTerms()
            terms.mayHaveHappened = true
            let made = try await gateway.writes.create(json, terms: terms, caller: caller)
            #expect(made.status == 201 && made.contact?.vendorID == "1")
            #expect(gateway.crm.records.count == 1)
            let other: JSONValue = ["connection": "crm", "name": ["full": "Bob"]]
            #expect(try await gateway.writes.create(other, terms: terms, caller: caller).contact?.vendorID == "2")
        }
    }

    @Test func `a batch that was cut off is not begun again`() async throws {
        try await TestGateway.with { gateway in
            let body =
                #"{"operations":[{"op":"create","contact":{"connection":"book","title":"x","name":{"full":"A"}}}]}"#
            var request = Self.request(body)
            request.path = "/v1/contacts/batch"
            request.principal = Caller(name: "app", scopes: [.write], connections: nil)
            let fingerprint = Idempotency.fingerprint(of: request)
            try await gateway.store.write { transaction in
                let now = transaction.now
                _ = try transaction.idempotency.begin(owner: "app", key: "k", fingerprint: fingerprint, now: now)
                try transaction.idempotency.giveBack(owner: "app", key: "k", mayHaveHappened: true)
            }
            for _ in 0..<2 {
                let answer = try await gateway.send(.post, "/v1/contacts/batch", body, ["Idempotency-Key": "k"])
                #expect(answer.status == 409 && answer.code == "idempotency_answer_lost")
            }
            #expect(try await gateway.send(.get, "/v1/contacts").items.isEmpty)
        }
    }

    @Test func `a name that stands in for one follows a contact that is replaced by what GET said`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""phones":[{"number":"2025550101"}]"#)
            #expect(made.json["name"]?["full"] == "2025550101")
            let text = try await gateway.send(.get, "/v1/contacts/\(made.id)").text
            let changed = text.replacing(#""number":"2025550101""#, with: #""number":"2025550199""#)
            let answer = try await gateway.send(.put, "/v1/contacts/\(made.id)", changed)
            #expect(answer.status == 200)
            #expect(answer.json["name"]?["full"] == "2025550199")
        }
    }
}
