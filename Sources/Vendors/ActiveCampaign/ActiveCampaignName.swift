//  First and last name there, a whole name with parts here. Pure.

import Contacts

/// ActiveCampaign's `firstName` and `lastName` against our name; the rule between whole and parts is ``NameRule``.
enum ActiveCampaignName {
    /// What the two slots hold of a contact; both empty for a contact without a name of its own.
    static func parts(of content: ContactContent) -> (first: String, last: String) {
        let name = content.name
        if name.given != nil || name.surname != nil { return (name.given ?? "", name.surname ?? "") }
        guard let full = name.full, !isStandIn(full, for: content) else { return ("", "") }
        let split = NameRule.parts(of: full)
        return (split.given ?? "", split.surname ?? "")
    }

    /// The name after the vendor's two parts have changed: prefix, middle and suffix stay, the whole is derived anew.
    static func replacing(in name: ContactName, given: String, surname: String) -> ContactName {
        let given = given.isEmpty ? nil : given
        let surname = surname.isEmpty ? nil : surname
        guard given != nil || surname != nil else { return ContactName() }
        var name = name
        name.given = given
        name.surname = surname
        name.full = nil
        name.full = NameRule.full(of: name)
        return name
    }

    /// Whether the two slots say all that the name says.
    static func isCarried(_ content: ContactContent) -> Bool {
        let name = content.name
        guard name.prefix == nil, name.middle == nil, name.suffix == nil else { return false }
        guard let full = name.full, !isStandIn(full, for: content) else { return true }
        let (first, last) = parts(of: content)
        let joined = [first, last].filter { !$0.isEmpty }.joined(separator: " ")
        return ActiveCampaignWire.same(joined, full)
    }

    /// A contact without a name shows its organization, address or number as one; that is no name to send.
    private static func isStandIn(_ full: String, for content: ContactContent) -> Bool {
        full == content.organization || full == content.emails.first?.address || full == content.phones.first?.number
    }
}
