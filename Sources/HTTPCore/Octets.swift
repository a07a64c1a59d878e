//  Character classes and small readings of the HTTP grammar (RFC 9110 §5.6, RFC 9112).

extension UInt8 {
    /// tchar: what methods and field names are made of. One bit for each of the 128 ASCII characters.
    @inline(__always)
    var isTokenCharacter: Bool {
        // "!#$%&'*+-.^_`|~", digits and letters.
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        return self < 0x80 && (self < 64 ? low : high) >> UInt64(self & 63) & 1 == 1
    }

    @inline(__always)
    var isDigit: Bool { self &- 48 < 10 }

    /// Space or tab.
    @inline(__always)
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// Control characters but tab; obs-text (0x80 and above) passes.
    @inline(__always)
    var isForbiddenInValue: Bool { (self < 0x20 && self != 0x09) || self == 0x7F }

    /// The value of a hexadecimal digit.
    @inline(__always)
    var hexDigitValue: UInt8? {
        switch self {
        case 48...57: self - 48
        case 65...70: self - 55
        case 97...102: self - 87
        default: nil
        }
    }
}

extension Method {
    /// Its spelling, as text that needs no reference count.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        }
    }

    /// The method of that spelling; case counts.
    @inline(__always)
    init?(_ name: Span<UInt8>) {
        switch name.count {
        case 3 where name.equals("GET"): self = .get
        case 3 where name.equals("PUT"): self = .put
        case 4 where name.equals("POST"): self = .post
        case 4 where name.equals("HEAD"): self = .head
        case 5 where name.equals("PATCH"): self = .patch
        case 5 where name.equals("TRACE"): self = .trace
        case 6 where name.equals("DELETE"): self = .delete
        case 7 where name.equals("OPTIONS"): self = .options
        case 7 where name.equals("CONNECT"): self = .connect
        default: return nil
        }
    }
}

extension Span<UInt8> {
    /// The place of the next LF, eight bytes at a time.
    @inline(__always)
    func firstLineFeed(from start: Int) -> Int? {
        var index = start
        let raw = unsafe bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while index + 8 <= count {
            let word = unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let difference = word ^ (ones &* 0x0A)
            let zeros = (difference &- ones) & ~difference & highs
            if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count {
            if self[index] == 0x0A { return index }
            index += 1
        }
        return nil
    }

    /// `1*DIGIT` as an integer; `nil` for anything else or an overflow.
    var decimal: Int? {
        guard count > 0, count <= 19 else { return nil }
        var value = 0
        for index in 0..<count {
            guard self[index].isDigit else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(self[index] &- 48))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// Calls the closure with each element of a comma-separated list, without white space around it.
    func forEachListElement(_ body: (Span<UInt8>) -> Void) {
        var start = 0
        for index in 0...count where index == count || self[index] == UInt8(ascii: ",") {
            var from = start
            var to = index
            while from < to, self[from].isBlank { from += 1 }
            while to > from, self[to - 1].isBlank { to -= 1 }
            if to > from { body(extracting(from..<to)) }
            start = index + 1
        }
    }

    /// Whether the last of several transfer codings, and only it, is `chunked`.
    var hasFinalCodingChunked: Bool {
        var chunked = 0
        var lastIsChunked = false
        forEachListElement { element in
            lastIsChunked = element.equalsIgnoringCase("chunked")
            if lastIsChunked { chunked += 1 }
        }
        return lastIsChunked && chunked == 1
    }

    /// `uri-host [ ":" port ]` (RFC 3986 §3.2.2): a name of unreserved, sub-delims and escapes, or an IP literal.
    var isAuthority: Bool {
        guard count > 0 else { return false }
        var index = 0
        if self[0] == UInt8(ascii: "[") {
            index = 1
            while index < count, self[index] != UInt8(ascii: "]") {
                let byte = self[index]
                guard byte.hexDigitValue != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else {
                    return false
                }
                index += 1
            }
            guard index < count, index > 1 else { return false }
            index += 1
        } else {
            while index < count, self[index] != UInt8(ascii: ":") {
                guard self[index].isHostCharacter else { return false }
                index += 1
            }
            guard index > 0 else { return false }
        }
        if index == count { return true }
        guard self[index] == UInt8(ascii: ":"), count - index <= 6 else { return false }
        var port = 0
        for place in (index + 1)..<count {
            guard self[place].isDigit else { return false }
            port = port * 10 + Int(self[place] - 48)
        }
        return port <= 65_535
    }

    /// Whether both name the same host and port.
    func isSameAuthority(as other: Span<UInt8>, defaultPort: StaticString) -> Bool {
        let left = withoutSuffix(defaultPort)
        let right = other.withoutSuffix(defaultPort)
        guard left == right else { return false }
        for index in 0..<left where self[index].lowercasedASCII != other[index].lowercasedASCII { return false }
        return true
    }

    private func withoutSuffix(_ suffix: StaticString) -> Int {
        let width = suffix.utf8CodeUnitCount
        return count > width && extracting((count - width)..<count).equals(suffix) ? count - width : count
    }
}

extension UInt8 {
    /// unreserved, sub-delims and `%` of RFC 3986.
    fileprivate var isHostCharacter: Bool {
        switch self {
        case 48...57, 65...90, 97...122: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "%"): true
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("): true
        case UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"): true
        case UInt8(ascii: "="): true
        default: false
        }
    }
}

extension UTF8Span {
    /// Whether the bytes are UTF-8: no overlong form, no surrogate, nothing cut off.
    public static func validates(_ bytes: Span<UInt8>) -> Bool {
        do {
            _ = try UTF8Span(validating: bytes)
            return true
        } catch {
            return false
        }
    }
}
