//  The contact of a Custom Contact Source as a value: names, company, type, labelled phones and e-mails
//  ("Custom Contact Source API Documentation"). `ContactSourceWire` reads and writes its JSON.

import Contacts

/// One contact in the source's words.
struct ContactSourceRecord: Equatable, Sendable {
    /// A number or an address with the source's own label.
    struct Entry: Equatable, Sendable {
        /// `number` or `email`.
        var text: String
        /// As the source spells it; empty for none.
        var label: String
    }

    /// Stands for a part of the name that is not known, since both parts are required.
    static let filler = "-"

    /// The source's id; `nil` in what was never stored.
    var id: String?
    /// Required; may be empty.
    var firstName = ""
    /// Required; may be empty.
    var lastName = ""
    /// Empty for none.
    var company = ""
    /// `customer`, `lead`, or what the source says instead; empty for none.
    var type = ""
    /// In the source's order.
    var phones: [Entry] = []
    /// In the source's order.
    var emails: [Entry] = []

    /// "If not passed or something else is passed customer will be used."
    var lifecycle: Lifecycle { type.lowercased() == "lead" ? .lead : .customer }
}

extension ContactSourceRecord.Entry {
    /// "If label passed is not some of these values that value will be handled as other."
    var phoneLabel: PhoneLabel {
        switch label.lowercased() {
        case "mobile": .mobile
        case "work": .work
        case "home": .home
        case "fax": .fax
        default: .other
        }
    }

    /// `business` and `private` are our `work` and `home`; anything else is `other`.
    var placeLabel: PlaceLabel {
        switch label.lowercased() {
        case "business": .work
        case "private": .home
        default: .other
        }
    }

    /// Whether both say the same: surrounding white space and the label's case do not count.
    func means(_ other: Self) -> Bool {
        WireText.same(text, other.text) && label.lowercased() == other.label.lowercased()
    }
}

extension PhoneLabel {
    /// The source's word for it.
    var contactSourceWord: String {
        switch self {
        case .workFax, .homeFax, .fax: "fax"
        default: rawValue
        }
    }
}

extension PlaceLabel {
    /// The source's word for it.
    var contactSourceWord: String {
        switch self {
        case .work: "business"
        case .home: "private"
        case .other: "other"
        }
    }
}
