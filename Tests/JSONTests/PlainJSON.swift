//  RFC 8259 byte by byte and without haste: what the reader's fast ways are compared with.

import JSON

/// Reads over one value; its errors are the reader's, word for word.
struct PlainJSON {
    let text: [UInt8]
    let limit: Int
    private var index = 0
    private var depth = 0

    init(_ text: [UInt8], limit: Int) {
        self.text = text
        self.limit = limit
    }

    /// The range of the value that the text starts with.
    mutating func value() throws(JSONError) -> Range<Int> {
        let first = try next("a value")
        let start = index
        switch first {
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw JSONError(offset: index, reason: "expected a value")
        }
        return start..<index
    }

    private mutating func next(_ what: String) throws(JSONError) -> UInt8 {
        while index < text.count, [0x20, 0x0A, 0x0D, 0x09].contains(text[index]) { index += 1 }
        guard index < text.count else {
            throw JSONError(offset: index, reason: "the text ends where \(what) should be")
        }
        return text[index]
    }

    private mutating func enter() throws(JSONError) {
        guard depth < limit else { throw JSONError(offset: index, reason: "nested deeper than \(limit) levels") }
        depth += 1
        index += 1
    }

    private mutating func object() throws(JSONError) {
        try enter()
        var isFirst = true
        while try next("\",\" or \"}\"") != UInt8(ascii: "}") {
            if !isFirst {
                guard text[index] == UInt8(ascii: ",") else {
                    throw JSONError(offset: index, reason: "expected \",\" or \"}\"")
                }
                index += 1
            }
            isFirst = false
            guard try next("a string") == UInt8(ascii: "\"") else {
                throw JSONError(offset: index, reason: "expected a string")
            }
            try string()
            guard try next("\":\"") == UInt8(ascii: ":") else {
                throw JSONError(offset: index, reason: "expected \":\" after a member's name")
            }
            index += 1
            _ = try value()
        }
        index += 1
        depth -= 1
    }

    private mutating func array() throws(JSONError) {
        try enter()
        var isFirst = true
        while try next("\",\" or \"]\"") != UInt8(ascii: "]") {
            if !isFirst {
                guard text[index] == UInt8(ascii: ",") else {
                    throw JSONError(offset: index, reason: "expected \",\" or \"]\"")
                }
                index += 1
                if try next("an element") == UInt8(ascii: "]") {
                    throw JSONError(offset: index, reason: "expected an element after \",\"")
                }
            }
            isFirst = false
            _ = try value()
        }
        index += 1
        depth -= 1
    }

    private mutating func word(_ word: String) throws(JSONError) {
        guard text[index...].starts(with: word.utf8) else {
            throw JSONError(offset: index, reason: "expected \(word)")
        }
        index += word.utf8.count
    }

    private mutating func number() throws(JSONError) {
        func isDigit(_ at: Int) -> Bool { at < text.count && (48...57).contains(text[at]) }
        func digits(_ start: Int) throws(JSONError) -> Int {
            guard isDigit(start) else { throw JSONError(offset: start, reason: "expected a digit") }
            var end = start
            while isDigit(end) { end += 1 }
            return end
        }
        func isByte(_ bytes: String) -> Bool { index < text.count && bytes.utf8.contains(text[index]) }
        if isByte("-") { index += 1 }
        if isByte("0") {
            index += 1
            if isDigit(index) { throw JSONError(offset: index, reason: "a number must not start with 0") }
        } else {
            index = try digits(index)
        }
        if isByte(".") { index = try digits(index + 1) }
        if isByte("eE") {
            index += 1
            if isByte("+-") { index += 1 }
            index = try digits(index)
        }
    }

    private mutating func string() throws(JSONError) {
        let start = index + 1
        index = start
        while index < text.count, text[index] != UInt8(ascii: "\"") {
            if text[index] < 0x20 {
                throw JSONError(offset: index, reason: "a control character in a string must be escaped")
            }
            if text[index] == UInt8(ascii: "\\") { try escape() } else { index += 1 }
        }
        guard index < text.count else { throw JSONError(offset: index, reason: "the string does not end") }
        var decoder = UTF8()
        var bytes = text[start..<index].makeIterator()
        var place = start
        while true {
            switch decoder.decode(&bytes) {
            case .emptyInput:
                index += 1
                return
            case .scalarValue(let scalar): place += UTF8.width(scalar)
            case .error: throw JSONError(offset: place, reason: "not UTF-8")
            }
        }
    }

    private mutating func escape() throws(JSONError) {
        guard index + 1 < text.count else { throw JSONError(offset: index, reason: "the string does not end") }
        guard text[index + 1] == UInt8(ascii: "u") else {
            guard "\"\\/bfnrt".utf8.contains(text[index + 1]) else {
                throw JSONError(offset: index, reason: "unknown escape")
            }
            index += 2
            return
        }
        func unit(_ at: Int) -> UInt16? {
            guard at + 6 <= text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u"),
                text[at + 2..<at + 6].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 })
            else { return nil }
            return UInt16(String(decoding: text[at + 2..<at + 6], as: UTF8.self), radix: 16)
        }
        guard let first = unit(index) else {
            throw JSONError(offset: index, reason: "\\u needs four hexadecimal digits")
        }
        index += 6
        guard (0xD800...0xDFFF).contains(first) else { return }
        guard first < 0xDC00, let second = unit(index), (0xDC00...0xDFFF).contains(second) else {
            throw JSONError(offset: index - 6, reason: "a lone surrogate is no character")
        }
        index += 6
    }
}
