//  Writing JSON text piece by piece; commas and quotes are the writer's care.

/// Appends JSON to a byte array. Call name and value in turn inside an object; nothing checks that you do.
public struct JSONWriter: Sendable {
    /// What has been written so far.
    public var bytes: [UInt8] = []
    /// True where the next value or name has to be preceded by a comma.
    private var needsComma = false

    /// An empty text.
    ///
    /// - Parameter capacity: How many bytes to expect.
    public init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// `{`
    public mutating func beginObject() { open(UInt8(ascii: "{")) }

    /// `}`
    public mutating func endObject() { close(UInt8(ascii: "}")) }

    /// `[`
    public mutating func beginArray() { open(UInt8(ascii: "[")) }

    /// `]`
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's name: ASCII that needs no escape.
    public mutating func name(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        let comma = needsComma
        unsafe write(upTo: count + 4) { output in
            var end = 0
            if comma { unsafe output.put(UInt8(ascii: ","), at: &end) }
            unsafe output.put(UInt8(ascii: "\""), at: &end)
            unsafe output.put(UnsafeRawPointer(name.utf8Start), count, at: &end)
            unsafe output.put(UInt8(ascii: "\""), at: &end)
            unsafe output.put(UInt8(ascii: ":"), at: &end)
            return end
        }
        needsComma = false
    }

    /// A member's name of any text.
    public mutating func name(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string.
    public mutating func string(_ text: String) {
        string(utf8: text.utf8.span)
    }

    /// A string of well-formed UTF-8.
    public mutating func string(utf8: Span<UInt8>) {
        let comma = needsComma
        var isPlain = true
        unsafe write(upTo: utf8.count + 3) { output in
            var end = 0
            if comma { unsafe output.put(UInt8(ascii: ","), at: &end) }
            unsafe output.put(UInt8(ascii: "\""), at: &end)
            isPlain = unsafe output.putPlain(utf8, at: &end)
            unsafe output.put(UInt8(ascii: "\""), at: &end)
            return isPlain ? end : 0
        }
        if !isPlain { escapedString(utf8) }
        needsComma = true
    }

    /// A string, or null.
    public mutating func string(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    /// A whole number.
    @inlinable
    public mutating func int(_ number: some BinaryInteger) {
        if let number = Int64(exactly: number) { decimal(number) } else { raw(String(number).utf8) }
    }

    @usableFromInline
    mutating func decimal(_ number: Int64) {
        let comma = needsComma
        // Nineteen digits, the sign and the comma.
        unsafe write(upTo: 21) { output in
            var end = 0
            if comma { unsafe output.put(UInt8(ascii: ","), at: &end) }
            if number < 0 { unsafe output.put(UInt8(ascii: "-"), at: &end) }
            var rest = number.magnitude
            var width = 1
            while rest >= 10 {
                rest /= 10
                width &+= 1
            }
            end &+= width
            rest = number.magnitude
            for place in 1...width {
                unsafe output.storeBytes(
                    of: UInt8(truncatingIfNeeded: 48 &+ rest % 10),
                    toByteOffset: end &- place,
                    as: UInt8.self
                )
                rest /= 10
            }
            return end
        }
        needsComma = true
    }

    /// A truth value.
    public mutating func bool(_ truth: Bool) {
        word(truth ? "true" : "false")
    }

    /// `null`
    public mutating func null() {
        word("null")
    }

    /// A value that is JSON text already.
    public mutating func raw(_ text: [UInt8]) {
        separate()
        bytes.append(contentsOf: text)
    }

    /// A value that is JSON text already.
    public mutating func raw(_ text: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: text)
    }

    /// A whole tree.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let truth): bool(truth)
        case .number(let digits): raw(digits.utf8)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                name(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func word(_ word: StaticString) {
        let comma = needsComma
        unsafe write(upTo: word.utf8CodeUnitCount + 1) { output in
            var end = 0
            if comma { unsafe output.put(UInt8(ascii: ","), at: &end) }
            unsafe output.put(UnsafeRawPointer(word.utf8Start), word.utf8CodeUnitCount, at: &end)
            return end
        }
        needsComma = true
    }

    /// Makes room and lets the closure write there and answer how much it wrote.
    @inline(__always)
    private mutating func write(upTo room: Int, _ body: (UnsafeMutableRawPointer) -> Int) {
        bytes.append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                count = unsafe body(UnsafeMutableRawPointer(start))
                precondition(count <= room, "written within the room made")
            }
        }
    }

    /// A string that has bytes to be escaped.
    @inline(never)
    private mutating func escapedString(_ utf8: Span<UInt8>) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        unsafe utf8.withUnsafeBufferPointer { utf8 in
            var plainStart = 0
            for index in 0..<utf8.count {
                let byte = unsafe utf8[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plainStart..<index]))
                escape(byte)
                plainStart = index + 1
            }
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plainStart..<utf8.count]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x00..<0x20:
            bytes.append(contentsOf: "u00".utf8)
            for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? 48 + digit : 87 + digit) }
        default: bytes.append(byte)
        }
    }
}

extension UnsafeMutableRawPointer {
    /// Writes a byte and moves on. Like all of these it trusts that the caller made room.
    @inline(__always)
    fileprivate func put(_ byte: UInt8, at end: inout Int) {
        unsafe storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
        end &+= 1
    }

    /// Writes so many bytes and moves on.
    @inline(__always)
    fileprivate func put(_ bytes: UnsafeRawPointer, _ count: Int, at end: inout Int) {
        unsafe (self + end).copyMemory(from: bytes, byteCount: count)
        end &+= count
    }

    /// Writes bytes, as a string's content, and moves on; false, the place of no meaning, when one needs an escape.
    @inline(__always)
    fileprivate func putPlain(_ text: Span<UInt8>, at end: inout Int) -> Bool {
        let count = text.count
        let start = end
        end &+= count
        // Every load below ends at `count` at the latest.
        return unsafe text.withUnsafeBytes { text in
            guard let from = text.baseAddress, count >= 8 else {
                for index in 0..<count {
                    let byte = unsafe text[index]
                    unsafe storeBytes(of: byte, toByteOffset: start &+ index, as: UInt8.self)
                    if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
                }
                return true
            }
            var index = 0
            while true {
                let word = unsafe from.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                unsafe storeBytes(of: word, toByteOffset: start &+ index, as: UInt64.self)
                if ByteWord.specials(word) != 0 { return false }
                if index == count &- 8 { return true }
                index = min(index &+ 8, count &- 8)
            }
        }
    }
}

extension JSONValue {
    /// The value as UTF-8 JSON without white space.
    public func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
