//  A vendor in memory: answers requests by a closure and remembers them.

import Config
import HTTPCore
import JSON
import Log
import Synchronization

@testable import Vendors

/// Stands in for a vendor's server.
final class FakeVendor: HTTPSending {
    private let answer: @Sendable (ClientRequest, Int) throws(TransportError) -> ClientResponse
    private let received = Mutex<[ClientRequest]>([])

    /// Makes a vendor that answers each request, given with its number from 0.
    init(_ answer: @escaping @Sendable (ClientRequest, Int) throws(TransportError) -> ClientResponse) {
        self.answer = answer
    }

    /// Every request so far.
    var requests: [ClientRequest] { received.withLock { $0 } }
    /// Every request so far, as method and target.
    var calls: [String] { requests.map { "\($0.method.rawValue) \($0.url.dropFirst("https://vendor.example".count))" } }

    func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
        let number = received.withLock { received in
            received.append(request)
            return received.count - 1
        }
        return try answer(request, number)
    }

    /// A link to it without a pace.
    func link(_ connection: ConnectionConfig) -> VendorLink {
        var connection = connection
        connection.baseURL = "https://vendor.example"
        connection.limits.requestsPerSecond = 1_000_000
        return VendorLink(connection: connection, sender: self, log: .silent)
    }
}

extension ClientResponse {
    /// A JSON answer.
    static func json(_ status: Int = 200, _ value: JSONValue, _ fields: HeaderFields = [:]) -> ClientResponse {
        ClientResponse(status: status, fields: fields, body: value.encoded())
    }

    /// An answer of plain bytes.
    static func text(_ status: Int, _ text: String) -> ClientResponse {
        ClientResponse(status: status, body: Array(text.utf8))
    }
}

/// The kind of the error that a call throws; `nil` when it throws none.
func failure<Value>(_ call: () async throws(VendorError) -> Value) async -> VendorError? {
    do throws(VendorError) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}
