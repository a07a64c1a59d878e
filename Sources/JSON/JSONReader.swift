//  A strict pull reader (RFC 8259) over bytes in memory. It builds nothing: values come as ranges into the text.

/// A string's place in the text: the bytes between its quotes.
public struct JSONString: Equatable, Sendable {
    /// The bytes between the quotes.
    public let range: Range<Int>
    /// Whether any of them starts an escape.
    public let hasEscapes: Bool
    /// Whether all of them are ASCII.
    public let isASCII: Bool
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
    /// The input; empty where that is too long, so that nothing is found in it.
    let bytes: RawSpan
    private let limits: JSONLimits
    private var depth = 0
    /// True from an opening bracket until the first value or the closing bracket.
    private var isJustOpened = false

    /// Starts at the first byte. A text beyond ``JSONLimits/maxBytes`` fails at the first read.
    @_lifetime(copy input)
    public init(_ input: Span<UInt8>, limits: JSONLimits = JSONLimits()) {
        self.input = input
        self.limits = limits
        // Any byte may be read as a byte.
        bytes = unsafe input.count <= limits.maxBytes ? input.bytes : RawSpan()
    }

    /// What the next value is, by its first byte.
    public mutating func peek() throws(JSONError) -> Kind {
        switch nextByte() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw fault("a value")
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
        guard nextByte() == UInt8(ascii: ":") else {
            throw fault("\":\"", otherwise: "expected \":\" after a member's name")
        }
        offset += 1
        return name
    }

    /// Takes the next member's name where it is this one, written without white space or escapes around and in it. The
    /// cheap way through objects whose members have a usual order; whatever else comes is ``nextMember()``'s.
    ///
    /// - Parameter name: ASCII without quotes and backslashes.
    /// - Returns: False when nothing was taken.
    public mutating func takeMember(_ name: StaticString) -> Bool {
        let quote = isJustOpened ? offset : offset &+ 1
        let end = quote &+ 1 &+ name.utf8CodeUnitCount
        guard bytes.byte(quote) == UInt8(ascii: "\""), bytes.byte(end) == UInt8(ascii: "\""),
            bytes.byte(end &+ 1) == UInt8(ascii: ":"), isJustOpened || bytes.byte(offset) == UInt8(ascii: ","),
            bytes.has(name, at: quote &+ 1)
        else { return false }
        offset = end &+ 2
        isJustOpened = false
        return true
    }

