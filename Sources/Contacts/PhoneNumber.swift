//  Numbers as written to E.164, where the numbering plan says how. Pure.

/// Derives E.164 numbers (ITU-T E.164) from numbers as people write them.
public enum PhoneNumber {
    /// ISO 3166-1 alpha-2 codes of the regions whose national numbers are understood, sorted.
    public static var supportedRegions: [String] { NumberingPlan.byRegion.keys.sorted() }

    /// The number in E.164.
    ///
    /// - Parameters:
    ///   - number: As written, such as `(722) 322-4241` or `+44 (0)20 7946 0958`.
    ///   - region: ISO 3166-1 alpha-2, for numbers without a country code; `nil` for none.
    /// - Returns: `+` and digits only; `nil` where it does not follow from what is written: letters or an extension, a
    ///   local number without its area code, a region that is not supported, an unassigned country code, or a length
    ///   that the plan does not have.
    public static func e164(of number: String, region: String?) -> String? {
        guard let written = Written(number) else { return nil }
        if written.isInternational { return international(written.digits) }
        guard let region, let plan = NumberingPlan.byRegion[region] else { return nil }
        for prefix in plan.internationalPrefixes where written.digits.hasPrefix(prefix) {
            return international(String(written.digits.dropFirst(prefix.count)))
        }
        guard let national = plan.national(written.digits) else { return nil }
        return "+\(plan.countryCode)\(national)"
    }

    private static func international(_ digits: String) -> String? {
        for length in 1...3 where length < digits.count {
            let code = String(digits.prefix(length))
            let rest = String(digits.dropFirst(length))
            if let plans = NumberingPlan.byCode[code] {
                // `+44 (0)20 …`: the trunk prefix in brackets is not part of the number.
                for plan in plans {
                    if plan.isNational(rest) { return "+\(code)\(rest)" }
                    if let trunk = plan.trunk, plan.dropsTrunk, rest.hasPrefix(trunk) {
                        let bare = String(rest.dropFirst(trunk.count))
                        if plan.isNational(bare) { return "+\(code)\(bare)" }
                    }
                }
                return nil
            }
            if NumberingPlan.otherCodes.contains(code) {
                return (8...15).contains(digits.count) ? "+\(digits)" : nil
            }
        }
        return nil
    }

    /// The digits of a number as written, and whether it starts with `+`.
    private struct Written {
        var digits = ""
        var isInternational = false

        /// `nil` for letters, extensions and anything that is not mere punctuation.
        init?(_ number: String) {
            for scalar in number.unicodeScalars {
                switch scalar {
                case "0"..."9": digits.unicodeScalars.append(scalar)
                case "+":
                    guard digits.isEmpty, !isInternational else { return nil }
                    isInternational = true
                case " ", "-", ".", "(", ")", "/", "\u{A0}", "\u{2010}", "\u{2011}", "\u{2013}": continue
                default: return nil
                }
            }
            guard (3...18).contains(digits.utf8.count) else { return nil }
        }
    }
}

/// What a region's numbers look like. Lengths and first digits are those of the national numbering plans that members
/// notify to the ITU (Operational Bulletin, "National numbering plans").
struct NumberingPlan: Sendable {
    let region: String
    let countryCode: String
    /// What is dialled before a national number; `nil` where there is none.
    let trunk: String?
    /// True where a national number cannot be told from a local one without the trunk prefix.
    let trunkRequired: Bool
    let internationalPrefixes: [String]
    /// Digits of a national number without its trunk prefix.
    let lengths: ClosedRange<Int>
    /// What a national number may start with.
    let firstDigits: Set<Character>

    /// Whether the trunk prefix is never part of the international number.
    var dropsTrunk: Bool { trunk != nil }

    /// The national number of digits written as at home; `nil` when they are none.
    func national(_ digits: String) -> String? {
        if let trunk, digits.hasPrefix(trunk) {
            let bare = String(digits.dropFirst(trunk.count))
            if isNational(bare) { return bare }
        }
        guard !trunkRequired, isNational(digits) else { return nil }
        return digits
    }

    func isNational(_ digits: String) -> Bool {
        guard lengths.contains(digits.utf8.count), let first = digits.first, firstDigits.contains(first) else {
            return false
        }
        guard countryCode == "1" else { return true }
        // North American plan: NXX-NXX-XXXX, N from 2 to 9.
        return digits.dropFirst(3).first.map { $0 >= "2" } ?? false
    }

    static let byRegion = Dictionary(all.map { ($0.region, $0) }, uniquingKeysWith: { first, _ in first })
    static let byCode = Dictionary(grouping: all, by: \.countryCode)

