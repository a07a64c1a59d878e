//  How texts of vendors' flat records are compared and cut. Pure.

/// Comparing and cutting texts the way flat vendor records need it.
enum WireText {
    /// The text as a slot holds it: null, missing, empty and white space alone are all the empty text.
    static func normalised(_ text: String?) -> String {
        guard let text, !isBlank(text) else { return "" }
        return text
    }

    /// Whether two slots hold the same: surrounding white space does not count.
    static func same(_ left: String, _ right: String) -> Bool {
        left == right || trimmed(left) == trimmed(right)
    }

    /// Whether there is nothing but white space.
    static func isBlank(_ text: String) -> Bool {
        text.utf8.allSatisfy(isSpace)
    }

    /// The text without surrounding ASCII white space.
    static func trimmed(_ text: String) -> Substring {
        var rest = text[...]
        while let first = rest.utf8.first, isSpace(first) { rest = rest.dropFirst() }
        while let last = rest.utf8.last, isSpace(last) { rest = rest.dropLast() }
        return rest
    }

    /// The text cut to a vendor's limit. Limits count Unicode scalars; the cut never splits a character.
    static func clipped(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return text }
        var scalars = 0
        var end = text.startIndex
        for index in text.indices {
            scalars += text[index].unicodeScalars.count
            guard scalars <= limit else { break }
            end = text.index(after: index)
        }
        return String(text[..<end])
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0D)
    }
}
