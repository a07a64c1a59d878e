//  What differs between two states of a contact. Pure.

import JSON

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
        if !Exactly.same(oldVendorID, newVendorID) {
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
        case .owner: !Exactly.same(old.owner, new.owner)
        case .kind: old.kind != new.kind
        case .name: !Exactly.same(old.name, new.name)
        case .organization: !Exactly.same(old.organization, new.organization)
        case .title: !Exactly.same(old.title, new.title)
        case .emails:
            !Exactly.same(old.emails, new.emails) { $0.label == $1.label && Exactly.same($0.address, $1.address) }
        case .phones:
            !Exactly.same(old.phones, new.phones) {
                $0.label == $1.label && $0.e164 == $1.e164 && Exactly.same($0.number, $1.number)
            }
        case .addresses:
            !Exactly.same(old.addresses, new.addresses) { $0.label == $1.label && Exactly.same($0.full, $1.full) }
        case .notes: !Exactly.same(old.notes, new.notes)
        case .tags: !Exactly.same(old.tags, new.tags) { Exactly.same($0, $1) }
        case .lifecycle: old.lifecycle != new.lifecycle
        case .favorite: old.favorite != new.favorite
        case .customFields: Exactly.differ(old.customFields, new.customFields)
        case .vendorID, .readOnly: false
        }
    }
}

/// Equality of bytes. `String` holds texts to be equal that are canonically equivalent (`é` in one scalar and in two);
/// a state that is to be restored exactly needs more.
private enum Exactly {
    static func same(_ left: String, _ right: String) -> Bool { left.utf8.span.hasBytes(of: right.utf8.span) }

    static func same(_ left: String?, _ right: String?) -> Bool {
        switch (left, right) {
        case (nil, nil): true
        case (let left?, let right?): same(left, right)
        default: false
        }
    }

    static func same(_ left: ContactName, _ right: ContactName) -> Bool {
        same(left.full, right.full) && same(left.given, right.given) && same(left.surname, right.surname)
            && same(left.prefix, right.prefix) && same(left.middle, right.middle) && same(left.suffix, right.suffix)
    }

    static func same<Element>(_ left: [Element], _ right: [Element], by isSame: (Element, Element) -> Bool) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy(isSame)
    }

    /// Custom fields compare as a set of pairs: vendors do not keep their order.
    static func differ(_ left: [CustomField], _ right: [CustomField]) -> Bool {
        if same(left, right, by: { same($0.id, $1.id) && same($0.value, $1.value) }) { return false }
        func values(_ fields: [CustomField]) -> [[UInt8]: [UInt8]] {
            Dictionary(fields.map { (Array($0.id.utf8), Array($0.value.utf8)) }, uniquingKeysWith: { _, last in last })
        }
        return values(left) != values(right)
    }
}
