//  One trace from a client through a write to the vendor and on to a webhook; and what the log says of it all.

import Glibc
import HTTPClient
import HTTPCore
import JSON
import Platform
import Testing

@Suite(.timeLimit(.minutes(3))) struct TraceTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let traceparent = "00-\(id)-00f067aa0ba902b7-01"

    /// A listener that the gateway's webhook is pointed at.
    private func listener(_ gateway: RunningGateway) async throws -> Running {
        let url = #"{"url": "http://127.0.0.1:9/", "events": ["contact.*"], "enabled": false}"#
        let registered = try await gateway.call(.post, "/v1/webhooks", url)
        let id = try #require(registered.json["id"]?.stringValue)
        let secret = try #require(registered.json["secret"]?.stringValue)
        let listener = try Running(["listen", "--listen", "127.0.0.1:0", "--secret", secret])
        let address = try #require(await listener.line("listener.listening")?["address"]?.stringValue)
        let patch = #"{"url": "http://\#(address)/", "enabled": true}"#
        #expect(try await gateway.call(.patch, "/v1/webhooks/\(id)", patch).status == 200)
        return listener
    }

    @Test func `a request's trace goes to the vendor and with the webhook, each time as a span of its own`()
        async throws
    {
        let vendor = try Running(["simulate", "portsip", "--listen", "127.0.0.1:0"])
        let address = try #require(await vendor.line("simulator.listening")?["address"]?.stringValue)
        let gateway = try await RunningGateway(RunningGateway.config(connections: MainJobTests.pbx(address)))
        let listener = try await listener(gateway)
        let body = #"{"connection": "pbx", "name": {"full": "Ann Lee"}}"#
        let fields: HeaderFields = ["traceparent": Self.traceparent]
        #expect(try await gateway.call(.post, "/v1/contacts", body, fields: fields).status == 201)
        #expect(await gateway.process.line("webhook.attempted")?["trace_id"]?.stringValue == Self.id)
        let request = gateway.process.lines.first { $0["route"] == "/v1/contacts" && $0["method"] == "POST" }
        #expect(request?["trace_id"]?.stringValue == Self.id)

        let told = try #require(
            listener.output.split(separator: "\n").first.map { try JSONValue(parsing: Array($0.utf8)) }
        )
        let spans = try await [told["traceparent"]] + calls(of: address, gateway).map { $0["traceparent"] }
        let ours = spans.compactMap { $0?.stringValue }.filter { $0.contains(Self.id) }
        #expect(ours.count == 2, "\(spans)")
        #expect(Set(ours).count == 2)
        #expect(ours.allSatisfy { $0.hasPrefix("00-\(Self.id)-") && $0.hasSuffix("-01") && $0 != Self.traceparent })

        // A run has a trace of its own, the same on its line and on its calls.
        let run = await gateway.process.line("sync.ended")?["trace_id"]?.stringValue
        #expect(spans.contains { $0?.stringValue?.contains(run ?? "-") == true })
        #expect(run != Self.id)

        let invalid: HeaderFields = ["traceparent": Self.traceparent.uppercased()]
        #expect(try await gateway.call(.get, "/v1/contacts", fields: invalid).status == 200)
        #expect(!gateway.process.lines.contains { $0["method"] == "GET" && $0["trace_id"] != nil })
        #expect(await gateway.stop() == 0)
    }

    private func calls(of simulator: String, _ gateway: RunningGateway) async throws -> [JSONValue] {
        let request = ClientRequest(method: .get, url: "http://\(simulator)/_simulate/requests")
        let answer = try await JSONValue(parsing: gateway.client.send(request).body)
        return answer["items"]?.arrayValue ?? []
    }

    /// Everything that must not be in a log: keys, credentials, secrets, names, numbers, addresses.
    @Test func `at level debug no line of the main job holds a secret or a contact's data`() async throws {
        let source = try Running([
            "simulate", "contact-source", "--count", "20", "--seed", "7", "--listen", "127.0.0.1:0",
        ])
        let pbx = try Running(["simulate", "portsip", "--listen", "127.0.0.1:0"])
        let erpAddress = try #require(await source.line("simulator.listening")?["address"]?.stringValue)
        let pbxAddress = try #require(await pbx.line("simulator.listening")?["address"]?.stringValue)
        let config = RunningGateway.config(
            connections: "\(MainJobTests.source(erpAddress)), \(MainJobTests.pbx(pbxAddress))",
            more: #", "server": { "log_level": "debug" }"#
        )
        let gateway = try await RunningGateway(config)
        let listener = try await listener(gateway)
        let body = #"""
            {"connection": "pbx", "name": {"full": "Zephyrine Quillfeather"}, "notes": "tells nobody anything",
             "phones": [{"number": "2025550173", "label": "work"}], "emails": [{"address": "zephyrine@quill.example"}]}
            """#
        let created = try await gateway.call(.post, "/v1/contacts", body)
        #expect(created.status == 201, "\(created.json)")
        let id = try #require(created.json["id"]?.stringValue)
        let queries = ["lookup?phone=2025550173", "lookup?email=zephyrine@quill.example", "contacts?q=Zephyrine"]
        for query in queries { #expect(try await gateway.call(.get, "/v1/\(query)").status == 200) }
        let again = try await gateway.call(.post, "/v1/contacts/upsert", #"{"match": "phone", "contact": \#(body)}"#)
        #expect(again.status == 200, "\(again.json)")
        #expect(try await gateway.call(.get, "/v1/contacts", key: "a-wrong-key-of-somebody").status == 401)
        #expect(
            try await gateway.eventually("/v1/contacts?connection=erp&limit=1000") {
                $0.json["items"]?.arrayValue?.count == 20
            }
        )
        // Refused data, a body that breaks off, a vendor that is gone, and a configuration with a secret that is none.
        let wrong = body.replacing("2025550173", with: String(repeating: "2025550173", count: 20))
        _ = try await gateway.call(.post, "/v1/contacts", wrong, fields: ["Prefer": "handling=strict"])
        #expect(try await gateway.call(.post, "/v1/contacts", String(body.dropLast(9))).status == 400)
        pbx.signal(SIGKILL)
        _ = await pbx.exitCode()
        #expect(try await gateway.call(.patch, "/v1/contacts/\(id)", #"{"title": "Quillmaster"}"#).status == 503)
        let queued = #"{"notes": "Quillmaster"}"#
        let later: HeaderFields = ["Prefer": "respond-async"]
        #expect(try await gateway.call(.patch, "/v1/contacts/\(id)", queued, fields: later).status == 202)
        try gateway.configure(config.replacing(#""read-key""#, with: #"["read-key"]"#))
        #expect(await gateway.process.line("config.rejected") != nil)
        _ = await gateway.process.line("webhook.attempted", 21)
        let items = try await gateway.call(.get, "/v1/contacts?limit=1000").json["items"]?.arrayValue ?? []
        #expect(await gateway.stop() == 0)

        var words = [
            "all-key", "read-key", "blind-key", "a-wrong-key-of-somebody", "portsip-token", "test_secret", "whsec_",
            "Zephyrine", "Quill", "2025550173", "tells nobody",
        ]
        for item in items {
            let name = item["name"]?["full"]?.stringValue ?? ""
            let phones = item["phones"]?.arrayValue?.compactMap { $0["number"]?.stringValue } ?? []
            let emails = item["emails"]?.arrayValue?.compactMap { $0["address"]?.stringValue } ?? []
            words += [name] + phones + emails
        }
        words = words.filter { $0.utf8.count > 4 }
        #expect(words.count > 60)
        #expect(gateway.process.lines.count > 50)
        let levels = Set(gateway.process.lines.compactMap { $0["level"]?.stringValue })
        #expect(levels.isSuperset(of: ["debug", "info", "warning"]), "\(levels)")
        for line in gateway.process.lines {
            let text = String(decoding: line.encoded(), as: UTF8.self)
            #expect(line.objectValue != nil, "\(text)")
            for word in words { #expect(!text.contains(word), "\(word) in \(text)") }
        }
        #expect(!listener.output.isEmpty)
    }
}
