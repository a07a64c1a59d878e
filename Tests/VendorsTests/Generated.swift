//  Generated contacts and texts for property tests: deterministic from a seed, with the odd cases over-represented.

import Contacts

/// A small deterministic generator (SplitMix64), so that a failing case can be named by its seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) {
        state = UInt64(bitPattern: Int64(seed))
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// One of them.
    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: 0..<choices.count, using: &self)]
    }

    /// True that often.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// Makes contacts.
enum Generated {
    static let words = [
        "Ann", "Bob", "Ørsted", "de la Cruz", "O'Neill", "王", "\"Hank\"", "J.", "Jr.", "Zoë", "tab\tbed", "back\\slash",
        "👩‍👩‍👧‍👦", "e\u{301}", "x", "Member of the House", "-",
    ]

    /// A text of one to three words; sometimes a very long one.
    static func text(_ random: inout SeededRandom, long: Int = 5) -> String {
        if random.chance(long) {
            return String(
                repeating: random.pick(["a", "é", "👩‍👩‍👧‍👦", "wide "]),
                count: Int.random(in: 60...1100, using: &random)
            )
                + "z"
        }
        return (0..<Int.random(in: 1...3, using: &random)).map { _ in random.pick(words) }.joined(separator: " ")
    }

    /// A number; few enough different ones that repeats happen.
    static func number(_ random: inout SeededRandom) -> String {
        random.pick(["+1 202-224-", "0", "+49 30 ", "ext. "]) + String(Int.random(in: 1...12, using: &random))
    }

    /// A whole contact.
    ///
    /// - Parameters:
    ///   - random: Decides what it holds.
    ///   - overflow: Whether it may hold more than a narrow vendor can.
    /// - Returns: The contact.
    static func content(_ random: inout SeededRandom, overflow: Bool = true) -> ContactContent {
        var content = ContactContent()
        let given = random.pick(["Ann", "Bob", "Zoë", "王"])
        content.name = ContactName(full: "\(given) Smith", given: given, surname: "Smith")
        if random.chance(30) { content.name = ContactName(full: text(&random)) }
        if random.chance(60) { content.organization = text(&random) }
        if random.chance(60) { content.title = text(&random) }
        if random.chance(40) { content.notes = text(&random) }
        let most = overflow ? 4 : 1
        content.emails = (0..<Int.random(in: 0...most, using: &random)).map { index in
            ContactEmail(address: "a\(index)@example.com", label: random.pick(PlaceLabel.allCases))
        }
        content.addresses = (0..<Int.random(in: 0...most, using: &random)).map { _ in
            ContactAddress(full: text(&random), label: random.pick(PlaceLabel.allCases))
        }
        content.phones = (0..<Int.random(in: 0...(overflow ? 9 : 3), using: &random)).map { _ in
            ContactPhone(number: number(&random), label: random.pick(PhoneLabel.allCases))
        }
        if !overflow { content.phones = atMostOneOfEach(content.phones) }
        if random.chance(30) { content.tags = ["vip"] }
        if random.chance(50) { content.lifecycle = random.pick(Lifecycle.allCases) }
        content.favorite = random.chance(20)
        return content
    }

    private static func atMostOneOfEach(_ phones: [ContactPhone]) -> [ContactPhone] {
        var labels: Set<PhoneLabel> = []
        return phones.filter { $0.label != .fax && labels.insert($0.label).inserted }
    }
}
