//  The Custom Contact Source's adapter against answers written by hand.

import Config
import HTTPCore
import JSON
import Log
import Platform
import Synchronization
import Testing

@testable import Vendors

struct ContactSourceAdapterTests {
    static func adapter(
        pageSize: Int? = nil,
        _ answer: @escaping @Sendable (ClientRequest, Int) throws(TransportError) -> ClientResponse
    ) -> (ContactSourceAdapter, FakeVendor) {
        var connection = ConnectionConfig(id: "erp", vendor: .contactSource)
        connection.credentials = ["client_id": Secret("test_id"), "client_secret": Secret("test_secret")]
        connection.sync.pageSize = pageSize
        let vendor = FakeVendor { (request, number) throws(TransportError) in
            request.url.hasSuffix("/token") && number == 0 ? .json(200, ["token": "JWT"]) : try answer(request, number)
        }
        return (ContactSourceAdapter(link: vendor.link(connection)), vendor)
    }

    static let now = Timestamp(milliseconds: 1_744_797_208_000)

    @Test func `the list is walked by page, with a token got by Basic`() async throws {
        let (adapter, vendor) = Self.adapter(pageSize: 2) { (request, _) in
            request.url.contains("page=1")
                ? .text(200, #"{"contacts":[{"id":"100"},{"id":101}],"has_more":true}"#)
                : .text(200, #"{"contacts":[{"id":"102"}],"has_more":false}"#)
        }
        let listing = try #require(adapter.listing)
        let first = try await listing.contacts(after: nil)
        #expect(try first.readThrough().records.map(\.vendorID) == ["100", "101"])
        let second = try await listing.contacts(after: first.next)
        #expect(try second.readThrough().records.map(\.vendorID) == ["102"])
        #expect(second.next == nil)
        #expect(vendor.calls == ["GET /token", "GET /contacts?limit=2&page=1", "GET /contacts?limit=2&page=2"])
        #expect(vendor.requests[0].fields["Authorization"] == "Basic dGVzdF9pZDp0ZXN0X3NlY3JldA==")
        #expect(vendor.requests[1].fields["Authorization"] == "Bearer JWT")
    }

    @Test(arguments: [nil, 1000] as [Double?])
    func `pages come in their order, none is asked for beyond where the list ended, and a pace is kept`(
        pace: Double?
    ) async throws {
        var connection = ConnectionConfig(id: "erp", vendor: .contactSource)
        connection.baseURL = "https://vendor.example"
        connection.limits.requestsPerSecond = pace
        let count = Mutex(5)
        let vendor = FakeVendor { (request, _) throws(TransportError) in
            guard let number = request.url.split(separator: "=").last.flatMap({ Int($0) }) else {
                return .json(200, ["token": "JWT"])
            }
            let pages = count.withLock(\.self)
            if number > pages { return .text(404, "{}") }
            return .text(200, #"{"contacts":[{"id":"\#(number)"}],"has_more":\#(number < pages)}"#)
        }
        let adapter = ContactSourceAdapter(
            link: VendorLink(connection: connection, sender: vendor, log: .silent)
        )
        let listing = try #require(adapter.listing)
        // A list that has become shorter may be asked for one page too many.
        for (pages, most) in [(5, 5), (5, 5), (7, 7), (3, 4), (3, 3)] {
            count.withLock { $0 = pages }
            let before = vendor.calls.count
            var ids: [String] = []
            var cursor: Cursor?
            repeat {
                let budget = PageBudget(pages: 2, bytes: 1 << 20, milliseconds: 60_000)
                let stretch = await listing.pages(after: cursor, within: budget)
                #expect(stretch.error == nil)
                #expect(stretch.pages.count <= 2)
                ids += try stretch.pages.flatMap { try $0.readThrough().records.map(\.vendorID) }
                cursor = stretch.pages.last?.next
            } while cursor != nil
            #expect(ids == (1...pages).map(String.init))
            let lists = vendor.calls.dropFirst(before).filter { $0.contains("page=") }
            #expect(Set(lists).count == lists.count)
            #expect((pages...(pace == nil ? most : pages)).contains(lists.count))
        }
    }

    @Test func `a page that fails ends the stretch behind the pages before it`() async throws {
        let isDown = Mutex(false)
        var connection = ConnectionConfig(id: "erp", vendor: .contactSource)
        connection.baseURL = "https://vendor.example"
        let vendor = FakeVendor { (request, _) throws(TransportError) in
            guard let number = request.url.split(separator: "=").last.flatMap({ Int($0) }) else {
                return .json(200, ["token": "JWT"])
            }
            if number == 3, isDown.withLock(\.self) { return .json(400, ["error": "no"]) }
            return .text(200, #"{"contacts":[{"id":"\#(number)"}],"has_more":\#(number < 5)}"#)
        }
        let adapter = ContactSourceAdapter(
            link: VendorLink(connection: connection, sender: vendor, log: .silent)
        )
        let listing = try #require(adapter.listing)
        for isBad in [false, true] {
            isDown.withLock { $0 = isBad }
            let budget = PageBudget(pages: 9, bytes: 1 << 20, milliseconds: 60_000)
            let stretch = await listing.pages(after: nil, within: budget)
            #expect(stretch.pages.count == (isBad ? 2 : 5))
            #expect(stretch.error?.kind == (isBad ? .refused : nil))
            #expect(stretch.pages.last?.next?.text.hasPrefix("3 ") == (isBad ? true : nil))
        }
    }

    /// A source with a list of five pages, and its listing after the list was read once.
    private static func fivePages(
        clock: any Clock<Duration> = ContinuousClock(),
        _ refusal: @escaping @Sendable (Int) -> ClientResponse?
    ) async throws -> (listing: any ContactListing, link: VendorLink, vendor: FakeVendor) {
        var connection = ConnectionConfig(id: "erp", vendor: .contactSource)
        connection.baseURL = "https://vendor.example"
        let vendor = FakeVendor { (request, _) throws(TransportError) in
            guard let number = request.url.split(separator: "=").last.flatMap({ Int($0) }) else {
                return .json(200, ["token": "JWT"])
            }
            return refusal(number) ?? .text(200, #"{"contacts":[{"id":"\#(number)"}],"has_more":\#(number < 5)}"#)
        }
        let link = VendorLink(connection: connection, sender: vendor, clock: clock, log: .silent)
        let listing = try #require(ContactSourceAdapter(link: link, clock: clock).listing)
        #expect(await listing.pages(after: nil, within: wide).pages.count == 5)
        return (listing, link, vendor)
    }

    private static let wide = PageBudget(pages: 9, bytes: 1 << 20, milliseconds: 60_000)

    @Test func `a page that failed ahead of its turn is asked for once more`() async throws {
        let failures = Mutex(0)
        let (listing, _, vendor) = try await Self.fivePages { number in
            let fails = failures.withLock { failures in
                guard number == 2, failures > 0 else { return false }
                failures -= 1
                return true
            }
            return fails ? .json(500, ["error": "no"]) : nil
        }
        for (count, pages) in [(1, 5), (2, 1)] {
            failures.withLock { $0 = count }
            let before = vendor.calls.count
            let stretch = await listing.pages(after: nil, within: Self.wide)
            #expect(stretch.pages.count == pages)
            #expect(stretch.error?.kind == (pages == 5 ? nil : .unavailable))
            #expect(vendor.calls.dropFirst(before).count { $0.hasSuffix("page=2") } == 2)
        }
    }

    @Test func `a vendor that is up again is read to the end, however long the breaker was open`() async throws {
        let clock = VendorLinkTests.StandingClock()
        let isDown = Mutex(false)
        let (listing, link, _) = try await Self.fivePages(clock: clock) { _ in
            isDown.withLock(\.self) ? .json(500, ["error": "no"]) : nil
        }
        // Which of two requests comes first is chance.
        for _ in 0..<20 {
            isDown.withLock { $0 = true }
            for _ in 0..<5 { _ = await listing.pages(after: nil, within: Self.wide) }
            #expect(link.status.breaker == .open)
            isDown.withLock { $0 = false }
            try await clock.sleep(for: .seconds(60))
            let stretch = await listing.pages(after: nil, within: Self.wide)
            #expect(stretch.error == nil)
            #expect(stretch.pages.count == 5)
        }
    }

    @Test func `a delta asks from the start of the last run, less the overlap, while either list has more`()
        async throws
    {
        let (adapter, vendor) = Self.adapter { (request, _) in
            request.url.contains("page=1")
                ? .text(200, #"{"updated":[],"deleted":["1555",1233],"has_more":true}"#)
                : .text(200, #"{"updated":[{"id":"100"}],"deleted":[],"has_more":false}"#)
        }
        let delta = try #require(adapter.delta)
        let mark = try await delta.mark(now: Self.now)
        #expect(mark == Cursor("1744797148"))
        let first = try await delta.changes(since: mark, after: nil, now: Self.now)
        #expect(first.deleted == ["1555", "1233"])
        #expect(first.mark == nil)
        let second = try await delta.changes(since: mark, after: first.next, now: Self.now)
        #expect(try second.readThrough().records.map(\.vendorID) == ["100"])
        #expect(second.mark == Cursor("1744797148"))
        #expect(vendor.calls.last == "GET /contacts/delta?limit=100&page=2&timestamp=1744797148")
    }

    @Test(arguments: [400, 404, 410])
    func `a token that has expired in words is renewed, whatever the status`(status: Int) async throws {
        let (adapter, vendor) = Self.adapter { (request, _) in
            if request.url.hasSuffix("/token") { return .json(200, ["token": "NEW"]) }
            return request.fields["Authorization"] == "Bearer NEW"
                ? .text(200, #"{"contacts":[],"has_more":false}"#) : .text(status, #"{"error":"token has expired"}"#)
        }
        _ = try await #require(adapter.listing).contacts(after: nil)
        #expect(vendor.calls.count == 4)
    }

    @Test func `a refused token is renewed once`() async throws {
        let (adapter, vendor) = Self.adapter { (request, number) in
            if request.url.hasSuffix("/token") { return .json(200, ["token": "NEW"]) }
            return request.fields["Authorization"] == "Bearer NEW"
                ? .text(200, #"{"contacts":[],"has_more":false}"#) : .text(401, #"{"error":"expired"}"#)
        }
        _ = try await #require(adapter.listing).contacts(after: nil)
        #expect(vendor.calls.filter { $0 == "GET /token" }.count == 2)
    }

    @Test func `a JWT's end is read where it has one`() {
        let payload = "eyJleHAiOjE3NDQ3OTcyNjh9"  // {"exp":1744797268}
        #expect(ContactSourceClient.lifetime(ofJWT: "e30.\(payload).x", now: Self.now) == .seconds(60))
        #expect(ContactSourceClient.lifetime(ofJWT: "e30.e30.x", now: Self.now) == nil)
        #expect(ContactSourceClient.lifetime(ofJWT: "opaque", now: Self.now) == nil)
    }

    static let oddities: [(answer: ClientResponse, says: String)] = [
        (.text(200, "<!doctype html><p>hello"), "HTML"),
        (.text(200, #"{"contacts":[{"id":"1"}"#), "breaks off"),
        (.text(200, #"{"contacts":[],"has_more":true}"#), "empty"),
        (.text(200, #"{"contacts":[{"id":"1"}]}"#), "has_more"),
        (.text(200, #"{"error":"tenant is locked"}"#), "tenant is locked"),
        (.json(400, ["error": "bad page"]), "bad page"),
        (ClientResponse(status: 301), "redirect"),
    ]

    @Test(arguments: oddities.indices)
    func `an odd answer fails with words`(index: Int) async throws {
        let (answer, says) = Self.oddities[index]
        let (adapter, _) = Self.adapter { (_, _) in answer }
        let listing = try #require(adapter.listing)
        let error = await failure { () async throws(VendorError) in try await listing.contacts(after: nil) }
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "no error")")
    }

    @Test func `a page that repeats the one before and promises more is an error`() async throws {
        let (adapter, _) = Self.adapter { (_, _) in .text(200, #"{"contacts":[{"id":"1"}],"has_more":true}"#) }
        let listing = try #require(adapter.listing)
        let first = try await listing.contacts(after: nil)
        let error = await failure { () async throws(VendorError) in try await listing.contacts(after: first.next) }
        #expect(error?.kind == .malformed)
    }
}
