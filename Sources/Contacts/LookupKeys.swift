//  The keys by which a contact is found again: e-mails without case, numbers as E.164 and by their last digits.

/// One key of the look-up index.
public enum LookupKey: Hashable, Sendable {
    /// An e-mail address in lower case.
    case email(String)
    /// A number in E.164 with its plus sign.
    case e164(String)
    /// The last digits of a number, at most ``LookupKey/trailingDigits``.
    case digits(String)

    /// How many last digits make numbers comparable whose country code is missing.
    public static let trailingDigits = 7

    /// The key of an e-mail address; `nil` for an empty one.
    public static func email(of address: String) -> LookupKey? {
        let address = address.lowercased()
        return address.isEmpty ? nil : .email(address)
    }

    /// The last digits of a number as written; `nil` with fewer than three digits, which match too much.
    public static func digits(of number: String) -> LookupKey? {
        let digits = String(decoding: number.utf8.filter { $0 &- 48 < 10 }, as: UTF8.self)
        return digits.utf8.count < 3 ? nil : .digits(String(digits.suffix(trailingDigits)))
    }

    /// What a caller's number may stand in the index as: the most exact key first.
    public static func candidates(for number: String, region: String?) -> [LookupKey] {
        [PhoneNumber.e164(of: number, region: region).map { .e164($0) }, digits(of: number)].compactMap(\.self)
    }
}

extension ContactContent {
    /// Every key that finds this contact, without repeats.
    public var lookupKeys: [LookupKey] {
        var keys: [LookupKey] = []
        func add(_ key: LookupKey?) {
            if let key, !keys.contains(key) { keys.append(key) }
        }
        for email in emails { add(.email(of: email.address)) }
        for phone in phones {
            add(phone.e164.map { .e164($0) })
            add(.digits(of: phone.number))
        }
        return keys
    }

    /// Whether the contact really has what the key stands for: hashes may collide, and last digits say less.
    public func matches(_ key: LookupKey) -> Bool {
        switch key {
        case .email: emails.contains { key.finds($0.address) }
        case .e164: phones.contains { $0.e164.map { key.finds($0) } ?? false }
        case .digits: phones.contains { key.finds($0.number) }
        }
    }

    /// The text that search goes over: name, organization, title, e-mails, phones, notes.
    public var searchText: String {
        var parts = [name.full, name.given, name.middle, name.surname, organization, title, notes].compactMap(\.self)
        parts += emails.map(\.address)
        for phone in phones {
            parts.append(phone.number)
            if let e164 = phone.e164 { parts.append(e164) }
            let digits = String(decoding: phone.number.utf8.filter { $0 &- 48 < 10 }, as: UTF8.self)
            if digits != phone.number { parts.append(digits) }
        }
        return parts.joined(separator: "\n")
    }
}
