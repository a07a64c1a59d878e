//  ActiveCampaign's calls against a vendor in memory: what servers get wrong, and what we make of it.

import Config
import Contacts
import HTTPCore
import JSON
import Log
import Platform
import Testing

@testable import Vendors

@Suite struct ActiveCampaignAdapterTests {
    private let now = Timestamp(milliseconds: 1_763_640_000_000)  // 2025-11-20T12:00:00Z

    private var connection: ConnectionConfig {
        var connection = ConnectionConfig(id: "crm", vendor: .activecampaign)
        connection.credentials = ["api_token": Secret("key")]
        return connection
    }

    private func account(_ vendor: FakeVendor) -> ActiveCampaignAccount {
        ActiveCampaignAccount(connection: connection, link: vendor.link(connection))
    }

    private func projection(_ email: String = "a@example.com") -> Projection {
        var record = ActiveCampaignRecord()
        (record.email, record.firstName, record.phone) = (email, "Ann", "1")
        record.set("1", "one")
        return Projection(bytes: record.encoded(), translation: [])
    }

    private static func contact(_ id: JSONValue, udate: String = "2025-11-20T05:59:00-05:00") -> JSONValue {
        ["id": id, "email": "c@example.com", "firstName": "C", "lastName": "", "phone": .null, "udate": .string(udate)]
    }

    /// The answer of a server that holds the ids 1 to `count` and obeys `id_greater`, with at most `most` in a page.
    private static func list(_ request: ClientRequest, count: Int, most: Int, total: Bool = true) -> ClientResponse {
        let query = QueryItems(request.url.split(separator: "?").last.map(String.init))
        let after = query["id_greater"].flatMap { Int($0) } ?? 0
        let ids = Array(((after + 1)...(count + 1)).dropLast())
        var answer: [JSONMember] = [JSONMember("contacts", .array(ids.prefix(most).map { contact(.int($0)) }))]
        answer.append(JSONMember("fieldValues", []))
        if total { answer.append(JSONMember("meta", ["total": .string(String(ids.count))])) }
        return .json(200, .object(answer))
    }

    // MARK: The walk

