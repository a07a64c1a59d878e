//  What differs between two states of a contact. Pure.

public import JSON

/// The members in which two states of a contact differ, and what they held before.
public struct ContactDifference: Equatable, Sendable {
    /// The members that differ, in the order of the document; empty when the states mean the same.
    public let fields: [ContactField]
    /// A JSON object of the former values of exactly those members.
    public let previous: [UInt8]

    /// Compares two states.
    ///
    /// - Parameters:
    ///   - old: The former state.
    ///   - new: The present state.
    ///   - oldVendorID: The former `vendor_id`.
    ///   - newVendorID: The present one.
    ///   - oldReadOnly: The former `read_only`.
    ///   - newReadOnly: The present one.
    public init(
        from old: ContactContent,
        to new: ContactContent,
        oldVendorID: String? = nil,
        newVendorID: String? = nil,
        oldReadOnly: Bool = false,
        newReadOnly: Bool = false
    ) {
        var fields: [ContactField] = []
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        if oldVendorID != newVendorID {
            fields.append(.vendorID)
            writer.name("vendor_id")
            writer.string(oldVendorID)
        }
        for field in ContactField.documentOrder where field.differs(old, new) {
            fields.append(field)
            writer.contactMember(field, of: old)
        }
        if oldReadOnly != newReadOnly {
            fields.append(.readOnly)
            writer.name("read_only")
            writer.bool(oldReadOnly)
        }
        writer.endObject()
        self.fields = fields
        previous = writer.bytes
    }
}

extension ContactField {
    /// Whether two states differ in this member of the content.
    func differs(_ old: ContactContent, _ new: ContactContent) -> Bool {
        switch self {
        case .owner: old.owner != new.owner
        case .kind: old.kind != new.kind
        case .name: old.name != new.name
        case .organization: old.organization != new.organization
        case .title: old.title != new.title
        case .emails: old.emails != new.emails
        case .phones: old.phones != new.phones
        case .addresses: old.addresses != new.addresses
        case .notes: old.notes != new.notes
        case .tags: old.tags != new.tags
        case .lifecycle: old.lifecycle != new.lifecycle
        case .favorite: old.favorite != new.favorite
        case .customFields: Self.values(old.customFields) != Self.values(new.customFields)
        case .vendorID, .readOnly: false
        }
    }

    /// Custom fields compare as a set of pairs: vendors do not keep their order.
    private static func values(_ fields: [CustomField]) -> [String: String] {
        Dictionary(fields.map { ($0.id, $0.value) }, uniquingKeysWith: { _, last in last })
    }
}

extension Contact {
    /// The state before a change: the members of that JSON object put back.
    ///
    /// - Parameter previous: A ``ContactDifference/previous``.
    /// - Throws: ``JSONError`` for what is no such object.
    public mutating func restore(_ previous: [UInt8]) throws(JSONError) {
        var reader = JSONReader(previous.span)
        try reader.beginObject()
        while let member = try reader.nextMember() {
            switch reader.text(member) {
            case "vendor_id":
                if try reader.peek() == .null {
                    try reader.null()
                    vendorID = nil
                } else {
                    let string = try reader.string()
                    vendorID = reader.text(string)
                }
            case "read_only": readOnly = try reader.bool()
            case let name: try content.read(name, from: &reader)
            }
        }
    }
}
