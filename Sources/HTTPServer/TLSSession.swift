//  TLS over memory: OpenSSL never sees a socket, so that plain and encrypted connections share one path.

import COpenSSL
import Glibc

/// The memory between a loop's sockets and OpenSSL, shared by all of its connections, one after the other.
final class TLSPipe {
    fileprivate let raw: UnsafeMutablePointer<copenssl_pipe>

    init() {
        raw = .allocate(capacity: 1)
        raw.initialize(to: copenssl_pipe())
    }

    deinit {
        free(raw.pointee.output)
        raw.deallocate()
    }

    /// Puts bytes from a socket before the session that reads next; they must stay until it wants more.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        raw.pointee.input = bytes.bindMemory(to: UInt8.self).baseAddress
        raw.pointee.input_left = bytes.count
    }

    /// What sessions have to send.
    var output: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: raw.pointee.output, count: raw.pointee.output_count)
    }

    /// Forgets what was sent or put aside.
    func clearOutput() { raw.pointee.output_count = 0 }
}

/// The TLS state of one connection.
final class TLSSession {
    enum Progress {
        /// More bytes of the peer are needed.
        case waiting
        case established
        /// In the words of OpenSSL; the alert that tells the peer is in the pipe.
        case failed(String)
    }

    enum Reading {
        case bytes(Int)
        /// Everything received was used.
        case drained
        /// The peer has said that it sends nothing more (RFC 8446 §6.1).
        case ended
        /// What came is no TLS of this session.
        case failed(String)
    }

    private let raw: OpaquePointer
    // The session's BIO points into it.
    private let pipe: TLSPipe
    private(set) var isEstablished = false
    /// Whether the peer has sent anything yet.
    var hasBegun = false
    private var isBroken = false
    private var isFinished = false

    init?(_ context: TLSContext, over pipe: TLSPipe) {
        guard let raw = SSL_new(context.raw) else { return nil }
        guard let bio = copenssl_pipe_bio(pipe.raw) else {
            SSL_free(raw)
            return nil
        }
        SSL_set_bio(raw, bio, bio)  // takes the BIO over, once for both
        SSL_set_accept_state(raw)
        self.raw = raw
        self.pipe = pipe
    }

    deinit { SSL_free(raw) }

    /// Goes on with the handshake as far as the bytes received allow.
    func handshake() -> Progress {
        ERR_clear_error()
        let code = SSL_do_handshake(raw)
        if code == 1 {
            isEstablished = true
            return .established
        }
        return SSL_get_error(raw, code) == SSL_ERROR_WANT_READ ? .waiting : .failed(failure())
    }

    /// Decrypts into the buffer.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        var count = 0
        while count < buffer.count, let start = buffer.baseAddress {
            ERR_clear_error()
            let code = SSL_read(raw, start + count, Int32(buffer.count - count))
            if code > 0 {
                count += Int(code)
                continue
            }
            // OpenSSL says the same again when it is asked again, after what was read has been used.
            if count > 0 { return .bytes(count) }
            switch SSL_get_error(raw, code) {
            case SSL_ERROR_WANT_READ: return .drained
            case SSL_ERROR_ZERO_RETURN: return .ended
            default: return .failed(failure())
            }
        }
        return .bytes(count)
    }

    /// Encrypts into the pipe. False after an error.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var written = 0
        while written < bytes.count, let start = bytes.baseAddress {
            ERR_clear_error()
            let code = SSL_write(raw, start + written, Int32(clamping: bytes.count - written))
            guard code > 0 else { return false }
            written += Int(code)
        }
        return true
    }

    /// Tells the peer that nothing more comes (RFC 8446 §6.1), once.
    func finish() {
        guard isEstablished, !isBroken, !isFinished else { return }
        isFinished = true
        ERR_clear_error()
        SSL_shutdown(raw)
    }

    private func failure() -> String {
        isBroken = true
        let verdict = SSL_get_verify_result(raw)
        if verdict != X509_V_OK, let text = X509_verify_cert_error_string(Int(verdict)) {
            return "client certificate: \(String(cString: text))"
        }
        guard let text = ERR_reason_error_string(ERR_peek_error()) else { return "unknown reason" }
        return String(cString: text)
    }
}
