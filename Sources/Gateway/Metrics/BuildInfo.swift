//  What this program was built of.

import Crypto
import HTTPClient
import Store

/// The versions at work, for `contact_gateway_build_info`.
struct BuildInfo: Equatable, Sendable {
    var version = Gateway.version
    var swift = Self.compiler
    var sqlite = Store.libraryVersion
    var curl = Client.libraryVersion
    var openssl = CryptoLibrary.version

    /// The compiler tells its version only to conditions.
    private static var compiler: String {
        #if compiler(>=6.4)
        "6.4 or newer"
        #elseif compiler(>=6.3.1)
        "6.3.1"
        #elseif compiler(>=6.3)
        "6.3"
        #else
        "6.2"
        #endif
    }
}
