//  Real contacts through the whole program: simulators hold them, the gateway reads them, clients get them by REST.

import Glibc
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct RealContactsTests {
    /// One connection: its vendor, the file that the vendor holds, and the rest of its settings.
    private struct Link {
        let id: String
        let vendor: String
        let file: String
        let more: String
    }

    private static let links = [
        Link(id: "pbx", vendor: "portsip", file: "us-congress", more: #""credentials": {"token": "portsip-token"}"#),
        Link(
            id: "erp",
            vendor: "contact-source",
            file: "us-congress",
            more: #""credentials": {"client_id": "test_id", "client_secret": "test_secret"}"#
        ),
        Link(
            id: "crm",
            vendor: "activecampaign",
            file: "us-states-a-to-l",
            more: #"""
                "credentials": {"api_token": "activecampaign-token"},
                "fields": {"organization": "4", "title": "5", "notes": "21", "addresses": "22"}
                """#
        ),
    ]

    @Test(.enabled(if: SharedFiles.areHere))
    func `real contacts of three vendors arrive complete and equal field by field`() async throws {
        var simulators: [Running] = []
        var connections: [String] = []
        for link in Self.links {
            let file = "\(SharedFiles.folder ?? "")/data/\(link.file).contacts.json"
            let process = try Running(["simulate", link.vendor, "--contacts", file, "--listen", "127.0.0.1:0"])
            let line = await process.line("simulator.listening")
            let address = try #require(line?["address"]?.stringValue, "\(process.lines)")
            simulators.append(process)
            connections.append(
                #"{"id": "\#(link.id)", "vendor": "\#(link.vendor)", "base_url": "http://\#(address)", \#(link.more)}"#
            )
        }
        let gateway = try await RunningGateway(
            RunningGateway.config(connections: connections.joined(separator: ",\n"))
        )
        for link in Self.links {
            let synced = try await gateway.eventually("/v1/connections/\(link.id)", within: 120) {
                $0.json["synced_at"]?.stringValue != nil
            }
            #expect(synced, "\(link.id)")
            let given = try #require(
                try JSONValue(parsing: SharedFiles.bytes("data/\(link.file).contacts.json")).arrayValue
            )
            let held = try await everything(of: link.id, gateway)
            #expect(held.count == given.count, "\(link.id)")
            var addresses: Set<String> = []
            for (place, contact) in given.enumerated() {
                let email = contact["emails"]?.arrayValue?.first?["address"]?.stringValue?.lowercased()
                // An e-mail is unique at ActiveCampaign: the second of two legislators with one office has none there.
                let sharesEmail = link.id == "crm" && email.map { !addresses.insert($0).inserted } ?? false
                // ActiveCampaign's ids are numbers, given in the order of the file.
                let id = link.id == "crm" ? String(place + 1) : contact["vendor_id"]?.stringValue ?? ""
                let got = try #require(held[id], "\(link.id) \(id)")
                for field in Expected.fields(at: link.vendor) where !(sharesEmail && field.name == "emails") {
                    #expect(
                        field.value(got) == Expected.normal(field.expected(contact)),
                        "\(link.id) \(id) \(field.name)"
                    )
                }
            }
        }
        for simulator in simulators { simulator.signal(SIGTERM) }
        #expect(await gateway.stop() == 0)
    }

    /// Every contact of a connection by its `vendor_id`, page by page.
    private func everything(of connection: String, _ gateway: RunningGateway) async throws -> [String: JSONValue] {
        var contacts: [String: JSONValue] = [:]
        var path = "/v1/contacts?connection=\(connection)&limit=500"
        while true {
            let answer = try await gateway.call(.get, path)
            #expect(answer.status == 200)
            for contact in answer.json["items"]?.arrayValue ?? [] {
                contacts[contact["vendor_id"]?.stringValue ?? ""] = contact
            }
            guard let next = answer.json["next"]?.stringValue else { return contacts }
            path = "/v1/contacts?connection=\(connection)&limit=500&after=\(next)"
        }
    }
}

/// What of a given contact each vendor can hold.
private enum Expected {
    /// One thing to compare.
    struct Field {
        let name: String
        let expected: (JSONValue) -> JSONValue
        let value: (JSONValue) -> JSONValue
    }

    static func fields(at vendor: String) -> [Field] {
        switch vendor {
        case "portsip":
            [
                text("name", limit: 64) { .optional(wholeName($0)) },
                text("organization", limit: 128) { $0["organization"] },
                text("title", limit: 128) { $0["title"] }, text("notes", limit: 1024) { $0["notes"] },
                first("emails", "address"), first("addresses", "full", limit: 128),
                Field(name: "phones", expected: slotted, value: { sorted(numbers($0)) }),
            ]
        case "contact-source":
            [
                text("given") { $0["name"]?["given"] }, text("surname") { $0["name"]?["surname"] },
                text("organization") { $0["organization"] },
                Field(
                    name: "emails",
                    expected: { list($0, "emails", "address") },
                    value: { list($0, "emails", "address") }
                ),
                Field(
                    name: "phones",
                    expected: { list($0, "phones", "number") },
                    value: { list($0, "phones", "number") }
                ),
                Field(
                    name: "labels",
                    expected: { .array(labels($0).map { .string($0.hasSuffix("fax") ? "fax" : $0) }) },
                    value: { .array(labels($0).map { .string($0) }) }
                ),
                Field(
                    name: "lifecycle",
                    expected: { given in given["lifecycle"]?.stringValue == "lead" ? "lead" : "customer" },
                    value: { $0["lifecycle"] ?? .null }
                ),
            ]
        default:
            [
                text("given") { $0["name"]?["given"] }, text("surname") { $0["name"]?["surname"] },
                text("organization") { $0["organization"] }, text("title") { $0["title"] },
                text("notes") { $0["notes"] }, first("emails", "address"), first("phones", "number"),
                first("addresses", "full"),
            ]
        }
    }

    /// Null, missing and empty are the same.
    static func normal(_ value: JSONValue) -> JSONValue { value == "" ? .null : value }

    private static func text(_ name: String, limit: Int = .max, _ path: @escaping (JSONValue) -> JSONValue?) -> Field {
        Field(
            name: name,
            expected: { .optional(path($0)?.stringValue.map { cut($0, limit) }) },
            value: { .optional(path($0)?.stringValue) }
        )
    }

    /// The whole name; some of the file's contacts have its parts only.
    private static func wholeName(_ contact: JSONValue) -> String? {
        let name = contact["name"]
        if let full = name?["full"]?.stringValue { return full }
        return ["prefix", "given", "middle", "surname", "suffix"].compactMap { name?[$0]?.stringValue }
            .joined(separator: " ")
    }

    private static func first(_ name: String, _ member: String, limit: Int = .max) -> Field {
        text(name, limit: limit) { $0[name]?.arrayValue?.first?[member] }
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        text.unicodeScalars.count <= limit ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
    }

    private static func list(_ contact: JSONValue, _ name: String, _ member: String) -> JSONValue {
        .array(contact[name]?.arrayValue?.compactMap { $0[member] } ?? [])
    }

    private static func labels(_ contact: JSONValue) -> [String] {
        contact["phones"]?.arrayValue?.map { $0["label"]?.stringValue ?? "other" } ?? []
    }

    private static func numbers(_ contact: JSONValue) -> [String] {
        contact["phones"]?.arrayValue?.compactMap { $0["number"]?.stringValue } ?? []
    }

    private static func sorted(_ numbers: [String]) -> JSONValue { .array(numbers.sorted().map { .string($0) }) }

    /// PortSIP has two places for mobile, work and home, one for each fax and one for other; a plain fax goes to work.
    private static func slotted(_ contact: JSONValue) -> JSONValue {
        let room = ["mobile": 2, "work": 2, "home": 2, "work_fax": 1, "home_fax": 1, "other": 1]
        var taken: [String: Int] = [:]
        var kept: [String] = []
        for (label, number) in zip(labels(contact), numbers(contact)) {
            let slot = label == "fax" ? "work_fax" : label
            guard taken[slot, default: 0] < room[slot, default: 0] else { continue }
            taken[slot, default: 0] += 1
            kept.append(number)
        }
        return sorted(kept)
    }
}