    /// Enters an array.
    public mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), "an array")
    }

    /// Whether another element follows, the reader then standing before it; false when the array has ended.
    public mutating func nextElement() throws(JSONError) -> Bool {
        guard try !closes(UInt8(ascii: "]"), "\",\" or \"]\"") else { return false }
        switch nextByte() {
        case 0 where isAtEnd: throw fault("an element")
        case UInt8(ascii: "]"): throw fault("an element", otherwise: "expected an element after \",\"")
        default: return true
        }
    }

    /// Reads a string. Bad UTF-8, control characters, bad escapes and lone surrogates are errors.
    public mutating func string() throws(JSONError) -> JSONString {
        guard nextByte() == UInt8(ascii: "\"") else { throw fault("a string") }
        let start = offset &+ 1
        let scan = bytes.string(from: start)
        guard scan.end >= 0 else { throw stringFault(at: ~scan.end) }
        offset = scan.end &+ 1
        isJustOpened = false
        return JSONString(range: start..<scan.end, hasEscapes: scan.hasEscapes, isASCII: scan.isASCII)
    }

    /// Reads a number and gives the range of its digits.
    public mutating func number() throws(JSONError) -> Range<Int> {
        guard nextByte() != 0 else { throw fault("a number", otherwise: "expected a digit") }
        let start = offset
        let end = bytes.numberEnd(from: start)
        guard end >= 0 else {
            let isDigit = bytes.byte(~end) &- 48 < 10
            throw JSONError(offset: ~end, reason: isDigit ? "a number must not start with 0" : "expected a digit")
        }
        offset = end
        isJustOpened = false
        return start..<end
    }

    /// Reads `true` or `false`.
    public mutating func bool() throws(JSONError) -> Bool {
        switch nextByte() {
        case UInt8(ascii: "t"):
            try word("true")
            return true
        case 0: throw fault("true or false", otherwise: "expected false")
        default:
            try word("false")
            return false
        }
    }

    /// Reads `null`.
    public mutating func null() throws(JSONError) {
        guard nextByte() != 0 else { throw fault("null") }
        try word("null")
    }

    /// Reads over any value, checking it as strictly as if it were used, and gives its range without white space.
    @discardableResult
    public mutating func skipValue() throws(JSONError) -> Range<Int> {
        _ = nextByte()
        let end = bytes.valueEnd(from: offset, levels: min(limits.maxDepth - depth, 64))
        guard end >= 0 else { return try skipSteps() }
        let start = offset
        offset = end
        isJustOpened = false
        return start..<end
    }

    /// The same step by step: for what is nested deeper, and to name the fault.
    private mutating func skipSteps() throws(JSONError) -> Range<Int> {
        let kind = try peek()
        let start = offset
        switch kind {
        case .string: _ = try string()
        case .number: _ = try number()
        case .bool: _ = try bool()
        case .null: try null()
        case .array:
            try beginArray()
            while try nextElement() { _ = try skipSteps() }
        case .object:
            try beginObject()
            while try nextMember() != nil { _ = try skipSteps() }
        }
        return start..<offset
    }

    /// Expects nothing but white space up to the end.
    public mutating func end() throws(JSONError) {
        offset = unsafe input.bytes.behindSpace(offset)
        guard offset == input.count else { throw JSONError(offset: offset, reason: "expected the end of the text") }
    }

    @inline(__always)
    private mutating func open(_ bracket: UInt8, _ what: StaticString) throws(JSONError) {
        guard nextByte() == bracket else { throw fault(what) }
        guard depth < limits.maxDepth else {
            throw JSONError(offset: offset, reason: "nested deeper than \(limits.maxDepth) levels")
        }
        depth += 1
        offset += 1
        isJustOpened = true
    }

    /// Takes the closing bracket, or the comma before the next value (none before the first).
    @inline(__always)
    private mutating func closes(_ bracket: UInt8, _ what: StaticString) throws(JSONError) -> Bool {
        let byte = nextByte()
        if byte == bracket {
            depth -= 1
            offset += 1
            isJustOpened = false
            return true
        }
        if isJustOpened, byte != 0 || !isAtEnd {
            isJustOpened = false
            return false
        }
        guard byte == UInt8(ascii: ",") else { throw fault(what) }
        offset += 1
        return false
    }

    private mutating func word(_ text: StaticString) throws(JSONError) {
        guard bytes.has(text, at: offset) else { throw JSONError(offset: offset, reason: "expected \(text)") }
        offset += text.utf8CodeUnitCount
        isJustOpened = false
    }

    /// The next byte after white space, not taken; zero at the end, and at a zero byte, which is a fault anywhere.
    @inline(__always)
    private mutating func nextByte() -> UInt8 {
        let byte = bytes.byte(offset)
        if byte > 0x20 { return byte }
        offset = bytes.behindSpace(offset)
        return bytes.byte(offset)
    }

    private var isAtEnd: Bool { offset >= bytes.byteCount }

    /// Why the byte that comes next is not what should stand there.
    @inline(never)
    private mutating func fault(_ what: StaticString, otherwise reason: String? = nil) -> JSONError {
        offset = unsafe input.bytes.behindSpace(offset)
        guard offset < input.count else {
            return JSONError(offset: offset, reason: "the text ends where \(what) should be")
        }
        guard input.count <= limits.maxBytes else {
            return JSONError(offset: limits.maxBytes, reason: "longer than \(limits.maxBytes) bytes")
        }
        return JSONError(offset: offset, reason: reason ?? "expected \(what)")
    }

    /// Why a string cannot go on at an index.
    @inline(never)
    private func stringFault(at index: Int) -> JSONError {
        guard index < bytes.byteCount else { return JSONError(offset: index, reason: "the string does not end") }
        switch bytes.byte(index) {
        case UInt8(ascii: "\\"): return JSONError(offset: index, reason: JSONEscape.fault(at: index, in: bytes))
        case 0..<0x20: return JSONError(offset: index, reason: "a control character in a string must be escaped")
        default: return JSONError(offset: index, reason: "not UTF-8")
        }
    }
}
