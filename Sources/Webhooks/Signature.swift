//  Standard Webhooks 1.0: secrets, signing and verifying. https://www.standardwebhooks.com

import Crypto
public import Platform

/// A webhook's secret: random bytes, written `whsec_` and base64.
public struct WebhookSecret: Equatable, Sendable, CustomStringConvertible {
    /// The key bytes.
    public let bytes: [UInt8]

    /// Never the secret.
    public var description: String { "<redacted>" }

    /// The secret as the owner of the webhook gets it. Look where it goes.
    public var revealed: String { "whsec_" + Base64.encode(bytes) }

    /// A new secret of 32 random bytes ("between 24 bytes (192 bits) and 64 bytes (512 bits)").
    public static func random() -> WebhookSecret { WebhookSecret(bytes: RandomBytes.make(32)) }

    /// Wraps key bytes.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads `whsec_…`; `nil` when it is no base64 of at least 16 and at most 64 bytes.
    public init?(_ text: String) {
        guard text.hasPrefix("whsec_"), let bytes = Base64.decode(String(text.dropFirst(6))),
            (16...64).contains(bytes.count)
        else { return nil }
        self.bytes = bytes
    }
}

/// Signs with one secret.
public struct Signer: Sendable {
    private let code: HMACSHA256

    /// Keys the signature.
    public init(_ secret: WebhookSecret) {
        code = HMACSHA256(key: secret.bytes)
    }

    /// One signature, `v1,<base64>`, over `id.timestamp.body`.
    public func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        "v1," + Base64.encode(code.code(for: Array("\(id).\(timestamp).".utf8), body))
    }

    /// Judges a received message.
    ///
    /// - Parameters:
    ///   - id: The field `webhook-id`.
    ///   - timestamp: The field `webhook-timestamp`.
    ///   - signatures: The field `webhook-signature`: one or more, separated by spaces.
    ///   - body: As received.
    ///   - now: Our clock.
    ///   - tolerance: How old or early it may be, in seconds.
    /// - Returns: Why it is not genuine; `nil` when it is.
    public func fault(
        id: String?,
        timestamp: String?,
        signatures: String?,
        body: [UInt8],
        now: Timestamp,
        tolerance: Int64 = 300
    ) -> String? {
        guard let id, let timestamp, let signatures else { return "a webhook-* field is missing" }
        guard let moment = Int64(timestamp) else { return "webhook-timestamp is no number" }
        // Compared without a subtraction that could overflow.
        guard moment >= now.seconds - tolerance, moment <= now.seconds + tolerance else {
            return "webhook-timestamp is more than \(tolerance) s off"
        }
        let expected = Array(signature(id: id, timestamp: moment, body: body).utf8)
        let isGenuine = signatures.split(separator: " ").contains { ConstantTime.areEqual(Array($0.utf8), expected) }
        return isGenuine ? nil : "no signature matches"
    }
}
