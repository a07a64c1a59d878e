//  A vendor's id as the vendor tells ids apart.

/// An id that is equal to another only byte for byte: strings are also equal in two spellings of one text (Unicode
/// §3.7, canonical equivalence), which are two ids.
struct ExactID: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactID, right: ExactID) -> Bool {
        left.text == right.text && left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
