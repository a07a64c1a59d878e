//  How text becomes words, the same for contacts and for queries.

/// Splits text into words without case and, for Latin letters, without accents. The rule is part of the file format:
/// what goes out of the index must be what went in.
enum SearchWords {
    private static let longest = 64

    /// The words in the order of the text, repeats included; at most 64 scalars of each.
    static func words(of text: String) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var count = 0
        func end() {
            if count > 0 { words.append(String(word)) }
            word = String.UnicodeScalarView()
            count = 0
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x30...0x39, 0x61...0x7A:
                if count < longest { word.append(scalar) }
                count += 1
            case 0x41...0x5A:
                if count < longest { word.append(Unicode.Scalar(UInt8(scalar.value + 32))) }
                count += 1
            case ..<0x80: end()
            case 0x300...0x36F: continue  // combining accents
            case 0xC0...0x17F where scalar.value != 0xD7 && scalar.value != 0xF7:
                if count < longest { word.append(contentsOf: folded[Int(scalar.value - 0xC0)].unicodeScalars) }
                count += 1
            default:
                let properties = scalar.properties
                if properties.isAlphabetic || properties.numericType != nil
                    || properties.generalCategory == .nonspacingMark
                {
                    if count < longest { word.append(contentsOf: properties.lowercaseMapping.unicodeScalars) }
                    count += 1
                } else {
                    end()
                }
            }
        }
        end()
        return words
    }

    /// Adds the words of a text to some bytes, each once, in their order, with spaces between.
    static func appendDistinct(of text: String, to bytes: inout [UInt8]) {
        var text = text
        if text.withUTF8({ appendDistinct(ofASCII: $0, to: &bytes) }) { return }
        var seen = Set<String>()
        for word in words(of: text) where seen.insert(word).inserted {
            if seen.count > 1 { bytes.append(UInt8(ascii: " ")) }
            bytes.append(contentsOf: word.utf8)
        }
    }

    /// The same where it is simple, which it mostly is.
    ///
    /// - Returns: False, and nothing added, for a text that is not ASCII or has so many words that comparing each with
    ///   all before it is no longer quick.
    private static func appendDistinct(ofASCII text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) -> Bool {
        let start = bytes.count
        return withUnsafeTemporaryAllocation(of: (offset: Int, count: Int).self, capacity: mostCompared) { words in
            var count = 0
            var index = 0
            while true {
                while index < text.count, folds[Int(text[index])] == 0 { index += 1 }
                let isEnd = index == text.count
                guard isEnd || text[index] < 0x80 && count < mostCompared else {
                    bytes.removeSubrange(start...)
                    return false
                }
                if isEnd { return true }
                if count > 0 { bytes.append(UInt8(ascii: " ")) }
                let offset = bytes.count
                while index < text.count, case let letter = folds[Int(text[index])], letter != 0, letter < 0x80 {
                    if bytes.count - offset < longest { bytes.append(letter) }
                    index += 1
                }
                let length = bytes.count - offset
                let isKnown = bytes.withUnsafeBufferPointer { bytes in
                    words[..<count].contains { word in
                        word.count == length
                            && (0..<length).allSatisfy { bytes[word.offset + $0] == bytes[offset + $0] }
                    }
                }
                if isKnown {
                    bytes.removeSubrange((count > 0 ? offset - 1 : offset)...)
                } else {
                    words[count] = (offset, length)
                    count += 1
                }
            }
        }
    }

    private static let mostCompared = 64

    /// For each byte its letter in lower case or its digit, 0 for what stands between words, 0xFF for what is not ASCII.
    private static let folds: [UInt8] = (0...255).map { (byte: UInt8) in
        switch byte {
        case 0x30...0x39, 0x61...0x7A: byte
        case 0x41...0x5A: byte + 32
        case 0x80...: 0xFF
        default: 0
        }
    }

    /// U+00C0 to U+017F without case and accent, in their order; the multiplication and division signs stand for
    /// themselves and are never asked for.
    private static let folded: [String] = [
        // U+00C0
        "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
        "d", "n", "o", "o", "o", "o", "o", "×", "o", "u", "u", "u", "u", "y", "th", "ss",
        // U+00E0
        "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
        "d", "n", "o", "o", "o", "o", "o", "÷", "o", "u", "u", "u", "u", "y", "th", "y",
        // U+0100
        "a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d",
        "d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g",
        // U+0120
        "g", "g", "g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i",
        "i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l",
        // U+0140
        "l", "l", "l", "n", "n", "n", "n", "n", "n", "n", "n", "n", "o", "o", "o", "o",
        "o", "o", "oe", "oe", "r", "r", "r", "r", "r", "r", "s", "s", "s", "s", "s", "s",
        // U+0160
        "s", "s", "t", "t", "t", "t", "t", "t", "u", "u", "u", "u", "u", "u", "u", "u",
        "u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z", "z", "z", "z", "s",
    ]
}
