//  Reading over strings, numbers and whole values eight bytes at a time. Nothing here knows reasons: it answers where
//  a thing ends or where the fault is, and the reader puts that into words.

/// Eight bytes looked at together ("Bit Twiddling Hacks", S. E. Anderson, "Determine if a word has a byte less than n").
enum ByteWord {
    /// One in every byte.
    static let ones: UInt64 = 0x0101_0101_0101_0101
    /// The highest bit of every byte.
    static let highs: UInt64 = 0x8080_8080_8080_8080

    /// The highest bit of each byte that is a quote, a backslash or below 0x20. Where several are marked only the
    /// lowest is sure: a borrow may mark a byte above it.
    @inline(__always)
    static func specials(_ word: UInt64) -> UInt64 {
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        return (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word))
            & highs
    }
}

/// How far a string reaches.
struct StringScan {
    /// The index of the closing quote, or the complement of the fault's index.
    var end: Int
    var hasEscapes: Bool
    var isASCII: Bool
}

extension RawSpan {
    /// The byte at an index; zero, which no JSON text has outside of faults, before the start and behind the end.
    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        guard UInt(bitPattern: index) < UInt(bitPattern: byteCount) else { return 0 }
        // The index was compared with the count just now.
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// The index behind white space.
    @inline(__always)
    func behindSpace(_ index: Int) -> Int {
        var index = index
        while true {
            switch byte(index) {
            case 0x20, 0x0A, 0x0D, 0x09: index &+= 1
            default: return index
            }
        }
    }

    /// Reads over a string whose first byte behind the opening quote is at `start`.
    @inline(__always)
    func string(from start: Int) -> StringScan {
        var index = start
        var highBits: UInt64 = 0
        var hasEscapes = false
        let lastWord = byteCount &- 8
        while true {
            var special: UInt8 = 0
            if index <= lastWord {
                // Eight bytes are there: `index` is at most the count less eight.
                let word = UInt64(
                    littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
                )
                let marks = ByteWord.specials(word)
                guard marks != 0 else {
                    highBits |= word
                    index &+= 8
                    continue
                }
                highBits |= word & ((marks & (0 &- marks)) &- 1)
                index &+= marks.trailingZeroBitCount >> 3
                special = byte(index)
            } else {
                guard index < byteCount else { return StringScan(end: ~index, hasEscapes: false, isASCII: false) }
                special = byte(index)
                guard special == UInt8(ascii: "\"") || special == UInt8(ascii: "\\") || special < 0x20 else {
                    highBits |= UInt64(special)
                    index &+= 1
                    continue
                }
            }
            switch special {
            case UInt8(ascii: "\""):
                let isASCII = highBits & ByteWord.highs == 0
                if !isASCII, let fault = utf8Fault(in: start..<index) { index = ~fault }
                return StringScan(end: index, hasEscapes: hasEscapes, isASCII: isASCII)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                let end = escapeEnd(index)
                guard end >= 0 else { return StringScan(end: ~index, hasEscapes: true, isASCII: false) }
                index = end
            default: return StringScan(end: ~index, hasEscapes: hasEscapes, isASCII: false)
            }
        }
    }

    /// The index behind the escape that starts at an index; -1 for one that is none.
    private func escapeEnd(_ index: Int) -> Int {
        switch byte(index &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index &+ 2
        case UInt8(ascii: "u"):
            guard let unit = JSONEscape.unit(at: index, in: self) else { return -1 }
            guard unit & 0xF800 == 0xD800 else { return index &+ 6 }
            guard unit < 0xDC00, let low = JSONEscape.unit(at: index &+ 6, in: self), low & 0xFC00 == 0xDC00 else {
                return -1
            }
            return index &+ 12
        default: return -1
        }
    }

