//  Adapters against vendors that misbehave in the ways that their pages leave open.

import Contacts
import JSON
import Platform
import Simulators
import Testing

@testable import Vendors

@Suite struct LiveFaultTests {
    private static let person: ContactContent = {
        var content = ContactContent()
        content.name = ContactName(full: "Ada Abara", given: "Ada", surname: "Abara")
        content.emails = [ContactEmail(address: "ada@example.com", label: .work)]
        return content
    }()

    @Test(arguments: [SimulatedVendor.portsip, .activecampaign], ["close", "half"])
    func `a create whose answer is lost does not make a second record`(vendor: SimulatedVendor, body: String)
        async throws
    {
        try await LiveVendor.run(vendor, count: 120) { live in
            try live.simulator.control([
                "faults": [["method": "POST", "path": "*/contact*", "body": .string(body), "apply": true]]
            ])
            let writing = try #require(live.adapter.writing)
            do throws(VendorError) {
                let made = try await writing.create(live.projection(of: Self.person))
                #expect(live.simulator.record(made.vendorID) != nil)
            } catch {
                #expect(error.kind == .ambiguous)
            }
            #expect(live.simulator.count == 121)
        }
    }

    @Test(arguments: ["oauth", "json"])
    func `either sign-in of the PBX is found`(login: String) async throws {
        try await LiveVendor.run(.portsip, count: 3) { live in
            try live.simulator.control(["knobs": ["login": .string(login)]])
            #expect(try await live.listed().count == 3)
        }
    }

    @Test func `a second factor is an error in words`() async throws {
        try await LiveVendor.run(.portsip, count: 3) { live in
            try live.simulator.control(["knobs": ["two_factor": true, "login": "json"]])
            let error = await #expect(throws: VendorError.self) { try await live.listed() }
            #expect(error?.kind == .unauthorized)
        }
    }

    @Test func `a list that drifts is noticed`() async throws {
        try await LiveVendor.run(.portsip, count: 250) { live in
            try live.simulator.control(["knobs": ["list_drift": 1]])
            do {
                let ids = Set(try await live.listed().map(\.vendorID))
                // Either the adapter listed again, or the caller sees from the total that something is missing.
                #expect(ids.count == 250 || live.simulator.count > ids.count)
            } catch let error as VendorError {
                #expect(error.kind == .malformed || error.isRetryable)
            }
        }
    }

    @Test func `a source that promises more for ever is stopped`() async throws {
        try await LiveVendor.run(.contactSource, count: 30) { live in
            try live.simulator.control(["knobs": ["has_more": "always"]])
            let error = await #expect(throws: VendorError.self) { try await live.listed() }
            #expect(error?.kind == .malformed)
        }
    }

    @Test(arguments: ["jwt", "jwt_without_exp", "opaque"])
    func `any form of token will do`(form: String) async throws {
        try await LiveVendor.run(.contactSource, count: 3) { live in
            try live.simulator.control(["knobs": ["token_form": .string(form)]])
            #expect(try await live.listed().count == 3)
        }
    }

    @Test func `odd labels become other and odd types customer`() async throws {
        try await LiveVendor.run(.contactSource) { live in
            try live.simulator.add([
                "vendor_id": "1", "name": ["given": "Ada", "surname": "Abara"], "lifecycle": "customer",
                "phones": [["number": "1", "label": "fax"], ["number": "2", "label": "mobile"]],
            ])
            try live.simulator.control(["knobs": ["odd_labels": true]])
            let content = try live.content(of: try #require(try await live.listed().first))
            #expect(content.phones.map(\.label) == [.other, .mobile])
            #expect(content.lifecycle == .customer)
        }
    }

    @Test func `a broken record does not stop the others`() async throws {
        try await LiveVendor.run(.contactSource, count: 3) { live in
            try live.simulator.patch("101", ["last_name": .null])
            let records = try await live.listed()
            #expect(records.count == 3)
            let bad = records.filter { (try? live.content(of: $0)) == nil }
            #expect(bad.map(\.vendorID) == ["101"])
        }
    }

    @Test(arguments: [429, 503])
    func `a throttled account is waited for`(status: Int) async throws {
        try await LiveVendor.run(.activecampaign, count: 30) { live in
            try live.simulator.control([
                "knobs": [
                    "requests_per_second": 5, "throttle_status": .int(status), "retry_after": 1,
                ]
            ])
            for _ in 0..<4 { #expect(try await live.listed().count == 30) }
        }
    }

    @Test func `a phone-only contact is read, and can be changed`() async throws {
        try await LiveVendor.run(.activecampaign) { live in
            let id = try live.simulator.add(["name": ["full": "Only Phone"], "phones": [["number": "123"]]])
            let record = try #require(try await live.listed().first)
            var content = try live.content(of: record)
            #expect(content.emails.isEmpty)
            content.phones[0].number = "124"
            let projection = live.adapter.mapping.project(
                content,
                vendorID: id,
                previous: Array(record.bytes),
                touched: [.phones]
            )
            _ = try await #require(live.adapter.writing).update(vendorID: id, to: projection)
            #expect(live.simulator.record(id)?["phone"] == "124")
        }
    }
}