    private static let all: [NumberingPlan] =
        northAmerica + [
            plan("GB", "44", "0", 9...10, "1235789"), plan("IE", "353", "0", 7...9, "124567890"),
            plan("DE", "49", "0", 6...11, "123456789"), plan("AT", "43", "0", 6...13, "123456789"),
            plan("CH", "41", "0", 9...9, "23456789"), plan("FR", "33", "0", 9...9, "12345679"),
            plan("BE", "32", "0", 8...9, "123456789"), plan("NL", "31", "0", 9...9, "12345678"),
            plan("SE", "46", "0", 7...9, "123456789"), plan("FI", "358", "0", 6...10, "123456789"),
            plan("RS", "381", "0", 8...9, "123678"), plan("BA", "387", "0", 8...8, "3567"),
            plan("HR", "385", "0", 8...9, "1234579"), plan("SI", "386", "0", 8...8, "1234567"),
            plan("ME", "382", "0", 8...8, "23467"), plan("MK", "389", "0", 8...8, "234578"),
            plan("BG", "359", "0", 7...9, "2345679"), plan("RO", "40", "0", 9...9, "237"),
            plan("SK", "421", "0", 9...9, "234569"), plan("UA", "380", "0", 9...9, "345679"),
            plan("TR", "90", "0", 10...10, "2345"), plan("IL", "972", "0", 8...9, "2345789"),
            plan("ZA", "27", "0", 9...9, "123456789"), plan("AU", "61", "0", 9...9, "23478", prefixes: ["0011"]),
            plan("NZ", "64", "0", 8...10, "234679"), plan("JP", "81", "0", 9...10, "123456789", prefixes: ["010"]),
            plan("IN", "91", "0", 10...10, "123456789", trunkRequired: false),
            plan("BR", "55", "0", 10...11, "123456789", trunkRequired: false),
            plan("HU", "36", "06", 8...9, "123456789"),
            plan("ES", "34", nil, 9...9, "56789"), plan("PT", "351", nil, 9...9, "2379"),
            plan("IT", "39", nil, 6...11, "0378"), plan("LU", "352", nil, 6...9, "23456789"),
            plan("DK", "45", nil, 8...8, "23456789"), plan("NO", "47", nil, 8...8, "23456789"),
            plan("PL", "48", nil, 9...9, "123456789"), plan("CZ", "420", nil, 9...9, "23456789"),
            plan("GR", "30", nil, 10...10, "2678"), plan("EE", "372", nil, 7...8, "345678"),
            plan("LV", "371", nil, 8...8, "2678"), plan("MX", "52", nil, 10...10, "23456789"),
            plan("SG", "65", nil, 8...8, "3689", prefixes: ["001"]),
            plan("HK", "852", nil, 8...8, "235679", prefixes: ["001"]),
        ]

    private static let northAmerica = [
        "US", "CA", "AG", "AI", "AS", "BB", "BM", "BS", "DM", "DO", "GD", "GU", "JM", "KN", "KY", "LC", "MP", "MS",
        "PR",
        "SX", "TC", "TT", "VC", "VG", "VI",
    ].map { plan($0, "1", "1", 10...10, "23456789", trunkRequired: false, prefixes: ["011"]) }

    private static func plan(
        _ region: String,
        _ code: String,
        _ trunk: String?,
        _ lengths: ClosedRange<Int>,
        _ firstDigits: String,
        trunkRequired: Bool? = nil,
        prefixes: [String] = ["00"]
    ) -> NumberingPlan {
        NumberingPlan(
            region: region,
            countryCode: code,
            trunk: trunk,
            trunkRequired: trunkRequired ?? (trunk != nil),
            internationalPrefixes: prefixes,
            lengths: lengths,
            firstDigits: Set(firstDigits)
        )
    }

    /// Assigned country codes whose national plans are not in the table (ITU-T E.164 annex, "List of assigned country
    /// codes"): a number that is written with its country code stands as it is.
    static let otherCodes: Set<String> = [
        "7", "20", "51", "53", "54", "56", "57", "58", "60", "62", "63", "66", "82", "84", "86", "92", "93", "94", "95",
        "98", "211", "212", "213", "216", "218", "220", "221", "222", "223", "224", "225", "226", "227", "228", "229",
        "230", "231", "232", "233", "234", "235", "236", "237", "238", "239", "240", "241", "242", "243", "244", "245",
        "246", "247", "248", "249", "250", "251", "252", "253", "254", "255", "256", "257", "258", "260", "261", "262",
        "263", "264", "265", "266", "267", "268", "269", "290", "291", "297", "298", "299", "350", "354", "355", "356",
        "357", "370", "373", "374", "375", "376", "377", "378", "379", "383", "423", "500", "501", "502", "503", "504",
        "505", "506", "507", "508", "509", "590", "591", "592", "593", "594", "595", "596", "597", "598", "599", "670",
        "672", "673", "674", "675", "676", "677", "678", "679", "680", "681", "682", "683", "685", "686", "687", "688",
        "689", "690", "691", "692", "800", "850", "853", "855", "856", "870", "880", "886", "960", "961", "962", "963",
        "964", "965", "966", "967", "968", "970", "971", "973", "974", "975", "976", "977", "992", "993", "994", "995",
        "996", "998",
    ]
}
