//  An adapter in front of a simulated vendor, over a real socket.

import Config
import Contacts
import HTTPClient
import JSON
import Log
import Platform
import Simulators
import Testing

@testable import Vendors

/// One connection to a running simulator.
struct LiveVendor: Sendable {
    let simulator: Simulator
    let adapter: any VendorAdapter

    /// The connection that the simulator's documented credentials open.
    static func connection(to simulator: Simulator) -> ConnectionConfig {
        let vendor: VendorName =
            switch simulator.vendor {
            case .portsip: .portsip
            case .contactSource: .contactSource
            case .activecampaign: .activecampaign
            case .taptalk: .taptalk
            }
        var connection = ConnectionConfig(id: "live", vendor: vendor)
        connection.baseURL = simulator.baseURL
        connection.region = "US"
        connection.credentials =
            switch vendor {
            case .portsip:
                [
                    "username": Secret("1001"), "password": Secret("portsip-password"),
                    "domain": Secret("pbx.example"),
                ]
            case .contactSource: ["client_id": Secret("test_id"), "client_secret": Secret("test_secret")]
            case .activecampaign: ["api_token": Secret("activecampaign-token")]
            case .taptalk: ["key_id": Secret("taptalk-key"), "key_secret": Secret("taptalk-secret")]
            case .local: [:]
            }
        if vendor == .activecampaign {
            connection.fields = ["organization": "4", "title": "5", "notes": "21", "addresses": "22"]
            connection.limits.requestsPerSecond = 10_000
        }
        if vendor == .taptalk { connection.owner = "1" }
        return connection
    }

    /// Runs a simulator and an adapter in front of it for as long as the body takes.
    static func run(
        _ vendor: SimulatedVendor,
        contacts: [UInt8]? = nil,
        count: Int = 0,
        _ body: (LiveVendor) async throws -> Void
    ) async throws {
        var settings = Simulator.Settings()
        settings.contacts = contacts
        settings.count = count
        let simulator = try Simulator(vendor, settings)
        if vendor == .activecampaign { try simulator.control(["knobs": ["requests_per_second": 0]]) }
        let connection = connection(to: simulator)
        let client = Client(log: .silent)
        let link = VendorLink(connection: connection, sender: client, log: .silent)
        let live = LiveVendor(simulator: simulator, adapter: VendorFactory.adapter(for: connection, link: link))
        let running = Task { try await simulator.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(live))
        } catch {
            result = .failure(error)
        }
        await client.close()
        simulator.stop()
        try await running.value
        try result.get()
    }

    /// Every record of the list, page by page.
    func listed() async throws -> [VendorRecord] {
        let listing = try #require(adapter.listing)
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

    /// Everything that changed since the mark, and the next mark.
    func changes(since mark: Cursor) async throws -> (records: [VendorRecord], deleted: [String], mark: Cursor?) {
        let delta = try #require(adapter.delta)
        var records: [VendorRecord] = []
        var deleted: [String] = []
        var cursor: Cursor?
        var next: Cursor?
        let now = Timestamp.now()
        repeat {
            let page = try await delta.changes(since: mark, after: cursor, now: now)
            records += try page.readThrough().records
            deleted += page.deleted
            cursor = page.next
            next = page.mark ?? next
        } while cursor != nil
        return (records, deleted, next)
    }

    /// What a contact that was never seen before becomes.
    func content(of record: VendorRecord) throws -> ContactContent {
        try adapter.mapping.merge(record.bytes, previous: nil, into: nil).content
    }

    /// A contact's projection for a create.
    func projection(of content: ContactContent, vendorID: String? = nil) -> Projection {
        adapter.mapping.project(content, vendorID: vendorID, previous: nil, touched: Set(ContactField.allCases))
    }
}
