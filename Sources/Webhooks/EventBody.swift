//  The JSON that a receiver gets. Pure.

import Contacts
import JSON
import Platform

/// A change of a contact, as its event tells it.
struct ContactEvent: Sendable {
    /// Such as `contact.updated`.
    var type: String
    /// When it happened.
    var at: Timestamp
    /// Its place in the log.
    var sequence: Int64
    /// The sequence of the event before this one to the same webhook; `nil` for the first.
    var previousSequence: Int64?
    /// The connection's id.
    var connection: String
    /// The contact's public id.
    var contactID: String
    /// The members that changed.
    var changed: [ContactField]
    /// The contact's document after the change; for a delete, before it.
    var document: [UInt8]?
    /// A JSON object of the changed members' former values.
    var previous: [UInt8]?

    /// The whole body.
    func body(_ level: PayloadLevel) -> [UInt8] {
        var writer = JSONWriter(capacity: 512 + (document?.count ?? 0))
        writer.beginObject()
        writer.name("type")
        writer.string(type)
        writer.name("timestamp")
        writer.string(at.rfc3339)
        writer.name("data")
        writer.beginObject()
        writer.name("sequence")
        writer.int(sequence)
        writer.name("previous_sequence")
        if let previousSequence { writer.int(previousSequence) } else { writer.null() }
        writer.name("connection")
        writer.string(connection)
        writer.name("contact_id")
        writer.string(contactID)
        writer.name("changed_fields")
        writer.beginArray()
        for field in changed { writer.string(field.rawValue) }
        writer.endArray()
        if level != .thin { writeStates(level, &writer) }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    private func writeStates(_ level: PayloadLevel, _ writer: inout JSONWriter) {
        let isUpdate = type == "contact.updated"
        writer.name("contact")
        if let document {
            // A created or deleted contact has changed as a whole.
            if level == .changes, isUpdate { select(from: document, &writer) } else { writer.raw(document) }
        } else {
            writer.null()
        }
        writer.name("previous")
        if isUpdate, let previous { writer.raw(previous) } else { writer.raw("{}".utf8) }
    }

    /// Writes only the changed members of the document.
    private func select(from document: [UInt8], _ writer: inout JSONWriter) {
        let wanted = Set(changed.map(\.rawValue))
        writer.beginObject()
        var reader = JSONReader(document.span)
        // The document is our own; should it not parse, the members read so far are all there is.
        try? Self.copyMembers(wanted, from: &reader, to: &writer)
        writer.endObject()
    }

    private static func copyMembers(
        _ wanted: Set<String>,
        from reader: inout JSONReader,
        to writer: inout JSONWriter
    ) throws(JSONError) {
        try reader.beginObject()
        while let member = try reader.nextMember() {
            let name = reader.text(member)
            let value = try reader.skipValue()
            guard wanted.contains(name) else { continue }
            writer.name(name)
            writer.raw(reader.rawBytes(value))
        }
    }
}

/// A system event's body.
enum SystemEvent {
    /// The whole body around the event's data, a JSON object.
    static func body(type: String, at: Timestamp, data: [UInt8]) -> [UInt8] {
        var writer = JSONWriter(capacity: 128 + data.count)
        writer.beginObject()
        writer.name("type")
        writer.string(type)
        writer.name("timestamp")
        writer.string(at.rfc3339)
        writer.name("data")
        writer.raw(data)
        writer.endObject()
        return writer.bytes
    }
}