    /// Reads over a number: its end, or the complement of the index where a digit is missing or one too many.
    func numberEnd(from start: Int) -> Int {
        var index = start
        if byte(index) == UInt8(ascii: "-") { index &+= 1 }
        if byte(index) == UInt8(ascii: "0") {
            index &+= 1
            if byte(index) &- 48 < 10 { return ~index }
        } else {
            index = digitsEnd(from: index)
        }
        if index >= 0, byte(index) == UInt8(ascii: ".") { index = digitsEnd(from: index &+ 1) }
        if index >= 0, byte(index) | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if byte(index) == UInt8(ascii: "+") || byte(index) == UInt8(ascii: "-") { index &+= 1 }
            index = digitsEnd(from: index)
        }
        return index
    }

    @inline(__always)
    private func digitsEnd(from start: Int) -> Int {
        guard byte(start) &- 48 < 10 else { return ~start }
        var index = start &+ 1
        while byte(index) &- 48 < 10 { index &+= 1 }
        return index
    }

    /// Whether these bytes stand at an index.
    @inline(__always)
    func has(_ text: StaticString, at index: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard index >= 0, count <= byteCount &- index else { return false }
        let wanted = unsafe UnsafeRawPointer(text.utf8Start)
        // Both hold `count` bytes: the first from `index`, as was just compared, the second by its own count.
        guard count >= 8 else {
            var place = 0
            if count >= 4 {
                let four = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt32.self)
                guard unsafe four == wanted.loadUnaligned(as: UInt32.self) else { return false }
                place = 4
            }
            while place < count {
                guard byte(index &+ place) == (unsafe wanted.load(fromByteOffset: place, as: UInt8.self)) else {
                    return false
                }
                place &+= 1
            }
            return true
        }
        var place = 0
        while true {
            let eight = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index &+ place, as: UInt64.self)
            guard unsafe eight == wanted.loadUnaligned(fromByteOffset: place, as: UInt64.self) else { return false }
            if place == count &- 8 { return true }
            place = Swift.min(place &+ 8, count &- 8)
        }
    }

    /// Reads over a whole value, its first byte at `start` or behind white space there: its end, or -1 for any fault
    /// and for more than so many levels of nesting, of which there may be 64.
    func valueEnd(from start: Int, levels: Int) -> Int {
        var index = start
        var level = 0
        // Whether each open bracket is an object's, the innermost in the lowest bit.
        var objects: UInt64 = 0
        while true {
            index = behindSpace(index)
            switch byte(index) {
            case UInt8(ascii: "\""):
                index = string(from: index &+ 1).end &+ 1
                guard index > 0 else { return -1 }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard level < levels else { return -1 }
                let isObject = byte(index) == UInt8(ascii: "{")
                level &+= 1
                objects = objects << 1 | (isObject ? 1 : 0)
                index = behindSpace(index &+ 1)
                if byte(index) != (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    if isObject {
                        index = behindName(index)
                        guard index >= 0 else { return -1 }
                    }
                    continue
                }
                level &-= 1
                objects >>= 1
                index &+= 1
            case UInt8(ascii: "t"):
                guard has("true", at: index) else { return -1 }
                index &+= 4
            case UInt8(ascii: "f"):
                guard has("false", at: index) else { return -1 }
                index &+= 5
            case UInt8(ascii: "n"):
                guard has("null", at: index) else { return -1 }
                index &+= 4
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                index = numberEnd(from: index)
                guard index >= 0 else { return -1 }
            default: return -1
            }
            // A value has ended: so may what it stands in.
            while true {
                if level == 0 { return index }
                index = behindSpace(index)
                let isObject = objects & 1 == 1
                if byte(index) == UInt8(ascii: ",") {
                    index &+= 1
                    if isObject {
                        index = behindName(behindSpace(index))
                        guard index >= 0 else { return -1 }
                    }
                    break
                }
                guard byte(index) == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return -1 }
                level &-= 1
                objects >>= 1
                index &+= 1
            }
        }
    }

    /// Reads over a member's name and its colon; -1 for a fault.
    @inline(__always)
    private func behindName(_ index: Int) -> Int {
        guard byte(index) == UInt8(ascii: "\"") else { return -1 }
        let end = string(from: index &+ 1).end
        guard end >= 0 else { return -1 }
        let colon = behindSpace(end &+ 1)
        return byte(colon) == UInt8(ascii: ":") ? colon &+ 1 : -1
    }

    /// Where well-formed UTF-8 ends (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF); `nil` where
    /// the whole range is.
    func utf8Fault(in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            let first = byte(index)
            if first < 0x80 {
                index &+= 1
                continue
            }
            let count: Int
            let second: ClosedRange<UInt8>
            switch first {
            case 0xC2...0xDF: (count, second) = (2, 0x80...0xBF)
            case 0xE0: (count, second) = (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (count, second) = (3, 0x80...0xBF)
            case 0xED: (count, second) = (3, 0x80...0x9F)
            case 0xF0: (count, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (count, second) = (4, 0x80...0xBF)
            case 0xF4: (count, second) = (4, 0x80...0x8F)
            default: return index
            }
            guard index &+ count <= range.upperBound, second.contains(byte(index &+ 1)),
                count < 3 || byte(index &+ 2) & 0xC0 == 0x80, count < 4 || byte(index &+ 3) & 0xC0 == 0x80
            else { return index }
            index &+= count
        }
        return nil
    }
}
