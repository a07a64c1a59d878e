//  SHA-256 (FIPS 180-4) by OpenSSL.

import COpenSSL

/// The SHA-256 digest.
public enum SHA256 {
    /// The 32 bytes of the digest.
    public static func digest(of bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let status = EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
        precondition(status == 1 && length == 32, "SHA-256 needs nothing that can be missing")
        return digest
    }

    /// The digest of a text's UTF-8 as 64 lower-case hexadecimal digits.
    public static func hexDigest(of text: String) -> String {
        Hex.encode(digest(of: Array(text.utf8)))
    }

    /// The digest as 64 lower-case hexadecimal digits.
    public static func hexDigest(of bytes: [UInt8]) -> String {
        Hex.encode(digest(of: bytes))
    }
}

/// Lower-case hexadecimal digits.
public enum Hex {
    /// Two digits a byte.
    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index * 2] = digit(byte >> 4)
                buffer[index * 2 + 1] = digit(byte & 15)
            }
            return bytes.count * 2
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
