//  Made-up contacts, the same for the same seed, for demonstrations and load.

import Contacts

/// Makes contacts by number: contact 17 of seed 1 is always the same one.
struct ContactGenerator: Sendable {
    /// Which world of contacts.
    var seed: UInt64

    /// The contact of that number, counted from 1. No two among 8 million share an e-mail, or the last seven digits of
    /// their mobile number.
    func contact(_ number: Int) -> SimulatedContact {
        var random = SplitMix64(state: seed &* 0x9E37_79B9 &+ UInt64(number))
        let given = random.pick(Self.givenNames)
        let surname = random.pick(Self.surnames)
        let mailbox = "\(given).\(surname)\(number)".lowercased()
        var contact = SimulatedContact()
        contact.content.name = ContactName(full: "\(given) \(surname)", given: given, surname: surname)
        contact.content.organization = random.pick(Self.companies)
        contact.content.title = random.pick(Self.titles)
        contact.content.lifecycle = random.next() % 3 == 0 ? .lead : .customer
        contact.content.emails = [ContactEmail(address: "\(mailbox)@example.com", label: .work)]
        let area = Self.areaCodes[number % Self.areaCodes.count]
        let mobile = Self.line(number)
        contact.content.phones = [ContactPhone(number: "+1\(area)\(mobile)", label: .mobile)]
        if random.next() % 2 == 0 {
            let work = String(Self.line(number + 4_000_000))
            contact.content.phones.append(
                ContactPhone(number: "(\(area)) \(work.prefix(3))-\(work.suffix(4))", label: .work)
            )
        }
        return contact
    }

    /// The last seven digits of a number: 2000000 to 9999999, scattered, each once among 8 million.
    private static func line(_ number: Int) -> Int { 2_000_000 + number &* 7_368_787 % 8_000_000 }

    private static let givenNames = [
        "Ada", "Amara", "Anton", "Beatriz", "Carlos", "Chidi", "Clara", "Daniel", "Elif", "Emma", "Farid", "Grace",
        "Hana", "Igor", "Ines", "Jakob", "Joana", "Kenji", "Lena", "Liam", "Mateo", "Mei", "Nadia", "Noah", "Olga",
        "Omar", "Priya", "Rafael", "Sofia", "Tomasz", "Yara", "Zoe",
    ]
    private static let surnames = [
        "Abara", "Andersson", "Bauer", "Costa", "Demir", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito",
        "Jansen", "Kaya", "Kowalski", "Lopez", "Martin", "Moreau", "Nakamura", "Novak", "Okafor", "Patel", "Petrova",
        "Quinn", "Rossi", "Santos", "Schmidt", "Silva", "Tanaka", "Urban", "Virtanen", "Weber", "Zhang",
    ]
    private static let companies = [
        "Alder & Sons", "Bluebird Logistics", "Cedar Clinic", "Delta Print", "Elm Street Bakery", "Fjord Shipping",
        "Granite Works", "Harbor Legal",
    ]
    private static let titles = ["Accountant", "Buyer", "Director", "Engineer", "Office manager", "Sales manager"]
    private static let areaCodes = [
        "201", "202", "206", "212", "213", "214", "215", "216", "303", "305", "312", "313", "404", "415", "503", "504",
        "512", "602", "612", "617", "619", "702", "703", "713",
    ]
}

/// A small, fast generator (S. Vigna, splitmix64): for test data and opaque tokens of simulators, never for secrets.
struct SplitMix64: RandomNumberGenerator, Sendable {
    /// Where the sequence stands.
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// One of the choices.
    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int(next() % UInt64(choices.count))]
    }

    /// A text of that many characters of the alphabet.
    mutating func text(_ length: Int, of alphabet: StaticString) -> String {
        let letters = Array("\(alphabet)".utf8)
        return String(decoding: (0..<length).map { _ in pick(letters) }, as: UTF8.self)
    }
}
