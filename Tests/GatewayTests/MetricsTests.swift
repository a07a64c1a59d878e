//  `/metrics` of the running program: what Prometheus reads, and that it tells what happened.

import API
import Config
import Glibc
import HTTPClient
import HTTPCore
import JSON
import Metrics
import Platform
import Testing

@testable import Gateway

/// A scrape, taken apart.
struct Scraped {
    let text: String
    let contentType: String?

    init(_ gateway: RunningGateway, key: String = "read-key") async throws {
        let request = ClientRequest(
            method: .get,
            url: gateway.base + "/metrics",
            fields: ["Authorization": "Bearer \(key)"]
        )
        let response = try await gateway.client.send(request)
        try #require(response.status == 200)
        text = String(decoding: response.body, as: UTF8.self)
        contentType = response.fields["Content-Type"]
    }

    /// The value of a sample, written as it stands in the text: `name{label="value"}`.
    func value(_ sample: String) -> Double? {
        lines.first { $0.hasPrefix(sample + " ") }.flatMap { Double($0.dropFirst(sample.utf8.count + 1)) }
    }

    /// Every sample of that family.
    func samples(_ name: String) -> [Substring] {
        lines.filter { $0.hasPrefix("\(name){") || $0.hasPrefix("\(name) ") }
    }

    var lines: [Substring] { text.split(separator: "\n") }
}

