//  Percent-encoding (RFC 3986 §2.1) and query strings.

/// Percent-encoding of URL parts.
public enum PercentEncoding {
    /// The bytes with escapes undone; `nil` when a `%` lacks its two digits or the result is not UTF-8. Within a query
    /// `plusIsSpace`, as forms write it.
    public static func decode(_ bytes: Span<UInt8>, plusIsSpace: Bool = false) -> String? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexDigitValue,
                    let low = bytes[index + 2].hexDigitValue
                else { return nil }
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
                index += 1
            }
        }
        // Why it is no UTF-8 is nothing that a caller could use.
        guard let text = try? UTF8Span(validating: result.span) else { return nil }
        return String(copying: text)
    }

    /// The text with escapes undone; see the other form.
    public static func decode(_ text: String, plusIsSpace: Bool = false) -> String? {
        decode(text.utf8.span, plusIsSpace: plusIsSpace)
    }

    /// The text with everything but unreserved characters escaped, for a path segment or a query value.
    public static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// The parameters of a query string or of a form body, in order.
public struct QueryItems: Sendable {
    /// Name and value, decoded.
    public var items: [(name: String, value: String)] = []
    /// Whether every escape was well-formed and everything UTF-8.
    public var isWellFormed = true

    /// Reads `a=1&b=2`; a name without `=` has the empty value. What cannot be decoded is left out.
    public init(_ query: String?) {
        self.init((query ?? "").utf8.span)
    }

    /// Reads the bytes of a query; see the other form.
    public init(_ query: Span<UInt8>) {
        var start = 0
        while start < query.count {
            var end = start
            var equals = -1
            while end < query.count, query[end] != UInt8(ascii: "&") {
                if equals < 0, query[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            if end > start {
                add(query, name: start..<(equals < 0 ? end : equals), value: equals < 0 ? end..<end : equals + 1..<end)
            }
            start = end + 1
        }
    }

    private mutating func add(_ query: Span<UInt8>, name: Range<Int>, value: Range<Int>) {
        if let name = PercentEncoding.decode(query.extracting(name), plusIsSpace: true),
            let value = PercentEncoding.decode(query.extracting(value), plusIsSpace: true)
        {
            items.append((name, value))
        } else {
            isWellFormed = false
        }
    }

    /// The first value of that name.
    public subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }

    /// All values of that name, in order.
    public func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }
}