    @Test(arguments: [true, false])
    func `the list is walked by id to its end, however short the pages`(total: Bool) async throws {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            request.url.contains("/fields")
                ? .json(200, ["fields": []]) : Self.list(request, count: 45, most: 20, total: total)
        }
        let reading = ActiveCampaignReading(account: account(vendor))
        var ids: [String] = []
        var cursor: Cursor?
        repeat {
            let page = try await reading.contacts(after: cursor)
            ids += page.records.map(\.vendorID)
            cursor = page.next
        } while cursor != nil
        #expect(ids == (1...45).map(String.init))
        #expect(vendor.requests[0].fields["Api-Token"] == "key")
        #expect(vendor.calls[1] == "GET /api/3/contacts?orders%5Bid%5D=ASC&limit=100&include=fieldValues")
        #expect(vendor.calls[2].contains("id_greater=20"))
    }

    @Test func `a server that ignores id_greater ends the run in words`() async throws {
        let vendor = FakeVendor { _, _ throws(TransportError) in
            .json(200, ["contacts": [Self.contact("1"), Self.contact("2")], "meta": ["total": "9"]])
        }
        let reading = ActiveCampaignReading(account: account(vendor))
        let first = try await reading.ids(after: nil)
        let error = await failure { () throws(VendorError) in try await reading.ids(after: first.next) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains("id_greater") == true)
    }

    static let badPages: [(body: String, kind: VendorError.Kind)] = [
        (#"{"contacts":[],"meta":{"total":"250"}}"#, .malformed),  // an empty page that promises more
        (#"{"contacts":[{"id":"3"},{"id":"2"}],"meta":{}}"#, .malformed),
        (#"{"contacts":[{"id":"x"}],"meta":{}}"#, .malformed),
        (#"{"meta":{"total":0}}"#, .malformed),
        ("<html>hello</html>", .malformed),
        (#"{"contacts":[{"id"#, .malformed),
        ("", .malformed),
        (#"{"errors":[{"title":"no","code":"x"}]}"#, .refused),
    ]
    @Test(arguments: badPages)
    func `a page that is none is never the end of the list`(body: String, kind: VendorError.Kind) async {
        let vendor = FakeVendor { _, _ throws(TransportError) in .text(200, body) }
        let reading = ActiveCampaignReading(account: account(vendor))
        let error = await failure { () throws(VendorError) in try await reading.ids(after: nil) }
        #expect(error?.kind == kind)
    }

    @Test func `an empty body is asked for again`() async throws {
        let vendor = FakeVendor { request, number throws(TransportError) in
            number < 2 ? .text(200, "") : Self.list(request, count: 3, most: 20)
        }
        #expect(try await ActiveCampaignReading(account: account(vendor)).ids(after: nil).ids == ["1", "2", "3"])
    }

    @Test func `bad records are set aside and do not stop the page`() async throws {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            if request.url.contains("/fields") { return .json(200, ["fields": []]) }
            return .json(
                200,
                [
                    "contacts": [
                        Self.contact(1), ["id": "2", "email": ["x": 1]], ["email": "no id"], ["id": 4, "phone": ""],
                        Self.contact("5"), ["id": "6", "email": "", "deleted": "1"],
                    ], "fieldValues": [], "meta": ["total": 6],
                ]
            )
        }
        let page = try await ActiveCampaignReading(account: account(vendor)).contacts(after: nil)
        #expect(page.records.map(\.vendorID) == ["1", "5"])
        #expect(page.rejected.map(\.vendorID) == ["2", nil, "4"])
        #expect(page.next == nil)
    }

    @Test func `values that do not come along are asked for one by one, and only where there may be some`() async throws
    {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            if request.url.contains("/fields") { return .json(200, ["fields": [["id": 1]], "meta": ["total": 1]]) }
            if request.url.contains("/contacts/2") {
                return .json(
                    200,
                    ["contact": Self.contact("2"), "fieldValues": [["contact": "9", "field": "1", "value": "v"]]]
                )
            }
            return .json(
                200,
                [
                    "contacts": [
                        ["id": "1", "email": "a", "fieldValues": []], ["id": "2", "email": "c", "fieldValues": ["14"]],
                    ], "meta": ["total": "2"],
                ]
            )
        }
        let page = try await ActiveCampaignReading(account: account(vendor)).contacts(after: nil)
        let records = try page.records.map { try ActiveCampaignRecord(canonical: $0.bytes) }
        #expect(records.map { $0.value(of: "1") } == ["", "v"])
        #expect(vendor.calls.count == 3)
    }

    @Test func `the whole catalogue is read, page by page`() async throws {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            let query = QueryItems(request.url.split(separator: "?").last.map(String.init))
            let offset = query["offset"].flatMap { Int($0) } ?? 0
            let ids = (offset..<min(offset + 20, 45)).map { JSONValue.object([JSONMember("id", .int($0 + 1))]) }
            return .json(200, ["fields": .array(ids), "meta": ["total": "45"]])
        }
        let account = account(vendor)
        try await account.loadCatalogue()
        #expect(account.catalogue.mayHold("45"))
        #expect(!account.catalogue.mayHold("46"))
        #expect(vendor.calls.count == 3)
    }

    // MARK: The delta

    /// Three contacts: changed an hour ago, three minutes ago, yesterday.
    private static let dated: [JSONValue] = [
        contact("1", udate: "2025-11-20T06:00:00-05:00"), contact("2", udate: "2025-11-20T06:57:00-05:00"),
        contact("3", udate: "2025-11-19T06:57:00-05:00"),
    ]

    private func changes(filters: Bool) async throws -> (page: RecordPage, calls: [String]) {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            let query = QueryItems(request.url.split(separator: "?").last.map(String.init))
            let after = filters ? query["filters[updated_after]"] ?? "" : ""
            let hits = Self.dated.filter { ($0["udate"]?.stringValue ?? "") >= after }
            return .json(200, ["contacts": .array(hits), "fieldValues": [], "meta": ["total": .int(hits.count)]])
        }
        let mark = Cursor(String(now.advanced(byMilliseconds: -300_000).milliseconds))
        let page = try await ActiveCampaignReading(account: account(vendor)).changes(since: mark, after: nil, now: now)
        return (page, vendor.calls)
    }

    @Test func `a filter that has proved itself narrows the delta, and udate decides`() async throws {
        let (page, calls) = try await changes(filters: true)
        #expect(page.records.map(\.vendorID) == ["2"])
        #expect(calls.count == 3)
        #expect(calls[0].contains("filters%5Bupdated_after%5D=2025-11-22"))
        #expect(calls[2].contains("filters%5Bupdated_after%5D=2025-11-19"))
        #expect(page.mark == Cursor(String(now.advanced(byMilliseconds: -300_000).milliseconds)))
    }

    @Test func `a filter that is ignored means walking everything`() async throws {
        let (page, calls) = try await changes(filters: false)
        #expect(page.records.map(\.vendorID) == ["2"])
        #expect(calls.count == 2)
        #expect(!calls[1].contains("updated_after"))
    }

    @Test func `a vendor whose clock is behind sets the mark by its own clock`() async throws {
        let vendor = FakeVendor { _, _ throws(TransportError) in
            .json(200, ["contacts": []], ["Date": "Thu, 20 Nov 2025 11:00:00 GMT"])
        }
        let mark = try await ActiveCampaignReading(account: account(vendor)).mark(now: now)
        #expect(mark == Cursor(String(now.advanced(byMilliseconds: -3_600_000 - 300_000).milliseconds)))
    }

    @Test func `a missing contact is gone, a listed one is not, and a broken answer proves nothing`() async throws {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            switch request.url.last {
            case "1": .json(200, ["contact": Self.contact("1")])
            case "2": .json(404, ["message": "No Result found for Subscriber with id 2"])
            default: .text(200, "<html>")
            }
        }
        let reading = ActiveCampaignReading(account: account(vendor))
        #expect(try await !reading.isGone(vendorID: "1"))
        #expect(try await reading.isGone(vendorID: "2"))
        let error = await failure { () throws(VendorError) in try await reading.isGone(vendorID: "3") }
        #expect(error?.kind == .malformed)
    }

    // MARK: Writes

    @Test(arguments: [200, 201])
    func `a new contact goes by contact sync after its address was looked up`(status: Int) async throws {
        let body = try Fixture.bytes("activecampaign/contact-sync-result-201.json")
        let vendor = FakeVendor { request, _ throws(TransportError) in
            request.method == .get ? .json(200, ["contacts": []]) : ClientResponse(status: status, body: body)
        }
        let written = try await ActiveCampaignWriting(account: account(vendor)).create(projection())
        #expect(written.vendorID == "10")
        let record = try ActiveCampaignRecord(canonical: written.bytes)
        #expect(record.email == "johndoe@example.com")  // what the vendor says goes before what was sent
        #expect(record.values.map(\.field) == ["1", "2", "3"])
        #expect(vendor.calls[0].hasPrefix("GET /api/3/contacts?email=a%40example.com"))
        #expect(vendor.calls[1] == "POST /api/3/contact/sync")
        #expect(try JSONValue(parsing: vendor.requests[1].body)["contact"]?["lastName"] == nil)
    }

    @Test func `a known address is a duplicate`() async {
        let vendor = FakeVendor { _, _ throws(TransportError) in
            .json(200, ["contacts": [["id": 7, "email": "A@Example.com"]]])
        }
        let error = await failure { () throws(VendorError) in
            try await ActiveCampaignWriting(account: account(vendor)).create(projection())
        }
        #expect(error?.kind == .duplicate)
        #expect(vendor.calls.count == 1)
    }

    @Test func `when the look-up is not honoured the vendor judges, not an upsert`() async {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            if request.method == .get { return .json(200, ["contacts": [["id": "7", "email": "other@example.com"]]]) }
            return .json(
                422,
                [
                    "errors": [
                        ["title": "Email address already exists in the system", "detail": "", "code": "duplicate"]
                    ]
                ]
            )
        }
        let error = await failure { () throws(VendorError) in
            try await ActiveCampaignWriting(account: account(vendor)).create(projection())
        }
        #expect(error?.kind == .duplicate)
        #expect(vendor.calls[1] == "POST /api/3/contacts")
    }

    @Test func `a create whose answer was lost is looked for before it is sent again`() async throws {
        let vendor = FakeVendor { request, number throws(TransportError) in
            switch number {
            case 0: return .json(200, ["contacts": []])
            case 1: throw TransportError(kind: .timedOut, message: "late", mayHaveArrived: true)
            case 2: return .json(200, ["contacts": [["id": "8", "email": "a@example.com"]]])
            default: return .json(200, ["contact": Self.contact("8"), "fieldValues": []])
            }
        }
        #expect(try await ActiveCampaignWriting(account: account(vendor)).create(projection()).vendorID == "8")
        #expect(vendor.calls.filter { $0.hasPrefix("POST") }.count == 1)
    }

    @Test(arguments: [true, false])
    func `a create that cannot be looked for may have happened`(isAnswered: Bool) async {
        let vendor = FakeVendor { request, number throws(TransportError) in
            switch (request.method, number) {
            case (_, 0): return .json(200, ["contacts": []])
            case (.post, 1) where isAnswered: return .text(200, "")
            case (.post, _): throw TransportError(kind: .timedOut, message: "late", mayHaveArrived: true)
            default: throw TransportError(kind: .timedOut, message: "down", mayHaveArrived: false)
            }
        }
        let error = await failure { () throws(VendorError) in
            try await ActiveCampaignWriting(account: account(vendor)).create(projection())
        }
        #expect(error?.kind == .ambiguous)
        #expect(vendor.calls.filter { $0.hasPrefix("POST") }.count == 1)
    }

    @Test func `what an earlier create made is found by its address, and nobody else's contact is taken for it`()
        async throws
    {
        func found(firstName: String = "Ann", value: String = "one", listed: String = "A@example.com") async throws
            -> WrittenRecord?
        {
            let vendor = FakeVendor { request, _ throws(TransportError) in
                if request.url.contains("email=") {
                    return .json(200, ["contacts": [["id": "8", "email": .string(listed)]]])
                }
                return .json(
                    200,
                    [
                        "contact": [
                            "id": "8", "email": .string(listed), "firstName": .string(firstName), "lastName": "",
                            "phone": "1", "udate": "2025-11-20T05:59:00-05:00",
                        ],
                        "fieldValues": [["id": "5", "contact": "8", "field": "1", "value": .string(value)]],
                    ]
                )
            }
            defer { #expect(vendor.calls.allSatisfy { $0.hasPrefix("GET") }) }
            return try await ActiveCampaignWriting(account: account(vendor)).find(projection())
        }
        #expect(try await found()?.vendorID == "8")
        #expect(try await found(firstName: "Bob") == nil)
        #expect(try await found(value: "two") == nil)
        #expect(try await found(listed: "other@example.com") == nil)
    }

    @Test func `a success without a body is believed, and the id is looked up`() async throws {
        let vendor = FakeVendor { request, number throws(TransportError) in
            switch (request.method, number) {
            case (.post, _), (.put, _): .text(200, "")
            case (_, 0): .json(200, ["contacts": []])
            case (_, 2): .json(200, ["contacts": [["id": "8", "email": "a@example.com"]]])
            default: .json(200, ["contact": Self.contact("8"), "fieldValues": []])
            }
        }
        let writing = ActiveCampaignWriting(account: account(vendor))
        #expect(try await writing.create(projection()).vendorID == "8")
        let updated = try await writing.update(vendorID: "8", to: projection())
        #expect(try ActiveCampaignRecord(canonical: updated.bytes).firstName == "Ann")
    }

    @Test func `a known contact is written by its id, so that a changed address makes no second one`() async throws {
        let vendor = FakeVendor { _, _ throws(TransportError) in .json(200, ["contact": Self.contact(8)]) }
        let written = try await ActiveCampaignWriting(account: account(vendor)).update(vendorID: "8", to: projection())
        #expect(vendor.calls == ["PUT /api/3/contacts/8"])
        let record = try ActiveCampaignRecord(canonical: written.bytes)
        #expect(record.id == "8")
        #expect(record.phone == "1")  // the answer's null says nothing
        #expect(record.value(of: "1") == "one")
    }

    @Test func `an address cannot be taken away, but a contact that never had one can be written`() async throws {
        let vendor = FakeVendor { request, _ throws(TransportError) in
            .json(200, ["contact": ["id": "8", "email": request.url.hasSuffix("8") ? "" : "x@example.com"]])
        }
        let writing = ActiveCampaignWriting(account: account(vendor))
        _ = try await writing.update(vendorID: "8", to: projection(""))
        #expect(try JSONValue(parsing: vendor.requests[1].body)["contact"]?["email"] == nil)
        let error = await failure { () throws(VendorError) in
            try await writing.update(vendorID: "9", to: projection(""))
        }
        #expect(error?.kind == .refused)
    }

    @Test func `deleting what is gone is done`() async throws {
        let vendor = FakeVendor { _, _ throws(TransportError) in
            .json(404, ["message": "No result found for contact with id 1"])
        }
        try await ActiveCampaignWriting(account: account(vendor)).delete(vendorID: "1", record: nil)
    }

    static let refusals: [(status: Int, body: String, kind: VendorError.Kind, message: String)] = [
        (
            422, #"{"errors":[{"title":"Contact Email Address is not valid.","detail":"","code":"email_invalid"}]}"#,
            .refused, "Contact Email Address is not valid."
        ),
        (400, "{}", .refused, "refused without a reason"),
        (403, #"{"message":"Forbidden"}"#, .unauthorized, "Forbidden"),
        (
            403, #"{"errors":[{"status":403,"title":"Forbidden","detail":"no permission"}]}"#, .unauthorized,
            "Forbidden: no permission"
        ),
        (
            404, #"{"message":"No Result found for Subscriber with id 1"}"#, .notFound,
            "No Result found for Subscriber with id 1"
        ),
        (503, "", .throttled, "too many requests"),
        (500, "<html>Bad Gateway", .unavailable, "<html>Bad Gateway"),
        (500, "", .unavailable, "the vendor failed"),
        (200, "<html>", .malformed, "the answer is no JSON object"),
    ]
    @Test(arguments: refusals)
    func `three shapes of error are read`(status: Int, body: String, kind: VendorError.Kind, message: String) async {
        let vendor = FakeVendor { _, _ throws(TransportError) in
            ClientResponse(status: status, fields: ["Retry-After": "600"], body: Array(body.utf8))
        }
        let error = await failure { () throws(VendorError) in
            try await ActiveCampaignWriting(account: account(vendor)).update(vendorID: "1", to: projection())
        }
        #expect(error?.kind == kind)
        #expect(error?.message == message)
        #expect(error?.status == status)
    }

    @Test func `a new contact needs an e-mail`() {
        let adapter = ActiveCampaignAdapter(
            connection: connection,
            link: FakeVendor { _, _ in .text(200, "") }.link(connection)
        )
        #expect(adapter.refusal(of: ContactContent(), vendorID: nil) != nil)
        #expect(adapter.refusal(of: ContactContent(), vendorID: "3") == nil)
        #expect(adapter.capabilities.uniqueEmail)
    }
}
