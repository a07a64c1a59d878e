//  The Custom Contact Source's JSON: the contact as a table of members, and the pages of its lists and deltas.

import JSON

extension ContactSourceRecord {
    /// Reads a contact. "Required fields are: first_name and last_name": absent, null or no string has no meaning,
    /// an empty one is data.
    init(json: ArraySlice<UInt8>) throws(RecordError) {
        self.init()
        var first: String?
        var last: String?
        var reader = JSONReader(json.span)
        try reader.beginRecord()
        while let name = try reader.nextRecordMember() {
            if reader.equals(name, "id") {
                id = try reader.recordID()
            } else if reader.equals(name, "first_name") {
                first = try reader.recordText("first_name")
            } else if reader.equals(name, "last_name") {
                last = try reader.recordText("last_name")
            } else if reader.equals(name, "company") {
                company = WireText.normalised(try reader.recordText("company"))
            } else if reader.equals(name, "type") {
                type = try reader.recordText("type", takesNumbers: true) ?? ""
            } else if reader.equals(name, "phones") {
                phones = try Self.entries(&reader, "phones", text: "number")
            } else if reader.equals(name, "emails") {
                emails = try Self.entries(&reader, "emails", text: "email")
            } else {
                try reader.skipRecordMember()
            }
        }
        guard let first else { throw RecordError(reason: "first_name is missing") }
        guard let last else { throw RecordError(reason: "last_name is missing") }
        firstName = first
        lastName = last
    }

    private static func entries(
        _ reader: inout JSONReader,
        _ member: String,
        text textMember: StaticString
    ) throws(RecordError) -> [Entry] {
        var entries: [Entry] = []
        guard try reader.beginRecordList(member) else { return entries }
        while try reader.nextRecordElement() {
            try reader.beginRecord()
            var entry = Entry(text: "", label: "")
            while let name = try reader.nextRecordMember() {
                if reader.equals(name, textMember) {
                    let text = try reader.recordText("\(member)[\(entries.count)].\(textMember)", takesNumbers: true)
                    entry.text = WireText.normalised(text)
                } else if reader.equals(name, "label") {
                    entry.label = try reader.recordText("\(member)[\(entries.count)].label", takesNumbers: true) ?? ""
                } else {
                    try reader.skipRecordMember()
                }
            }
            if !entry.text.isEmpty { entries.append(entry) }
        }
        return entries
    }

    /// The contact as a source writes it.
    func encoded() -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        if let id {
            writer.name("id")
            writer.string(id)
        }
        writer.name("first_name")
        writer.string(firstName)
        writer.name("last_name")
        writer.string(lastName)
        if !company.isEmpty {
            writer.name("company")
            writer.string(company)
        }
        writer.name("type")
        writer.string(type)
        write(phones, as: "phones", text: "number", to: &writer)
        write(emails, as: "emails", text: "email", to: &writer)
        writer.endObject()
        return writer.bytes
    }

    private func write(
        _ entries: [Entry],
        as member: StaticString,
        text: StaticString,
        to writer: inout JSONWriter
    ) {
        writer.name(member)
        writer.beginArray()
        for entry in entries {
            writer.beginObject()
            writer.name(text)
            writer.string(entry.text)
            writer.name("label")
            writer.string(entry.label)
            writer.endObject()
        }
        writer.endArray()
    }
}

/// Readers of the source's answers.
enum ContactSourceWire {
    /// One page of `/contacts` or `/contacts/delta`.
    struct Page {
        var page = RecordPage()
        /// `nil` where the page does not say, so that its end is unknown.
        var hasMore: Bool?
        /// Whether the list (`contacts` or `updated`) was there.
        var hasList = false
    }

    /// Where the whole list's records stand.
    static let list: StaticString = "contacts"
    /// Where the delta's stand.
    static let delta: StaticString = "updated"

    /// Reads a page of the whole list. Its records are left for later where the page is written as plainly as sources
    /// write it, the list first and `has_more` last.
    static func listPage(_ body: [UInt8]) throws(JSONError) -> Page {
        for (ending, hasMore) in endings where body.starts(with: opening) && body.suffix(ending.count) == ending[...] {
            var answer = Page(hasMore: hasMore, hasList: true)
            let place = (opening.count - 1)..<(body.count - ending.count + 1)
            guard body[place].dropFirst().first(where: { $0 > 0x20 }) != UInt8(ascii: "]") else { return answer }
            answer.page.unread = UnreadRecords(of: body, in: place) { (body) throws(JSONError) in
                let page = try page(body, list: list).page
                return page.records.map(\.bytes.indices) + page.rejected.map(\.bytes.indices)
            }
            return answer
        }
        return try page(body, list: list)
    }

    private static let opening = Array(#"{"contacts":["#.utf8)
    private static let endings = [true, false].map { (Array(#"],"has_more":\#($0)}"#.utf8), $0) }

    /// Reads a page whose records stand in a member, with those of the delta `deleted` beside it.
    static func page(_ body: [UInt8], list: StaticString) throws(JSONError) -> Page {
        var answer = Page()
        var reader = JSONReader(body.span)
        try reader.beginObject()
        while let name = try reader.nextMember() {
            if reader.equals(name, list), try reader.peek() == .array {
                answer.hasList = true
                try reader.scanRecords(of: body, into: &answer.page)
            } else if reader.equals(name, "deleted"), try reader.peek() == .array {
                try readDeleted(&reader, body, into: &answer.page)
            } else if reader.equals(name, "has_more") {
                answer.hasMore = try reader.lenientBool()
            } else {
                try reader.skipValue()
            }
        }
        try reader.end()
        return answer
    }

    /// Ids as strings or numbers; some sources give objects with an id.
    private static func readDeleted(
        _ reader: inout JSONReader,
        _ body: [UInt8],
        into page: inout RecordPage
    ) throws(JSONError) {
        try reader.beginArray()
        while try reader.nextElement() {
            let start = reader.offset
            let found = try reader.peek() == .object ? try reader.scanRecord().id : try reader.scanID().id
            if let found {
                page.deleted.append(found)
            } else {
                page.rejected.append(
                    RejectedRecord(
                        vendorID: nil,
                        reason: "a deleted id cannot be read",
                        bytes: body[start..<reader.offset]
                    )
                )
            }
        }
    }
}
