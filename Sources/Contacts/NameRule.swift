//  How the whole name follows from its parts and the parts from the whole: one rule, used everywhere. Pure.

/// The rule: the whole name is the non-empty parts prefix, given, middle, surname, suffix in this order, one space
/// between; and of a whole name alone the last word is the surname and what stands before it the given name. A single
/// word is a given name. Splitting a whole name and joining it again gives the same name.
public enum NameRule {
    /// The whole name of the parts; `nil` when all are empty.
    public static func full(of name: ContactName) -> String? {
        var full = ""
        func add(_ part: String?) {
            guard let part, !part.isEmpty else { return }
            if full.isEmpty { full = part } else { full += " \(part)" }
        }
        add(name.prefix)
        add(name.given)
        add(name.middle)
        add(name.surname)
        add(name.suffix)
        return full.isEmpty ? nil : full
    }

    /// Given name and surname of a whole name.
    public static func parts(of full: String) -> (given: String?, surname: String?) {
        guard let space = full.lastIndex(of: " ") else { return (full.isEmpty ? nil : full, nil) }
        let surname = full[full.index(after: space)...]
        let given = full[..<space]
        guard !surname.isEmpty, !given.isEmpty else { return (full, nil) }
        return (String(given), String(surname))
    }

    /// The name with what is missing derived: the whole from the parts, or the parts from the whole.
    public static func completed(_ name: ContactName) -> ContactName {
        var name = name
        if name.full?.isEmpty ?? true {
            name.full = full(of: name)
        } else if !name.hasParts, let full = name.full {
            (name.given, name.surname) = parts(of: full)
        }
        return name
    }

    /// The parts' names.
    static let partNames = ["given", "surname", "prefix", "middle", "suffix"]
}

extension ContactContent {
    /// The text that stands in for a missing name: organization, first e-mail, first phone.
    private var standIn: String? { organization ?? emails.first?.address ?? phones.first?.number }

    /// The content after an edit of `base` that left its name alone: a name that only stood in for one is forgotten
    /// when there is another text to stand in, so that it follows what it was taken from. A stored name without any
    /// part is always such a name.
    func forgettingStandIn(of base: ContactContent) -> ContactContent {
        guard name == base.name, base.name == ContactName(full: base.name.full), standIn != nil else { return self }
        var result = self
        result.name = ContactName()
        return result
    }

    /// The content as it is stored: empty texts are absent, the name is completed, and a contact without any name
    /// goes by its organization, else its first e-mail, first phone or `vendorID`.
    ///
    /// - Parameters:
    ///   - vendorID: The vendor's id, the last resort for a name.
    ///   - region: ISO 3166-1 alpha-2 of numbers without a country code, for `e164`; `nil` for none.
    /// - Returns: The same contact in its one stored form; doing it twice changes nothing.
    public func normalised(vendorID: String?, region: String?) -> ContactContent {
        var result = self
        result.normalise(vendorID: vendorID, region: region)
        return result
    }

    /// Brings the content into the form in which it is stored, as ``normalised(vendorID:region:)`` gives it.
    public mutating func normalise(vendorID: String?, region: String?) {
        Self.clear(&owner)
        Self.clear(&organization)
        Self.clear(&title)
        Self.clear(&notes)
        Self.clear(&name.full)
        Self.clear(&name.given)
        Self.clear(&name.surname)
        Self.clear(&name.prefix)
        Self.clear(&name.middle)
        Self.clear(&name.suffix)
        // Most lists have nothing to lose: they are looked at before they are copied.
        if emails.contains(where: \.address.isEmpty) { emails.removeAll { $0.address.isEmpty } }
        if phones.contains(where: \.number.isEmpty) { phones.removeAll { $0.number.isEmpty } }
        if addresses.contains(where: \.full.isEmpty) { addresses.removeAll { $0.full.isEmpty } }
        if customFields.contains(where: \.value.isEmpty) { customFields.removeAll { $0.value.isEmpty } }
        for index in phones.indices {
            phones[index].e164 = PhoneNumber.e164(of: phones[index].number, region: region)
        }
        if tags.count > 1 {
            var seen = Set<String>()
            tags.removeAll { $0.isEmpty || !seen.insert($0).inserted }
        } else if tags.first?.isEmpty ?? false {
            tags = []
        }
        // A text that only stands in for a name has no parts, also when it comes by again.
        let standIn = self.standIn ?? vendorID
        if name.hasParts || name.full != standIn { name = NameRule.completed(name) }
        if name.full == nil { name.full = standIn }
    }

    private static func clear(_ text: inout String?) {
        if text?.isEmpty ?? false { text = nil }
    }
}

extension ContactName {
    /// Whether any part says something.
    fileprivate var hasParts: Bool {
        func says(_ part: String?) -> Bool { !(part?.isEmpty ?? true) }
        return says(given) || says(surname) || says(prefix) || says(middle) || says(suffix)
    }
}
