//  Random bytes fit for keys.

import COpenSSL

/// Random bytes from OpenSSL's generator, which is seeded by the kernel.
public enum RandomBytes {
    /// That many random bytes.
    public static func make(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let status = RAND_bytes(&bytes, Int32(count))
        precondition(status == 1, "no entropy: nothing secret may be made")
        return bytes
    }
}
