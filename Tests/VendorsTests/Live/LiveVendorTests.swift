//  Every adapter against the simulator of its vendor, which was written from the vendor's pages alone.

import Contacts
import JSON
import Platform
import Simulators
import TestSupport
import Testing

@testable import Vendors

@Suite struct LiveVendorTests {
    static let readable: [SimulatedVendor] = [.portsip, .contactSource, .activecampaign]
    static let writable: [SimulatedVendor] = [.portsip, .activecampaign]

    @Test(arguments: readable)
    func `a list brings every record once`(vendor: SimulatedVendor) async throws {
        try await LiveVendor.run(vendor, count: 325) { live in
            let records = try await live.listed()
            #expect(records.count == 325)
            #expect(Set(records.map(\.vendorID)) == Set(live.simulator.records.compactMap { $0["id"]?.stringValue }))
        }
    }

    @Test(arguments: readable)
    func `a record means what the vendor holds`(vendor: SimulatedVendor) async throws {
        try await LiveVendor.run(vendor) { live in
            let id = try live.simulator.add([
                "vendor_id": "77", "name": ["given": "Ada", "surname": "Abara"], "organization": "Example Works",
                "phones": [["number": "+12015550100", "label": "mobile"]],
                "emails": [["address": "ada@example.com", "label": "work"]], "lifecycle": "lead",
            ])
            let record = try #require(try await live.listed().first)
            #expect(record.vendorID == id)
            let content = try live.content(of: record).normalised(vendorID: id, region: "US")
            #expect(content.name.full == "Ada Abara")
            #expect(content.organization == "Example Works")
            #expect(content.emails.map(\.address) == ["ada@example.com"])
            #expect(content.phones == [ContactPhone(number: "+12015550100", label: .mobile, e164: "+12015550100")])
        }
    }

