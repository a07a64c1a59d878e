//  TLS over memory: OpenSSL never sees a socket, so that plain and encrypted connections share one path.

import COpenSSL
import Glibc
import Platform

/// The PEM files of a server's identity.
public struct TLSIdentity: Equatable, Sendable {
    /// The certificate, followed by those between it and its authority.
    public var certificate: String
    /// The private key.
    public var key: String
    /// Authorities whose client certificates are asked for and required; `nil` asks for none.
    public var clientCA: String?

    /// Names the files.
    public init(certificate: String, key: String, clientCA: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientCA = clientCA
    }
}

/// Why TLS files cannot be used.
public struct TLSError: Error, Equatable, Sendable {
    /// The file and what is wrong with it; never its content.
    public var message: String
}

/// A loaded identity. Connections keep the one that they began with.
public final class TLSContext: @unchecked Sendable {
    // An SSL_CTX is reference-counted and locked by OpenSSL itself; it is not changed after `init`.
    fileprivate let raw: OpaquePointer

    /// Reads the files and checks that certificate and key belong together.
    public init(_ identity: TLSIdentity) throws(TLSError) {
        guard let raw = SSL_CTX_new(TLS_server_method()) else { throw TLSError(message: "OpenSSL has no memory") }
        self.raw = raw
        // RFC 8996: TLS 1.0 and 1.1 must not be used.
        _ = copenssl_set_min_version(raw, Int32(copenssl_tls12))
        _ = copenssl_release_buffers(raw)
        copenssl_select_http11(raw)
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(raw, identity.certificate) == 1 else {
            throw TLSError(message: "\(identity.certificate) is no readable PEM certificate: \(Self.reason())")
        }
        guard SSL_CTX_use_PrivateKey_file(raw, identity.key, SSL_FILETYPE_PEM) == 1 else {
            throw TLSError(message: "\(identity.key) is no readable PEM key for the certificate: \(Self.reason())")
        }
        guard SSL_CTX_check_private_key(raw) == 1 else {
            throw TLSError(message: "\(identity.key) is not the key of \(identity.certificate)")
        }
        guard let clientCA = identity.clientCA else { return }
        guard SSL_CTX_load_verify_locations(raw, clientCA, nil) == 1 else {
            throw TLSError(message: "\(clientCA) holds no readable PEM certificates: \(Self.reason())")
        }
        SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(clientCA))
        SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        // Sessions may be resumed only where they were begun (SSL_CTX_set_session_id_context(3)).
        SSL_CTX_set_session_id_context(raw, Array("contact-gateway".utf8), 15)
    }

    deinit { SSL_CTX_free(raw) }

    private static func reason() -> String {
        guard let text = ERR_reason_error_string(ERR_peek_last_error()) else { return "unknown reason" }
        return String(cString: text)
    }
}

/// The TLS state of one connection.
final class TLSSession {
    enum Progress {
        /// More bytes of the peer are needed.
        case waiting
        case established
        case failed
    }

    private let raw: OpaquePointer
    // Both belong to `raw`, which frees them.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private(set) var isEstablished = false

    init?(_ context: TLSContext) {
        guard let raw = SSL_new(context.raw) else { return nil }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(raw)
            return nil
        }
        _ = copenssl_bio_retries_when_empty(incoming)
        _ = copenssl_bio_retries_when_empty(outgoing)
        SSL_set_bio(raw, incoming, outgoing)
        SSL_set_accept_state(raw)
        self.raw = raw
        self.incoming = incoming
        self.outgoing = outgoing
    }

    deinit { SSL_free(raw) }

    /// Takes bytes from the socket.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        // A memory BIO takes everything.
        _ = BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
    }

    /// Goes on with the handshake as far as the bytes received allow.
    func handshake() -> Progress {
        ERR_clear_error()
        let code = SSL_do_handshake(raw)
        if code == 1 {
            isEstablished = true
            return .established
        }
        return SSL_get_error(raw, code) == SSL_ERROR_WANT_READ ? .waiting : .failed
    }

    /// Decrypts into the buffer.
    ///
    /// - Returns: How many bytes; 0 when more must be received first; `nil` at the peer's end or after an error.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        var count = 0
        while count < buffer.count, let start = buffer.baseAddress {
            ERR_clear_error()
            let code = SSL_read(raw, start + count, Int32(buffer.count - count))
            if code > 0 {
                count += Int(code)
                continue
            }
            if count > 0 || SSL_get_error(raw, code) == SSL_ERROR_WANT_READ { return count }
            return nil
        }
        return count
    }

    /// Encrypts; the result is taken with ``withOutput(_:)``. False after an error.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var written = 0
        while written < bytes.count, let start = bytes.baseAddress {
            ERR_clear_error()
            let code = SSL_write(raw, start + written, Int32(min(bytes.count - written, 1 << 30)))
            guard code > 0 else { return false }
            written += Int(code)
        }
        return true
    }

    /// Tells the peer that nothing more comes (RFC 8446 §6.1).
    func finish() {
        guard isEstablished else { return }
        ERR_clear_error()
        SSL_shutdown(raw)
    }

    /// Hands over what is to be sent, and forgets it.
    func withOutput(_ body: (UnsafeRawBufferPointer) -> Void) {
        var start: UnsafePointer<CChar>?
        let count = copenssl_bio_bytes(outgoing, &start)
        if count > 0 { body(UnsafeRawBufferPointer(start: start, count: count)) }
        _ = copenssl_bio_reset(outgoing)
    }
}
