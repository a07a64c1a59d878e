//  The numbering plans that we know, and whose the other country codes are.

/// What a region's numbers look like. Lengths and first digits are those of the national numbering plans that members
/// notify to the ITU (Operational Bulletin, "National numbering plans").
struct NumberingPlan: Sendable {
    let region: StaticString
    let countryCode: DiallingPrefix
    /// What is dialled before a national number, and never part of the international one; `nil` where there is none.
    let trunk: DiallingPrefix?
    /// True where a national number cannot be told from a local one without the trunk prefix.
    let trunkRequired: Bool
    /// What is dialled before a country code.
    let internationalPrefix: DiallingPrefix
    /// Digits of a national number without its trunk prefix.
    let lengths: ClosedRange<Int>
    /// What a national number may start with: bit n for the digit n.
    let firstDigits: UInt16

    /// The national number of digits written as at home; `nil` when they are none.
    func national(_ digits: DialledDigits) -> DialledDigits? {
        if let trunk, digits.starts(with: trunk) {
            let bare = digits.dropping(trunk.count)
            if isNational(bare) { return bare }
        }
        return !trunkRequired && isNational(digits) ? digits : nil
    }

    func isNational(_ digits: DialledDigits) -> Bool {
        guard lengths.contains(digits.count), firstDigits >> digits[0] & 1 == 1 else { return false }
        // North American plan: NXX-NXX-XXXX, N from 2 to 9.
        return countryCode.value != 1 || digits[3] >= 2
    }

    /// Who has a country code.
    enum Holder: Sendable {
        case nobody
        /// Assigned, with a plan that is not in the table.
        case unknownPlan
        /// Where several regions share a code they share its numbers too.
        case plan(NumberingPlan)
    }

    static func holder(ofCode code: DiallingPrefix) -> Holder {
        // No country code begins with a zero, so that its number tells its length too.
        guard code.value >= power(code.count - 1) else { return .nobody }
        let place = codes[code.value]
        return place < 0 ? (place == Self.assigned ? .unknownPlan : .nobody) : .plan(all[Int(place)])
    }

    /// The plan of a region; `nil` for one that is not in the table.
    static func of(region: String) -> NumberingPlan? {
        guard let key = key(region) else { return nil }
        let place = regions[key]
        return place < 0 ? nil : all[Int(place)]
    }

    private static func power(_ exponent: Int) -> Int { exponent == 0 ? 1 : exponent == 1 ? 10 : 100 }

    /// A number from 0 to 675 for two capital letters.
    private static func key(_ region: String) -> Int? {
        let letters = region.utf8.span
        guard letters.count == 2 else { return nil }
        let high = letters[0] &- UInt8(ascii: "A")
        let low = letters[1] &- UInt8(ascii: "A")
        return high < 26 && low < 26 ? Int(high) * 26 + Int(low) : nil
    }

    private static let unassigned: Int16 = -1
    private static let assigned: Int16 = -2

    /// By country code: the first plan's place in the table, or who else has it.
    private static let codes: [Int16] = {
        var codes = [Int16](repeating: unassigned, count: 1000)
        for code in otherCodes { codes[code] = assigned }
        for (place, plan) in all.enumerated().reversed() { codes[plan.countryCode.value] = Int16(place) }
        return codes
    }()

    /// By the region's letters: the plan's place in the table.
    private static let regions: [Int16] = {
        var regions = [Int16](repeating: unassigned, count: 676)
        for (place, plan) in all.enumerated() {
            if let key = key(plan.region.description) { regions[key] = Int16(place) }
        }
        return regions
    }()

    static let all: [NumberingPlan] =
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
            plan("ZA", "27", "0", 9...9, "123456789"), plan("AU", "61", "0", 9...9, "23478", abroad: "0011"),
            plan("NZ", "64", "0", 8...10, "234679"), plan("JP", "81", "0", 9...10, "123456789", abroad: "010"),
            plan("IN", "91", "0", 10...10, "123456789", trunkRequired: false),
            plan("BR", "55", "0", 10...11, "123456789", trunkRequired: false),
            plan("HU", "36", "06", 8...9, "123456789"),
            plan("ES", "34", nil, 9...9, "56789"), plan("PT", "351", nil, 9...9, "2379"),
            plan("IT", "39", nil, 6...11, "0378"), plan("LU", "352", nil, 6...9, "23456789"),
            plan("DK", "45", nil, 8...8, "23456789"), plan("NO", "47", nil, 8...8, "23456789"),
            plan("PL", "48", nil, 9...9, "123456789"), plan("CZ", "420", nil, 9...9, "23456789"),
            plan("GR", "30", nil, 10...10, "2678"), plan("EE", "372", nil, 7...8, "345678"),
            plan("LV", "371", nil, 8...8, "2678"), plan("MX", "52", nil, 10...10, "23456789"),
            plan("SG", "65", nil, 8...8, "3689", abroad: "001"),
            plan("HK", "852", nil, 8...8, "235679", abroad: "001"),
        ]

    private static let northAmerica: [NumberingPlan] =
        ([
            "US", "CA", "AG", "AI", "AS", "BB", "BM", "BS", "DM", "DO", "GD", "GU", "JM", "KN", "KY", "LC", "MP", "MS",
            "PR",
            "SX", "TC", "TT", "VC", "VG", "VI",
        ] as [StaticString]).map { plan($0, "1", "1", 10...10, "23456789", trunkRequired: false, abroad: "011") }

    private static func plan(
        _ region: StaticString,
        _ code: String,
        _ trunk: String?,
        _ lengths: ClosedRange<Int>,
        _ firstDigits: String,
        trunkRequired: Bool? = nil,
        abroad: String = "00"
    ) -> NumberingPlan {
        NumberingPlan(
            region: region,
            countryCode: DiallingPrefix(code),
            trunk: trunk.map { DiallingPrefix($0) },
            trunkRequired: trunkRequired ?? (trunk != nil),
            internationalPrefix: DiallingPrefix(abroad),
            lengths: lengths,
            firstDigits: firstDigits.utf8.reduce(0) { $0 | 1 << UInt16($1 - 48) }
        )
    }

    /// Assigned country codes whose national plans are not in the table (ITU-T E.164 annex, "List of assigned country
    /// codes"): a number that is written with its country code stands as it is.
    private static let otherCodes: [Int] = [
        7, 20, 51, 53, 54, 56, 57, 58, 60, 62, 63, 66, 82, 84, 86, 92, 93, 94, 95,
        98, 211, 212, 213, 216, 218, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229,
        230, 231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245,
        246, 247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257, 258, 260, 261, 262,
        263, 264, 265, 266, 267, 268, 269, 290, 291, 297, 298, 299, 350, 354, 355, 356,
        357, 370, 373, 374, 375, 376, 377, 378, 379, 383, 423, 500, 501, 502, 503, 504,
        505, 506, 507, 508, 509, 590, 591, 592, 593, 594, 595, 596, 597, 598, 599, 670,
        672, 673, 674, 675, 676, 677, 678, 679, 680, 681, 682, 683, 685, 686, 687, 688,
        689, 690, 691, 692, 800, 850, 853, 855, 856, 870, 880, 886, 960, 961, 962, 963,
        964, 965, 966, 967, 968, 970, 971, 973, 974, 975, 976, 977, 992, 993, 994, 995,
        996, 998,
    ]
}
