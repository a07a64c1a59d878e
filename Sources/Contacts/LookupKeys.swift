//  The keys by which a contact is found again: e-mails without case, numbers as E.164 and by their last digits.

/// One key of the look-up index.
public enum LookupKey: Hashable, Sendable {
    /// An e-mail address in lower case.
    case email(String)
    /// A number in E.164 with its plus sign.
    case e164(String)
    /// The last digits of a number, at most ``LookupKey/trailingDigits``.
    case digits(String)
    /// The same, but only of a number whose E.164 is not known: two that are known and differ are two lines.
    case unplacedDigits(String)

    /// How many last digits make numbers comparable whose country code is missing.
    public static let trailingDigits = 7

    /// The key of an e-mail address; `nil` for an empty one.
    public static func email(of address: String) -> LookupKey? {
        let address = address.lowercased()
        return address.isEmpty ? nil : .email(address)
    }

    /// The key of a number's last digits; `nil` with fewer than three digits, which match too much.
    public static func digits(of number: String) -> LookupKey? { lastDigits(of: number).map { .digits($0) } }

    /// The last digits of a number as written, at most ``trailingDigits``; `nil` with fewer than three.
    public static func lastDigits(of number: String) -> String? {
        let text = number.utf8.span
        var last = InlineArray<7, UInt8>(repeating: 0)
        var count = 0
        var index = text.count
        while index > 0, count < trailingDigits {
            index -= 1
            guard text[index] &- 48 < 10 else { continue }
            count += 1
            last[trailingDigits - count] = text[index]
        }
        guard count >= 3 else { return nil }
        return String(ascii: last.span.extracting(last: count))
    }

    /// What a caller's number may stand in the index as: the most exact keys first. Its last digits alone find any
    /// number where none of the regions makes E.164 of it.
    public static func candidates(for number: String, regions: [String?]) -> [LookupKey] {
        var keys: [LookupKey] = []
        for region in regions {
            guard let e164 = PhoneNumber.e164(of: number, region: region) else { continue }
            if !keys.contains(.e164(e164)) { keys.append(.e164(e164)) }
        }
        guard case .digits(let digits) = digits(of: number) else { return keys }
        return keys + [keys.isEmpty ? .digits(digits) : .unplacedDigits(digits)]
    }
}

extension ContactContent {
    /// Every key that finds this contact, without repeats.
    public var lookupKeys: [LookupKey] {
        let most = emails.count + 2 * phones.count
        var keys: [LookupKey] = []
        keys.reserveCapacity(most)
        // A few are compared sooner than hashed.
        var met: Set<LookupKey>? = most > 16 ? [] : nil
        func add(_ key: LookupKey?) {
            guard let key, met?.insert(key).inserted ?? !keys.contains(key) else { return }
            keys.append(key)
        }
        for email in emails { add(.email(of: email.address)) }
        for phone in phones {
            let digits = LookupKey.digits(of: phone.number)
            if let e164 = phone.e164 {
                add(.e164(e164))
            } else if case .digits(let digits) = digits {
                add(.unplacedDigits(digits))
            }
            add(digits)
        }
        return keys
    }

    /// Whether the contact really has what the key stands for: hashes may collide, and last digits say less.
    public func matches(_ key: LookupKey) -> Bool {
        switch key {
        case .email: emails.contains { key.finds($0.address) }
        case .e164: phones.contains { $0.e164.map { key.finds($0) } ?? false }
        case .digits: phones.contains { key.finds($0.number) }
        case .unplacedDigits: phones.contains { $0.e164 == nil && key.finds($0.number) }
        }
    }

    /// The text that search goes over: name, organization, title, notes, e-mails, phones, a line each; of a phone the
    /// number, the number in E.164 and, where that is another text, its digits.
    public var searchText: String {
        var size = 0
        forEachSearchLine { line, digits in size += 1 + (digits ?? line.count) }
        guard size > 0 else { return "" }
        // The lines are walked twice alike: `size` bytes, less the line feed that the last line has not.
        return unsafe String(unsafeUninitializedCapacity: size) { output in
            var end = 0
            forEachSearchLine { line, digits in
                for index in line.indices where digits == nil || line[index] &- 48 < 10 {
                    unsafe output[end] = line[index]
                    end += 1
                }
                unsafe output[end] = UInt8(ascii: "\n")
                end += 1
            }
            return end - 1
        }
    }

    /// Lends each line in turn; where the second value is a count, only so many digits of the line count.
    private func forEachSearchLine(_ body: (Span<UInt8>, Int?) -> Void) {
        func line(_ text: String?) {
            if let text { body(text.utf8.span, nil) }
        }
        line(name.full)
        line(name.given)
        line(name.middle)
        line(name.surname)
        line(organization)
        line(title)
        line(notes)
        for email in emails { line(email.address) }
        for phone in phones {
            line(phone.number)
            line(phone.e164)
            let number = phone.number.utf8.span
            let digits = number.digitCount
            if digits < number.count { body(number, digits) }
        }
    }
}
