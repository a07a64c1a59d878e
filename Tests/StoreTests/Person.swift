//  The contacts of a workload: what a test can tell apart, and what makes pages of many sizes.

import Contacts
import Store

/// One contact as a workload wants it.
struct Person: Equatable, Sendable {
    /// Its name is `c` and this.
    var number: Int
    var title: String
    /// Characters of notes; thousands of them fill pages of their own.
    var notes: Int
    var email: String
    var vendorID: String?
    /// Its key, once it is stored.
    var key: Int64 = 0

    var cell: String { "contact/c\(number)" }

    var text: String { "\(title) \(notes) \(email) \(vendorID ?? "-")" }

    init(number: Int, random: inout SeededGenerator) {
        self.number = number
        title = "t\(number)"
        notes = Self.length(&random)
        email = "c\(number)@example.com"
        vendorID = Bool.random(using: &random) ? "v\(number)" : nil
    }

    /// Reads what ``text`` wrote.
    init?(name: Substring, text: String, key: Int64) {
        let parts = text.split(separator: " ")
        guard let number = Int(name), parts.count == 4, let notes = Int(parts[1]) else { return nil }
        self.number = number
        title = String(parts[0])
        self.notes = notes
        email = String(parts[2])
        vendorID = parts[3] == "-" ? nil : String(parts[3])
        self.key = key
    }

    mutating func change(_ change: Int, _ random: inout SeededGenerator) {
        title = "t\(change)"
        if Int.random(in: 0..<3, using: &random) == 0 { email = "c\(number)x\(change)@example.com" }
        if Int.random(in: 0..<4, using: &random) == 0 { notes = Self.length(&random) }
        if Int.random(in: 0..<5, using: &random) == 0 { vendorID = "v\(number)x\(change)" }
    }

    var content: ContactContent {
        var content = ContactContent()
        content.name = ContactName(full: "c\(number)")
        content.title = title
        content.owner = "o\(number % 7)"
        content.emails = [ContactEmail(address: email, label: .work)]
        content.tags = ["all", "g\(number % 3)"]
        if notes > 0 {
            content.notes = String(String(repeating: "lorem \(title) ", count: notes / 7 + 1).prefix(notes))
        }
        return content
    }

    var new: @Sendable (_ connection: Int64) -> NewContact {
        { connection in
            var new = NewContact(connection: connection, vendorID: vendorID, content: content)
            if let vendorID {
                new.vendorState = VendorState(contentHash: 1, raw: Array(#"{"id":"\#(vendorID)"}"#.utf8))
            }
            return new
        }
    }

    private static func length(_ random: inout SeededGenerator) -> Int {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: 9000
        case 1, 2: 200
        default: 0
        }
    }
}
