//  The texts of a stored document that search goes over, read in place.

public import JSON

extension ContactDocument {
    /// What a text of the document is.
    public enum SearchText: Sendable {
        /// Words as people write them.
        case text
        /// A telephone number as written: its digits count as a word too, whatever stands between them.
        case number
    }

    /// Shows every text that search goes over, as ``ContactContent/searchText`` has them.
    ///
    /// - Parameter body: Gets a text in UTF-8, its escapes resolved; answers whether it wants another.
    /// - Throws: ``JSONError`` for what is no stored document.
    public func forEachSearchText(_ body: (SearchText, Span<UInt8>) -> Bool) throws(JSONError) {
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let member = try reader.nextMember() {
            let goesOn: Bool
            if reader.equals(member, "name") {
                goesOn = try showMembers(of: &reader, in: .name, body)
            } else if reader.equals(member, "emails") {
                goesOn = try showEntries(of: &reader, in: .email, body)
            } else if reader.equals(member, "phones") {
                goesOn = try showEntries(of: &reader, in: .phone, body)
            } else if reader.equals(member, "organization") || reader.equals(member, "title")
                || reader.equals(member, "notes")
            {
                goesOn = try show(&reader, .text, body)
            } else {
                try reader.skipValue()
                goesOn = true
            }
            if !goesOn { return }
        }
    }

    private func showEntries(
        of reader: inout JSONReader,
        in place: Place,
        _ body: (SearchText, Span<UInt8>) -> Bool
    ) throws(JSONError) -> Bool {
        try reader.beginArray()
        while try reader.nextElement() {
            if try !showMembers(of: &reader, in: place, body) { return false }
        }
        return true
    }

    private func showMembers(
        of reader: inout JSONReader,
        in place: Place,
        _ body: (SearchText, Span<UInt8>) -> Bool
    ) throws(JSONError) -> Bool {
        try reader.beginObject()
        while let member = try reader.nextMember() {
            if let kind = place.kind(of: member, reader) {
                if try !show(&reader, kind, body) { return false }
            } else {
                try reader.skipValue()
            }
        }
        return true
    }

    private func show(
        _ reader: inout JSONReader,
        _ kind: SearchText,
        _ body: (SearchText, Span<UInt8>) -> Bool
    ) throws(JSONError) -> Bool {
        guard try reader.peek() == .string else {
            try reader.skipValue()
            return true
        }
        let string = try reader.string()
        if string.hasEscapes { return body(kind, reader.text(string).utf8.span) }
        return body(kind, bytes.extracting(string.range))
    }
}

/// An object whose texts are searched.
private enum Place {
    case name, email, phone

    /// What the text of that member is; `nil` for one that is not searched.
    func kind(of member: JSONString, _ reader: borrowing JSONReader) -> ContactDocument.SearchText? {
        switch self {
        case .name:
            let isPart =
                reader.equals(member, "full") || reader.equals(member, "given") || reader.equals(member, "middle")
                || reader.equals(member, "surname")
            return isPart ? .text : nil
        case .email: return reader.equals(member, "address") ? .text : nil
        case .phone:
            if reader.equals(member, "number") { return .number }
            return reader.equals(member, "e164") ? .text : nil
        }
    }
}
