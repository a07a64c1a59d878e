//  Standard Webhooks signatures, against the specification's own example.

import Platform
import Testing
import Webhooks

@Suite struct SignatureTests {
    private let body = Array(#"{"test": 2432232314}"#.utf8)
    private let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    private func signer() throws -> Signer {
        Signer(try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")))
    }

    @Test func `the example of the specification is signed as it says`() throws {
        #expect(try signer().signature(id: id, timestamp: 1_614_265_330, body: body) == signature)
    }

    @Test func `a message verifies, also with several signatures, and nothing else does`() throws {
        let signer = try signer()
        let now = Timestamp(milliseconds: 1_614_265_330_000)
        func fault(_ signatures: String?, at timestamp: String = "1614265330", _ body: [UInt8]) -> String? {
            signer.fault(id: id, timestamp: timestamp, signatures: signatures, body: body, now: now)
        }
        #expect(fault(signature, body) == nil)
        #expect(fault("v1,AAAA \(signature)", body) == nil)
        #expect(fault("v1a,\(signature.dropFirst(3))", body) != nil)
        #expect(fault(signature, body + [32]) != nil)
        #expect(fault(signature, at: "1614265331", body) != nil)
        #expect(fault(signature, at: "1614264000", body) != nil)
        #expect(fault(signature, at: "9223372036854775807", body) != nil)
        #expect(fault(nil, body) != nil)
    }

    @Test func `a new secret reads back and is never printed`() throws {
        let secret = WebhookSecret.random()
        #expect(secret.bytes.count == 32)
        #expect(WebhookSecret(secret.revealed) == secret)
        #expect("\(secret)" == "<redacted>")
        #expect(WebhookSecret("whsec_AAAA") == nil)
        #expect(WebhookSecret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == nil)
    }
}
