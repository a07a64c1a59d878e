//  PortSIP's personal contact as a value: fifteen flat texts, who synchronises it, and the favourite mark
//  (PortSIP PBX 22 API, "Contacts"). `PortSIPWire` reads and writes its JSON.

/// One personal contact in PortSIP's words. A slot that is null, missing or blank is the empty text.
struct PortSIPRecord: Equatable, Sendable {
    /// The fifteen writable members, in the page's order.
    enum Slot: Int, CaseIterable, Sendable {
        case name, email, company, title, business, business2, mobilePhone, mobilePhone2, homePhone, homePhone2
        case other, businessFax, homeFax, address, notes

        /// Its longest text: 64 for the name, 1024 for the notes, else 128 (the page's `max`).
        var limit: Int {
            switch self {
            case .name: 64
            case .notes: 1024
            default: 128
            }
        }

        /// The slots that hold phone numbers.
        static let phones: [Slot] = [
            .business, .business2, .mobilePhone, .mobilePhone2, .homePhone, .homePhone2, .other, .businessFax, .homeFax,
        ]
    }

    /// The opaque id; `nil` in what was never stored.
    var id: String?
    /// Each slot's text, by raw value.
    private(set) var texts = [String](repeating: "", count: Slot.allCases.count)
    /// `Microsoft 365` and the like: the record is another system's, read-only here.
    var syncType: String?
    /// Whether the JSON had `sync_type` at all; items of a diff have not.
    var saysSyncType = false
    /// The favourite mark; `nil` where the JSON does not say.
    var favorite: Bool?

    /// The text of a slot.
    subscript(_ slot: Slot) -> String {
        get { texts[slot.rawValue] }
        set { texts[slot.rawValue] = WireText.normalised(newValue) }
    }

    /// Whether both hold the same in every slot; ids and marks do not count.
    func holdsTheSame(as other: PortSIPRecord) -> Bool {
        zip(texts, other.texts).allSatisfy(WireText.same)
    }
}
