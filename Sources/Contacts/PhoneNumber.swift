//  Numbers as written to E.164, where the numbering plan says how. Pure.

/// Derives E.164 numbers (ITU-T E.164) from numbers as people write them.
public enum PhoneNumber {
    /// ISO 3166-1 alpha-2 codes of the regions whose national numbers are understood, sorted.
    public static let supportedRegions: [String] = NumberingPlan.all.map(\.region.description).sorted()

    /// The number in E.164.
    ///
    /// - Parameters:
    ///   - number: As written, such as `(722) 322-4241` or `+44 (0)20 7946 0958`.
    ///   - region: ISO 3166-1 alpha-2, for numbers without a country code; `nil` for none.
    /// - Returns: `+` and digits only; `nil` where it does not follow from what is written: letters or an extension, a
    ///   local number without its area code, a region that is not supported, an unassigned country code, or a length
    ///   that the plan does not have.
    public static func e164(of number: String, region: String?) -> String? {
        guard let (digits, isInternational) = written(number.utf8.span) else { return nil }
        if isInternational { return international(digits) }
        guard let region, let plan = NumberingPlan.of(region: region) else { return nil }
        if digits.starts(with: plan.internationalPrefix) {
            return international(digits.dropping(plan.internationalPrefix.count))
        }
        return plan.national(digits).map { $0.text(after: plan.countryCode) }
    }

    private static func international(_ digits: DialledDigits) -> String? {
        for length in 1...3 where length < digits.count {
            switch NumberingPlan.holder(ofCode: digits.prefix(length)) {
            case .nobody: continue
            case .unknownPlan: return (8...15).contains(digits.count) ? digits.text(after: nil) : nil
            case .plan(let plan):
                let rest = digits.dropping(length)
                if plan.isNational(rest) { return rest.text(after: plan.countryCode) }
                // `+44 (0)20 …`: the trunk prefix in brackets is not part of the number.
                guard let trunk = plan.trunk, rest.starts(with: trunk) else { return nil }
                let bare = rest.dropping(trunk.count)
                return plan.isNational(bare) ? bare.text(after: plan.countryCode) : nil
            }
        }
        return nil
    }

    /// The digits of a number as written, and whether it starts with `+`; `nil` for letters, extensions and anything
    /// that is not mere punctuation.
    private static func written(_ text: Span<UInt8>) -> (digits: DialledDigits, isInternational: Bool)? {
        var digits = DialledDigits()
        var isInternational = false
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits.append(byte &- 48) else { return nil }
            case UInt8(ascii: "+"):
                guard digits.count == 0, !isInternational else { return nil }
                isInternational = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "/"):
                continue
            case 0xC2 where index < text.count && text[index] == 0xA0:  // no-break space
                index += 1
            case 0xE2 where index + 1 < text.count && text[index] == 0x80:
                // Hyphen, non-breaking hyphen, en dash.
                guard [0x90, 0x91, 0x93].contains(text[index + 1]) else { return nil }
                index += 2
            default: return nil
            }
        }
        return digits.count < 3 ? nil : (digits, isInternational)
    }
}

/// Up to eighteen digits in a row, as values from 0 to 9.
struct DialledDigits {
    private var digits = InlineArray<18, UInt8>(repeating: 0)
    private var start = 0
    private(set) var count = 0

    /// A digit by its place.
    subscript(_ place: Int) -> UInt8 { digits[start + place] }

    /// Adds a digit; false when there is no room.
    mutating func append(_ digit: UInt8) -> Bool {
        guard count < 18 else { return false }
        digits[count] = digit
        count += 1
        return true
    }

    /// The digits without the first ones.
    func dropping(_ dropped: Int) -> DialledDigits {
        var rest = self
        rest.start += dropped
        rest.count -= dropped
        return rest
    }

    /// The first digits, at most as many as there are.
    func prefix(_ length: Int) -> DiallingPrefix {
        var prefix = DiallingPrefix(count: length, value: 0)
        for place in 0..<length { prefix.value = prefix.value * 10 + Int(self[place]) }
        return prefix
    }

    func starts(with prefix: DiallingPrefix) -> Bool {
        count >= prefix.count && self.prefix(prefix.count) == prefix
    }

    /// `+`, the country code where it is not among the digits, and the digits.
    func text(after code: DiallingPrefix?) -> String {
        let codeLength = code?.count ?? 0
        // One byte for the sign, then exactly the digits.
        return unsafe String(unsafeUninitializedCapacity: 1 + codeLength + count) { output in
            unsafe output[0] = UInt8(ascii: "+")
            var rest = code?.value ?? 0
            for place in stride(from: codeLength, to: 0, by: -1) {
                unsafe output[place] = UInt8(truncatingIfNeeded: 48 + rest % 10)
                rest /= 10
            }
            for place in 0..<count { unsafe output[1 + codeLength + place] = 48 + self[place] }
            return 1 + codeLength + count
        }
    }
}

/// A few digits that are dialled before others: how many, and the number they make.
struct DiallingPrefix: Equatable, Sendable {
    var count: Int
    var value: Int

    init(count: Int, value: Int) {
        self.count = count
        self.value = value
    }

    /// Reads decimal digits.
    init(_ digits: String) {
        self.init(count: digits.utf8.count, value: digits.utf8.reduce(0) { $0 * 10 + Int($1 - 48) })
    }
}
