//  TapTalk: the lens, the batches, the envelope and the calls.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Testing

@testable import Vendors

@Suite struct TapTalkTests {
    private static let all = Set(ContactField.allCases)
    private let mapping = TapTalkMapping(defaultOwner: "1")
    private let fine: JSONValue = ["status": 200, "error": ["code": "", "message": "", "field": ""], "data": [:]]

    private var connection: ConnectionConfig {
        var connection = ConnectionConfig(id: "chat", vendor: .taptalk)
        connection.owner = "1"
        connection.credentials = ["key_id": Secret("id"), "key_secret": Secret("secret")]
        return connection
    }

    private func writing(_ vendor: FakeVendor) -> TapTalkWriting {
        TapTalkWriting(connection: connection, link: vendor.link(connection))
    }

    private func projection(_ name: String? = "Ann Lee", owner: String? = "7") -> Projection {
        var content = ContactContent()
        content.owner = owner
        content.name.full = name
        content.phones = [ContactPhone(number: "0722", label: .mobile, e164: "+1722")]
        return mapping.project(content, vendorID: "2", previous: nil, touched: Self.all)
    }

    @Test(arguments: 0..<200)
    func `both laws hold for generated contacts`(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        var content = Generated.content(&random)
        content.owner = random.chance(50) ? "7" : nil
        let held = mapping.project(content, vendorID: "2", previous: nil, touched: Self.all).bytes
        #expect(try mapping.merge(held[...], previous: held, into: content).content == content)
        var now = try TapTalkRecord(canonical: held)
        if random.chance(50) { now.fullName = "Eve" }
        if random.chance(50) { now.email = random.pick(["", "eve@example.com"]) }
        if random.chance(50) { now.owner = "8" }
        let merged = try mapping.merge(now.encoded()[...], previous: held, into: content).content
        #expect(mapping.project(merged, vendorID: "2", previous: now.encoded(), touched: []).bytes == now.encoded())
        #expect(merged.notes == content.notes)
    }

