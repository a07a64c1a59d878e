//  PortSIP PBX 22: the personal contacts of one user.

import Contacts
import Platform

/// Every role: list, delta by sync token, write, find deletes.
struct PortSIPAdapter: VendorAdapter {
    let capabilities = Self.supported
    let mapping: any ContactMapping = PortSIPMapping()
    let listing: (any ContactListing)?
    let delta: (any ContactDelta)?
    let writing: (any ContactWriting)?
    let deletes: (any DeleteFinding)?

    init(
        link: VendorLink,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
    ) {
        let client = PortSIPClient(link: link, clock: clock, wallClock: wallClock)
        let reading = PortSIPReading(client: client)
        listing = reading
        delta = reading
        deletes = reading
        writing = PortSIPWriting(client: client, reading: reading)
    }

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }

    static let supported = Capabilities(
        reads: true,
        delta: true,
        writes: true,
        removes: true,
        deletes: .native,
        fields: [
            FieldCapability(.name, maxLength: 64), FieldCapability(.organization, maxLength: 128),
            FieldCapability(.title, maxLength: 128), FieldCapability(.emails, maxLength: 128, maxCount: 1),
            FieldCapability(.phones, maxLength: 128, maxCount: 9),
            FieldCapability(.addresses, maxLength: 128, maxCount: 1), FieldCapability(.notes, maxLength: 1024),
            FieldCapability(.favorite),
        ]
    )
}
