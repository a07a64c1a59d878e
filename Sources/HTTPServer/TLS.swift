//  What a TLS server shows and demands: certificate, key, and whose clients it takes.

import COpenSSL
import Glibc
public import Log
import Platform

/// The PEM texts of a server's identity.
public struct TLSIdentity: Equatable, Sendable {
    /// The certificate, followed by those between it and its authority.
    public var certificate: String
    /// The private key, unencrypted.
    public var key: Secret
    /// Authorities whose client certificates are asked for and required; `nil` asks for none.
    public var clientCA: String?

    /// Makes an identity.
    public init(certificate: String, key: Secret, clientCA: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientCA = clientCA
    }
}

/// Why an identity cannot be used.
public struct TLSError: Error, Equatable, Sendable {
    /// Which of the texts is wrong.
    public enum Part: Sendable {
        case certificate, key, clientCA
    }

    /// Which one.
    public var part: Part
    /// What is wrong with it; never its content.
    public var message: String
}

/// A loaded identity. Connections keep the one that they began with.
public final class TLSContext: @unchecked Sendable {
    // An SSL_CTX is reference-counted and locked by OpenSSL itself; it is not changed after `init`.
    let raw: OpaquePointer
    /// When the certificate begins to be valid, in seconds since 1970.
    public let validFrom: Int64
    /// When it ceases to be.
    public let validUntil: Int64

    /// What RFC 9325 §4.2 recommends of TLS 1.2: forward secrecy and authenticated encryption. Those of 1.3 all have both.
    private static let ciphers12 = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
        ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let ciphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"

    /// Reads the texts and checks that certificate and key belong together.
    public init(_ identity: TLSIdentity) throws(TLSError) {
        guard let raw = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(part: .certificate, message: "OpenSSL has no memory for it")
        }
        let (from, until): (Int64, Int64)
        do throws(TLSError) {
            try Self.choose(raw)
            try Self.load(identity, into: raw)
            (from, until) = Self.validity(of: raw)
        } catch {
            SSL_CTX_free(raw)
            throw error
        }
        self.raw = raw
        validFrom = from
        validUntil = until
    }

    deinit { SSL_CTX_free(raw) }

    private static func choose(_ raw: OpaquePointer) throws(TLSError) {
        ERR_clear_error()
        // RFC 8996: TLS 1.0 and 1.1 must not be used.
        guard copenssl_set_min_version(raw, Int32(copenssl_tls12)) == 1, SSL_CTX_set_cipher_list(raw, ciphers12) == 1,
            SSL_CTX_set_ciphersuites(raw, ciphers13) == 1, copenssl_set_groups(raw, groups) == 1
        else { throw TLSError(part: .certificate, message: "OpenSSL lacks what TLS needs: \(reason())") }
        // RFC 9325 §3.5: a client must not make us renegotiate.
        _ = SSL_CTX_set_options(raw, copenssl_no_renegotiation | copenssl_server_preference)
        _ = copenssl_release_buffers(raw)
        _ = copenssl_keep_no_sessions(raw)
        copenssl_select_http11(raw)
    }

    private static func load(_ identity: TLSIdentity, into raw: OpaquePointer) throws(TLSError) {
        guard use(identity.certificate, { copenssl_use_chain(raw, $0, $1) }) else {
            throw TLSError(part: .certificate, message: "is no readable PEM certificate: \(reason())")
        }
        guard use(identity.key.revealed, { copenssl_use_key(raw, $0, $1) }) else {
            // X509_R_KEY_VALUES_MISMATCH and X509_R_KEY_TYPE_MISMATCH: the key itself is in order.
            let library = ERR_peek_last_error() >> 23 & 0xFF
            guard library != UInt(ERR_LIB_X509) else {
                throw TLSError(part: .key, message: "is not the key of the certificate")
            }
            throw TLSError(part: .key, message: "is no readable, unencrypted PEM key: \(reason())")
        }
        guard SSL_CTX_check_private_key(raw) == 1 else {
            throw TLSError(part: .key, message: "is not the key of the certificate")
        }
        guard let clientCA = identity.clientCA else { return }
        guard use(clientCA, { copenssl_trust_clients(raw, $0, $1) }) else {
            throw TLSError(part: .clientCA, message: "holds no readable PEM certificates: \(reason())")
        }
        SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        // Sessions may be resumed only where they were begun (SSL_CTX_set_session_id_context(3)).
        SSL_CTX_set_session_id_context(raw, Array("contact-gateway".utf8), 15)
    }

    private static func use(_ text: String, _ load: (UnsafeRawPointer?, Int32) -> Int32) -> Bool {
        ERR_clear_error()
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { load($0.baseAddress, Int32(clamping: $0.count)) } == 1
    }

    private static func validity(of raw: OpaquePointer) -> (Int64, Int64) {
        var begins: CLongLong = 0
        var ends: CLongLong = 0
        copenssl_validity(raw, &begins, &ends)
        return (begins, ends)
    }

    private static func reason() -> String {
        guard let text = ERR_reason_error_string(ERR_peek_last_error()) else { return "unknown reason" }
        return String(cString: text)
    }
}
