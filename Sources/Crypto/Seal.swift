//  AES-256-GCM (NIST SP 800-38D) for secrets at rest.

import COpenSSL

/// Seals and opens small secrets under one key. A sealed secret is version, nonce, ciphertext and tag in one.
public struct Seal: Sendable, CustomStringConvertible {
    private static let version: UInt8 = 1
    private static let nonceCount = 12
    private static let tagCount = 16
    private let key: [UInt8]

    /// Never the key.
    public var description: String { "<redacted>" }

    /// Makes a seal from 32 random bytes.
    public init?(key: [UInt8]) {
        guard key.count == 32 else { return nil }
        self.key = key
    }

    /// Makes a seal from a text that the operator chose: its SHA-256 is the key.
    public init(passphrase: String) {
        key = SHA256.digest(of: Array(passphrase.utf8))
    }

    /// Seals a secret.
    ///
    /// - Parameters:
    ///   - secret: What nobody may read.
    ///   - context: What it belongs to, such as `webhook:4`; opening with another context fails.
    /// - Returns: 29 bytes more than the secret.
    public func seal(_ secret: [UInt8], context: String) -> [UInt8] {
        let nonce = RandomBytes.make(Self.nonceCount)
        guard let cipher = EVP_CIPHER_CTX_new() else { preconditionFailure("out of memory") }
        defer { EVP_CIPHER_CTX_free(cipher) }
        let associated = Array(context.utf8)
        var text = [UInt8](repeating: 0, count: secret.count + 16)
        var tag = [UInt8](repeating: 0, count: Self.tagCount)
        var count: Int32 = 0
        var rest: Int32 = 0
        var sealed = EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1
        sealed = sealed && EVP_EncryptUpdate(cipher, nil, &rest, associated, Int32(associated.count)) == 1
        sealed = sealed && EVP_EncryptUpdate(cipher, &text, &count, secret, Int32(secret.count)) == 1
        sealed = sealed && EVP_EncryptFinal_ex(cipher, &tag, &rest) == 1
        sealed = sealed && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), &tag) == 1
        precondition(sealed, "AES-256-GCM takes any text")
        return [Self.version] + nonce + text[..<Int(count)] + tag
    }

    /// Opens what ``seal(_:context:)`` made; `nil` when key or context are not the same or a bit was changed.
    public func open(_ sealed: [UInt8], context: String) -> [UInt8]? {
        guard sealed.count >= 1 + Self.nonceCount + Self.tagCount, sealed[0] == Self.version else { return nil }
        let nonce = Array(sealed[1..<(1 + Self.nonceCount)])
        let text = Array(sealed[(1 + Self.nonceCount)..<(sealed.count - Self.tagCount)])
        var tag = Array(sealed[(sealed.count - Self.tagCount)...])
        guard let cipher = EVP_CIPHER_CTX_new() else { preconditionFailure("out of memory") }
        defer { EVP_CIPHER_CTX_free(cipher) }
        let associated = Array(context.utf8)
        var secret = [UInt8](repeating: 0, count: text.count + 16)
        var end = [UInt8](repeating: 0, count: 16)
        var count: Int32 = 0
        var rest: Int32 = 0
        guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(cipher, nil, &rest, associated, Int32(associated.count)) == 1,
            EVP_DecryptUpdate(cipher, &secret, &count, text, Int32(text.count)) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), &tag) == 1,
            EVP_DecryptFinal_ex(cipher, &end, &rest) == 1
        else { return nil }
        return Array(secret[..<Int(count)])
    }
}
