//  What libcurl's result codes mean to callers.

import CCurl
import HTTPCore

extension MultiLoop {
    /// The outcome of a transfer that libcurl says is done.
    func outcome(of transfer: Transfer, _ handle: EasyHandle, _ code: CURLcode) -> Transfer.Outcome {
        transfer.status = handle.status
        if code == CURLE_OK || transfer.isTruncated && code == CURLE_WRITE_ERROR {
            return .success(transfer.response())
        }
        let arrived = mayHaveArrived(transfer, handle)
        func failure(_ kind: TransportError.Kind, _ message: String) -> Transfer.Outcome {
            .failure(TransportError(kind: kind, message: message, mayHaveArrived: arrived))
        }
        if let reason = transfer.exceeded { return failure(.tooLarge, reason) }
        if transfer.wouldRepeat {
            return failure(.broken, "The reused connection broke before an answer; the request was not sent twice.")
        }
        if let address = transfer.refusedAddress, transfer.sendings == 0,
            code == CURLE_ABORTED_BY_CALLBACK || !transfer.openedAnySocket
        {
            return failure(.addressRefused, "The address \(address) is not allowed.")
        }
        return failure(kind(of: code), handle.words(for: code))
    }

    /// False only when the peer cannot have the whole request: it was never begun, or its body never went out whole.
    func mayHaveArrived(_ transfer: Transfer, _ handle: EasyHandle) -> Bool {
        guard transfer.sendings > 0 else { return false }
        return transfer.wouldRepeat || transfer.sendings > 1 || handle.sentBodyBytes >= transfer.request.body.count
    }

    private func kind(of code: CURLcode) -> TransportError.Kind {
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_LOGIN_DENIED: .badURL
        case CURLE_COULDNT_RESOLVE_HOST: .nameNotFound
        case CURLE_COULDNT_CONNECT: .connectFailed
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_ENGINE_INITFAILED:
            .tls
        // A head line beyond libcurl's own buffer of 100 KB ends with this code.
        case CURLE_OUT_OF_MEMORY: .tooLarge
        case CURLE_ABORTED_BY_CALLBACK: .cancelled
        default: .broken
        }
    }
}

extension TransportError {
    static func cancelled(mayHaveArrived: Bool) -> TransportError {
        TransportError(kind: .cancelled, message: "The request was cancelled.", mayHaveArrived: mayHaveArrived)
    }

    static func closed(mayHaveArrived: Bool) -> TransportError {
        TransportError(kind: .cancelled, message: "The program is stopping.", mayHaveArrived: mayHaveArrived)
    }

    static func engine(_ message: String) -> TransportError {
        TransportError(kind: .connectFailed, message: message, mayHaveArrived: false)
    }
}
