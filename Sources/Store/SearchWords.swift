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
