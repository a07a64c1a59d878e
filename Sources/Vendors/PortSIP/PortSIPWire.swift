//  PortSIP's JSON: the record as a table of members, and the pages of its lists and diffs.

import JSON

extension PortSIPRecord.Slot {
    /// The member's name on the wire.
    var member: StaticString {
        switch self {
        case .name: "name"
        case .email: "email"
        case .company: "company"
        case .title: "title"
        case .business: "business"
        case .business2: "business2"
        case .mobilePhone: "mobile_phone"
        case .mobilePhone2: "mobile_phone2"
        case .homePhone: "home_phone"
        case .homePhone2: "home_phone2"
        case .other: "other"
        case .businessFax: "business_fax"
        case .homeFax: "home_fax"
        case .address: "address"
        case .notes: "notes"
        }
    }
}

extension PortSIPRecord {
    /// Reads a record from a list, a diff or a `GET`.
    init(json: ArraySlice<UInt8>) throws(RecordError) {
        self.init()
        var reader = JSONReader(json.span)
        try reader.beginRecord()
        while let name = try reader.nextRecordMember() {
            if let slot = Slot.allCases.first(where: { reader.equals(name, $0.member) }) {
                self[slot] = try reader.recordText("\(slot.member)") ?? ""
            } else if reader.equals(name, "id") {
                id = try reader.recordID()
            } else if reader.equals(name, "sync_type") {
                saysSyncType = true
                syncType = try reader.recordText("sync_type").flatMap { WireText.isBlank($0) ? nil : $0 }
            } else if reader.equals(name, "favorite") {
                // The page on synchronisation shows a string, the one on contacts a truth value.
                favorite = try reader.recordFlag()
            } else {
                try reader.skipRecordMember()
            }
        }
    }

    /// How empty slots are written.
    enum Blank {
        case left, text, null
    }

    /// The record as the vendor would show it: "blank fields are explicitly null".
    func encoded() -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        if let id {
            writer.name("id")
            writer.string(id)
        }
        writeSlots(to: &writer, blank: .null)
        if saysSyncType {
            writer.name("sync_type")
            writer.string(syncType)
        }
        if let favorite {
            writer.name("favorite")
            writer.bool(favorite)
        }
        writer.endObject()
        return writer.bytes
    }

    /// The body of a create or an update: slots only.
    func encodedBody(blank: Blank) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writeSlots(to: &writer, blank: blank)
        writer.endObject()
        return writer.bytes
    }

    private func writeSlots(to writer: inout JSONWriter, blank: Blank) {
        for slot in Slot.allCases {
            let text = self[slot]
            guard text.isEmpty else {
                writer.name(slot.member)
                writer.string(text)
                continue
            }
            if blank == .left { continue }
            writer.name(slot.member)
            // A name has at least one character, so a blank one can only be null.
            if blank == .null || slot == .name { writer.null() } else { writer.string("") }
        }
    }
}

/// Readers of PortSIP's answers.
enum PortSIPWire {
    /// `{"count": 100, "items": […]}`; `nil` where there are no items at all.
    static func list(_ body: [UInt8]) throws(JSONError) -> RecordPage? {
        var page = RecordPage()
        var hasItems = false
        var reader = JSONReader(body.span)
        try reader.beginObject()
        while let name = try reader.nextMember() {
            if reader.equals(name, "count") {
                page.total = try reader.lenientCount()
            } else if reader.equals(name, "items"), try reader.peek() == .array {
                hasItems = true
                try reader.scanRecords(of: body, into: &page)
            } else {
                try reader.skipValue()
            }
        }
        try reader.end()
        return hasItems ? page : nil
    }

    /// `{"token": "002", "items": [… "change_type"]}`; `nil` where there is no token or are no items.
    ///
    /// Several items of one id are told as the last one: what counts is how the record ended.
    static func diff(_ body: [UInt8]) throws(JSONError) -> (page: RecordPage, token: String)? {
        var page = RecordPage()
        var token: String?
        var hasItems = false
        var order: [String] = []
        var last: [String: (range: Range<Int>, isDeleted: Bool)] = [:]
        var reader = JSONReader(body.span)
        try reader.beginObject()
        while let name = try reader.nextMember() {
            if reader.equals(name, "token"), try reader.peek() == .string {
                token = reader.text(try reader.string())
            } else if reader.equals(name, "items"), try reader.peek() == .array {
                hasItems = true
                try reader.beginArray()
                while try reader.nextElement() {
                    let item = try reader.scanRecord(tag: "change_type")
                    guard let id = item.id else {
                        page.add(item, of: body)
                        continue
                    }
                    let change = item.tag.map { reader.text($0).uppercased() }
                    if last.updateValue((item.range, change == "DELETED"), forKey: id) == nil { order.append(id) }
                }
            } else {
                try reader.skipValue()
            }
        }
        try reader.end()
        guard let token, hasItems else { return nil }
        for id in order {
            guard let item = last[id] else { continue }
            if item.isDeleted {
                page.deleted.append(id)
            } else {
                page.records.append(VendorRecord(vendorID: id, bytes: body[item.range]))
            }
        }
        return (page, token)
    }

    /// `{"id": …}` of a create.
    static func id(_ body: [UInt8]) -> String? {
        // What cannot be read has no id.
        guard let tree = try? JSONValue(parsing: body, repeated: .lastCounts) else { return nil }
        switch tree["id"] {
        case .string(let id)? where !WireText.isBlank(id): return id
        case .number(let digits)?: return digits
        default: return nil
        }
    }
}
