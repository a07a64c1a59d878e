//  Texts as bytes: comparing and copying them without a character in between.

extension Span<UInt8> {
    /// Whether both hold the same bytes.
    func hasBytes(of other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        // Both have `count` bytes; every load ends there at the latest.
        return unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                guard let left = left.baseAddress, let right = right.baseAddress, count >= 8 else {
                    return unsafe left.elementsEqual(right)
                }
                var index = 0
                while true {
                    let word = unsafe left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    guard unsafe word == right.loadUnaligned(fromByteOffset: index, as: UInt64.self) else {
                        return false
                    }
                    if index == count &- 8 { return true }
                    index = Swift.min(index &+ 8, count &- 8)
                }
            }
        }
    }

    /// How many ASCII digits there are.
    var digitCount: Int {
        var digits = 0
        for index in indices where self[index] &- 48 < 10 { digits += 1 }
        return digits
    }
}

extension String {
    /// A text of bytes that are all ASCII.
    init(ascii bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
