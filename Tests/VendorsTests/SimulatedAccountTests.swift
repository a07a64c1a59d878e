//  ActiveCampaign and TapTalk against the simulators, over real sockets.

import Config
import Contacts
import HTTPClient
import HTTPCore
import JSON
import Log
import Platform
import Testing

@testable import Simulators
@testable import Vendors

@Suite struct SimulatedAccountTests {
    /// Runs a simulator and an adapter that calls it.
    private func with(
        _ vendor: SimulatedVendor,
        _ connection: ConnectionConfig,
        _ settings: Simulator.Settings = Simulator.Settings(),
        _ body: (Simulator, any VendorAdapter) async throws -> Void
    ) async throws {
        let simulator = try Simulator(vendor, settings)
        let client = Client(log: .silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await simulator.run() }
            var connection = connection
            connection.baseURL = simulator.baseURL
            connection.limits.requestsPerSecond = 1_000_000
            let link = VendorLink(connection: connection, sender: client, log: .silent)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(simulator, VendorFactory.adapter(for: connection, link: link)))
            } catch {
                result = .failure(error)
            }
            await client.close()
            simulator.stop()
            try await group.waitForAll()
            try result.get()
        }
    }

    private var crm: ConnectionConfig {
        var connection = ConnectionConfig(id: "crm", vendor: .activecampaign)
        connection.credentials = ["api_token": Secret("activecampaign-token")]
        return connection
    }

    private func everything(_ listing: any ContactListing) async throws -> [VendorRecord] {
        var records: [VendorRecord] = []
        var cursor: Cursor?
        repeat {
            let page = try await listing.contacts(after: cursor)
            #expect(page.rejected.isEmpty)
            records += try page.readThrough().records
            cursor = page.next
        } while cursor != nil
        return records
    }

    @Test(arguments: ["honoured", "ignored"])
    func `every contact is listed once, with the same values however they are got`(include: String) async throws {
        var settings = Simulator.Settings()
        settings.count = 130
        try await with(.activecampaign, crm, settings) { simulator, adapter in
            try simulator.control(["knobs": ["requests_per_second": 0, "include": .string(include)]])
            let listing = try #require(adapter.listing)
            let records = try await everything(listing)
            #expect(records.count == 130)
            #expect(Set(records.map(\.vendorID)).count == 130)
            let again = try await everything(listing)
            #expect(again.map { Array($0.bytes) } == records.map { Array($0.bytes) })
        }
    }

    @Test(arguments: ["honoured", "ignored"])
    func `a contact is made, changed, seen in the delta and found gone`(filters: String) async throws {
        try await with(.activecampaign, crm) { simulator, adapter in
            try simulator.control(["knobs": ["requests_per_second": 0, "filters": .string(filters)]])
            let writing = try #require(adapter.writing)
            let delta = try #require(adapter.delta)
            let mark = try await delta.mark(now: .now())
            var content = ContactContent()
            content.name = ContactName(full: "Ann Lee", given: "Ann", surname: "Lee")
            content.emails = [ContactEmail(address: "ann+1@example.com", label: .work)]
            content.phones = [ContactPhone(number: "1", label: .mobile)]
            let all = Set(ContactField.allCases)
            let made = try await writing.create(
                adapter.mapping.project(content, vendorID: nil, previous: nil, touched: all)
            )
            let duplicate = await failure { () throws(VendorError) in
                try await writing.create(adapter.mapping.project(content, vendorID: nil, previous: nil, touched: all))
            }
            #expect(duplicate?.kind == .duplicate)
            content.emails[0].address = "lee@example.com"
            content.phones = []
            let projection = adapter.mapping.project(
                content,
                vendorID: made.vendorID,
                previous: made.bytes,
                touched: [.emails, .phones]
            )
            let changed = try await writing.update(vendorID: made.vendorID, to: projection)
            #expect(changed.vendorID == made.vendorID)
            let page = try await delta.changes(since: mark, after: nil, now: .now())
            #expect(page.records.map(\.vendorID) == [made.vendorID])
            #expect(page.mark != nil)
            // Our own write coming back is no change.
            let seen = try #require(page.records.first)
            #expect(try adapter.mapping.merge(seen.bytes, previous: changed.bytes, into: content).content == content)
            let deletes = try #require(adapter.deletes)
            #expect(try await deletes.ids(after: nil).ids == [made.vendorID])
            #expect(try await !deletes.isGone(vendorID: made.vendorID))
            try await writing.delete(vendorID: made.vendorID, record: nil)
            try await writing.delete(vendorID: made.vendorID, record: nil)
            #expect(try await deletes.isGone(vendorID: made.vendorID))
        }
    }

    @Test(arguments: ["mirror", "always_200"])
    func `a pair of users that the server never met is made and taken away`(status: String) async throws {
        var chat = ConnectionConfig(id: "chat", vendor: .taptalk)
        chat.credentials = ["key_id": Secret("taptalk-key"), "key_secret": Secret("taptalk-secret")]
        chat.owner = "1"
        try await with(.taptalk, chat) { simulator, adapter in
            try simulator.control(["knobs": ["http_status": .string(status)]])
            var content = ContactContent()
            content.name.full = "Ann Lee"
            let writing = try #require(adapter.writing)
            let made = try await writing.create(
                adapter.mapping.project(content, vendorID: "2", previous: nil, touched: Set(ContactField.allCases))
            )
            #expect(simulator.count == 1)
            try await writing.delete(vendorID: "2", record: made.bytes)
            #expect(simulator.count == 0)
        }
    }
}
