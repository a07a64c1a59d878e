//  PortSIP's adapter against answers written by hand: the page's own examples, and what servers do beside the page.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Testing

@testable import Vendors

struct PortSIPAdapterTests {
    static func connection(token: Bool = true) -> ConnectionConfig {
        var connection = ConnectionConfig(id: "pbx", vendor: .portsip)
        connection.credentials =
            token
            ? ["token": Secret("T")]
            : ["username": Secret("101"), "password": Secret("pw"), "domain": Secret("sip.example")]
        return connection
    }

    static func adapter(
        token: Bool = true,
        _ answer: @escaping @Sendable (ClientRequest, Int) throws(TransportError) -> ClientResponse
    ) -> (PortSIPAdapter, FakeVendor) {
        let vendor = FakeVendor(answer)
        return (PortSIPAdapter(link: vendor.link(connection(token: token))), vendor)
    }

    static func projection(_ name: String) -> Projection {
        var content = ContactContent()
        content.name.full = name
        return PortSIPMapping().project(content, vendorID: nil, previous: nil, touched: Set(ContactField.allCases))
    }

    static let now = Timestamp(milliseconds: 1_700_000_000_000)

    @Test func `the page's list is read, with ids as strings or numbers`() async throws {
        let list = try Fixture.bytes("portsip/list.json")
        let (adapter, vendor) = Self.adapter { (_, _) in ClientResponse(status: 200, body: list) }
        let page = try await #require(adapter.listing).contacts(after: nil)
        #expect(page.records.map(\.vendorID) == ["NzAwNTUxOTA5NzczMTQ4MTYw"])
        #expect(page.total == 100)
        #expect(page.next != nil)
        #expect(vendor.calls == ["GET /api/user/contacts?skip=0&top=100"])
        #expect(vendor.requests[0].fields["Authorization"] == "Bearer T")
        let numbers = ##"{"count":3,"items":[{"id":7,"name":"A"},{"name":"B"},{"id":"","name":"C"}]}"##
        let (other, _) = Self.adapter { (_, _) in .text(200, numbers) }
        let second = try await #require(other.listing).contacts(after: nil)
        #expect(second.records.map(\.vendorID) == ["7"])
        #expect(second.rejected.map(\.reason) == ["id is missing", "id is empty"])
        #expect(second.next == nil)
    }

    @Test func `a diff's spelling is found out once and remembered`() async throws {
        let diff = try Fixture.bytes("portsip/diff.json")
        let (adapter, vendor) = Self.adapter { (request, _) in
            request.url.hasSuffix("/diff") ? .text(404, "") : ClientResponse(status: 200, body: diff)
        }
        let delta = try #require(adapter.delta)
        let page = try await delta.changes(since: Cursor("0/1"), after: nil, now: Self.now)
        #expect(page.records.map(\.vendorID) == ["CREATED-ITEM-ID", "UPDATED-ITEM-ID"])
        #expect(page.deleted == ["DELETED-ITEM-ID"])
        #expect(page.mark == Cursor("002"))
        #expect(page.next == nil)
        _ = try await delta.changes(since: Cursor("002"), after: nil, now: Self.now)
        let base = "POST /api/user/contacts/sync_tokens/"
        #expect(vendor.calls == [base + "0%2F1/diff", base + "0%2F1", base + "002"])
    }

    @Test(arguments: [400, 403, 404, 410])
    func `an unknown sync token asks for a full run, whatever the status`(status: Int) async throws {
        let (adapter, _) = Self.adapter { (_, _) in .json(status, ["errors": [["code": "UNKNOWN", "message": "no"]]]) }
        let delta = try #require(adapter.delta)
        let error = await failure { () async throws(VendorError) in
            try await delta.changes(since: Cursor("old"), after: nil, now: Self.now)
        }
        #expect(error?.kind == .markExpired)
        #expect(error?.message == "no")
    }

    @Test func `a forbidden sync token is a matter of permission`() async throws {
        let (adapter, _) = Self.adapter { (_, _) in .json(403, ["errors": [["code": "UNKNOWN", "message": "not you"]]])
        }
        let delta = try #require(adapter.delta)
        let error = await failure { () async throws(VendorError) in try await delta.mark(now: Self.now) }
        #expect(error?.kind == .unauthorized)
        #expect(error?.message == "not you")
    }

