//  Receives webhooks, verifies their signatures (Standard Webhooks 1.0) and prints them.

import Crypto
import HTTPCore
import HTTPServer
import JSON
public import Log
public import Platform
import Synchronization

/// A receiver for trying webhooks out: any path, any number of senders with one secret.
///
/// Each delivery is one JSON line:
/// `{"verified": true, "webhook_id": …, "timestamp": …, "repeat": …, "traceparent": …, "event": {…}}`; one that cannot
/// be verified is answered 401 and printed as `{"verified": false, "reason": …}`.
public final class WebhookListener: Sendable {
    private let server: Server

    /// Binds and listens; answers once ``run()`` is called.
    ///
    /// - Parameters:
    ///   - listen: `HOST:PORT`; port 0 asks for a free one.
    ///   - secret: `whsec_…` as the answer to `POST /v1/webhooks` shows it.
    ///   - log: Takes the server's own lines.
    ///   - print: Takes each line without its line feed.
    /// - Throws: ``SimulatorError`` with what is wrong with the settings.
    public init(
        listen: String,
        secret: String,
        log: Log = .silent,
        print: @escaping @Sendable (String) -> Void = { StandardOutput.print($0) }
    ) throws(SimulatorError) {
        guard let key = SignatureCheck.key(of: secret) else {
            throw SimulatorError(message: "the secret is none: whsec_ and base64 are wanted")
        }
        guard var settings = ServerSettings(listen: listen) else {
            throw SimulatorError(message: "--listen takes HOST:PORT, not \(listen)")
        }
        settings.logsRequests = false
        let seen = Mutex(Set<String>())
        do {
            server = try Server(settings: settings, log: log) { _ in
                let answer: @Sendable (Request) async -> Response = { request in
                    switch SignatureCheck.verify(request, key: key, now: .now()) {
                    case .failure(let refusal):
                        print(Self.line(["verified": false, "reason": .string(refusal.reason)]))
                        return Problem(401, "signature_invalid", refusal.reason).response(requestID: request.id)
                    case .success(let delivery):
                        let isNew = seen.withLock { $0.insert(delivery.id).inserted }
                        print(
                            Self.line([
                                "verified": true, "webhook_id": .string(delivery.id),
                                "timestamp": .int(delivery.seconds), "repeat": .bool(!isNew),
                                "traceparent": .optional(request.fields["traceparent"]), "event": delivery.event,
                            ])
                        )
                        return Response(status: 204)
                    }
                }
                return Router([Route([.post], "/{path*}", maxBody: 16 << 20, .later(answer))])
            }
        } catch {
            throw SimulatorError(message: "cannot listen on \(listen): \(error)")
        }
    }

    /// The bound address, such as `127.0.0.1:41233`.
    public var address: String { server.address }

    /// Receives until ``stop()`` is called or the task is cancelled.
    public func run() async throws {
        try await server.run()
    }

    /// Finishes what is under way and ends ``run()``.
    public func stop() {
        server.drain()
    }

    private static func line(_ json: JSONValue) -> String { String(decoding: json.encoded(), as: UTF8.self) }
}

/// The receiver's half of Standard Webhooks 1.0: "verifying signatures".
enum SignatureCheck {
    /// A delivery that can be believed.
    struct Delivery {
        var id: String
        var seconds: Int64
        var event: JSONValue
    }

    /// Why a delivery cannot be believed.
    struct Refused: Error {
        var reason: String
    }

    /// The key within `whsec_…`; `nil` when it is none.
    static func key(of secret: String) -> [UInt8]? {
        guard secret.hasPrefix("whsec_"), let key = Base64.decode(String(secret.dropFirst(6))), !key.isEmpty else {
            return nil
        }
        return key
    }

    /// Believes a request whose signature is right and whose time is within five minutes.
    static func verify(_ request: Request, key: [UInt8], now: Timestamp) -> Result<Delivery, Refused> {
        guard let id = request.fields["webhook-id"], let time = request.fields["webhook-timestamp"],
            let signatures = request.fields["webhook-signature"]
        else { return .failure(Refused(reason: "webhook-id, webhook-timestamp or webhook-signature is missing")) }
        guard let seconds = Int64(time), abs(now.seconds - seconds) <= 300 else {
            return .failure(Refused(reason: "webhook-timestamp is more than five minutes away"))
        }
        let code = HMACSHA256(key: key).code(for: Array("\(id).\(time).".utf8), request.body)
        let matches = signatures.split(separator: " ").contains { signature in
            signature.hasPrefix("v1,")
                && Base64.decode(String(signature.dropFirst(3))).map { ConstantTime.areEqual($0, code) } ?? false
        }
        guard matches else { return .failure(Refused(reason: "no signature is right")) }
        guard let event = try? JSONValue(parsing: request.body, repeated: .refused) else {
            return .failure(Refused(reason: "the body is no JSON"))
        }
        return .success(Delivery(id: id, seconds: seconds, event: event))
    }
}
