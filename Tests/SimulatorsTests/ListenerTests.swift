//  The webhook receiver, over a real socket.

import Crypto
import HTTPClient
import HTTPCore
import JSON
import Log
import Platform
import Synchronization
import Testing

@testable import Simulators

@Suite struct ListenerTests {
    static let key = Array("0123456789abcdef01234567".utf8)

    private func deliver(_ signed: [UInt8], sending body: [UInt8], at offset: Int64 = 0) async throws -> (
        Int, [JSONValue]
    ) {
        let lines = Mutex<[String]>([])
        let secret = "whsec_" + Base64.encode(Self.key)
        let listener = try WebhookListener(listen: "127.0.0.1:0", secret: secret) { line in
            lines.withLock { $0.append(line) }
        }
        let running = Task { try await listener.run() }
        let time = String(Timestamp.now().seconds + offset)
        let code = HMACSHA256(key: Self.key).code(for: Array("msg_1.\(time).".utf8), signed)
        let caller = Caller(client: Client(log: .silent), base: "http://\(listener.address)")
            .with("webhook-id", "msg_1").with("webhook-timestamp", time)
            .with("webhook-signature", "v1,AAAA v1,\(Base64.encode(code))")
        let status = try await caller.send(.post, "/hooks", bytes: body).status
        await caller.client.close()
        listener.stop()
        try await running.value
        return (status, try lines.withLock { try $0.map { try JSONValue(parsing: Array($0.utf8)) } })
    }

    @Test func `an event with a right signature is printed`() async throws {
        let body = Array(#"{"type":"contact.created","data":{"sequence":1}}"#.utf8)
        let (status, lines) = try await deliver(body, sending: body)
        #expect(status == 204)
        #expect(lines.count == 1)
        #expect(lines.first?["verified"] == true)
        #expect(lines.first?["webhook_id"] == "msg_1")
        #expect(lines.first?["event"]?["type"] == "contact.created")
    }

    @Test func `a changed body, or an old one, is refused and named`() async throws {
        let body = Array(#"{"type":"contact.created"}"#.utf8)
        let (changed, lines) = try await deliver(body, sending: body + [0x20])
        #expect(changed == 401)
        #expect(lines.first?["verified"] == false)
        let (old, _) = try await deliver(body, sending: body, at: -301)
        #expect(old == 401)
    }

    @Test func `a secret that is none is refused at once`() {
        #expect(throws: SimulatorError.self) { try WebhookListener(listen: "127.0.0.1:0", secret: "secret") }
    }
}
