//  The three calls of a Custom Contact Source, with its token fetched and renewed.

import Config
import HTTPCore
import JSON
import Log
import Platform
import Synchronization

/// Speaks to one source with a bearer token that it got for client id and secret.
final class ContactSourceClient: Sendable {
    let link: VendorLink
    /// The number of the list's last page when it was last read to its end; 1 before that.
    let lastPage = Atomic(1)
    private let keeper: TokenKeeper

    /// Makes a client that fetches its token at the first call.
    init(link: VendorLink, clock: any Clock<Duration>, wallClock: @escaping @Sendable () -> Timestamp) {
        self.link = link
        keeper = TokenKeeper(clock: clock) { () async throws(VendorError) in
            try await Self.fetchToken(link, now: wallClock())
        }
    }

    /// A GET with the token; a token that the source refuses is renewed once.
    func get(_ operation: VendorOperation, _ path: String) async throws(VendorError) -> ClientResponse {
        try await keeper.withToken { (token) async throws(VendorError) in
            let fields: HeaderFields = ["Authorization": "Bearer \(token)", "Accept": "application/json"]
            let answer = try await self.link.call(VendorCall(operation, .get, path, fields: fields), repeatable: true)
            switch answer.status {
            case 200..<300: return answer
            // A source may say with any 4xx that the token has expired, as long as it says so.
            case 400..<500 where Self.isAboutToken(answer):
                throw VendorError(.unauthorized, answer: answer, otherwise: "The source refused our token")
            // Undocumented: 401 is what one expects, 403 is tolerated.
            case 401, 403: throw VendorError(.unauthorized, answer: answer, otherwise: "The source refused our token")
            case 404, 405, 501:
                throw VendorError(.unsupported, answer: answer, otherwise: "The source does not know \(path.pathOnly)")
            case 500...:
                throw VendorError(.unavailable, answer: answer, otherwise: "The source failed with \(answer.status)")
            case 400..<500:
                throw VendorError(.refused, answer: answer, otherwise: "The source refused with \(answer.status)")
            default: throw .malformed(answer, "The source answered \(answer.status)")
            }
        }
    }

    /// Whether a refusal speaks of the token.
    private static func isAboutToken(_ answer: ClientResponse) -> Bool {
        VendorWords(answer.body).message?.lowercased().contains("token") ?? false
    }

    /// `GET /token` with Basic authentication answers `{"token": "<JWT>"}`.
    private static func fetchToken(_ link: VendorLink, now: Timestamp) async throws(VendorError) -> IssuedToken {
        let id = link.connection.credentials["client_id"]?.revealed ?? ""
        let secret = link.connection.credentials["client_secret"]?.revealed ?? ""
        let basic = Base64.encode(Array("\(id):\(secret)".utf8))
        let fields: HeaderFields = ["Authorization": "Basic \(basic)", "Accept": "application/json"]
        let answer = try await link.call(VendorCall(.signIn, .get, "/token", fields: fields), repeatable: true)
        switch answer.status {
        case 200..<300: break
        case 500...: throw VendorError(.unavailable, answer: answer, otherwise: "The source cannot give a token now")
        default:
            throw VendorError(.unauthorized, answer: answer, otherwise: "The source refused client id and secret")
        }
        guard let tree = try? JSONValue(parsing: answer.body, repeated: .lastCounts),
            let token = tree["token"]?.stringValue, !token.isEmpty
        else { throw .saysError(answer, "The source's answer has no token") }
        return IssuedToken(value: token, lifetime: lifetime(ofJWT: token, now: now))
    }

    /// How long a JWT is good for by its `exp` (RFC 7519 section 4.1.4); `nil` for a token that is none, or that
    /// seems to have expired at its birth: then the clocks differ and the 401 will tell.
    static func lifetime(ofJWT token: String, now: Timestamp) -> Duration? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        guard let bytes = Base64.decode(String(parts[1]), .url),
            let claims = try? JSONValue(parsing: bytes, repeated: .lastCounts),
            case .number(let digits)? = claims["exp"], let seconds = Double(digits), seconds < 1e12
        else { return nil }
        let left = seconds - Double(now.milliseconds) / 1000
        return left > 0 ? .seconds(left) : nil
    }
}

extension String {
    /// The path without its query.
    fileprivate var pathOnly: Substring { prefix { $0 != "?" } }
}
