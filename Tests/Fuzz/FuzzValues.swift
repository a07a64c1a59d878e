//  Targets for the values: requests, JSON, configuration, contacts and numbers.

import Config
import Contacts
import HTTPCore
import JSON
import Platform
import TestSupport

/// A stream of requests means the same in whatever pieces it comes.
func fuzzRequests(_ input: [UInt8]) {
    guard let first = input.first else { return }
    let bytes = Array(input.dropFirst())
    let whole = RequestStream.read(bytes)
    law(whole == RequestStream.read(bytes, piece: 1), "a stream means the same byte by byte")
    law(whole == RequestStream.read(bytes, piece: Int(first) + 2), "a stream means the same in pieces")
}

/// What is read can be written and is read again as the same; passing over agrees with reading.
func fuzzJSON(_ input: [UInt8]) {
    let skipped = outcome { () throws(JSONError) in
        var reader = JSONReader(input.span)
        let range = try reader.skipValue()
        try reader.end()
        return range
    }
    let tree = outcome { () throws(JSONError) in
        let value = try JSONValue(parsing: input, repeated: .kept)
        return value
    }
    switch (skipped, tree) {
    case (.success, .success(let value)):
        let again = try? JSONValue(parsing: value.encoded(), repeated: .kept)
        law(again == value, "what was written is read as the same")
    case (.failure(let left), .failure(let right)):
        law(left.offset == right.offset, "passing over and reading stop at the same byte")
        law((0...input.count).contains(left.offset), "an error is within the text")
    default: law(false, "passing over and reading agree on what is JSON")
    }
}

/// A configuration is taken, or refused with complaints that have a place.
func fuzzConfiguration(_ input: [UInt8]) {
    do throws(InvalidConfig) {
        let decoded = try GatewayConfig.decode(input, surroundings: .none)
        let rendered = decoded.config.redacted.encoded()
        law((try? JSONValue(parsing: rendered)) != nil, "what is shown of a configuration is JSON")
    } catch {
        law(!error.errors.isEmpty, "a refusal has a complaint")
        law(error.errors.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "a complaint has a line and a column")
    }
}

/// A contact that is accepted has a document that is read back as the same contact.
func fuzzContact(_ input: [UInt8]) {
    guard let json = try? JSONValue(parsing: input) else { return }
    do throws(InvalidContact) {
        let accepted = try ContactInput(whole: json)
        lawsOfDocument(accepted.content.normalised(vendorID: accepted.vendorID, region: "US"), accepted.vendorID)
        let patched = try ContactInput(patch: json, onto: accepted.content)
        lawsOfDocument(patched.content.normalised(vendorID: patched.vendorID, region: nil), patched.vendorID)
    } catch {
        law(!error.faults.isEmpty, "a refusal has a fault")
        // By octets: a member's name may begin with a mark that joins the slash.
        let slash = UInt8(ascii: "/")
        law(error.faults.allSatisfy { $0.pointer.utf8.first ?? slash == slash }, "a fault has a pointer")
    }
}

/// A number in E.164 has a plus sign and at most fifteen digits, and stands for itself in every region.
func fuzzPhone(_ input: [UInt8]) {
    let text = String(decoding: input.dropFirst(2), as: UTF8.self)
    let region = String(decoding: input.prefix(2), as: UTF8.self)
    _ = LookupKey.candidates(for: text, regions: [region])
    guard let number = PhoneNumber.e164(of: text, region: region) else { return }
    law(number.utf8.first == UInt8(ascii: "+"), "E.164 begins with a plus sign")
    law(number.utf8.dropFirst().allSatisfy { (48...57).contains($0) }, "E.164 is digits")
    law((7...15).contains(number.utf8.count - 1), "E.164 has at most fifteen digits")
    law(PhoneNumber.e164(of: number, region: "US") == number, "E.164 is E.164 in every region")
}

/// What holds for every contact that is stored.
func lawsOfDocument(_ content: ContactContent, _ vendorID: String?) {
    law(content.normalised(vendorID: vendorID, region: nil).name == content.name, "a full name stays as it is")
    let contact = Contact(
        id: "0199f3c4d7a87c0e9d41b1f0a3a5c7e2",
        connection: "fuzz",
        vendorID: vendorID,
        content: content,
        readOnly: false,
        createdAt: .init(milliseconds: 1_763_632_800_000),
        updatedAt: .init(milliseconds: 1_763_632_800_001),
        revision: 7
    )
    let document = contact.encodedDocument()
    law((try? Contact(document: document)) == contact, "a document is read back as the same contact")
    law((try? JSONValue(parsing: document)) != nil, "a document is JSON")
}

private func outcome<Value>(_ body: () throws(JSONError) -> Value) -> Result<Value, JSONError> {
    do throws(JSONError) {
        return .success(try body())
    } catch {
        return .failure(error)
    }
}
