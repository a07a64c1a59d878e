//  What the ranges of a reader hold: comparing them in place, and making Swift values of them.

extension JSONReader {
    /// Whether a string holds exactly that ASCII text. Builds nothing unless the string has escapes.
    public func equals(_ string: JSONString, _ text: StaticString) -> Bool {
        string.hasEscapes ? self.text(string) == "\(text)" : matches(string.range, text)
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
        guard string.hasEscapes else { return rawText(string.range) }
        return String(decoding: JSONEscape.resolve(string.range, in: input), as: UTF8.self)
    }

    /// The bytes of a range as they stand, as for a number's digits.
    public func rawText(_ range: Range<Int>) -> String {
        unsafe input.withUnsafeBufferPointer { buffer in
            unsafe String(decoding: UnsafeBufferPointer(rebasing: buffer[range]), as: UTF8.self)
        }
    }

    /// A copy of the bytes of a range.
    public func rawBytes(_ range: Range<Int>) -> [UInt8] {
        unsafe input.withUnsafeBufferPointer { buffer in
            unsafe Array(buffer[range])
        }
    }

    /// The number at a range where it is whole and fits.
    public func integer(_ range: Range<Int>) -> Int64? { Int64(rawText(range)) }

    func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<range.count where unsafe input[range.lowerBound + index] != wanted[index] { return false }
            return true
        }
    }
}

/// Backslash escapes (RFC 8259 §7).
enum JSONEscape {
    /// The index after the escape that starts at `index`. A surrogate must come as a pair.
    static func end(of index: Int, in input: Span<UInt8>) throws(JSONError) -> Int {
        guard index + 1 < input.count else { throw JSONError(offset: index, reason: "the string does not end") }
        switch input[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index + 2
        case UInt8(ascii: "u"):
            guard let unit = unit(at: index, in: input) else {
                throw JSONError(offset: index, reason: "\\u needs four hexadecimal digits")
            }
            guard unit & 0xF800 == 0xD800 else { return index + 6 }
            guard unit < 0xDC00, let low = self.unit(at: index + 6, in: input), low & 0xFC00 == 0xDC00 else {
                throw JSONError(offset: index, reason: "a lone surrogate is no character")
            }
            return index + 12
        default: throw JSONError(offset: index, reason: "unknown escape")
        }
    }

    /// The bytes of a checked string with its escapes resolved, UTF-8.
    static func resolve(_ range: Range<Int>, in input: Span<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard input[index] == UInt8(ascii: "\\") else {
                output.append(input[index])
                index += 1
                continue
            }
            switch input[index + 1] {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var code = UInt32(unit(at: index, in: input) ?? 0xFFFD)
                if code & 0xFC00 == 0xD800, let low = unit(at: index + 6, in: input) {
                    code = 0x10000 + (code & 0x3FF) << 10 + UInt32(low & 0x3FF)
                    index += 6
                }
                output.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
                index += 4
            default: output.append(input[index + 1])
            }
            index += 2
        }
        return output
    }

    /// The UTF-16 unit of `\uXXXX` at that index.
    private static func unit(at index: Int, in input: Span<UInt8>) -> UInt16? {
        guard index + 6 <= input.count, input[index] == UInt8(ascii: "\\"), input[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        var value: UInt16 = 0
        for place in (index + 2)..<(index + 6) {
            switch input[place] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(input[place] - 48)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(input[place] - 87)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(input[place] - 55)
            default: return nil
            }
        }
        return value
    }
}

/// Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
enum UTF8Check {
    static func check(_ input: Span<UInt8>, _ range: Range<Int>) throws(JSONError) {
        var index = range.lowerBound
        while index < range.upperBound {
            let first = input[index]
            let second: ClosedRange<UInt8>
            let count: Int
            switch first {
            case 0..<0x80:
                index += 1
                continue
            case 0xC2...0xDF: (count, second) = (2, 0x80...0xBF)
            case 0xE0: (count, second) = (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (count, second) = (3, 0x80...0xBF)
            case 0xED: (count, second) = (3, 0x80...0x9F)
            case 0xF0: (count, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (count, second) = (4, 0x80...0xBF)
            case 0xF4: (count, second) = (4, 0x80...0x8F)
            default: throw JSONError(offset: index, reason: "not UTF-8")
            }
            guard index + count <= range.upperBound, second.contains(input[index + 1]) else {
                throw JSONError(offset: index, reason: "not UTF-8")
            }
            for place in (index + 2)..<max(index + 2, index + count) where input[place] & 0xC0 != 0x80 {
                throw JSONError(offset: index, reason: "not UTF-8")
            }
            index += count
        }
    }
}
