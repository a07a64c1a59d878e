//  Creates that may have reached their vendor: whichever way they come again, the vendor is asked before it is told.

import Config
import HTTPCore
import JSON
import Store
import Synchronization
import Testing
import Vendors

@testable import API

@Suite struct AmbiguousWritesTests {
    private static let body = #"{"connection":"crm","name":{"full":"Ann"}}"#
    /// What the vendor holds after a create whose answer was lost.
    private static let made = #"{"full":"Ann","email":null,"phone":null}"#
    private static let down = VendorError(.unreachable, message: "down", retryAfterSeconds: 1)
    private static let lost = VendorError(.ambiguous, message: "no answer", retryAfterSeconds: 1)
    private static let later: HeaderFields = ["Prefer": "respond-async"]

    /// Queues the create while the vendor is down, and returns where to ask.
    private static func queue(on gateway: TestGateway, _ fields: HeaderFields = later) async throws -> String {
        gateway.crm.fails(with: down)
        let queued = try await gateway.send(.post, "/v1/contacts", body, fields)
        #expect(queued.status == 202)
        gateway.crm.fails(with: nil)
        return try #require(queued.fields["Location"])
    }

    /// Runs the queue until the write is settled.
    private static func settled(_ place: String, on gateway: TestGateway) async throws -> JSONValue {
        let sender = Task { try await gateway.queue.run() }
        var answer = try await gateway.send(.get, place)
        while answer.json["state"] == "queued" { answer = try await gateway.send(.get, place) }
        sender.cancel()
        _ = await sender.result
        return answer.json
    }

    @Test func `a queued create whose answer was lost is looked for until the vendor can say`() async throws {
        try await TestGateway.with { gateway in
            let place = try await Self.queue(on: gateway)
            gateway.crm.adopt(Self.made)
            // The create's answer is lost, and the first look-up finds the vendor down.
            gateway.crm.failsNext(with: Self.lost, Self.down)
            let settled = try await Self.settled(place, on: gateway)
            #expect(settled["state"] == "sent" && settled["attempts"] == 3)
            #expect(gateway.crm.records.count == 1)
        }
    }

    @Test func `a queued create that was stopped while it was under way is looked for at the next start`() async throws
    {
        let place = Mutex("")
        try await TestGateway.with(
            { gateway in
                let queued = try await Self.queue(on: gateway)
                place.withLock { $0 = queued }
                gateway.crm.fails(with: Self.lost)
                let calls = gateway.crm.calls
                let sender = Task { try await gateway.queue.run() }
                var state: JSONValue? = "queued"
                while state == "queued", gateway.crm.calls < calls + 2 {
                    state = try await gateway.send(.get, queued).json["state"]
                }
                sender.cancel()
                _ = await sender.result
                let left = try await gateway.send(.get, queued)
                #expect(left.json["state"] == "queued")
            },
            { gateway in
                gateway.crm.adopt(Self.made)
                let queued = place.withLock { $0 }
                let settled = try await Self.settled(queued, on: gateway)
                #expect(settled["state"] == "sent")
                #expect(gateway.crm.records.count == 1)
            }
        )
    }

    @Test func `a create that may have happened stays so when its repetition is queued`() async throws {
        try await TestGateway.with { gateway in
            gateway.crm.failsNext(with: Self.lost)
            let first = try await gateway.send(.post, "/v1/contacts", Self.body, ["Idempotency-Key": "k"])
            #expect(first.status == 504)
            gateway.crm.adopt(Self.made)
            let fields: HeaderFields = ["Idempotency-Key": "k", "Prefer": "respond-async"]
            let place = try await Self.queue(on: gateway, fields)
            let settled = try await Self.settled(place, on: gateway)
            #expect(settled["state"] == "sent")
            #expect(gateway.crm.records.count == 1)
        }
    }

    @Test func `a create that the vendor has and the store has not is looked for when it comes again`() async throws {
        try await TestGateway.with { gateway in
            var request = Request(
                method: .post,
                path: "/v1/contacts",
                query: nil,
                parameters: [],
                fields: ["Idempotency-Key": "k"],
                body: Array(Self.body.utf8),
                id: "r"
            )
            let caller = Caller(name: "app", scopes: [.write], connections: nil)
            request.principal = caller
            let idempotency = Idempotency(store: gateway.store)
            let isFull = Mutex(true)
            let create = { @Sendable (request: Request, keyed: KeyedWrite?) async throws -> Response in
                var terms = WriteTerms(request, keyed)
                if isFull.withLock({ $0 }) { terms.storing = { _, _ in throw StoreError(.full, "no room") } }
                return try await gateway.writes.create(request.jsonBody(), terms: terms, caller: caller).response
            }
            let refusal = await problem { try await idempotency.once(request, create) }
            #expect(refusal?.status == 504 && refusal?.code == "not_stored" && refusal?.retryable == true)
            let listed = try await gateway.send(.get, "/v1/contacts")
            #expect(listed.items.isEmpty)
            isFull.withLock { $0 = false }
            let again = try await idempotency.once(request, create)
            #expect(again.status == 201)
            #expect(gateway.crm.records.count == 1)
        }
    }
}
