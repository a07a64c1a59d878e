//  The calls of PortSIP's contact API, signed in, with its statuses turned into the kinds that callers decide by.

import Config
import HTTPCore
import JSON
import Log
import Platform

/// Speaks to one user's personal contacts.
final class PortSIPClient: Sendable {
    static let contacts = "/api/user/contacts"

    let link: VendorLink
    private let staticToken: String?
    private let keeper: TokenKeeper

    /// Makes a client that signs in at its first call.
    init(link: VendorLink, clock: any Clock<Duration>, wallClock: @escaping @Sendable () -> Timestamp) {
        self.link = link
        staticToken = link.connection.credentials["token"]?.revealed
        let session = PortSIPSession(link: link, clock: wallClock)
        keeper = TokenKeeper(clock: clock) { () async throws(VendorError) in try await session.signIn() }
    }

    /// Calls with our bearer token, signing in anew once when the PBX does not know it any more.
    ///
    /// - Parameters:
    ///   - operation: What it is for.
    ///   - method: GET or POST.
    ///   - path: After the base URL.
    ///   - body: JSON; `nil` for none.
    ///   - repeatable: Whether the PBX may get it twice without harm.
    ///   - forbiddenIsOurs: Whether a 403 may be about our sign-in; of a diff it is about the sync token.
    /// - Returns: The answer whatever its status, except those about our credentials.
    /// - Throws: ``VendorError``.
    func call(
        _ operation: VendorOperation,
        _ method: Method,
        _ path: String,
        body: [UInt8]? = nil,
        repeatable: Bool = true,
        forbiddenIsOurs: Bool = true
    ) async throws(VendorError) -> ClientResponse {
        func once(_ token: String) async throws(VendorError) -> ClientResponse {
            let fields: HeaderFields = ["Authorization": "Bearer \(token)", "Accept": "application/json"]
            let call =
                body.map { VendorCall.json(operation, method, path, fields: fields, body: $0) }
                ?? VendorCall(operation, method, path, fields: fields)
            let answer = try await link.call(call, repeatable: repeatable)
            if Self.isAboutOurSignIn(answer) || (forbiddenIsOurs && answer.status == 403) {
                throw VendorError(.unauthorized, answer: answer, otherwise: "PortSIP refused our credentials")
            }
            return answer
        }
        if let staticToken { return try await once(staticToken) }
        return try await keeper.withToken { (token) async throws(VendorError) in try await once(token) }
    }

    /// A 401, or its code inside another answer.
    private static func isAboutOurSignIn(_ answer: ClientResponse) -> Bool {
        if answer.status == 401 { return true }
        guard answer.status >= 400 && answer.status < 500 else { return false }
        return VendorWords(answer.body).code == "UNAUTHORIZED"
    }
}

extension ClientResponse {
    /// Whether the status is one of success.
    var isSuccess: Bool { (200..<300).contains(status) }
}

extension VendorError {
    /// What a PortSIP answer that is no success means for a call about contacts.
    static func portsip(_ answer: ClientResponse) -> VendorError {
        switch answer.status {
        case 404, 410: VendorError(.notFound, answer: answer, otherwise: "PortSIP has no such contact")
        case 405, 501: VendorError(.unsupported, answer: answer, otherwise: "PortSIP does not know this call")
        case 500...: VendorError(.unavailable, answer: answer, otherwise: "PortSIP failed with \(answer.status)")
        case 400..<500: VendorError(.refused, answer: answer, otherwise: "PortSIP refused with \(answer.status)")
        default: .malformed(answer, "PortSIP answered \(answer.status), which its API does not know here")
        }
    }
}
