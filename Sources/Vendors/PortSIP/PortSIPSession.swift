//  How we are signed in to a PortSIP PBX: a given token, or a user with a password, by either of the two live ways.

import Config
import HTTPCore
import JSON
import Log
import Platform
import Synchronization

/// Signs in, refreshes before expiry and signs in anew when the PBX forgets us.
final class PortSIPSession: Sendable {
    /// The two sign-ins of the API: JSON (`/api/auth/sign_in`) and OAuth-like (`/api/login/oauth/token`).
    private enum Way {
        case json, oauth
    }

    private struct State {
        var way: Way?
        var refreshToken: String?
    }

    /// "client_id": the constant of PortSIP's page on authentication.
    private static let clientID = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"

    private let link: VendorLink
    private let state = Mutex(State())
    private let clock: @Sendable () -> Timestamp

    /// Makes a session that is not signed in.
    init(link: VendorLink, clock: @escaping @Sendable () -> Timestamp) {
        self.link = link
        self.clock = clock
    }

    /// A new access token: by the refresh token where we have one, else by user and password.
    func signIn() async throws(VendorError) -> IssuedToken {
        if let token = try await refreshed() { return token }
        guard let username = link.connection.credentials["username"]?.revealed,
            let password = link.connection.credentials["password"]?.revealed
        else { throw VendorError(.unauthorized, message: "the connection has neither a token nor a user and password") }
        let domain = link.connection.credentials["domain"]?.revealed
        let known = state.withLock(\.way)
        var refusal: VendorError?
        for way in known == .oauth ? [Way.oauth, .json] : [Way.json, .oauth] {
            let answer = try await ask(way, username: username, password: password, domain: domain)
            if (200..<300).contains(answer.status), !VendorWords.hasError(answer.body) {
                return try accepted(answer, by: way)
            }
            guard answer.status < 500 || answer.status == 501 else {
                throw VendorError(.unavailable, answer: answer, otherwise: "PortSIP cannot sign us in now")
            }
            // A way that the PBX does not know says nothing about the password, so its words count least.
            let isUnknown = answer.status == 404 || answer.status == 405 || answer.status == 501
            let error = VendorError(.unauthorized, answer: answer, otherwise: "PortSIP refused the sign-in")
            if refusal == nil || !isUnknown { refusal = error }
        }
        throw refusal ?? VendorError(.unauthorized, message: "PortSIP has no sign-in that we know")
    }

    private func ask(
        _ way: Way,
        username: String,
        password: String,
        domain: String?
    ) async throws(VendorError) -> ClientResponse {
        switch way {
        case .json:
            var members = [JSONMember("username", .string(username)), JSONMember("password", .string(password))]
            if let domain { members.append(JSONMember("domain", .string(domain))) }
            let body = JSONValue.object(members).encoded()
            return try await link.call(.json(.signIn, .post, "/api/auth/sign_in", body: body), repeatable: true)
        case .oauth:
            var form = [("grant_type", "password"), ("username", username), ("password", password)]
            if let domain { form.append(("domain", domain)) }
            form += [("scope", "all"), ("client_id", Self.clientID)]
            return try await link.call(.form("/api/login/oauth/token", form), repeatable: true)
        }
    }

    /// A token by the refresh token; `nil` when there is none or when it is no longer good.
    private func refreshed() async throws(VendorError) -> IssuedToken? {
        let (way, refreshToken) = state.withLock { state in
            // Refresh tokens rotate: each is used once.
            defer { state.refreshToken = nil }
            return (state.way, state.refreshToken)
        }
        guard let way, let refreshToken else { return nil }
        let call: VendorCall
        switch way {
        case .json:
            let body: JSONValue = ["refresh_token": .string(refreshToken)]
            call = .json(.signIn, .post, "/api/auth/refresh_token", body: body.encoded())
        case .oauth:
            let form = [("grant_type", "refresh_token"), ("refresh_token", refreshToken), ("client_id", Self.clientID)]
            call = .form("/api/login/oauth/token", form)
        }
        let answer = try await link.call(call, repeatable: false)
        guard (200..<300).contains(answer.status) else { return nil }
        // An answer without a token is one more reason to sign in anew.
        return try? accepted(answer, by: way)
    }

    private func accepted(_ answer: ClientResponse, by way: Way) throws(VendorError) -> IssuedToken {
        guard let tree = try? JSONValue(parsing: answer.body, repeated: .lastCounts) else {
            throw .malformed(answer, "PortSIP's sign-in answered something that is no JSON")
        }
        guard tree["two_factor_enabled"]?.boolValue != true else {
            throw VendorError(
                .unauthorized,
                status: answer.status,
                message: "PortSIP wants a second factor for this user; give the connection a token instead"
            )
        }
        guard let token = tree["access_token"]?.stringValue, !token.isEmpty else {
            throw .malformed(answer, "PortSIP's sign-in answered without access_token")
        }
        state.withLock { state in
            state.way = way
            state.refreshToken = tree["refresh_token"]?.stringValue
        }
        return IssuedToken(value: token, lifetime: lifetime(tree))
    }

    /// `expires_in` in seconds (documents show 1800 and 3600), else `expires_at` in RFC 3339.
    private func lifetime(_ tree: JSONValue) -> Duration? {
        let expiresIn = tree["expires_in"] ?? tree["expires"]
        if let seconds = expiresIn?.intValue ?? expiresIn?.stringValue.flatMap({ Int($0) }), seconds > 0 {
            return .seconds(seconds)
        }
        guard let moment = tree["expires_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
        return .milliseconds(max(0, moment.milliseconds - clock().milliseconds))
    }
}

extension VendorCall {
    /// A sign-in by form.
    static func form(_ path: String, _ pairs: [(String, String)]) -> VendorCall {
        VendorCall(
            .signIn,
            .post,
            path,
            fields: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array(URLEncoding.form(pairs).utf8)
        )
    }
}
