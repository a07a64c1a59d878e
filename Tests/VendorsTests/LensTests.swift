//  The two laws of a lens, for every vendor with the same generated contacts; and the vendor that has no wire at all.

import Config
import Contacts
import Log
import Testing

@testable import Vendors

struct LensTests {
    static let all = Set(ContactField.allCases)

    static func mapping(of vendor: VendorName) -> any ContactMapping {
        let connection = ConnectionConfig(id: "x", vendor: vendor)
        let link = VendorLink(connection: connection, sender: FakeVendor { (_, _) in .text(500, "") }, log: .silent)
        return VendorFactory.adapter(for: connection, link: link).mapping
    }

    /// A contact that every vendor can hold: ActiveCampaign wants an e-mail, TapTalk an owner.
    static func content(_ random: inout SeededRandom) -> ContactContent {
        var content = Generated.content(&random).normalised(vendorID: "7", region: nil)
        if content.emails.isEmpty { content.emails = [ContactEmail(address: "a@example.com", label: .work)] }
        content.owner = "1"
        return content
    }

    @Test(arguments: VendorName.allCases, 0..<60)
    func `what we said, coming back, changes nothing`(vendor: VendorName, seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let mapping = Self.mapping(of: vendor)
        let content = Self.content(&random)
        let said = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all).bytes
        #expect(try mapping.merge(said[...], previous: said, into: content).content == content)
    }

    @Test(arguments: VendorName.allCases, 0..<60)
    func `what the vendor changed goes back with the same meaning`(vendor: VendorName, seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let mapping = Self.mapping(of: vendor)
        let content = Self.content(&random)
        let said = mapping.project(content, vendorID: "7", previous: nil, touched: Self.all).bytes
        // The vendor's side as some other contact would have it.
        let now = mapping.project(Self.content(&random), vendorID: "7", previous: nil, touched: Self.all).bytes
        let merged = try mapping.merge(now[...], previous: said, into: content).content
        let again = mapping.project(merged, vendorID: "7", previous: now, touched: []).bytes
        #expect(try mapping.merge(again[...], previous: now, into: merged).content == merged)
    }

    @Test func `the local book takes every write and keeps the id that was chosen`() async throws {
        let adapter = LocalAdapter()
        let writing = try #require(adapter.writing)
        let mapping = adapter.mapping
        let chosen = mapping.project(ContactContent(), vendorID: "a\"b", previous: nil, touched: Self.all)
        #expect(try await writing.create(chosen).vendorID == "a\"b")
        let none = mapping.project(ContactContent(), vendorID: nil, previous: nil, touched: Self.all)
        #expect(try await writing.create(none).vendorID == "")
        #expect(try await writing.update(vendorID: "x", to: none).vendorID == "x")
        try await writing.delete(vendorID: "x", record: nil)
        #expect(adapter.listing == nil)
        #expect(adapter.capabilities.storeIsTruth)
    }
}
