//  What the ranges of a reader hold: comparing them in place, and making Swift values of them.

extension JSONReader {
    /// Whether a string holds exactly that ASCII text. Builds nothing unless the string has escapes.
    @inline(__always)
    public func equals(_ string: JSONString, _ text: StaticString) -> Bool {
        guard !string.hasEscapes else { return self.text(string) == "\(text)" }
        return string.range.count == text.utf8CodeUnitCount && bytes.has(text, at: string.range.lowerBound)
    }

    /// Whether a string holds exactly these bytes of UTF-8. Builds nothing unless the string has escapes.
    public func equals(_ string: JSONString, _ text: String) -> Bool {
        guard !string.hasEscapes else { return self.text(string).utf8.elementsEqual(text.utf8) }
        let wanted = text.utf8.span
        guard string.range.count == wanted.count else { return false }
        for index in wanted.indices where input[string.range.lowerBound + index] != wanted[index] { return false }
        return true
    }

    /// The string, its escapes resolved.
    public func text(_ string: JSONString) -> String {
        guard !string.hasEscapes else { return JSONEscape.resolve(string.range, in: bytes) }
        // Only `string()` makes a JSONString, of bytes that it has checked.
        return unsafe String(
            copying: UTF8Span(unchecked: input.extracting(string.range), isKnownASCII: string.isASCII)
        )
    }

    /// The bytes of a range as they stand, as for a number's digits.
    public func rawText(_ range: Range<Int>) -> String {
        unsafe input.withUnsafeBufferPointer { buffer in
            unsafe String(decoding: UnsafeBufferPointer(rebasing: buffer[range]), as: UTF8.self)
        }
    }

    /// The bytes of a range, lent as long as the text is.
    @_lifetime(copy self)
    public func span(_ range: Range<Int>) -> Span<UInt8> { input.extracting(range) }

    /// A copy of the bytes of a range.
    public func rawBytes(_ range: Range<Int>) -> [UInt8] {
        unsafe input.withUnsafeBufferPointer { buffer in
            unsafe Array(buffer[range])
        }
    }

    /// The number at a range where it is whole and fits.
    public func integer(_ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        let isNegative = bytes.byte(index) == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < range.upperBound else { return nil }
        // Counted below zero, where there is room for one more.
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = bytes.byte(index) &- 48
            guard digit < 10 else { return nil }
            let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowsToo) = tens.subtractingReportingOverflow(Int64(digit))
            guard !overflows, !overflowsToo else { return nil }
            value = next
            index += 1
        }
        guard !isNegative else { return value }
        return value == .min ? nil : -value
    }
}

/// Backslash escapes (RFC 8259 §7).
enum JSONEscape {
    /// Why what starts at `index` is no escape. A surrogate must come as a pair.
    static func fault(at index: Int, in input: RawSpan) -> String {
        guard index + 1 < input.byteCount else { return "the string does not end" }
        guard input.byte(index + 1) == UInt8(ascii: "u") else { return "unknown escape" }
        return unit(at: index, in: input) == nil
            ? "\\u needs four hexadecimal digits" : "a lone surrogate is no character"
    }

    /// A checked string with its escapes resolved.
    static func resolve(_ range: Range<Int>, in input: RawSpan) -> String {
        // An escape is never shorter than the UTF-8 of what it stands for.
        unsafe String(unsafeUninitializedCapacity: range.count) { output in
            var count = 0
            func put(_ byte: UInt8) {
                unsafe output[count] = byte
                count += 1
            }
            var index = range.lowerBound
            while index < range.upperBound {
                let byte = input.byte(index)
                guard byte == UInt8(ascii: "\\") else {
                    put(byte)
                    index += 1
                    continue
                }
                switch input.byte(index + 1) {
                case UInt8(ascii: "b"): put(0x08)
                case UInt8(ascii: "f"): put(0x0C)
                case UInt8(ascii: "n"): put(0x0A)
                case UInt8(ascii: "r"): put(0x0D)
                case UInt8(ascii: "t"): put(0x09)
                case UInt8(ascii: "u"):
                    var code = UInt32(unit(at: index, in: input) ?? 0xFFFD)
                    if code & 0xFC00 == 0xD800, let low = unit(at: index + 6, in: input) {
                        code = 0x10000 + (code & 0x3FF) << 10 + UInt32(low & 0x3FF)
                        index += 6
                    }
                    for byte in UTF8.encode(Unicode.Scalar(code) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter {
                        put(byte)
                    }
                    index += 4
                case let other: put(other)
                }
                index += 2
            }
            return count
        }
    }

    /// The UTF-16 unit of `\uXXXX` at that index.
    static func unit(at index: Int, in input: RawSpan) -> UInt16? {
        guard index + 6 <= input.byteCount, input.byte(index) == UInt8(ascii: "\\"),
            input.byte(index + 1) == UInt8(ascii: "u")
        else { return nil }
        var value: UInt16 = 0
        for place in (index + 2)..<(index + 6) {
            let byte = input.byte(place)
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - 48)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - 87)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - 55)
            default: return nil
            }
        }
        return value
    }
}