    @Test func `a pair occurs once, deletes stand last, and batches are bounded`() {
        let pairs = [
            TapTalkPair(owner: "1", contact: "9", isDeleted: true),
            TapTalkPair(owner: "1", contact: "2", isDeleted: false),
            TapTalkPair(owner: "1", contact: "9", isDeleted: false),
            TapTalkPair(owner: "2", contact: "1", isDeleted: false),
        ]
        #expect(
            TapTalkPair.batches(of: pairs, size: 2) == [
                [
                    TapTalkPair(owner: "1", contact: "2", isDeleted: false),
                    TapTalkPair(owner: "2", contact: "1", isDeleted: false),
                ],
                [TapTalkPair(owner: "1", contact: "9", isDeleted: true)],
            ]
        )
        let many = (0..<1001).map { TapTalkPair(owner: "1", contact: "\($0)", isDeleted: false) }
        #expect(TapTalkPair.batches(of: many).map(\.count) == [500, 500, 1])
    }

    @Test func `a create tells of the user and then of the pair`() async throws {
        let vendor = FakeVendor { [fine] _, _ throws(TransportError) in .json(200, fine) }
        let written = try await writing(vendor).create(projection())
        #expect(written.vendorID == "2")
        #expect(vendor.calls == ["POST /v1/server/user/update", "POST /v1/server/contact/sync"])
        #expect(vendor.requests[0].fields["Server-Key"] == "aWQ6c2VjcmV0")  // no scheme before it
        #expect(
            try JSONValue(parsing: vendor.requests[0].body)
                == ["xcUserID": "2", "fullName": "Ann Lee", "email": "", "phone": "+1722"]
        )
        #expect(
            try JSONValue(parsing: vendor.requests[1].body)
                == ["contacts": [["ownerXCUserID": "7", "contactXCUserID": "2"]]]
        )
    }

    @Test(arguments: [404, 405, 501])
    func `a server that has no call for users still gets the pair`(status: Int) async throws {
        let vendor = FakeVendor { [fine] request, _ throws(TransportError) in
            request.url.hasSuffix("user/update") ? .text(status, "<html>no such page") : .json(200, fine)
        }
        _ = try await writing(vendor).create(projection())
        #expect(vendor.calls.last == "POST /v1/server/contact/sync")
    }

    @Test func `an answer that is no envelope is told in its words`() async {
        let vendor = FakeVendor { _, _ throws(TransportError) in .text(502, "<h1>Bad Gateway</h1>") }
        let error = await failure { () throws(VendorError) in try await writing(vendor).create(projection(nil)) }
        #expect(error?.message.contains("Bad Gateway") == true)
    }

    @Test func `a server without users and one that does not know the owner still get the pair`() async throws {
        let fine = fine
        let vendor = FakeVendor { request, number throws(TransportError) in
            if request.url.hasSuffix("user/update"), number == 0 { return .text(404, "<html>") }
            if number == 1 {
                return .json(
                    200,
                    ["status": 400, "error": ["code": "40002", "message": "not found", "field": "102"], "data": [:]]
                )
            }
            return .json(200, fine)
        }
        _ = try await writing(vendor).create(projection())
        #expect(vendor.calls.map { $0.split(separator: "/").last } == ["update", "sync", "update", "sync"])
        #expect(try JSONValue(parsing: vendor.requests[2].body)["xcUserID"] == "7")
    }

    @Test func `another owner takes the pair from the former one`() async throws {
        let vendor = FakeVendor { [fine] _, _ throws(TransportError) in .json(200, fine) }
        var content = ContactContent()
        content.owner = "8"
        let next = mapping.project(content, vendorID: "2", previous: projection(nil).bytes, touched: [.owner])
        let written = try await writing(vendor).update(vendorID: "2", to: next)
        #expect(
            try JSONValue(parsing: vendor.requests[0].body)["contacts"] == [
                ["ownerXCUserID": "8", "contactXCUserID": "2"],
                ["ownerXCUserID": "7", "contactXCUserID": "2", "isDeleted": true],
            ]
        )
        #expect(try JSONValue(parsing: written.bytes)["formerOwnerXCUserID"] == nil)
        try await writing(vendor).delete(vendorID: "2", record: written.bytes)
        #expect(
            try JSONValue(parsing: vendor.requests[1].body)["contacts"]
                == [["ownerXCUserID": "8", "contactXCUserID": "2", "isDeleted": true]]
        )
    }

    static let failures: [(status: Int, body: String, kind: VendorError.Kind, code: String?)] = [
        (200, #"{"status":400,"error":{"code":"40002","message":"m","field":"101"},"data":{}}"#, .refused, "40002"),
        (400, #"{"status":400,"error":{"code":"40001","message":"m","field":""},"data":{}}"#, .unauthorized, "40001"),
        (200, #"{"status":401,"error":{"code":49106,"message":"m","field":""},"data":{}}"#, .unauthorized, "49106"),
        (200, #"{"status":"401","error":{"code":"40104"}}"#, .unauthorized, "40104"),
        (403, #"{"status":403,"error":{"code":"49201"}}"#, .unauthorized, "49201"),
        (500, #"{"status":500,"error":{"code":"50001"}}"#, .unavailable, "50001"),
        (200, #"{"status":200,"error":{"code":"40002"}}"#, .refused, "40002"),
        (200, "<html>", .malformed, nil),
        (200, "", .malformed, nil),
        (404, "<html>", .refused, nil),
        (405, "<html>", .unsupported, nil),
        (500, "oops", .unavailable, nil),
        (503, "oops", .throttled, nil),
    ]
    @Test(arguments: failures)
    func `the body's status counts, and codes have their meaning`(
        status: Int,
        body: String,
        kind: VendorError.Kind,
        code: String?
    ) async {
        let vendor = FakeVendor { _, _ throws(TransportError) in .text(status, body) }
        let error = await failure { () throws(VendorError) in try await writing(vendor).create(projection(nil)) }
        #expect(error?.kind == kind)
        #expect(error?.code == code)
    }

    @Test func `the documented answers are read`() throws {
        func envelope(_ name: String, _ status: Int) throws -> TapTalkEnvelope {
            TapTalkEnvelope(ClientResponse(status: status, body: try Fixture.bytes("taptalk/\(name).json")))
        }
        #expect(try envelope("contact-sync-success", 200).error == nil)
        #expect(try envelope("param-validation-failed", 200).field == "101")
        #expect(try envelope("header-validation-failed", 200).error?.kind == .unauthorized)
    }

    @Test func `both ids are needed`() {
        let adapter = TapTalkAdapter(
            connection: connection,
            link: FakeVendor { _, _ in .text(200, "") }.link(connection)
        )
        #expect(adapter.refusal(of: ContactContent(), vendorID: "2") == nil)
        #expect(adapter.refusal(of: ContactContent(), vendorID: nil) != nil)
        #expect(adapter.refusal(of: ContactContent(), vendorID: String(repeating: "x", count: 51)) != nil)
        #expect(adapter.capabilities.storeIsTruth)
    }
}
