//  Which of our phones sits in which of PortSIP's nine phone slots. Pure.

import Contacts

/// The seating of a contact's phones in the nine slots: who sits where, and who found no seat.
struct PortSIPPhoneSlots {
    typealias Slot = PortSIPRecord.Slot

    /// Index into the contact's phones by slot.
    private(set) var seats: [Slot: Int] = [:]
    /// Indices of the phones that have no seat.
    private(set) var unseated: [Int]
    private let phones: [ContactPhone]

    /// Recognises the phones in the record that the vendor was last known to hold: same number, fitting label.
    /// Phones that are not in the record stay unseated.
    init(recognising phones: [ContactPhone], in record: PortSIPRecord) {
        self.phones = phones
        unseated = phones.indices.filter { !WireText.isBlank(phones[$0].number) }
        for slot in Slot.phones where !record[slot].isEmpty {
            let text = record[slot]
            func holds(_ index: Int) -> Bool {
                WireText.same(WireText.clipped(phones[index].number, to: slot.limit), text)
            }
            // The slot's own label before labels that merely fit it: a `fax` must not take a `home_fax`'s seat.
            if let index = unseated.first(where: { phones[$0].label == slot.label && holds($0) })
                ?? unseated.first(where: { slot.fits(phones[$0].label) && holds($0) })
            {
                seat(index, at: slot)
            }
        }
    }

    /// Seats whom there is room for, in order of preference, and then lets preference decide within full pairs.
    mutating func seatRemaining() {
        for index in unseated {
            if let free = Slot.phones.first(where: { $0.label == phones[index].label && seats[$0] == nil }) {
                seat(index, at: free)
            }
        }
        for index in unseated where phones[index].label == .fax {
            if let free = [Slot.homeFax, .businessFax].first(where: { seats[$0] == nil }) { seat(index, at: free) }
        }
        for (first, second) in Slot.phonePairs {
            guard let left = seats[first], let right = seats[second], left > right else { continue }
            seats[first] = right
            seats[second] = left
        }
    }

    private mutating func seat(_ index: Int, at slot: Slot) {
        seats[slot] = index
        unseated.removeAll { $0 == index }
    }
}

extension PortSIPRecord.Slot {
    /// The label that a number read from this phone slot gets.
    var label: PhoneLabel {
        switch self {
        case .business, .business2: .work
        case .mobilePhone, .mobilePhone2: .mobile
        case .homePhone, .homePhone2: .home
        case .businessFax: .workFax
        case .homeFax: .homeFax
        default: .other
        }
    }

    /// Whether a phone of that label may sit here; a fax of no known place takes either fax slot.
    func fits(_ label: PhoneLabel) -> Bool {
        self.label == label || (label == .fax && (self == .homeFax || self == .businessFax))
    }

    /// The kinds that have two slots: the first is the preferred one.
    static let phonePairs: [(Self, Self)] = [
        (.business, .business2), (.mobilePhone, .mobilePhone2), (.homePhone, .homePhone2),
    ]
}