    @Test(arguments: readable)
    func `a delta brings what changed after its mark`(vendor: SimulatedVendor) async throws {
        try await LiveVendor.run(vendor) { live in
            for id in ["1", "2", "3"] { try live.simulator.add(Self.contact(id)) }
            let mark = try await #require(live.adapter.delta).mark(now: .now())
            let ids = live.simulator.records.compactMap { $0["id"]?.stringValue }
            try live.simulator.patch(ids[0], .object([JSONMember(Self.nameMember(vendor), "Changed")]))
            let added = try live.simulator.add(Self.contact("4"))
            try live.simulator.remove(ids[1])
            let changes = try await live.changes(since: mark)
            let seen = Set(changes.records.map(\.vendorID))
            #expect(seen.isSuperset(of: [ids[0], added]))
            #expect(!seen.contains(ids[1]))
            if live.adapter.capabilities.deletes == .native { #expect(changes.deleted == [ids[1]]) }
            #expect(changes.mark != nil)
        }
    }

    @Test func `deletes of ActiveCampaign are found by walking the ids`() async throws {
        try await LiveVendor.run(.activecampaign, count: 230) { live in
            let finding = try #require(live.adapter.deletes)
            try live.simulator.remove("17")
            var ids: [String] = []
            var cursor: Cursor?
            repeat {
                let page = try await finding.ids(after: cursor)
                ids += page.ids
                cursor = page.next
            } while cursor != nil
            #expect(ids.count == 229)
            #expect(!ids.contains("17"))
            #expect(try await finding.isGone(vendorID: "17"))
            #expect(try await !finding.isGone(vendorID: "18"))
        }
    }

    @Test(arguments: writable)
    func `create, update and delete reach the vendor and read back as sent`(vendor: SimulatedVendor) async throws {
        try await LiveVendor.run(vendor) { live in
            let writing = try #require(live.adapter.writing)
            var content = ContactContent()
            content.name = ContactName(full: "Ada Abara", given: "Ada", surname: "Abara")
            content.organization = "Example Works"
            content.title = "Buyer"
            content.notes = "Ünïcode \"quoted\"\nsecond line"
            content.emails = [ContactEmail(address: "ada@example.com", label: .work)]
            content.phones = [ContactPhone(number: "+12015550100", label: .mobile)]
            let made = try await writing.create(live.projection(of: content))
            let record = try #require(try await live.listed().first)
            #expect(record.vendorID == made.vendorID)
            let back = try live.adapter.mapping.merge(record.bytes, previous: made.bytes, into: content).content
            #expect(back == content)

            var changed = content
            changed.title = nil
            changed.emails = [ContactEmail(address: "abara@example.com", label: .work)]
            let projection = live.adapter.mapping.project(
                changed,
                vendorID: made.vendorID,
                previous: Array(record.bytes),
                touched: [.title, .emails]
            )
            let updated = try await writing.update(vendorID: made.vendorID, to: projection)
            let now = try #require(try await live.listed().first)
            #expect(
                try live.adapter.mapping.merge(now.bytes, previous: updated.bytes, into: changed).content == changed
            )
            #expect(
                try live.adapter.mapping.merge(now.bytes, previous: Array(record.bytes), into: content).content
                    == changed
            )
            #expect(live.simulator.count == 1)

            try await writing.delete(vendorID: made.vendorID, record: Array(now.bytes))
            #expect(live.simulator.count == 0)
            try await writing.delete(vendorID: made.vendorID, record: nil)
        }
    }

    @Test(arguments: ["merge", "replace"])
    func `an update of a PBX contact keeps what it does not touch`(update: String) async throws {
        try await LiveVendor.run(.portsip) { live in
            try live.simulator.control(["knobs": ["update": .string(update)]])
            let id = try live.simulator.add(Self.contact("x"))
            let record = try #require(try await live.listed().first)
            var content = try live.content(of: record)
            content.title = "Director"
            let projection = live.adapter.mapping.project(
                content,
                vendorID: id,
                previous: Array(record.bytes),
                touched: [.title]
            )
            _ = try await #require(live.adapter.writing).update(vendorID: id, to: projection)
            let held = live.simulator.record(id)
            #expect(held?["title"] == "Director")
            #expect(held?["name"] == "Contact x")
            #expect(held?["mobile_phone"] == "+12015550100")
        }
    }

    @Test func `TapTalk holds the pair, its user, and no longer after a delete`() async throws {
        try await LiveVendor.run(.taptalk) { live in
            let writing = try #require(live.adapter.writing)
            var content = ContactContent()
            content.owner = "1"
            content.name = ContactName(full: "Ada Abara")
            content.phones = [ContactPhone(number: "+12015550100", label: .mobile, e164: "+12015550100")]
            let made = try await writing.create(live.projection(of: content, vendorID: "ada"))
            #expect(made.vendorID == "ada")
            #expect(live.simulator.record("1:ada")?["user"]?["fullName"] == "Ada Abara")
            #expect(live.simulator.record("1:ada")?["user"]?["phone"] == "+12015550100")
            try await writing.delete(vendorID: "ada", record: made.bytes)
            #expect(live.simulator.count == 0)
        }
    }

    @Test func `both ways of TapTalk to say no are understood`() async throws {
        try await LiveVendor.run(.taptalk) { live in
            for way in ["mirror", "always_200"] {
                try live.simulator.control(["knobs": ["http_status": .string(way), "max_batch": 1]])
                try live.simulator.control([
                    "faults": [["path": "*/contact/sync", "status": 401, "times": 0]]
                ])
                var content = ContactContent()
                content.owner = "1"
                content.name = ContactName(full: "Ada Abara")
                let projection = live.projection(of: content, vendorID: "ada")
                let error = await #expect(throws: VendorError.self) {
                    try await #require(live.adapter.writing).create(projection)
                }
                #expect(error?.kind == .unauthorized)
                try live.simulator.control(["clear": true])
            }
        }
    }

    @Test(arguments: [SimulatedVendor.portsip, .contactSource])
    func `an expired token is fetched anew`(vendor: SimulatedVendor) async throws {
        try await LiveVendor.run(vendor, count: 3) { live in
            #expect(try await live.listed().count == 3)
            try live.simulator.control(["actions": ["expire_tokens"]])
            #expect(try await live.listed().count == 3)
        }
    }

    @Test func `a forgotten sync token is a mark that expired`() async throws {
        try await LiveVendor.run(.portsip) { live in
            let mark = try await #require(live.adapter.delta).mark(now: .now())
            try live.simulator.control(["actions": ["forget_sync_tokens"]])
            let error = await #expect(throws: VendorError.self) { try await live.changes(since: mark) }
            #expect(error?.kind == .markExpired)
        }
    }

    @Test(arguments: ["both", "bare", "diff"])
    func `either path of the PBX's changes is found`(path: String) async throws {
        try await LiveVendor.run(.portsip) { live in
            try live.simulator.control(["knobs": ["diff_path": .string(path)]])
            let mark = try await #require(live.adapter.delta).mark(now: .now())
            try live.simulator.add(Self.contact("x"))
            #expect(try await live.changes(since: mark).records.map(\.vendorID) == ["x"])
        }
    }

    @Test func `an account that ignores filters is walked and compared`() async throws {
        try await LiveVendor.run(.activecampaign, count: 30) { live in
            try live.simulator.control(["knobs": ["filters": "ignored", "include": "ignored"]])
            let mark = try await #require(live.adapter.delta).mark(now: .now())
            try live.simulator.patch("7", ["firstName": "Changed"])
            #expect(try await live.changes(since: mark).records.map(\.vendorID).contains("7"))
        }
    }

    @Test func `a taken e-mail is a duplicate`() async throws {
        try await LiveVendor.run(.activecampaign) { live in
            try live.simulator.add(Self.contact("5"))
            try live.simulator.add(Self.contact("6"))
            let record = try #require(try await live.listed().last)
            var content = try live.content(of: record)
            content.emails = [ContactEmail(address: "5@example.com", label: .work)]
            let projection = live.adapter.mapping.project(
                content,
                vendorID: "6",
                previous: Array(record.bytes),
                touched: [.emails]
            )
            let error = await #expect(throws: VendorError.self) {
                try await #require(live.adapter.writing).update(vendorID: "6", to: projection)
            }
            #expect(error?.kind == .duplicate)
        }
    }

    static let broken: [(fault: JSONValue, kinds: Set<VendorError.Kind>)] = [
        (["body": "html"], [.malformed]), (["body": "cut"], [.malformed]), (["body": "empty"], [.malformed]),
        (["redirect": "http://example.com/"], [.malformed]), (["text": "[]"], [.malformed]),
        (["status": 503], [.unavailable, .throttled]), (["status": 403], [.unauthorized, .refused, .unavailable]),
        (["status": 429, "headers": ["Retry-After": "3600"]], [.throttled]),
    ]
    @Test(arguments: readable, broken)
    func `a broken answer is an error in words and never an empty list`(
        vendor: SimulatedVendor,
        broken: (fault: JSONValue, kinds: Set<VendorError.Kind>)
    ) async throws {
        try await LiveVendor.run(vendor, count: 3) { live in
            guard case .object(let members) = broken.fault else { return }
            let path = JSONMember("path", "*contacts*")
            try live.simulator.control(["faults": [.object(members + [path, JSONMember("times", 0)])]])
            let error = await #expect(throws: VendorError.self) { try await live.listed() }
            if let error {
                #expect(broken.kinds.contains(error.kind), "\(error)")
                #expect(!error.message.isEmpty)
            }
        }
    }

    static let real: [(vendor: SimulatedVendor, file: String)] = [
        (.portsip, "us-congress"), (.contactSource, "us-congress"), (.activecampaign, "us-states-a-to-l"),
    ]
    @Test(.enabled(if: SharedFiles.areHere), arguments: real)
    func `real contacts arrive complete, field by field`(vendor: SimulatedVendor, file: String) async throws {
        let bytes = SharedFiles.bytes("data/\(file).contacts.json")
        let given = try #require(try JSONValue(parsing: bytes).arrayValue)
        try await LiveVendor.run(vendor, contacts: bytes) { live in
            let records = try await live.listed()
            #expect(records.count == given.count)
            let held = Dictionary(records.map { ($0.vendorID, $0) }) { first, _ in first }
            for (place, contact) in given.enumerated() {
                // ActiveCampaign's ids are numbers, given in the order of the file.
                let id = vendor == .activecampaign ? String(place + 1) : contact["vendor_id"]?.stringValue ?? ""
                let content = try live.content(of: try #require(held[id]))
                #expect(content.organization == contact["organization"]?.stringValue)
                #expect(content.name.surname == contact["name"]?["surname"]?.stringValue || vendor == .portsip)
                let numbers = (contact["phones"]?.arrayValue ?? []).compactMap { $0["number"]?.stringValue }
                switch vendor {
                case .contactSource: #expect(content.phones.map(\.number) == numbers)
                case .activecampaign: #expect(content.phones.map(\.number) == Array(numbers.prefix(1)))
                default: #expect(Set(content.phones.map(\.number)).isSubset(of: numbers))
                }
                guard vendor != .contactSource else { continue }
                #expect(content.title == contact["title"]?.stringValue)
                #expect(content.notes == contact["notes"]?.stringValue)
                #expect(content.addresses.first?.full == contact["addresses"]?.arrayValue?.first?["full"]?.stringValue)
            }
        }
    }

    private static func nameMember(_ vendor: SimulatedVendor) -> String {
        switch vendor {
        case .portsip: "name"
        case .contactSource: "last_name"
        default: "lastName"
        }
    }

    private static func contact(_ id: String) -> JSONValue {
        [
            "vendor_id": .string(id), "name": ["full": .string("Contact \(id)")],
            "emails": [["address": .string("\(id)@example.com"), "label": "work"]],
            "phones": [["number": "+12015550100", "label": "mobile"]],
        ]
    }
}
