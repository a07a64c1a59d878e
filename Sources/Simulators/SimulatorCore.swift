//  What a simulator's server calls: the vendor's protocol, and the control endpoints beside it.

import HTTPCore
import JSON
import Platform
import Synchronization

/// The state of one simulator behind its lock, and the two ways in.
final class SimulatorCore: Sendable {
    /// All that changes.
    let state: Mutex<Simulation>
    /// For people.
    let credentials: String

    init(_ vendor: SimulatedVendor, seed: UInt64) {
        let book: any VendorBook =
            switch vendor {
            case .portsip: SimulatedPortSIP(seed: seed)
            case .contactSource: SimulatedContactSource(seed: seed)
            case .activecampaign: SimulatedActiveCampaign()
            case .taptalk: SimulatedTapTalk(seed: seed)
            }
        credentials = type(of: book).credentials
        state = Mutex(Simulation(book))
    }

    /// Takes in what the settings name.
    func load(_ settings: Simulator.Settings) throws(SimulatorError) {
        try changing { (simulation) throws(Refusal) in
            let now = simulation.now
            if let bytes = settings.contacts {
                guard let contacts = Self.parsed(bytes)?.arrayValue else {
                    throw Refusal(422, "the contacts are no JSON array")
                }
                for (index, contact) in contacts.enumerated() {
                    do throws(Refusal) {
                        _ = try simulation.book.add(SimulatedContact(contact), at: now)
                    } catch {
                        throw Refusal(error.status, "contact \(index): \(error.message)")
                    }
                }
            }
            let generator = ContactGenerator(seed: settings.seed)
            for number in 0..<max(0, settings.count) {
                _ = try simulation.book.add(generator.contact(number + 1), at: now)
            }
            if let bytes = settings.faults {
                guard let faults = Self.parsed(bytes) else { throw Refusal(422, "the faults are no JSON") }
                try simulation.control(faults)
            }
        }
    }

    private static func parsed(_ bytes: [UInt8]) -> JSONValue? {
        try? JSONValue(parsing: bytes, repeated: .refused)
    }

    /// Runs a change under the lock; what is refused becomes an error in words.
    func changing<Result: Sendable>(
        _ change: (inout Simulation) throws(Refusal) -> Result
    ) throws(SimulatorError) -> Result {
        do throws(Refusal) {
            return try state.withLock { (simulation) throws(Refusal) in try change(&simulation) }
        } catch {
            throw SimulatorError(message: error.message)
        }
    }

    /// Answers whatever comes in.
    func answer(_ request: Request) async -> Response {
        let now = state.withLock { $0.now }
        guard let call = Call(request, now: now) else {
            return state.withLock { $0.book.failure(400, "the request target cannot be decoded") }
        }
        if call.segments.first == "_simulate" { return control(call) }
        let (response, delay) = state.withLock { $0.answer(call) }
        // A cancelled wait means that the client has gone: the answer no longer matters.
        if delay > 0 { try? await Task.sleep(for: .milliseconds(delay)) }
        return response
    }
}

// MARK: - Control

extension SimulatorCore {
    private func control(_ call: Call) -> Response {
        do throws(Refusal) {
            return try state.withLock { (simulation) throws(Refusal) in try Self.control(call, &simulation) }
        } catch {
            return .json(error.status, ["error": .string(error.message)])
        }
    }

    private static func control(_ call: Call, _ simulation: inout Simulation) throws(Refusal) -> Response {
        let path = Array(call.segments.dropFirst())
        switch (call.method, path.count, path.first ?? "") {
        case (.get, 1, "contacts"): return contacts(call, &simulation)
        case (.post, 1, "contacts"):
            let id = try simulation.book.add(SimulatedContact(body(call)), at: call.now)
            return .json(201, ["id": .string(id), "record": simulation.book.record(id) ?? .null])
        case (.get, 2, "contacts"):
            guard let record = simulation.book.record(path[1]) else { throw .unknown(path[1]) }
            return .ok(record)
        case (.patch, 2, "contacts"):
            try simulation.book.patch(path[1], with: body(call).objectValue ?? [], at: call.now)
            return .ok(simulation.book.record(path[1]) ?? .null)
        case (.delete, 2, "contacts"):
            try simulation.book.remove(path[1], at: call.now)
            return Response(status: 204)
        case (.get, 1, "faults"): return .ok(simulation.controls)
        case (.post, 1, "faults"):
            try simulation.control(body(call))
            return .ok(simulation.controls)
        case (.delete, 1, "faults"):
            try simulation.control(["clear": true])
            return .ok(simulation.controls)
        case (.get, 1, "requests"):
            return .ok(simulation.requests.json(after: call.parameter("after").flatMap { Int($0) } ?? 0))
        case (.delete, 1, "requests"):
            simulation.clearRequests()
            return Response(status: 204)
        default: throw Refusal(404, "there is no \(call.method.rawValue) \(call.path)")
        }
    }

    private static func contacts(_ call: Call, _ simulation: inout Simulation) -> Response {
        let skip = max(0, call.parameter("skip").flatMap { Int($0) } ?? 0)
        let limit = max(0, call.parameter("limit").flatMap { Int($0) } ?? 100)
        return .ok([
            "count": .int(simulation.book.count),
            "items": .array(simulation.book.records(skip: skip, limit: limit)),
        ])
    }

    private static func body(_ call: Call) throws(Refusal) -> JSONValue {
        guard let json = call.json else { throw Refusal(400, "the body is no JSON") }
        return json
    }
}
