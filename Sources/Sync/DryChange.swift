//  One change that a dry run would make, as `/v1/runs/{id}` lists it.

import Contacts
import JSON

/// What would be done to one contact.
struct DryChange {
    /// `created`, `updated` or `deleted`.
    var type: StaticString
    var vendorID: String?
    var contactID: String?
    var fields: [ContactField]
    /// The contact as it would be; of a delete `nil`.
    var content: ContactContent?

    /// `{"type","contact_id","vendor_id","changed_fields","contact"}`.
    func encoded() -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.name("type")
        writer.string("\(type)")
        writer.name("contact_id")
        writer.string(contactID)
        writer.name("vendor_id")
        writer.string(vendorID)
        writer.name("changed_fields")
        writer.beginArray()
        for field in fields { writer.string(field.rawValue) }
        writer.endArray()
        writer.name("contact")
        if let content {
            writer.beginObject()
            for field in ContactField.documentOrder { writer.contactMember(field, of: content) }
            writer.endObject()
        } else {
            writer.null()
        }
        writer.endObject()
        return writer.bytes
    }
}
