//  Random numbers from the kernel, fetched in batches: one getrandom(2) costs more than the numbers in it.

import CLinux
import Glibc
import Synchronization

/// A cryptographically secure source of randomness.
public final class RandomSource: RandomNumberGenerator, Sendable {
    /// The one that everything may share.
    public static let shared = RandomSource()

    private struct Batch {
        var bytes = [UInt8](repeating: 0, count: 2048)
        var used = 2048
    }
    private let batch = Mutex(Batch())

    /// Makes a source with a batch of its own.
    public init() {}

    /// Eight random bytes.
    public func next() -> UInt64 {
        batch.withLock { batch in
            var value: UInt64 = 0
            Self.fill(&batch, 8) { value = value << 8 | UInt64($0) }
            return value
        }
    }

    /// That many random bytes.
    public func bytes(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        batch.withLock { batch in Self.fill(&batch, count) { result.append($0) } }
        return result
    }

    /// Random bytes as lower-case hexadecimal digits, two for each byte.
    public func hex(_ byteCount: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = bytes(byteCount)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func fill(_ batch: inout Batch, _ count: Int, _ take: (UInt8) -> Void) {
        for _ in 0..<count {
            if batch.used == batch.bytes.count { refill(&batch) }
            take(batch.bytes[batch.used])
            batch.bytes[batch.used] = 0  // a used byte is never seen again
            batch.used += 1
        }
    }

    private static func refill(_ batch: inout Batch) {
        var filled = 0
        while filled < batch.bytes.count {
            let got = batch.bytes.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return 0 }
                return clinux_random(start + filled, UInt(bytes.count - filled))
            }
            // getrandom(2): once the pool is initialised a request of this size fails only by EINTR.
            if got > 0 { filled += got } else { precondition(errno == EINTR, "getrandom failed") }
        }
        batch.used = 0
    }
}
