//  A document completed in place is the one that the encoder writes.

import Contacts
import Platform
import Testing

@Suite struct PreparedDocumentTests {
    @Test(arguments: 0..<200) func `a completed document is the encoded one, byte for byte`(seed: UInt64) {
        let contact = Generator.contact(seed)
        var prepared = PreparedDocument(
            connection: contact.connection,
            vendorID: contact.vendorID,
            content: contact.content,
            readOnly: contact.readOnly
        )
        prepared.complete(contact)
        #expect(prepared.bytes == contact.encodedDocument())
    }

    static let revisions: [Int64] = [0, 1, 9, 10, 4711, .max]
    @Test(arguments: revisions) func `completing again replaces what was put in`(revision: Int64) {
        var contact = ContactValueTests.sample()
        var prepared = PreparedDocument(connection: "crm", vendorID: "113", content: contact.content, readOnly: false)
        prepared.complete(contact)
        contact.id = "0199f3c4d7a87c0e9d41b1f0a3a5c7e3"
        contact.createdAt = Timestamp(milliseconds: 253_402_300_799_999)
        contact.updatedAt = Timestamp(milliseconds: 0)
        contact.revision = revision
        prepared.complete(contact)
        #expect(prepared.bytes == contact.encodedDocument())
    }
}

extension PreparedDocument {
    fileprivate mutating func complete(_ contact: Contact) {
        complete(
            id: contact.id.utf8.span,
            createdAt: contact.createdAt,
            updatedAt: contact.updatedAt,
            revision: contact.revision
        )
    }
}
