//  A contact as the JSON document that the store keeps and GET sends, byte for byte.

public import JSON
import Platform

extension Contact {
    /// The document: every member present, in the order of the contract, without white space. It starts with
    /// `{"id":"…"`.
    public func encodedDocument() -> [UInt8] {
        var writer = JSONWriter(capacity: 640)
        writer.beginObject()
        writer.name("id")
        writer.string(id)
        writer.name("connection")
        writer.string(connection)
        writer.name("vendor_id")
        writer.string(vendorID)
        for field in ContactField.documentOrder {
            writer.contactMember(field, of: content)
            if field == .favorite {
                writer.name("read_only")
                writer.bool(readOnly)
            }
        }
        writer.name("created_at")
        writer.string(createdAt.rfc3339)
        writer.name("updated_at")
        writer.string(updatedAt.rfc3339)
        writer.name("revision")
        writer.int(revision)
        writer.endObject()
        return writer.bytes
    }

    /// Reads a document that ``encodedDocument()`` wrote.
    ///
    /// - Throws: ``JSONError`` for anything else.
    public init(document: [UInt8]) throws(JSONError) {
        var reader = JSONReader(document.span)
        try self.init(document: &reader)
    }

    /// Reads a document within a larger text.
    ///
    /// - Throws: ``JSONError`` for anything but a stored document.
    public init(document reader: inout JSONReader) throws(JSONError) {
        self.init(
            id: "",
            connection: "",
            vendorID: nil,
            content: ContactContent(),
            readOnly: false,
            createdAt: Timestamp(milliseconds: 0),
            updatedAt: Timestamp(milliseconds: 0),
            revision: 0
        )
        try reader.beginObject()
        while let name = try reader.nextMember() {
            switch reader.text(name) {
            case "id": id = try reader.textValue()
            case "connection": connection = try reader.textValue()
            case "vendor_id": vendorID = try reader.optionalTextValue()
            case "read_only": readOnly = try reader.bool()
            case "created_at": createdAt = try reader.timestamp()
            case "updated_at": updatedAt = try reader.timestamp()
            case "revision": revision = reader.integer(try reader.number()) ?? 0
            case let other: try content.read(other, from: &reader)
            }
        }
    }
}

extension ContactField {
    /// The writable members in the order of the document.
    public static let documentOrder: [ContactField] = [
        .owner, .kind, .name, .organization, .title, .emails, .phones, .addresses, .notes, .tags, .lifecycle, .favorite,
        .customFields,
    ]
}

extension JSONWriter {
    /// Writes one writable member, name and value.
    public mutating func contactMember(_ field: ContactField, of content: ContactContent) {
        name(field.rawValue)
        contactValue(field, of: content)
    }

    /// Writes the value of one writable member. Members that are no part of the content write `null`.
    public mutating func contactValue(_ field: ContactField, of content: ContactContent) {
        switch field {
        case .owner: string(content.owner)
        case .kind: string(content.kind.rawValue)
        case .name: contactName(content.name)
        case .organization: string(content.organization)
        case .title: string(content.title)
        case .notes: string(content.notes)
        case .lifecycle: string(content.lifecycle?.rawValue)
        case .favorite: bool(content.favorite)
        case .emails:
            beginArray()
            for email in content.emails { entry("address", email.address, email.label.rawValue) }
            endArray()
        case .addresses:
            beginArray()
            for address in content.addresses { entry("full", address.full, address.label.rawValue) }
            endArray()
        case .phones:
            beginArray()
            for phone in content.phones {
                beginObject()
                name("number")
                string(phone.number)
                name("label")
                string(phone.label.rawValue)
                name("e164")
                string(phone.e164)
                endObject()
            }
            endArray()
        case .tags:
            beginArray()
            for tag in content.tags { string(tag) }
            endArray()
        case .customFields:
            beginObject()
            for field in content.customFields {
                name(field.id)
                string(field.value)
            }
            endObject()
        case .vendorID, .readOnly: null()
        }
    }

