//  Whether a stored document has words that begin in a certain way, without decoding it.

import Contacts
import JSON

/// The words of a query, each of which must begin some word of a document.
struct WordPrefixes {
    /// As ``SearchWords`` makes them; at most 64 of them.
    private let words: [[UInt8]]
    private let areDigits: [Bool]

    /// `nil` for more words than can be held.
    init?(_ words: [String]) {
        guard words.count <= 64 else { return nil }
        self.words = words.map { Array($0.utf8) }
        areDigits = words.map { $0.utf8.allSatisfy { $0 &- 48 < 10 } }
    }

    /// Whether all of them begin a word of the texts that search goes over.
    func hold(in document: Span<UInt8>) throws(JSONError) -> Bool {
        // A bit for each word that was not met yet.
        var missing = words.count == 64 ? UInt64.max : 1 << UInt64(words.count) - 1
        try ContactDocument(document).forEachSearchText { kind, text in
            look(at: text, &missing)
            if kind == .number { lookAtDigits(of: text, &missing) }
            return missing != 0
        }
        return missing == 0
    }

    private func look(at text: Span<UInt8>, _ missing: inout UInt64) {
        var index = 0
        while index < text.count {
            // Beyond ASCII a word is not what its bytes are: marks combine with what stands before them.
            if text[index] >= 0x80 { return lookAtLetters(of: text, &missing) }
            guard Self.isWordByte(text[index]) else {
                index += 1
                continue
            }
            let start = index
            while index < text.count, Self.isWordByte(text[index]) { index += 1 }
            if index < text.count, text[index] >= 0x80 { return lookAtLetters(of: text, &missing) }
            let word = text.extracting(start..<index)
            for place in words.indices where missing >> UInt64(place) & 1 == 1 {
                if Self.begins(word, with: words[place]) { missing &= ~(1 << UInt64(place)) }
            }
        }
    }

    private func lookAtLetters(of text: Span<UInt8>, _ missing: inout UInt64) {
        let text = text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        for word in SearchWords.words(of: text) {
            for place in words.indices where missing >> UInt64(place) & 1 == 1 {
                if word.utf8.starts(with: words[place]) { missing &= ~(1 << UInt64(place)) }
            }
        }
    }

    private func lookAtDigits(of number: Span<UInt8>, _ missing: inout UInt64) {
        for place in words.indices where areDigits[place] && missing >> UInt64(place) & 1 == 1 {
            var met = 0
            for index in number.indices where number[index] &- 48 < 10 {
                guard met < words[place].count, number[index] == words[place][met] else { break }
                met += 1
            }
            if met == words[place].count { missing &= ~(1 << UInt64(place)) }
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 26
    }

    private static func begins(_ word: Span<UInt8>, with prefix: [UInt8]) -> Bool {
        guard word.count >= prefix.count else { return false }
        for index in prefix.indices {
            let byte = word[index]
            guard (byte &- 65 < 26 ? byte | 0x20 : byte) == prefix[index] else { return false }
        }
        return true
    }
}
