//  A vendor to test against: a real server with state that answers as the vendor does, and can be made to misbehave.

import HTTPCore
import HTTPServer
public import JSON
public import Log
import Platform
import Synchronization

/// The vendors that can be simulated.
public enum SimulatedVendor: String, CaseIterable, Sendable {
    case portsip
    case contactSource = "contact-source"
    case activecampaign
    case taptalk
}

/// A simulated vendor.
///
/// It speaks the vendor's protocol at the vendor's paths, and is controlled under `/_simulate/`:
///
/// | call | does |
/// | --- | --- |
/// | `GET /_simulate/contacts?skip=&limit=` | the vendor's records in its own words; TapTalk's pairs with their users |
/// | `GET /_simulate/contacts/{id}` | one of them |
/// | `POST /_simulate/contacts` | takes a contact in, in the shape of `GET /v1/contacts/{id}` |
/// | `PATCH /_simulate/contacts/{id}` | edits a record at the vendor: a merge patch in the vendor's own words |
/// | `DELETE /_simulate/contacts/{id}` | deletes a record at the vendor |
/// | `GET`, `POST`, `DELETE /_simulate/faults` | shows, adds, clears faults and knobs |
/// | `GET`, `DELETE /_simulate/requests?after=` | the latest thousand calls, or forgets them |
public final class Simulator: Sendable {
    /// What it was started with.
    public struct Settings: Sendable {
        /// `HOST:PORT`; port 0 asks for a free one.
        public var listen = "127.0.0.1:0"
        /// A JSON array of contacts in the shape of `GET /v1/contacts/{id}`; `nil` for none.
        public var contacts: [UInt8]?
        /// How many made-up contacts to add.
        public var count = 0
        /// Decides what is made up, and every id and token given out.
        public var seed: UInt64 = 1
        /// Faults and knobs from the start, as for `POST /_simulate/faults`; `nil` for none.
        public var faults: [UInt8]?

        /// An empty vendor on a free port.
        public init() {}
    }

    /// Which vendor it is.
    public let vendor: SimulatedVendor
    private let server: Server
    private let core: SimulatorCore

    /// Loads the contacts, binds and listens; answers once ``run()`` is called.
    ///
    /// - Throws: ``SimulatorError`` with what is wrong with the settings.
    public init(_ vendor: SimulatedVendor, _ settings: Settings = Settings(), log: Log = .silent) throws(SimulatorError)
    {
        self.vendor = vendor
        let core = SimulatorCore(vendor, seed: settings.seed)
        try core.load(settings)
        guard var serving = ServerSettings(listen: settings.listen) else {
            throw SimulatorError(message: "--listen takes HOST:PORT, not \(settings.listen)")
        }
        serving.logsRequests = false
        self.core = core
        do {
            server = try Server(settings: serving, log: log) { _ in
                Router([
                    Route(
                        [.get, .post, .put, .patch, .delete, .options],
                        "/{path*}",
                        maxBody: 64 << 20,
                        .later { await core.answer($0) }
                    )
                ])
            }
        } catch {
            throw SimulatorError(message: "cannot listen on \(settings.listen): \(error)")
        }
    }

    /// The bound address, such as `127.0.0.1:41233`.
    public var address: String { server.address }

    /// What a connection's `base_url` is to be.
    public var baseURL: String { "http://\(server.address)" }

    /// The credentials that it accepts, in a line for people.
    public var credentials: String { core.credentials }

    /// Answers until ``stop()`` is called or the task is cancelled.
    public func run() async throws {
        try await server.run()
    }

    /// Finishes what is under way and ends ``run()``.
    public func stop() {
        server.drain()
    }
}

// MARK: - In the same process

extension Simulator {
    /// The vendor's clock, which a knob can set ahead.
    var now: Timestamp { core.state.withLock { $0.now } }

    /// How many contacts the vendor holds.
    public var count: Int { core.state.withLock { $0.book.count } }

    /// Every record in the vendor's own words.
    public var records: [JSONValue] { core.state.withLock { $0.book.records(skip: 0, limit: $0.book.count) } }

    /// One record in the vendor's own words.
    public func record(_ id: String) -> JSONValue? { core.state.withLock { $0.book.record(id) } }

    /// Takes a contact in, in the shape of `GET /v1/contacts/{id}`, and returns the vendor's id of it.
    @discardableResult
    public func add(_ contact: JSONValue) throws(SimulatorError) -> String {
        try core.changing { (simulation) throws(Refusal) in
            try simulation.book.add(SimulatedContact(contact), at: simulation.now)
        }
    }

    /// Edits a record at the vendor: a merge patch in the vendor's own words.
    public func patch(_ id: String, _ patch: JSONValue) throws(SimulatorError) {
        try core.changing { (simulation) throws(Refusal) in
            try simulation.book.patch(id, with: patch.objectValue ?? [], at: simulation.now)
        }
    }

    /// Deletes a record at the vendor.
    public func remove(_ id: String) throws(SimulatorError) {
        try core.changing { (simulation) throws(Refusal) in try simulation.book.remove(id, at: simulation.now) }
    }

    /// Sets knobs, adds faults, carries out actions: what `POST /_simulate/faults` takes.
    public func control(_ json: JSONValue) throws(SimulatorError) {
        try core.changing { (simulation) throws(Refusal) in try simulation.control(json) }
    }

    /// The latest thousand calls of the vendor's protocol, as `GET /_simulate/requests` shows them.
    public var requests: [JSONValue] { core.state.withLock { $0.requests.json(after: 0) }["items"]?.arrayValue ?? [] }
}

/// Why a simulator or listener cannot do what it was told.
public struct SimulatorError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, in words for the terminal.
    public var message: String

    /// Makes an error.
    public init(message: String) {
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
