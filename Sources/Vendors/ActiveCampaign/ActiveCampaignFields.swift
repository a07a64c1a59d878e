//  Which of our members live in custom fields of the account, and how they are spelled there. Pure.

import Contacts

/// The configuration's `fields` for one account: our member to the id of the custom field that holds it.
struct ActiveCampaignFields: Equatable, Sendable {
    /// The members that can be kept in a custom field.
    enum Member: String, CaseIterable, Sendable {
        case organization, title, notes, lifecycle, tags, addresses, favorite, kind

        /// The contact's member that a write touches.
        var field: ContactField {
            switch self {
            case .organization: .organization
            case .title: .title
            case .notes: .notes
            case .lifecycle: .lifecycle
            case .tags: .tags
            case .addresses: .addresses
            case .favorite: .favorite
            case .kind: .kind
            }
        }
    }

    /// By member.
    let ids: [Member: String]
    private let members: [String: Member]

    /// Reads the configuration; names that are none of ``Member`` have no effect.
    init(_ configured: [String: String] = [:]) {
        var ids: [Member: String] = [:]
        for (name, id) in configured {
            if let member = Member(rawValue: name) { ids[member] = id }
        }
        self.ids = ids
        members = Dictionary(ids.map { ($0.value, $0.key) }) { first, _ in first }
    }

    /// The member that a custom field holds; `nil` for one that is nobody's.
    func member(in field: String) -> Member? { members[field] }
}

extension ActiveCampaignFields.Member {
    /// How the member is spelled in its field; empty for nothing. What the field holds now is kept where it means the
    /// same.
    func text(of content: ContactContent, held: String) -> String {
        let text =
            switch self {
            case .organization: content.organization ?? ""
            case .title: content.title ?? ""
            case .notes: content.notes ?? ""
            case .lifecycle: content.lifecycle?.rawValue ?? ""
            case .tags: content.tags.joined(separator: ", ")
            case .addresses: content.addresses.first?.full ?? ""
            case .favorite: content.favorite ? "yes" : ""
            case .kind: content.kind == .individual ? "" : content.kind.rawValue
            }
        return means(held, in: content) ? held : text
    }

    /// Applies a field's text to the member. What the field held before tells which entry of a list it stood for.
    func apply(_ text: String, before: String, to content: inout ContactContent) {
        let value = text.isEmpty ? nil : text
        switch self {
        case .organization: content.organization = value
        case .title: content.title = value
        case .notes: content.notes = value
        case .lifecycle: content.lifecycle = Self.lifecycle(text)
        case .tags: content.tags = Self.tags(text)
        case .addresses:
            let index = content.addresses.firstIndex { ActiveCampaignWire.same($0.full, before) }
            content.addresses.putSlot(
                value.map { ContactAddress(full: $0, label: index.map { content.addresses[$0].label } ?? .work) },
                at: index
            )
        case .favorite: content.favorite = Self.truth(text)
        case .kind: content.kind = ContactKind(rawValue: text.lowercased()) ?? .individual
        }
    }

    /// Whether the text says already what the contact says.
    private func means(_ held: String, in content: ContactContent) -> Bool {
        switch self {
        case .organization: ActiveCampaignWire.same(held, content.organization ?? "")
        case .title: ActiveCampaignWire.same(held, content.title ?? "")
        case .notes: ActiveCampaignWire.same(held, content.notes ?? "")
        // A text that is neither of ours stands for "not known here": it stays until somebody sets one of ours.
        case .lifecycle: Self.lifecycle(held) == content.lifecycle
        case .tags: Self.tags(held) == content.tags
        case .addresses: ActiveCampaignWire.same(held, content.addresses.first?.full ?? "")
        case .favorite: Self.truth(held) == content.favorite
        case .kind: (ContactKind(rawValue: held.lowercased()) ?? .individual) == content.kind
        }
    }

    private static func lifecycle(_ text: String) -> Lifecycle? {
        Lifecycle(rawValue: ActiveCampaignWire.trimmed(text).lowercased())
    }

    /// Commas, or `||A||B||` as fields with several values have it.
    private static func tags(_ text: String) -> [String] {
        let parts = text.contains("||") ? text.split(separator: "||") : text.split(separator: ",")
        var tags: [String] = []
        for part in parts {
            let tag = ActiveCampaignWire.trimmed(String(part))
            if !tag.isEmpty, !tags.contains(tag) { tags.append(tag) }
        }
        return tags
    }

    private static func truth(_ text: String) -> Bool {
        ["1", "yes", "true", "on"].contains(ActiveCampaignWire.trimmed(text).lowercased())
    }
}

extension Array {
    /// Puts the vendor's one entry in the place of the one that it stood for, or first where there was none; `nil`
    /// removes the one that it stood for.
    mutating func putSlot(_ entry: Element?, at index: Int?) {
        if let entry {
            if let index { self[index] = entry } else { insert(entry, at: 0) }
        } else if let index {
            remove(at: index)
        }
    }
}
