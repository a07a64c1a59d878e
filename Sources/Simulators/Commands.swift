//  The commands `simulate` and `listen` as functions: run until told to stop.

import Glibc
public import Log
import Platform

extension Simulator {
    /// Reads the files, starts and answers until SIGTERM or SIGINT.
    ///
    /// The log's `simulator.listening` line has the bound `address`, the vendor, and the credentials it accepts.
    ///
    /// - Parameters:
    ///   - vendor: `portsip`, `contact-source`, `activecampaign` or `taptalk`.
    ///   - listen: `HOST:PORT`; port 0 asks for a free one.
    ///   - contacts: Path of a JSON array of contacts; `nil` for none.
    ///   - count: How many made-up contacts to add.
    ///   - seed: Decides what is made up.
    ///   - faults: Path of a file in the shape of `POST /_simulate/faults`; `nil` for none.
    ///   - log: Takes the lines.
    /// - Throws: ``SimulatorError`` with what is wrong with the settings.
    public static func run(
        vendor: String,
        listen: String,
        contacts: String? = nil,
        count: Int = 0,
        seed: UInt64 = 1,
        faults: String? = nil,
        log: Log = Log()
    ) async throws {
        let signals = Signals.stream([SIGTERM, SIGINT])
        guard let name = SimulatedVendor(rawValue: vendor) else {
            let all = SimulatedVendor.allCases.map(\.rawValue).joined(separator: ", ")
            throw SimulatorError(message: "\(vendor) is no vendor that can be simulated; there are \(all)")
        }
        var settings = Settings()
        settings.listen = listen
        settings.contacts = try contacts.map(file)
        settings.count = count
        settings.seed = seed
        settings.faults = try faults.map(file)
        let simulator = try Simulator(name, settings, log: log)
        log.info(
            "simulator.listening",
            [
                "address": simulator.address, "vendor": vendor, "contacts": String(simulator.count),
                "credentials": simulator.credentials,
            ]
        )
        try await untilFirst(of: signals, running: simulator.run, stopping: simulator.stop)
    }

    private static func file(_ path: String) throws -> [UInt8] {
        do throws(SystemError) {
            return try FileDescriptor.contents(ofFile: path)
        } catch {
            throw SimulatorError(message: "cannot read \(path): \(error)")
        }
    }
}

extension WebhookListener {
    /// Receives and prints until SIGTERM or SIGINT; the log's `listener.listening` line has the bound `address`.
    ///
    /// - Throws: ``SimulatorError`` with what is wrong with the settings.
    public static func run(listen: String, secret: String, log: Log = Log()) async throws {
        let signals = Signals.stream([SIGTERM, SIGINT])
        let listener = try WebhookListener(listen: listen, secret: secret, log: log)
        log.info("listener.listening", ["address": listener.address])
        try await untilFirst(of: signals, running: listener.run, stopping: listener.stop)
    }
}

/// Runs until it ends by itself, or until the first signal lets it finish what is under way.
private func untilFirst(
    of signals: AsyncStream<Int32>,
    running run: () async throws -> Void,
    stopping stop: @escaping @Sendable () -> Void
) async throws {
    let watch = Task {
        for await _ in signals { stop() }
    }
    defer { watch.cancel() }
    try await run()
}
