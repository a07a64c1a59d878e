//  A strict pull reader (RFC 8259) over bytes in memory. It builds nothing: values come as ranges into the text.

/// A string's place in the text: the bytes between its quotes.
public struct JSONString: Equatable, Sendable {
    /// The bytes between the quotes.
    public var range: Range<Int>
    /// Whether any of them starts an escape.
    public var hasEscapes: Bool
}

/// Reads one JSON text from front to back. Every method skips white space first and leaves the reader behind what it
/// read; after an error the reader is of no further use.
///
/// An object is read by ``beginObject()`` and then ``nextMember()`` until it returns `nil`, with one value read or
/// skipped after each name; an array by ``beginArray()`` and ``nextElement()`` until it returns false.
public struct JSONReader: ~Escapable {
    /// What the next value is.
    public enum Kind: Sendable {
        case object, array, string, number, bool, null
    }

    /// Where the reader stands: the offset of the next byte.
    public private(set) var offset = 0
    let input: Span<UInt8>
    private let limits: JSONLimits
    private var depth = 0
    /// True from an opening bracket until the first value or the closing bracket.
    private var isJustOpened = false

    /// Starts at the first byte. A text beyond ``JSONLimits/maxBytes`` fails at the first read.
    @_lifetime(copy input)
    public init(_ input: Span<UInt8>, limits: JSONLimits = JSONLimits()) {
        self.input = input
        self.limits = limits
    }

    /// What the next value is, by its first byte.
    public mutating func peek() throws(JSONError) -> Kind {
        switch try nextByte("a value") {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw JSONError(offset: offset, reason: "expected a value")
        }
    }

    /// Enters an object.
    public mutating func beginObject() throws(JSONError) {
        try open(UInt8(ascii: "{"), "an object")
    }

    /// The next member's name, the reader then standing before its value; `nil` when the object has ended.
    public mutating func nextMember() throws(JSONError) -> JSONString? {
        guard try !closes(UInt8(ascii: "}"), "\",\" or \"}\"") else { return nil }
        let name = try string()
        guard try nextByte("\":\"") == UInt8(ascii: ":") else {
            throw JSONError(offset: offset, reason: "expected \":\" after a member's name")
        }
        offset += 1
        return name
    }

