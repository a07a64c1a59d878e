//  Webhook secrets at rest: sealed under `database.key`.

public import Crypto

/// Makes, seals and opens webhook secrets.
public struct SecretVault: Sendable {
    private static let context = "webhook secret"
    private let seal: Seal

    /// Makes a vault.
    public init(seal: Seal) {
        self.seal = seal
    }

    /// A new secret: as its owner gets it, and sealed for the store.
    public func make() -> (revealed: String, sealed: [UInt8]) {
        let secret = WebhookSecret.random()
        return (secret.revealed, seal.seal(secret.bytes, context: Self.context))
    }

    /// Seals a known secret.
    public func close(_ secret: WebhookSecret) -> [UInt8] { seal.seal(secret.bytes, context: Self.context) }

    /// Opens a sealed secret; `nil` when it was sealed under another key.
    public func open(_ sealed: [UInt8]) -> WebhookSecret? {
        seal.open(sealed, context: Self.context).map { WebhookSecret(bytes: $0) }
    }
}
