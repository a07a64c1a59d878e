//  `server.tls` as OpenSSL sees it, for the configuration's complaints and for the server.

public import Config
import HTTPServer
import Log
import Platform

extension ConfigSurroundings {
    /// This process's environment and this machine's files, and OpenSSL's judgement of certificates and keys.
    public static let gateway: ConfigSurroundings = {
        var surroundings = ConfigSurroundings.system
        surroundings.judge = { tls in findings(tls, now: .now()) }
        return surroundings
    }()

    /// How long before its end a certificate is worth a warning: an automatic renewal has failed by then.
    private static let noticeSeconds: Int64 = 14 * 86_400

    private static func findings(_ tls: TLSConfig, now: Timestamp) -> [TLSFinding] {
        let context: TLSContext
        do throws(TLSError) {
            context = try TLSContext(tls.identity)
        } catch {
            let member =
                switch error.part {
                case .certificate: "certificate"
                case .key: "key"
                case .clientCA: "client_ca"
                }
            return [TLSFinding(member: member, message: error.message)]
        }
        func warning(_ message: String) -> [TLSFinding] {
            [TLSFinding(member: "certificate", message: message, isWarning: true)]
        }
        if now.seconds < context.validFrom {
            return warning("is not valid before \(Timestamp(milliseconds: context.validFrom * 1000).rfc3339)")
        }
        let end = Timestamp(milliseconds: context.validUntil * 1000).rfc3339
        if now.seconds >= context.validUntil { return warning("expired at \(end)") }
        if now.seconds >= context.validUntil - noticeSeconds { return warning("expires at \(end)") }
        return []
    }
}

extension TLSConfig {
    /// For the server.
    var identity: TLSIdentity {
        TLSIdentity(certificate: certificate.text.revealed, key: key.text, clientCA: clientCA?.text.revealed)
    }
}
