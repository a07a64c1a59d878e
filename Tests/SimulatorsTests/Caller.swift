//  A simulator on a free port and a client that speaks to it over a real socket.

import HTTPClient
import HTTPCore
import JSON
import Log
import Testing

@testable import Simulators

/// Calls one server.
struct Caller: Sendable {
    let client: Client
    let base: String
    /// Sent along with every call.
    var fields: HeaderFields = [:]

    /// What came back.
    struct Answer: Sendable {
        var status: Int
        var fields: HeaderFields
        var body: [UInt8]
        /// The body as JSON; null when it is none.
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    }

    /// The same caller with another header field.
    func with(_ name: String, _ value: String) -> Caller {
        var caller = self
        caller.fields.set(name, value)
        return caller
    }

    func get(_ path: String) async throws(TransportError) -> Answer { try await send(.get, path) }

    func post(_ path: String, _ json: JSONValue? = nil) async throws(TransportError) -> Answer {
        try await send(.post, path, json)
    }

    func send(_ method: HTTPCore.Method, _ path: String, _ json: JSONValue? = nil) async throws(TransportError)
        -> Answer
    {
        var caller = self
        if json != nil { caller.fields.set("Content-Type", "application/json") }
        return try await caller.send(method, path, bytes: json?.encoded() ?? [])
    }

    func send(_ method: HTTPCore.Method, _ path: String, bytes: [UInt8]) async throws(TransportError) -> Answer {
        let request = ClientRequest(
            method: method,
            url: base + path,
            fields: fields,
            body: bytes,
            timeout: .seconds(20),
            maxBody: 8 << 20
        )
        let response = try await client.send(request)
        return Answer(status: response.status, fields: response.fields, body: response.body)
    }
}

/// Runs a simulator for as long as the body takes.
func withSimulator(
    _ vendor: SimulatedVendor,
    _ settings: Simulator.Settings = Simulator.Settings(),
    _ body: (Simulator, Caller) async throws -> Void
) async throws {
    let simulator = try Simulator(vendor, settings)
    let client = Client(log: .silent)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await simulator.run() }
        do {
            try await body(simulator, Caller(client: client, base: simulator.baseURL))
        } catch {
            simulator.stop()
            await client.close()
            throw error
        }
        await client.close()
        simulator.stop()
        try await group.waitForAll()
    }
}

/// A contact as a file or a control call gives it.
func contact(_ id: String?, _ full: String, email: String? = nil) -> JSONValue {
    var members: [JSONMember] = [
        JSONMember("name", ["full": .string(full)]), JSONMember("organization", "Example Works"),
        JSONMember("phones", [["number": "+12015550100", "label": "mobile"]]),
    ]
    if let id { members.append(JSONMember("vendor_id", .string(id))) }
    if let email { members.append(JSONMember("emails", [["address": .string(email), "label": "work"]])) }
    return .object(members)
}
