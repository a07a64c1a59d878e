//  Growing bytes with one owner: no reference count and no uniqueness check at each append.

import Glibc

/// Bytes that grow at the end. Memory is kept until the value ends or ``shrink(to:)`` is called.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // The memory belongs to this value alone.
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0

    /// How many bytes it holds.
    @inlinable public var count: Int { used }

    /// Makes an empty buffer with room for that many bytes.
    public init(capacity: Int = 256) {
        self.capacity = max(16, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// The bytes.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let span = Span(_unsafeStart: base, count: count)
            return _overrideLifetime(span, borrowing: self)
        }
    }

    /// Calls the closure with the bytes; the pointer is valid within it.
    public borrowing func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Adds a byte.
    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[used] = byte
        used += 1
    }

    /// Adds bytes.
    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base + used).initialize(from: start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        used += bytes.count
    }

    /// Adds bytes.
    @inlinable
    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(UnsafeRawBufferPointer($0)) }
    }

    /// Adds bytes.
    @inlinable
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds bytes.
    public mutating func append(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds a text's UTF-8.
    @inlinable
    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Adds a text's UTF-8.
    public mutating func append(_ text: String) {
        append(text.utf8.span)
    }

    /// Adds decimal digits.
    public mutating func append(decimal value: Int64) {
        reserve(20)
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let width = Self.digits(rest)
        var index = count + width
        repeat {
            index -= 1
            base[index] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
            rest /= 10
        } while rest > 0
        used += width
    }

    /// Adds sixteen lower-case hexadecimal digits.
    public mutating func append(hex value: UInt64) {
        reserve(16)
        for place in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place) & 15)
            base[count + place] = digit < 10 ? 48 + digit : 87 + digit
        }
        used += 16
    }

    /// Overwrites bytes that are there, right-aligned decimal digits after spaces, for a length that was not known.
    public mutating func overwrite(at offset: Int, width: Int, decimal value: Int) {
        precondition(offset >= 0 && offset + width <= count, "only bytes that are there")
        var rest = value
        for place in stride(from: offset + width - 1, through: offset, by: -1) {
            let isDigit = rest > 0 || place == offset + width - 1
            base[place] = isDigit ? UInt8(48 + rest % 10) : UInt8(ascii: " ")
            rest /= 10
        }
        precondition(rest == 0, "the number is wider than its place")
    }

    /// Overwrites bytes that are there.
    public mutating func overwrite(at offset: Int, _ bytes: Span<UInt8>) {
        precondition(offset >= 0 && offset + bytes.count <= count, "only bytes that are there")
        for index in bytes.indices { base[offset + index] = bytes[index] }
    }

    /// Takes bytes out of the middle.
    public mutating func remove(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "only bytes that are there")
        memmove(base + range.lowerBound, base + range.upperBound, count - range.upperBound)
        used -= range.count
    }

    /// Keeps only the first bytes.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "only bytes that are there")
        used = count
    }

    /// Drops bytes from the start.
    public mutating func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count, "only bytes that are there")
        if dropped == 0 { return }
        memmove(base, base + dropped, count - dropped)
        used -= dropped
    }

    /// Drops all bytes and keeps the memory.
    public mutating func removeAll() { used = 0 }

    /// Gives back memory above that many bytes; only for an empty buffer.
    public mutating func shrink(to limit: Int) {
        guard count == 0, capacity > limit else { return }
        base.deallocate()
        capacity = max(16, limit)
        base = .allocate(capacity: capacity)
    }

    /// Makes room for more bytes.
    @inlinable
    public mutating func reserve(_ more: Int) {
        if used + more > capacity { grow(more) }
    }

    /// Lets the closure write at the end, up to that many bytes, and answer how many it wrote.
    public mutating func append<Failure: Error>(
        upTo room: Int,
        _ write: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        reserve(room)
        let written = try write(UnsafeMutableRawBufferPointer(start: base + count, count: room))
        precondition(written >= 0 && written <= room, "written within the room given")
        used += written
        return written
    }

    @usableFromInline
    @inline(never)
    mutating func grow(_ more: Int) {
        let wanted = max(capacity * 2, count + more)
        let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        memcpy(bigger, base, count)
        base.deallocate()
        base = bigger
        capacity = wanted
    }

    private static func digits(_ value: UInt64) -> Int {
        var width = 1
        var bound: UInt64 = 10
        while value >= bound {
            width += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        return width
    }
}
