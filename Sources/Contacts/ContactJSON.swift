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
        writer.string(utf8: createdAt.rfc3339Bytes.span)
        writer.name("updated_at")
        writer.string(utf8: updatedAt.rfc3339Bytes.span)
        writer.name("revision")
        writer.int(revision)
        writer.endObject()
        return writer.bytes
    }
}

extension ContactField {
    /// The writable members in the order of the document.
    public static let documentOrder: [ContactField] = [
        .owner, .kind, .name, .organization, .title, .emails, .phones, .addresses, .notes, .tags, .lifecycle, .favorite,
        .customFields,
    ]

    /// The member's name in the document.
    var memberName: StaticString {
        switch self {
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
        case .customFields: "custom_fields"
        case .vendorID: "vendor_id"
        case .readOnly: "read_only"
        }
    }
}

extension JSONWriter {
    /// Writes one writable member, name and value.
    public mutating func contactMember(_ field: ContactField, of content: ContactContent) {
        name(field.memberName)
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