    @Test func `a sync token refused inside a 200 has the vendor's words`() async throws {
        let (adapter, _) = Self.adapter { (_, _) in
            .text(200, #"{"errors":[{"code":"UNKNOWN","message":"the wheels fell off"}]}"#)
        }
        let delta = try #require(adapter.delta)
        let error = await failure { () throws(VendorError) in try await delta.mark(now: Self.now) }
        #expect(error?.message == "the wheels fell off")
    }

    @Test func `sign-in tries JSON and then the form, remembers, refreshes and signs in anew once`() async throws {
        let (adapter, vendor) = Self.adapter(token: false) { (request, number) in
            switch String(request.url.dropFirst("https://vendor.example".count)) {
            case "/api/auth/sign_in": return .text(404, "")
            case "/api/login/oauth/token":
                return .json(200, ["access_token": .string("A\(number)"), "expires_in": 1800, "refresh_token": "R"])
            default:
                return request.fields["Authorization"] == "Bearer A1" && number > 2
                    ? .text(401, "") : .json(200, ["count": 0, "items": []])
            }
        }
        let listing = try #require(adapter.listing)
        _ = try await listing.contacts(after: nil)
        _ = try await listing.contacts(after: nil)
        #expect(
            vendor.calls == [
                "POST /api/auth/sign_in", "POST /api/login/oauth/token", "GET /api/user/contacts?skip=0&top=100",
                "GET /api/user/contacts?skip=0&top=100", "POST /api/login/oauth/token",
                "GET /api/user/contacts?skip=0&top=100",
            ]
        )
        let forms = vendor.requests.filter { $0.url.hasSuffix("/token") }.map {
            String(decoding: $0.body, as: UTF8.self)
        }
        #expect(
            forms[0].contains("grant_type=password&username=101&password=pw&domain=sip.example&scope=all&client_id=")
        )
        #expect(forms[1].contains("grant_type=refresh_token&refresh_token=R"))
    }

    @Test func `a refused sign-in and a second factor say so`() async throws {
        let words: JSONValue = ["errors": [["code": "UNAUTHORIZED", "message": "Login failed, authentication error"]]]
        for answer in [ClientResponse.json(400, words), .json(200, ["two_factor_enabled": true, "token": "x"])] {
            let (adapter, vendor) = Self.adapter(token: false) { (_, _) in answer }
            let listing = try #require(adapter.listing)
            let error = await failure { () async throws(VendorError) in try await listing.contacts(after: nil) }
            #expect(error?.kind == .unauthorized)
            #expect(answer.status == 200 || error?.message == "Login failed, authentication error")
            #expect(vendor.calls.count <= 4)
        }
    }

    @Test func `an update sends all fifteen members and the favourite mark by its own call`() async throws {
        let (adapter, vendor) = Self.adapter { (_, _) in ClientResponse(status: 200) }
        var content = ContactContent()
        content.name.full = "Ann"
        content.favorite = true
        let projection = PortSIPMapping().project(
            content,
            vendorID: "a/b",
            previous: Self.projection("Bob").bytes,
            touched: [.name, .favorite]
        )
        let written = try await #require(adapter.writing).update(vendorID: "a/b", to: projection)
        #expect(vendor.calls == ["POST /api/user/contacts/a%2Fb", "POST /api/user/contacts/a%2Fb/favorite"])
        let body = try JSONValue(parsing: vendor.requests[0].body)
        #expect(body.objectValue?.count == 15)
        #expect(body["name"] == "Ann")
        #expect(body["email"] == "")
        #expect(written.vendorID == "a/b")
    }

    @Test func `a server that takes null only for blanks is found out once`() async throws {
        let (adapter, vendor) = Self.adapter { (request, _) in
            String(decoding: request.body, as: UTF8.self).contains(#":"""#)
                ? .json(400, ["errors": [["code": "VALIDATE_FAILED", "message": "blank"]]])
                : ClientResponse(status: 200)
        }
        let writing = try #require(adapter.writing)
        _ = try await writing.update(vendorID: "1", to: Self.projection("Ann"))
        _ = try await writing.update(vendorID: "1", to: Self.projection("Bob"))
        #expect(vendor.calls.filter { !$0.hasSuffix("/unfavorite") }.count == 3)
    }

    @Test func `a create that may have happened is looked for before it is sent again`() async throws {
        let held = Self.projection("Ann")
        let found = try PortSIPRecord(json: held.bytes[...])
        for isThere in [true, false] {
            let (adapter, vendor) = Self.adapter { (request, number) throws(TransportError) in
                if request.method == .get {
                    var record = found
                    record.id = "42"
                    let items = isThere ? String(decoding: record.encoded(), as: UTF8.self) : ""
                    return .text(200, #"{"count":\#(isThere ? 1 : 0),"items":[\#(items)]}"#)
                }
                guard number > 0 else {
                    throw TransportError(kind: .timedOut, message: "time-out", mayHaveArrived: true)
                }
                return .json(201, ["id": "43"])
            }
            let written = try await #require(adapter.writing).create(held)
            #expect(written.vendorID == (isThere ? "42" : "43"))
            #expect(vendor.calls.count == (isThere ? 2 : 3))
        }
    }

    @Test func `a new contact whose favourite mark cannot be set may have happened`() async throws {
        var content = ContactContent()
        content.name.full = "Ann"
        content.favorite = true
        let projection = PortSIPMapping().project(
            content,
            vendorID: nil,
            previous: nil,
            touched: Set(ContactField.allCases)
        )
        let (adapter, vendor) = Self.adapter { (_, number) throws(TransportError) in
            guard number > 0 else { return .json(201, ["id": "43"]) }
            throw TransportError(kind: .timedOut, message: "time-out", mayHaveArrived: true)
        }
        let writing = try #require(adapter.writing)
        let error = await failure { () async throws(VendorError) in try await writing.create(projection) }
        #expect(error?.kind == .ambiguous)
        #expect(vendor.calls.prefix(2) == ["POST /api/user/contacts", "POST /api/user/contacts/43/favorite"])
    }

    @Test func `what an earlier create made is found, and nothing is sent`() async throws {
        let held = Self.projection("Ann")
        var record = try PortSIPRecord(json: held.bytes[...])
        record.id = "42"
        let items = String(decoding: record.encoded(), as: UTF8.self)
        let (adapter, vendor) = Self.adapter { (_, _) in .text(200, #"{"count":1,"items":[\#(items)]}"#) }
        let writing = try #require(adapter.writing)
        #expect(try await writing.find(held)?.vendorID == "42")
        #expect(try await writing.find(Self.projection("Bob")) == nil)
        #expect(vendor.calls.allSatisfy { $0.hasPrefix("GET") })
    }

    @Test func `destroying what is gone is done, and a vendor's refusal has its words`() async throws {
        let (adapter, _) = Self.adapter { (request, _) in
            request.url.hasSuffix("/destroy")
                ? .text(404, "") : .json(400, ["errors": [["code": "VALIDATE_FAILED", "message": "name is too long"]]])
        }
        let writing = try #require(adapter.writing)
        try await writing.delete(vendorID: "1", record: nil)
        let error = await failure { () async throws(VendorError) in try await writing.create(Self.projection("Ann")) }
        #expect(error?.kind == .refused)
        #expect(error?.code == "VALIDATE_FAILED")
        #expect(error?.message == "name is too long")
    }

    /// Answers that no page knows, with a part of what the error must say.
    static let oddities: [(answer: ClientResponse, says: String)] = [
        (.text(200, "<html><body>Sign in</body></html>"), "HTML"),
        (.text(200, #"{"count":1,"items":[{"id":"1","na"#), "breaks off"),
        (.text(200, #"{"errors":[{"code":"UNKNOWN","message":"inside"}]}"#), "inside"),
        (.text(200, #"{"count":5,"items":[]}"#), "empty"),
        (.text(200, ""), "breaks off"),
        (ClientResponse(status: 302, fields: ["Location": "https://elsewhere"]), "redirect"),
        (.json(400, ["message": "bad skip"]), "bad skip"),
    ]

    @Test(arguments: oddities.indices)
    func `an odd answer fails with words`(index: Int) async throws {
        let (answer, says) = Self.oddities[index]
        let (adapter, _) = Self.adapter { (_, _) in answer }
        let listing = try #require(adapter.listing)
        let error = await failure { () async throws(VendorError) in try await listing.contacts(after: nil) }
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "no error")")
    }

    @Test func `a page that repeats the one before is an error`() async throws {
        let (adapter, _) = Self.adapter { (_, _) in .text(200, #"{"count":9,"items":[{"id":"1"}]}"#) }
        let listing = try #require(adapter.listing)
        let first = try await listing.contacts(after: nil)
        let error = await failure { () async throws(VendorError) in try await listing.contacts(after: first.next) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains("repeats") == true)
    }

    @Test func `whether a contact is gone is asked by its id`() async throws {
        let (adapter, _) = Self.adapter { (request, _) in
            request.url.hasSuffix("/1") ? .text(404, "") : .json(200, ["id": "2"])
        }
        let deletes = try #require(adapter.deletes)
        #expect(try await deletes.isGone(vendorID: "1"))
        #expect(try await !deletes.isGone(vendorID: "2"))
    }
}
