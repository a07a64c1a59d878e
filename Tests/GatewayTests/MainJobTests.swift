//  The main job on the running program: vendors in, one API, changes told; and vendors that are not there.

import Glibc
import HTTPCore
import JSON
import Platform
import Testing

@Suite(.timeLimit(.minutes(3))) struct MainJobTests {
    /// A simulator's process and its address.
    private func simulate(_ arguments: [String]) async throws -> (process: Running, address: String) {
        let process = try Running(["simulate"] + arguments + ["--listen", "127.0.0.1:0"])
        let line = await process.line("simulator.listening")
        return (process, try #require(line?["address"]?.stringValue, "\(process.lines)"))
    }

    static func source(_ address: String) -> String {
        """
        {"id": "erp", "vendor": "contact-source", "base_url": "http://\(address)", "region": "US",
         "credentials": {"client_id": "test_id", "client_secret": "test_secret"}, "sync": {"every": "1s"}}
        """
    }

    static func pbx(_ address: String) -> String {
        """
        {"id": "pbx", "vendor": "portsip", "base_url": "http://\(address)", "region": "US",
         "credentials": {"token": "portsip-token"}, "sync": {"every": "1s"}}
        """
    }

    @Test func `contacts of a source arrive, and each is told to a webhook with a signature that holds`() async throws {
        let erp = try await simulate(["contact-source", "--count", "25"])
        let gateway = try await RunningGateway()
        let registered = try await gateway.call(
            .post,
            "/v1/webhooks",
            #"{"url": "http://127.0.0.1:9/", "events": ["contact.*"], "enabled": false}"#
        )
        #expect(registered.status == 201, "\(registered.json)")
        let id = try #require(registered.json["id"]?.stringValue)
        let secret = try #require(registered.json["secret"]?.stringValue)
        let listener = try Running(["listen", "--listen", "127.0.0.1:0", "--secret", secret])
        let line = await listener.line("listener.listening")
        let address = try #require(line?["address"]?.stringValue)
        let patch = #"{"url": "http://\#(address)/", "enabled": true}"#
        #expect(try await gateway.call(.patch, "/v1/webhooks/\(id)", patch).status == 200)
        try gateway.configure(RunningGateway.config(connections: Self.source(erp.address)))
        #expect(await gateway.process.line("config.reloaded") != nil)
        #expect(
            try await gateway.eventually("/v1/contacts?connection=erp&limit=1000") {
                $0.json["items"]?.arrayValue?.count == 25 && $0.fields["Synced-At"] != nil
            }
        )
        let delivered = try await gateway.eventually("/v1/webhooks/\(id)/deliveries?state=delivered&limit=1000") { _ in
            listener.output.split(separator: "contact.created").count > 25
        }
        #expect(delivered, "\(listener.output)")
        let first = try #require(
            try await gateway.call(.get, "/v1/contacts?connection=erp&limit=1").json["items"]?.arrayValue?.first
        )
        let contact = try #require(first["id"]?.stringValue)
        #expect(try await gateway.call(.get, "/v1/contacts/\(contact)").json == first)
        let refused = try await gateway.call(.patch, "/v1/contacts/\(contact)", #"{"title": "x"}"#)
        #expect(refused.status == 422)
        erp.process.signal(SIGTERM)
        listener.signal(SIGTERM)
        #expect(await gateway.stop() == 0)
    }

    @Test func `a write goes through to the vendor, and with the vendor down is 503 while reads go on`() async throws {
        let vendor = try await simulate(["portsip"])
        let gateway = try await RunningGateway(RunningGateway.config(connections: Self.pbx(vendor.address)))
        let body =
            #"{"connection": "pbx", "name": {"full": "Ann Lee"}, "phones": [{"number": "2025550101", "label": "work"}]}"#
        let created = try await gateway.call(.post, "/v1/contacts", body)
        #expect(created.status == 201, "\(created.json)")
        let id = try #require(created.json["id"]?.stringValue)
        #expect(created.json["vendor_id"]?.stringValue != nil)
        vendor.process.signal(SIGKILL)
        _ = await vendor.process.exitCode()
        let failed = try await gateway.call(.post, "/v1/contacts", body)
        #expect(failed.status == 503)
        #expect(failed.json["vendor"]?["name"]?.stringValue == "portsip")
        #expect(failed.json["retryable"] == .bool(true))
        #expect(try await gateway.call(.get, "/v1/contacts/\(id)").status == 200)
        let queued = try await gateway.call(.post, "/v1/contacts", body, fields: ["Prefer": "respond-async"])
        #expect(queued.status == 202)
        #expect(queued.fields["Location"]?.hasPrefix("/v1/writes/") == true)
        #expect(await gateway.stop() == 0)
    }

    @Test(arguments: [
        (#"{"connection": "book""#, 400), ("\u{1}", 400), ("[]", 422), (#"{"connection": "book"}"#, 422),
        (#"{"connection": "book", "name": {"full": 7}}"#, 422), (#"{"connection": "book", "nam": {}}"#, 422),
        (#"{"connection": "book", "organization": "a\u0000b"}"#, 422),
        (#"{"connection": "nope", "organization": "x"}"#, 404),
        (#"{"connection": "book", "connection": "book"}"#, 400),
    ])
    func `a garbage body is refused with a problem and changes nothing`(body: String, status: Int) async throws {
        let gateway = try await RunningGateway()
        let answer = try await gateway.call(.post, "/v1/contacts", body)
        #expect(answer.status == status || (status == 404 && answer.status == 422), "\(answer.json)")
        #expect(answer.fields["Content-Type"] == "application/problem+json")
        #expect(try await gateway.call(.get, "/v1/contacts").json["items"]?.arrayValue?.isEmpty == true)
        #expect(await gateway.stop() == 0)
    }
}
