//  From a stored document to a contact. Members are expected in the order in which the encoder writes them.

public import JSON
import Platform

extension Contact {
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
        var expected = DocumentMember.id
        try reader.beginObject()
        while let member = try reader.nextMember(&expected) {
            switch member {
            case .id: id = try reader.textValue()
            case .connection: connection = try reader.textValue()
            case .vendorID: vendorID = try reader.optionalTextValue()
            case .readOnly: readOnly = try reader.bool()
            case .createdAt: createdAt = try reader.timestamp()
            case .updatedAt: updatedAt = try reader.timestamp()
            case .revision: revision = reader.integer(try reader.number()) ?? 0
            default: try content.read(member, from: &reader)
            }
        }
    }

    /// The state before a change: the members of that JSON object put back.
    ///
    /// - Parameter previous: A ``ContactDifference/previous``.
    /// - Throws: ``JSONError`` for what is no such object.
    public mutating func restore(_ previous: [UInt8]) throws(JSONError) {
        var reader = JSONReader(previous.span)
        var expected = DocumentMember.vendorID
        try reader.beginObject()
        while let member = try reader.nextMember(&expected) {
            switch member {
            case .vendorID: vendorID = try reader.optionalTextValue()
            case .readOnly: readOnly = try reader.bool()
            default: try content.read(member, from: &reader)
            }
        }
    }
}

/// The members of a document in its order.
enum DocumentMember: Int, JSONMembers {
    case id, connection, vendorID, owner, kind, name, organization, title, emails, phones, addresses, notes, tags
    case lifecycle, favorite, readOnly, customFields, createdAt, updatedAt, revision, other

    var name: StaticString {
        switch self {
        case .id: "id"
        case .connection: "connection"
        case .vendorID: "vendor_id"
        case .owner: "owner"
        case .kind: "kind"
        case .name: "name"
        case .organization: "organization"
        case .title: "title"
        case .emails: "emails"
        case .phones: "phones"
        case .addresses: "addresses"
        case .notes: "notes"
        case .tags: "tags"
        case .lifecycle: "lifecycle"
        case .favorite: "favorite"
        case .readOnly: "read_only"
        case .customFields: "custom_fields"
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        case .revision: "revision"
        case .other: ""
        }
    }
}

extension ContactContent {
    /// Reads the value of one writable member as the document has it; any other is passed over.
    fileprivate mutating func read(_ member: DocumentMember, from reader: inout JSONReader) throws(JSONError) {
        switch member {
        case .owner: owner = try reader.optionalTextValue()
        case .kind: kind = try reader.kind()
        case .name: name = try reader.contactName()
        case .organization: organization = try reader.optionalTextValue()
        case .title: title = try reader.optionalTextValue()
        case .notes: notes = try reader.optionalTextValue()
        case .lifecycle: lifecycle = try reader.lifecycle()
        case .favorite: favorite = try reader.bool()
        case .emails:
            emails = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("address")
                emails.append(ContactEmail(address: entry.text, label: reader.placeLabel(entry.label)))
            }
        case .addresses:
            addresses = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("full")
                addresses.append(ContactAddress(full: entry.text, label: reader.placeLabel(entry.label)))
            }
        case .phones:
            phones = []
            try reader.beginArray()
            while try reader.nextElement() {
                let entry = try reader.entry("number")
                let label = reader.phoneLabel(entry.label)
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
        default: try reader.skipValue()
        }
    }
}

/// The members of a name in their order.
private enum NameMember: Int, JSONMembers {
    case full, given, surname, prefix, middle, suffix, other

    var name: StaticString {
        switch self {
        case .full: "full"
        case .given: "given"
        case .surname: "surname"
        case .prefix: "prefix"
        case .middle: "middle"
        case .suffix: "suffix"
        case .other: ""
        }
    }
}

extension JSONReader {
    fileprivate mutating func timestamp() throws(JSONError) -> Timestamp {
        let start = offset
        let text = try string()
        guard let time = Timestamp(rfc3339: span(text.range)) else {
            throw JSONError(offset: start, reason: "expected an RFC 3339 time")
        }
        return time
    }

    fileprivate mutating func contactName() throws(JSONError) -> ContactName {
        var name = ContactName()
        var expected = NameMember.full
        try beginObject()
        while let member = try nextMember(&expected) {
            switch member {
            case .full: name.full = try optionalTextValue()
            case .given: name.given = try optionalTextValue()
            case .surname: name.surname = try optionalTextValue()
            case .prefix: name.prefix = try optionalTextValue()
            case .middle: name.middle = try optionalTextValue()
            case .suffix: name.suffix = try optionalTextValue()
            case .other: try skipValue()
            }
        }
        return name
    }

    /// Reads an entry of a list, its text under that name.
    fileprivate mutating func entry(_ key: StaticString) throws(JSONError) -> (
        text: String, label: JSONString?, e164: String?
    ) {
        var entry: (text: String, label: JSONString?, e164: String?) = ("", nil, nil)
        try beginObject()
        // First as the encoder writes them, then in any order.
        if takeMember(key) { entry.text = try textValue() }
        if takeMember("label") { entry.label = try string() }
        if takeMember("e164") { entry.e164 = try optionalTextValue() }
        while let member = try nextMember() {
            if equals(member, key) {
                entry.text = try textValue()
            } else if equals(member, "label") {
                entry.label = try string()
            } else if equals(member, "e164") {
                entry.e164 = try optionalTextValue()
            } else {
                try skipValue()
            }
        }
        return entry
    }

    fileprivate func placeLabel(_ word: JSONString?) -> PlaceLabel {
        guard let word else { return .other }
        return equals(word, "work") ? .work : equals(word, "home") ? .home : .other
    }

    fileprivate func phoneLabel(_ word: JSONString?) -> PhoneLabel {
        guard let word else { return .other }
        if equals(word, "mobile") { return .mobile }
        if equals(word, "work") { return .work }
        if equals(word, "home") { return .home }
        if equals(word, "work_fax") { return .workFax }
        if equals(word, "home_fax") { return .homeFax }
        return equals(word, "fax") ? .fax : .other
    }

    fileprivate mutating func kind() throws(JSONError) -> ContactKind {
        let word = try string()
        return equals(word, "org") ? .org : equals(word, "group") ? .group : .individual
    }

    fileprivate mutating func lifecycle() throws(JSONError) -> Lifecycle? {
        if try peek() == .null {
            try null()
            return nil
        }
        let word = try string()
        return equals(word, "customer") ? .customer : equals(word, "lead") ? .lead : nil
    }
}
