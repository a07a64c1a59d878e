//  Real contacts in bulk, where the files stand beside the repository.

import JSON
import TestSupport
import Testing

@testable import Simulators

@Suite(.enabled(if: SharedFiles.areHere))
struct RealContactsTests {
    static let cases: [(vendor: SimulatedVendor, file: String)] = [
        (.portsip, "us-congress"), (.contactSource, "us-congress"), (.activecampaign, "us-states-a-to-l"),
        (.taptalk, "us-congress"),
    ]

    @Test(arguments: cases)
    func `every contact of a file is taken in`(vendor: SimulatedVendor, file: String) throws {
        let bytes = SharedFiles.bytes("data/\(file).contacts.json")
        let contacts = try #require(try JSONValue(parsing: bytes).arrayValue)
        var settings = Simulator.Settings()
        settings.contacts = bytes
        let simulator = try Simulator(vendor, settings)
        #expect(simulator.count == contacts.count)
        if vendor == .portsip || vendor == .contactSource {
            #expect(simulator.records.map { $0["id"] } == contacts.map { $0["vendor_id"] })
        }
    }

    @Test func `no text of these contacts is longer than the PBX can hold`() throws {
        var settings = Simulator.Settings()
        settings.contacts = SharedFiles.bytes("data/us-congress.contacts.json")
        let contacts = try #require(try JSONValue(parsing: settings.contacts ?? []).arrayValue)
        let simulator = try Simulator(.portsip, settings)
        for (record, contact) in zip(simulator.records, contacts) {
            #expect(record["title"] == contact["title"])
            #expect(record["company"] == contact["organization"])
            #expect(record["notes"] == contact["notes"])
        }
    }
}
