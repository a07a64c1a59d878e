//  What lies at the edges of the contacts' routes: odd text, odd queries, races, restarts, and connections that only
//  read.

import API
import Contacts
import HTTPCore
import JSON
import Store
import Synchronization
import TestSupport
import Testing
import Vendors

@Suite(.timeLimit(.minutes(2))) struct ContactEdgesTests {
    @Test(.enabled(if: SharedFiles.areHere)) func `naughty strings are kept as given or refused, and can be asked for`()
        async throws
    {
        let list = SharedFiles.bytes("corpora/big-list-of-naughty-strings/blns.json")
        let strings = (try JSONValue(parsing: list).arrayValue ?? []).compactMap(\.stringValue)
        try #require(strings.count > 400)
        try await TestGateway.with { gateway in
            for text in strings {
                let json = String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
                let made = try await gateway.create(#""organization":"o","notes":\#(json)"#)
                #expect(made.status == 201 || made.pointers == ["/notes"], "\(json)")
                if made.status == 201, !text.isEmpty {
                    let got = try await gateway.send(.get, "/v1/contacts/\(made.id)")
                    #expect(Array((got.json["notes"]?.stringValue ?? "").utf8) == Array(text.utf8), "\(json)")
                }
                for name in ["q", "email", "phone", "tag", "owner"] {
                    let answer = try await gateway.send(.get, "/v1/contacts?limit=1&\(name)=\(Self.encoded(text))")
                    // A number needs digits to be looked for by.
                    #expect(answer.status == 200 || (name == "phone" && answer.status == 400), "\(name)=\(json)")
                }
                let found = try await gateway.send(.get, "/v1/lookup?phone=\(Self.encoded(text))")
                #expect(found.status == 200, "\(json)")
            }
        }
    }

    @Test(arguments: ["phone=999", "email=%20", "email=", "q=zzz", "tag=", "owner="])
    func `a filter that can match nobody finds nobody rather than everybody`(query: String) async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.create(#""organization":"eos","phones":[{"number":"12"}]"#)
            let answer = try await gateway.send(.get, "/v1/contacts?\(query)")
            #expect(answer.status == 200 && answer.items.isEmpty)
        }
    }

    @Test(arguments: [
        "q=%FF", "q=a&q=b", "q=%zz", "limit=", "after=", "include=all", "updated_since=2026-02-30T00:00:00Z",
    ])
    func `a query that cannot be understood is 400`(query: String) async throws {
        try await TestGateway.with { gateway in
            let answer = try await gateway.send(.get, "/v1/contacts?\(query)")
            #expect(answer.status == 400)
        }
    }

    @Test func `answers about one connection say how fresh it is`() async throws {
        try await TestGateway.with { gateway in
            let before = try await gateway.create(#""name":{"full":"X"}"#, in: "crm")
            #expect(before.fields["Synced-At"] == nil)
            try await gateway.store.write { transaction in
                guard var row = try transaction.connections.find("crm") else { return }
                row.lastGoodRunAt = transaction.now
                try transaction.connections.update(row)
            }
            let path = "/v1/contacts/\(before.id)"
            let time = try #require(try await gateway.send(.get, path).fields["Synced-At"])
            #expect(try await gateway.send(.get, "/v1/contacts?connection=crm").fields["Synced-At"] == time)
            #expect(try await gateway.send(.get, "/v1/contacts").fields["Synced-At"] == nil)
            #expect(try await gateway.send(.patch, path, #"{"title":"t"}"#).fields["Synced-At"] == time)
            #expect(try await gateway.create(#""name":{"full":"Y"}"#, in: "crm").fields["Synced-At"] == time)
        }
    }

    @Test func `contacts that the vendor lets nobody change are refused before it is asked`() async throws {
        try await TestGateway.with { gateway in
            for (connection, isReadOnly) in [("erp", false), ("crm", true)] {
                let id = try await gateway.store.write { transaction in
                    var content = ContactContent()
                    content.name.full = "Z"
                    let key = try transaction.connections.find(connection)?.key ?? 0
                    var new = NewContact(connection: key, vendorID: "77", content: content)
                    new.readOnly = isReadOnly
                    return try transaction.contacts.create(new).contact.id
                }
                let calls = gateway.crm.calls
                let path = "/v1/contacts/\(id)"
                #expect(try await gateway.send(.patch, path, #"{"title":"t"}"#).status == 422)
                #expect(try await gateway.send(.put, path, #"{"name":{"full":"Q"}}"#).status == 422)
                #expect(try await gateway.send(.delete, path).status == 422)
                #expect(gateway.crm.calls == calls)
                #expect(try await gateway.send(.get, path).status == 200)
            }
        }
    }

    @Test func `a local contact keeps the ids that it is given, each once`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"X"},"vendor_id":"v 1","owner":"o""#)
            #expect(made.json["vendor_id"] == "v 1" && made.json["owner"] == "o")
            #expect(try await gateway.create(#""name":{"full":"Y"},"vendor_id":"v 1""#).status == 409)
            let other = try await gateway.create(#""name":{"full":"Y"}"#)
            #expect(other.json["vendor_id"] == .null)
            let taken = try await gateway.send(.patch, "/v1/contacts/\(other.id)", #"{"vendor_id":"v 1"}"#)
            #expect(taken.status == 409)
            let moved = try await gateway.send(.patch, "/v1/contacts/\(other.id)", #"{"vendor_id":"v 2"}"#)
            #expect(moved.status == 200 && moved.json["vendor_id"] == "v 2")
            #expect(try await gateway.create(#""vendor_id":"only an id""#).status == 201)
        }
    }

    @Test func `a patch may not leave a contact that nothing is known of`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.create(#""name":{"full":"X"},"title":"t""#)
            let answer = try await gateway.send(.patch, "/v1/contacts/\(made.id)", #"{"name":null}"#)
            #expect(answer.status == 422)
            #expect(try await gateway.send(.get, "/v1/contacts/\(made.id)").json["name"]?["full"] == "X")
        }
    }

    @Test func `the same request twice at once is done once`() async throws {
        try await TestGateway.with { gateway in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let body = #"{"connection":"crm","name":{"full":"Once"}}"#
                        return try await gateway.send(.post, "/v1/contacts", body, ["Idempotency-Key": "k"]).status
                    }
                }
                for try await status in group { #expect(status == 201 || status == 409) }
            }
            #expect(gateway.crm.records.count == 1)
            let other = #"{"connection":"book","name":{"full":"Mine"}}"#
            let fields: HeaderFields = ["Idempotency-Key": "k"]
            #expect(try await gateway.send(.post, "/v1/contacts", other, key: "narrow", fields).status == 201)
            #expect(try await gateway.send(.post, "/v1/contacts", other, ["Idempotency-Key": "\"\""]).status == 400)
        }
    }

    @Test func `a queued write survives a restart, and a refused one says why`() async throws {
        let places = Mutex<[String]>([])
        try await TestGateway.with(
            { gateway in
                gateway.crm.fails(with: VendorError(.unavailable, status: 503, message: "down"))
                for name in ["A", "B"] {
                    let body = #"{"connection":"crm","name":{"full":"\#(name)"}}"#
                    let answer = try await gateway.send(
                        .post,
                        "/v1/contacts",
                        body,
                        ["Prefer": "respond-async, wait=1"]
                    )
                    #expect(answer.status == 202)
                    if let place = answer.fields["Location"] { places.withLock { $0.append(place) } }
                }
                gateway.crm.fails(with: VendorError(.refused, status: 422, message: "its words"))
                let refused = #"{"connection":"crm","name":{"full":"C"}}"#
                #expect(
                    try await gateway.send(.post, "/v1/contacts", refused, ["Prefer": "respond-async"]).status == 422
                )
            },
            { gateway in
                let sender = Task { try await gateway.queue.run() }
                for place in places.withLock({ $0 }) {
                    var answer = try await gateway.send(.get, place)
                    while answer.json["state"] == "queued" { answer = try await gateway.send(.get, place) }
                    #expect(answer.json["state"] == "sent")
                }
                sender.cancel()
                _ = await sender.result
                #expect(gateway.crm.records["1"]?["full"] == "A" && gateway.crm.records["2"]?["full"] == "B")
                #expect(try await gateway.send(.get, "/v1/writes/wr_999").status == 404)
                #expect(try await gateway.send(.get, "/v1/writes/x").status == 404)
            }
        )
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }.joined()
    }
}
