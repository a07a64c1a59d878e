//  Fast ways against the rules written plainly, and against what former releases answered.

import Contacts
import FoundationEssentials
import JSON
import Platform
import Testing
import TestSupport

@Suite struct PlainRuleTests {
    /// `Fixtures/e164.tsv`: region, number and E.164 as the first release derived it, made-up numbers in every region
    /// with prefixes, brackets and odd characters.
    @Test func `numbers become the E.164 that they always became`() throws {
        let path = "\(SharedFiles.repository)/Tests/ContactsTests/Fixtures/e164.tsv"
        let data = try #require(FileManager.default.contents(atPath: path))
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 1500)
        for line in lines {
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
            let region = cells[0].isEmpty ? nil : cells[0]
            #expect(PhoneNumber.e164(of: cells[1], region: region) ?? "" == cells[2], "\(line)")
        }
    }

    @Test(arguments: 0..<200) func `keys and search text are those of the plain rules`(seed: UInt64) {
        for content in [
            Generator.contact(seed).content,
            Generator.contact(seed).content.normalised(vendorID: "9", region: "US"),
        ] {
            #expect(content.lookupKeys == Self.plainKeys(content))
            #expect(Array(content.searchText.utf8) == Array(Self.plainSearchText(content).utf8))
        }
    }

    @Test func `only what is there is searched, the empty included`() {
        var content = ContactContent()
        #expect(content.searchText == "")
        content.name.full = ""
        #expect(content.searchText == "")
        content.title = ""
        #expect(content.searchText == "\n")
        content.phones = [ContactPhone(number: "+1 2\u{A0}3", label: .other)]
        #expect(content.searchText == "\n\n+1 2\u{A0}3\n123")
    }

    @Test(arguments: 0..<200) func `the stored form is that of the plain rule`(seed: UInt64) {
        var content = Generator.contact(seed).content
        if seed % 3 == 0 { content.tags += ["", "Jon"] + content.tags }
        if seed % 4 == 0 { content.name = ContactName(full: content.organization, given: seed % 8 == 0 ? "" : nil) }
        if seed % 5 == 0 { content.emails.append(ContactEmail(address: "", label: .work)) }
        if seed % 7 == 0 { content.customFields.append(CustomField(id: "x", value: "")) }
        if seed % 11 == 0 { content.tags = [""] }
        for region in [nil, "US", "DE", "XX"] {
            let plain = Self.plainlyNormalised(content, vendorID: "9", region: region)
            #expect(content.normalised(vendorID: "9", region: region) == plain)
            var inPlace = content
            inPlace.normalise(vendorID: "9", region: region)
            #expect(inPlace == plain)
        }
    }

    @Test(arguments: 0..<200) func `members are read in any order, with white space and escaped names`(
        seed: UInt64
    ) throws {
        let contact = Generator.contact(seed)
        var random = Generator(seed: seed)
        func shuffled(_ value: JSONValue) -> JSONValue {
            switch value {
            case .object(var members):
                for index in members.indices { members[index].value = shuffled(members[index].value) }
                for index in members.indices { members.swapAt(index, random.next(index...members.count - 1)) }
                members.insert(JSONMember("unknown", [1, "x", ["a": nil]]), at: random.next(0...members.count))
                return .object(members)
            case .array(let elements): return .array(elements.map { shuffled($0) })
            default: return value
            }
        }
        // Custom fields are theirs who wrote them: their order counts and nothing is unknown.
        var tree = try JSONValue(parsing: contact.encodedDocument()).objectValue ?? []
        let fields = tree.first { $0.name == "custom_fields" }?.value ?? [:]
        tree.removeAll { $0.name == "custom_fields" }
        guard case .object(var members) = shuffled(.object(tree)) else { return }
        members.insert(JSONMember("custom_fields", fields), at: random.next(0...members.count))
        let text = JSONValue.object(members).encoded()
        #expect(try Contact(document: text) == contact)
        let loose = String(decoding: text, as: UTF8.self)
            .replacing("\",\"", with: "\" ,\n\t\"").replacing("\"surname\"", with: "\"sur\\u006eame\"")
        #expect(try Contact(document: Array(loose.utf8)) == contact)
    }

    // MARK: The rules, plainly

    private static func digits(_ number: String) -> String {
        String(decoding: number.utf8.filter { (48...57).contains($0) }, as: UTF8.self)
    }

    private static func plainKeys(_ content: ContactContent) -> [LookupKey] {
        var keys: [LookupKey] = content.emails.map(\.address).filter { !$0.isEmpty }.map { .email($0.lowercased()) }
        for phone in content.phones {
            if let e164 = phone.e164 { keys.append(.e164(e164)) }
            let digits = digits(phone.number)
            guard digits.count >= 3 else { continue }
            if phone.e164 == nil { keys.append(.unplacedDigits(String(digits.suffix(7)))) }
            keys.append(.digits(String(digits.suffix(7))))
        }
        return keys.indices.filter { !keys[..<$0].contains(keys[$0]) }.map { keys[$0] }
    }

    private static func plainSearchText(_ content: ContactContent) -> String {
        let name = content.name
        var parts = [
            name.full, name.given, name.middle, name.surname, content.organization, content.title, content.notes,
        ].compactMap(\.self)
        parts += content.emails.map(\.address)
        for phone in content.phones {
            parts += [phone.number, phone.e164, digits(phone.number)].compactMap(\.self)
            if parts.last == phone.number { parts.removeLast() }
        }
        return parts.joined(separator: "\n")
    }

    private static func plainlyNormalised(
        _ content: ContactContent,
        vendorID: String?,
        region: String?
    ) -> ContactContent {
        var result = content
        func present(_ text: String?) -> String? { text == "" ? nil : text }
        result.owner = present(content.owner)
        result.organization = present(content.organization)
        result.title = present(content.title)
        result.notes = present(content.notes)
        let name = content.name
        result.name = ContactName(
            full: present(name.full),
            given: present(name.given),
            surname: present(name.surname),
            prefix: present(name.prefix),
            middle: present(name.middle),
            suffix: present(name.suffix)
        )
        result.emails = content.emails.filter { $0.address != "" }
        result.phones = content.phones.filter { $0.number != "" }.map {
            ContactPhone(
                number: $0.number,
                label: $0.label,
                e164: PhoneNumber.e164(of: $0.number, region: region)
            )
        }
        result.addresses = content.addresses.filter { $0.full != "" }
        result.customFields = content.customFields.filter { $0.value != "" }
        result.tags = []
        for tag in content.tags where tag != "" && !result.tags.contains(tag) { result.tags.append(tag) }
        let standIn =
            result.organization ?? result.emails.first?.address ?? result.phones.first?.number ?? vendorID
        if result.name != ContactName(full: standIn) {
            let joined = [
                result.name.prefix, result.name.given, result.name.middle, result.name.surname, result.name.suffix,
            ].compactMap(\.self).joined(separator: " ")
            if let full = result.name.full, joined.isEmpty {
                (result.name.given, result.name.surname) = NameRule.parts(of: full)
            } else if result.name.full == nil, !joined.isEmpty {
                result.name.full = joined
            }
        }
        if result.name.full == nil { result.name.full = standIn }
        return result
    }
}
