//  The library that does the cryptography.

import COpenSSL

/// OpenSSL as it was loaded.
public enum CryptoLibrary {
    /// Its version, such as `3.0.17`.
    public static var version: String { String(cString: OpenSSL_version(OPENSSL_VERSION_STRING)) }
}
