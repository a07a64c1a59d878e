//  Which adapter speaks which protocol.

public import Config
public import Platform

/// Makes adapters from configuration.
public enum VendorFactory {
    /// The adapter of a connection. It calls nobody until it is asked to.
    ///
    /// - Parameters:
    ///   - connection: The connection's settings.
    ///   - link: The way to its vendor; `local` never uses it.
    ///   - clock: Measures the life of tokens.
    ///   - wallClock: For dates that vendors give.
    /// - Returns: One adapter, to be kept as long as the connection's settings stay.
    public static func adapter(
        for connection: ConnectionConfig,
        link: VendorLink,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
    ) -> any VendorAdapter {
        switch connection.vendor {
        case .portsip: PortSIPAdapter(link: link, clock: clock, wallClock: wallClock)
        case .contactSource: ContactSourceAdapter(link: link, clock: clock, wallClock: wallClock)
        case .local: LocalAdapter()
        case .activecampaign: ActiveCampaignAdapter(connection: connection, link: link)
        case .taptalk: TapTalkAdapter(connection: connection, link: link)
        }
    }
}