    private mutating func contactName(_ value: ContactName) {
        beginObject()
        name("full")
        string(value.full)
        name("given")
        string(value.given)
        name("surname")
        string(value.surname)
        name("prefix")
        string(value.prefix)
        name("middle")
        string(value.middle)
        name("suffix")
        string(value.suffix)
        endObject()
    }

    private mutating func entry(_ key: StaticString, _ text: String, _ label: String) {
        beginObject()
        name(key)
        string(text)
        name("label")
        string(label)
        endObject()
    }
}

extension ContactContent {
    /// Reads the value of one writable member as the document has it; an unknown member is passed over.
    ///
    /// - Throws: ``JSONError`` for a value of another shape.
    public mutating func read(_ member: String, from reader: inout JSONReader) throws(JSONError) {
        switch ContactField(rawValue: member) {
        case .owner: owner = try reader.optionalTextValue()
        case .kind: kind = ContactKind(rawValue: try reader.textValue()) ?? .individual
        case .name: name = try reader.contactName()
        case .organization: organization = try reader.optionalTextValue()
        case .title: title = try reader.optionalTextValue()
        case .notes: notes = try reader.optionalTextValue()
        case .lifecycle: lifecycle = try reader.optionalTextValue().flatMap { Lifecycle(rawValue: $0) }
        case .favorite: favorite = try reader.bool()
        case .emails:
            emails = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("address")
                emails.append(ContactEmail(address: entry.text, label: PlaceLabel(rawValue: entry.label) ?? .other))
            }
        case .addresses:
            addresses = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("full")
                addresses.append(ContactAddress(full: entry.text, label: PlaceLabel(rawValue: entry.label) ?? .other))
            }
        case .phones:
            phones = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("number")
                let label = PhoneLabel(rawValue: entry.label) ?? .other
                phones.append(ContactPhone(number: entry.text, label: label, e164: entry.e164))
            }
        case .tags:
            tags = []
            try reader.beginArray()
            while try reader.nextElement() { tags.append(try reader.textValue()) }
        case .customFields:
            customFields = []
            try reader.beginObject()
            while let id = try reader.nextMember() {
                customFields.append(CustomField(id: reader.text(id), value: try reader.textValue()))
            }
        case .vendorID, .readOnly, nil: try reader.skipValue()
        }
    }
}

extension JSONReader {
    fileprivate mutating func textValue() throws(JSONError) -> String {
        let string = try string()
        return text(string)
    }

    fileprivate mutating func optionalTextValue() throws(JSONError) -> String? {
        guard try peek() != .null else {
            try null()
            return nil
        }
        return try textValue()
    }

    fileprivate mutating func timestamp() throws(JSONError) -> Timestamp {
        let start = offset
        guard let time = Timestamp(rfc3339: try textValue()) else {
            throw JSONError(offset: start, reason: "expected an RFC 3339 time")
        }
        return time
    }

    fileprivate mutating func contactName() throws(JSONError) -> ContactName {
        var name = ContactName()
        try beginObject()
        while let member = try nextMember() {
            switch text(member) {
            case "full": name.full = try optionalTextValue()
            case "given": name.given = try optionalTextValue()
            case "surname": name.surname = try optionalTextValue()
            case "prefix": name.prefix = try optionalTextValue()
            case "middle": name.middle = try optionalTextValue()
            case "suffix": name.suffix = try optionalTextValue()
            default: try skipValue()
            }
        }
        return name
    }

    fileprivate mutating func entry(_ key: StaticString) throws(JSONError) -> (
        text: String, label: String, e164: String?
    ) {
        var entry: (text: String, label: String, e164: String?) = ("", "", nil)
        try beginObject()
        while let member = try nextMember() {
            if equals(member, key) {
                entry.text = try textValue()
            } else if equals(member, "label") {
                entry.label = try textValue()
            } else if equals(member, "e164") {
                entry.e164 = try optionalTextValue()
            } else {
                try skipValue()
            }
        }
        return entry
    }
}