    /// Enters an array.
    public mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), "an array")
    }

    /// Whether another element follows, the reader then standing before it; false when the array has ended.
    public mutating func nextElement() throws(JSONError) -> Bool {
        guard try !closes(UInt8(ascii: "]"), "\",\" or \"]\"") else { return false }
        if try nextByte("an element") == UInt8(ascii: "]") {
            throw JSONError(offset: offset, reason: "expected an element after \",\"")
        }
        return true
    }

    /// Reads a string. Bad UTF-8, control characters, bad escapes and lone surrogates are errors.
    public mutating func string() throws(JSONError) -> JSONString {
        guard try nextByte("a string") == UInt8(ascii: "\"") else {
            throw JSONError(offset: offset, reason: "expected a string")
        }
        let start = offset + 1
        var index = start
        var hasEscapes = false
        var hasHighBit = false
        while true {
            index = skipPlain(from: index, hasHighBit: &hasHighBit)
            guard index < input.count else { throw JSONError(offset: index, reason: "the string does not end") }
            switch input[index] {
            case UInt8(ascii: "\""):
                if hasHighBit { try UTF8Check.check(input, start..<index) }
                offset = index + 1
                isJustOpened = false
                return JSONString(range: start..<index, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index = try JSONEscape.end(of: index, in: input)
            case 0..<0x20:
                throw JSONError(offset: index, reason: "a control character in a string must be escaped")
            default:
                hasHighBit = hasHighBit || input[index] >= 0x80
                index += 1
            }
        }
    }

    /// Reads a number and gives the range of its digits.
    public mutating func number() throws(JSONError) -> Range<Int> {
        _ = try nextByte("a number")
        let start = offset
        var index = start
        func isDigit(_ at: Int) -> Bool { at < input.count && input[at] &- 48 < 10 }
        func digits(_ at: Int) throws(JSONError) -> Int {
            guard isDigit(at) else { throw JSONError(offset: at, reason: "expected a digit") }
            var at = at
            while isDigit(at) { at += 1 }
            return at
        }
        if input[index] == UInt8(ascii: "-") { index += 1 }
        if index < input.count, input[index] == UInt8(ascii: "0") {
            index += 1
            if isDigit(index) { throw JSONError(offset: index, reason: "a number must not start with 0") }
        } else {
            index = try digits(index)
        }
        if index < input.count, input[index] == UInt8(ascii: ".") { index = try digits(index + 1) }
        if index < input.count, input[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < input.count, input[index] == UInt8(ascii: "+") || input[index] == UInt8(ascii: "-") {
                index += 1
            }
            index = try digits(index)
        }
        offset = index
        isJustOpened = false
        return start..<index
    }

    /// Reads `true` or `false`.
    public mutating func bool() throws(JSONError) -> Bool {
        if try nextByte("true or false") == UInt8(ascii: "t") {
            try word("true")
            return true
        }
        try word("false")
        return false
    }

    /// Reads `null`.
    public mutating func null() throws(JSONError) {
        _ = try nextByte("null")
        try word("null")
    }

    /// Reads over any value, checking it as strictly as if it were used, and gives its range without white space.
    @discardableResult
    public mutating func skipValue() throws(JSONError) -> Range<Int> {
        let kind = try peek()
        let start = offset
        switch kind {
        case .string: _ = try string()
        case .number: _ = try number()
        case .bool: _ = try bool()
        case .null: try null()
        case .array:
            try beginArray()
            while try nextElement() { try skipValue() }
        case .object:
            try beginObject()
            while try nextMember() != nil { try skipValue() }
        }
        return start..<offset
    }

    /// Expects nothing but white space up to the end.
    public mutating func end() throws(JSONError) {
        skipWhiteSpace()
        guard offset == input.count else { throw JSONError(offset: offset, reason: "expected the end of the text") }
    }

    private mutating func open(_ bracket: UInt8, _ what: StaticString) throws(JSONError) {
        guard try nextByte(what) == bracket else { throw JSONError(offset: offset, reason: "expected \(what)") }
        guard depth < limits.maxDepth else {
            throw JSONError(offset: offset, reason: "nested deeper than \(limits.maxDepth) levels")
        }
        depth += 1
        offset += 1
        isJustOpened = true
    }

    /// Takes the closing bracket, or the comma before the next value (none before the first).
    private mutating func closes(_ bracket: UInt8, _ what: StaticString) throws(JSONError) -> Bool {
        let byte = try nextByte(what)
        if byte == bracket {
            depth -= 1
            offset += 1
            isJustOpened = false
            return true
        }
        if isJustOpened {
            isJustOpened = false
            return false
        }
        guard byte == UInt8(ascii: ",") else { throw JSONError(offset: offset, reason: "expected \(what)") }
        offset += 1
        return false
    }

    private mutating func word(_ text: StaticString) throws(JSONError) {
        let count = text.utf8CodeUnitCount
        guard offset + count <= input.count, matches(offset..<(offset + count), text) else {
            throw JSONError(offset: offset, reason: "expected \(text)")
        }
        offset += count
        isJustOpened = false
    }

    /// The next byte after white space, not taken.
    private mutating func nextByte(_ what: StaticString) throws(JSONError) -> UInt8 {
        skipWhiteSpace()
        guard offset < input.count else {
            throw JSONError(offset: offset, reason: "the text ends where \(what) should be")
        }
        guard input.count <= limits.maxBytes else {
            throw JSONError(offset: limits.maxBytes, reason: "longer than \(limits.maxBytes) bytes")
        }
        return input[offset]
    }

    private mutating func skipWhiteSpace() {
        while offset < input.count {
            switch input[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// Skips bytes that need no look, eight at a time: neither quote, backslash, control character nor high bit.
    private func skipPlain(from start: Int, hasHighBit: inout Bool) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = start
        let bytes = unsafe input.bytes
        while index + 8 <= input.count {
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The highest bit of a byte is set where that byte is zero, or below 0x20 for the last term.
            let special =
                ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
            if special & highs != 0 { break }
            if word & highs != 0 { hasHighBit = true }
            index += 8
        }
        return index
    }
}