@Suite(.timeLimit(.minutes(3))) struct MetricsTests {
    private static let hasPromtool = access("/usr/bin/promtool", X_OK) == 0

    @Test func `a scrape needs a key with the scope read, and is Prometheus text`() async throws {
        let gateway = try await RunningGateway()
        #expect(try await gateway.call(.get, "/metrics", key: nil).status == 401)
        let scraped = try await Scraped(gateway)
        #expect(scraped.contentType == "text/plain; version=0.0.4; charset=utf-8")
        try Self.check(scraped)
        #expect(await gateway.stop() == 0)
    }

    /// The rules of the format that a program can break: one HELP and TYPE before the samples of a family, no sample
    /// twice, histograms that add up.
    private static func check(_ scraped: Scraped) throws {
        var types: [Substring: Substring] = [:]
        var family: Substring = ""
        var seen: Set<Substring> = []
        var below = (series: Substring(), count: 0.0)
        for line in scraped.lines {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# TYPE ") {
                family = words[2]
                #expect(types.updateValue(words[3], forKey: family) == nil, "\(family) twice")
                continue
            }
            if line.hasPrefix("# HELP ") { continue }
            let end = try #require(line.lastIndex(of: " "))
            let (name, value) = (line[..<end], try #require(Double(line[line.index(after: end)...])))
            #expect(seen.insert(name).inserted, "\(name) twice")
            let bare = name.prefix { $0 != "{" }
            let isHistogram = types[family] == "histogram"
            let own = ["_bucket", "_sum", "_count"].map { "\(family)\($0)" }
            #expect(isHistogram ? own.contains(String(bare)) : bare == family, "\(line)")
            #expect(value >= 0)
            guard isHistogram, let le = name.firstRange(of: "le=\"") else { continue }
            let series = name[..<le.lowerBound]
            #expect(below.series != series || below.count <= value, "\(line)")
            below = (series, value)
        }
        #expect(types.count > 40)
    }

    @Test(.enabled(if: hasPromtool)) func `promtool finds nothing to say about a scrape`() async throws {
        let vendor = try Running(["simulate", "contact-source", "--count", "5", "--listen", "127.0.0.1:0"])
        let address = try #require(await vendor.line("simulator.listening")?["address"]?.stringValue)
        let gateway = try await RunningGateway(RunningGateway.config(connections: MainJobTests.source(address)))
        _ = await gateway.process.line("sync.ended")
        let path = gateway.directory + "/metrics.txt"
        try RunningGateway.write(try await Scraped(gateway).text, to: path)
        #expect(try await Self.promtool("check metrics < \(path)") == "")
        #expect(await gateway.stop() == 0)
    }

    @Test(.enabled(if: hasPromtool)) func `promtool accepts the alert rules of the examples`() async throws {
        let root = String(#filePath.dropLast("/Tests/GatewayTests/MetricsTests.swift".count))
        let said = try await Self.promtool("check rules \(root)/examples/prometheus-alerts.yml")
        #expect(said.contains("SUCCESS"), "\(said)")
        // Every metric that an alert asks for is one that a scrape has.
        let gateway = try await RunningGateway()
        let scraped = try await Scraped(gateway)
        let rules = try String(
            decoding: FileDescriptor.contents(ofFile: "\(root)/examples/prometheus-alerts.yml"),
            as: UTF8.self
        )
        let names = Set(rules.matches(of: /(contact_gateway|process)_[a-z_]+/).map { String($0.output.0) })
        #expect(names.count >= 10)
        for name in names {
            let family = ["_bucket", "_sum", "_count"].reduce(name) {
                $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0
            }
            #expect(scraped.text.contains("# TYPE \(family) "), "\(name)")
        }
        #expect(await gateway.stop() == 0)
    }

    private static func promtool(_ command: String) async throws -> String {
        try await withCheckedThrowingContinuation { done in
            PosixThread.start(name: "promtool") {
                guard let stream = popen("/usr/bin/promtool \(command) 2>&1", "r") else {
                    return done.resume(throwing: SystemError(errno: errno, operation: "popen"))
                }
                var output: [UInt8] = []
                while case let byte = fgetc(stream), byte != EOF { output.append(UInt8(byte)) }
                let status = pclose(stream)
                let text = String(decoding: output, as: UTF8.self)
                done.resume(returning: status == 0 || !text.isEmpty ? text : "exit status \(status)")
            }
        }
    }

    @Test func `requests count by pattern, method and status, and no id or unknown path shows`() async throws {
        let gateway = try await RunningGateway()
        let body = #"{"connection": "book", "name": {"full": "Rosalind Secretname"}}"#
        let created = try await gateway.call(.post, "/v1/contacts", body)
        let id = try #require(created.json["id"]?.stringValue)
        for _ in 0..<3 { #expect(try await gateway.call(.get, "/v1/contacts/\(id)").status == 200) }
        #expect(try await gateway.call(.head, "/v1/contacts/\(id)").status == 200)
        #expect(try await gateway.call(.get, "/v1/contacts/none").status == 404)
        #expect(try await gateway.call(.get, "/secret/path").status == 404)
        #expect(try await gateway.call(.get, "/v1/contacts", key: "wrong").status == 401)
        #expect(try await gateway.call(.put, "/livez").status == 405)
        let scraped = try await Scraped(gateway)
        let requests = "contact_gateway_http_requests_total"
        let byID = #"route="/v1/contacts/{id}",method"#
        #expect(scraped.value(#"\#(requests){\#(byID)="GET",code="200"}"#) == 3)
        #expect(scraped.value(#"\#(requests){\#(byID)="HEAD",code="200"}"#) == 1)
        #expect(scraped.value(#"\#(requests){\#(byID)="GET",code="404"}"#) == 1)
        #expect(scraped.value(#"\#(requests){route="-",method="GET",code="404"}"#) == 1)
        #expect(scraped.value(#"contact_gateway_http_request_duration_seconds_count{\#(byID)="GET"}"#) == 4)
        let rejections = "contact_gateway_http_rejections_total"
        #expect(scraped.value(#"\#(rejections){reason="unauthorized"}"#) == 1)
        #expect(scraped.value(#"\#(rejections){reason="not_found"}"#) == 1)
        #expect(scraped.value(#"\#(rejections){reason="method_not_allowed"}"#) == 1)
        #expect(scraped.value(#"contact_gateway_contacts{connection="book"}"#) == 1)
        #expect(try #require(scraped.value("contact_gateway_store_transactions_total")) >= 1)
        for word in [id, "secret", "Rosalind", "read-key", "all-key"] { #expect(!scraped.text.contains(word)) }
        #expect(await gateway.stop() == 0)
    }

    @Test func `a key that is limited to some connections sees only their numbers`() async throws {
        let gateway = try await RunningGateway()
        #expect(try await Scraped(gateway).text.contains(#"connection="book""#))
        #expect(try await !Scraped(gateway, key: "blind-key").text.contains("connection="))
        #expect(await gateway.stop() == 0)
    }

    @Test func `a key that is limited to some connections hears of no webhook by name`() throws {
        let status = ConfigStatus(generation: 1, sha256: "", loadedAt: .now())
        var facts = GatewayFacts(now: .now(), process: try ProcessFacts(), config: status)
        facts.waiting = [.init(webhook: 7, count: 2, oldest: facts.now.advanced(byMilliseconds: -5000))]
        func text(_ connections: Set<String>?) -> String {
            let caller = Caller(name: "k", scopes: [.read], connections: connections)
            return String(decoding: MetricText(facts.limited(to: caller).families).bytes, as: UTF8.self)
        }
        #expect(text(nil).contains(#"webhook_deliveries_pending{webhook="wh_7"} 2"#))
        #expect(!text(["book"]).contains("wh_7"))
        #expect(text(["book"]).contains("contact_gateway_webhook_oldest_event_age_seconds 5"))
    }

    @Test func `a vendor that dies shows in its calls, its breaker and its runs, and a reload resets nothing`()
        async throws
    {
        let vendor = try Running(["simulate", "contact-source", "--count", "7", "--listen", "127.0.0.1:0"])
        let address = try #require(await vendor.line("simulator.listening")?["address"]?.stringValue)
        let gateway = try await RunningGateway(RunningGateway.config(connections: MainJobTests.source(address)))
        _ = await gateway.process.line("sync.ended")
        let calls = "contact_gateway_vendor_calls_total"
        let before = try await Scraped(gateway)
        #expect(before.value(#"\#(calls){connection="erp",operation="list",outcome="ok"}"#) == 1)
        #expect(before.value(#"\#(calls){connection="erp",operation="sign_in",outcome="ok"}"#) == 1)
        #expect(before.value(#"contact_gateway_vendor_breaker_state{connection="erp",state="closed"}"#) == 1)
        let runs = #"contact_gateway_sync_runs_total{connection="erp",mode="full",state="done"}"#
        #expect(before.value(runs) == 1)
        #expect(before.value(#"contact_gateway_sync_records_total{connection="erp",outcome="created"}"#) == 7)
        #expect(before.value(#"contact_gateway_contacts{connection="erp"}"#) == 7)
        let age = try #require(before.value(#"contact_gateway_sync_last_good_run_age_seconds{connection="erp"}"#))
        #expect(age < 60)
        vendor.signal(SIGKILL)
        _ = await vendor.exitCode()
        var after = before
        let open = #"contact_gateway_vendor_breaker_state{connection="erp",state="open"}"#
        let end = Monotonic.milliseconds() + 60_000
        while after.value(open) != 1, Monotonic.milliseconds() < end {
            _ = try await gateway.call(.post, "/v1/connections/erp/sync", #"{"mode": "full"}"#)
            after = try await Scraped(gateway)
        }
        #expect(after.value(open) == 1)
        #expect(
            after.lines.contains {
                $0.hasPrefix(#"\#(calls){connection="erp""#) && $0.contains(#"outcome="unreachable""#)
            }
        )
        try gateway.configure(
            RunningGateway.config(connections: MainJobTests.source(address).replacing("1s", with: "1h"))
        )
        #expect(await gateway.process.line("config.reloaded") != nil)
        let reloaded = try await Scraped(gateway)
        #expect(reloaded.value("contact_gateway_config_generation") == 2)
        for name in [calls, "contact_gateway_sync_runs_total"] {
            for sample in after.samples(name) {
                let end = try #require(sample.lastIndex(of: " "))
                let now = try #require(reloaded.value(String(sample[..<end])))
                #expect(now >= Double(sample[sample.index(after: end)...]) ?? .infinity, "\(sample)")
            }
        }
        #expect(await gateway.stop() == 0)
    }
}
