//  Throw-away certificates, made by openssl.

import FoundationEssentials
import Glibc
import Platform

/// Certificates made for one test, in a folder of their own.
public final class TestCertificates: Sendable {
    /// Where they are: `one.pem` and `one.key`, `two.pem` and `two.key`, each its own authority.
    public let folder: String

    /// Makes both pairs, valid for two days.
    public init() async throws {
        folder = "/tmp/contact-gateway-tls-\(RandomSource.shared.hex(8))"
        mkdir(folder, 0o700)
        for name in ["one", "two"] {
            let made = await Shell.run(
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(name) "
                    + "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout \(folder)/\(name).key -out \(folder)/\(name).pem"
            )
            precondition(made.status == 0, "openssl makes a certificate: \(made.output)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A file's text.
    public func text(_ name: String) throws -> String {
        String(decoding: try FileDescriptor.contents(ofFile: "\(folder)/\(name)"), as: UTF8.self)
    }
}
