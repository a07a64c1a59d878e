//  The PBX's sign-ins: OAuth-like with a form, JSON with a second factor, and the older session.

import HTTPCore
import JSON
import Platform

/// Who is signed in. Access tokens are opaque, refresh tokens are good for one use.
struct PortSIPLogins: Sendable {
    private var sessions: [String: Timestamp] = [:]
    private var refreshTokens: Set<String> = []
    private var secondFactors: Set<String> = []
    private var random: SplitMix64

    /// Nobody is signed in; the seed decides the tokens.
    init(seed: UInt64) {
        random = SplitMix64(state: seed &+ 0x4C4F)
    }

    /// Whether the token opens the contacts: the fixed one, or one that was given out and has not expired.
    func isValid(_ token: String?, at now: Timestamp) -> Bool {
        guard let token else { return false }
        return token == Self.fixedToken || sessions[token].map { now < $0 } ?? false
    }

    /// Signs everybody out but the fixed token; refresh tokens stay good.
    mutating func expireAll() {
        sessions = [:]
    }

    /// Answers what lies under `/api/login` and `/api/auth`; `nil` where there is nothing.
    mutating func answer(_ call: Call, path: [String], knobs: Knobs) -> Response? {
        switch (call.method, path) {
        case (.post, ["login", "oauth", "token"]) where knobs.text("login") != "json": return oauth(call, knobs)
        case (.post, ["login", "oauth", "revoke"]) where knobs.text("login") != "json": return signOut(call)
        case (.post, ["auth", "sign_in"]) where knobs.text("login") != "oauth": return signIn(call, knobs)
        case (.post, ["auth", "verify_otp"]) where knobs.text("login") != "oauth": return verifyCode(call, knobs)
        case (.post, ["auth", "refresh_token"]) where knobs.text("login") != "oauth": return refresh(call, knobs)
        case (.post, ["auth", "sign_out"]): return signOut(call)
        case (.get, ["auth", "user"]):
            guard isValid(call.bearer, at: call.now) else { return unauthorized(401) }
            return .ok(["role": "user", "password_verified": true, "password_force_reset": false])
        case (.post, ["login"]) where knobs.text("login") != "oauth":
            guard credentialsMatch(call.json) else { return unauthorized(400) }
            return granted(at: call.now, knobs)
        case (.get, ["login"]):
            guard let token = call.bearer, isValid(token, at: call.now) else { return unauthorized(401) }
            let ends = sessions[token] ?? call.now.advanced(byMilliseconds: Int64(knobs.number("token_ttl")) * 1000)
            return .ok([
                "access_token": .string(token), "expires_at": .string(ends.rfc3339),
                "expires_in": .int((ends.milliseconds - call.now.milliseconds) / 1000), "role": "user",
            ])
        default: return nil
        }
    }

    /// `POST /api/login/oauth/token` takes a form, not JSON.
    private mutating func oauth(_ call: Call, _ knobs: Knobs) -> Response {
        guard call.mediaType == "application/x-www-form-urlencoded" else {
            return SimulatedPortSIP.error(415, .validateFailed, "the content type must be a form")
        }
        let pairs = QueryItems(String(decoding: call.body, as: UTF8.self))
        let form = Dictionary(pairs.items.map { ($0.name, $0.value) }) { first, _ in first }
        guard pairs.isWellFormed, form.count == pairs.items.count else { return invalid("the form cannot be read") }
        let known: Set = ["grant_type", "username", "password", "domain", "scope", "client_id", "refresh_token"]
        if let odd = form.keys.first(where: { !known.contains($0) }) { return invalid("unknown parameter \(odd)") }
        guard form["client_id"] == Self.clientID else { return unauthorized(400) }
        switch form["grant_type"] {
        case "password":
            guard form["username"] == Self.username, form["password"] == Self.password,
                form["domain"] == Self.domain
            else { return unauthorized(400) }
            return granted(at: call.now, knobs)
        case "refresh_token":
            guard let token = form["refresh_token"], refreshTokens.remove(token) != nil else {
                return SimulatedPortSIP.error(400, .unknown, "unknown error")
            }
            return granted(at: call.now, knobs)
        default: return invalid("grant_type must be password or refresh_token")
        }
    }

    private mutating func signIn(_ call: Call, _ knobs: Knobs) -> Response {
        guard let body = jsonBody(call, allowing: ["username", "password", "domain"]) else {
            return invalid("username and password are wanted, domain is optional")
        }
        guard credentialsMatch(body) else { return unauthorized(400) }
        guard knobs.flag("two_factor") else { return granted(at: call.now, knobs) }
        let token = random.text(32, of: Self.alphabet)
        secondFactors.insert(token)
        return .ok(["two_factor_enabled": true, "token": .string(token)])
    }

    private mutating func verifyCode(_ call: Call, _ knobs: Knobs) -> Response {
        guard let body = jsonBody(call, allowing: ["token", "code", "otp"]), let token = body["token"]?.stringValue,
            let code = (body["code"] ?? body["otp"])?.stringValue
        else { return invalid("token and code are wanted") }
        guard code == "123456", secondFactors.remove(token) != nil else { return unauthorized(400) }
        return granted(at: call.now, knobs)
    }

    private mutating func refresh(_ call: Call, _ knobs: Knobs) -> Response {
        guard let body = jsonBody(call, allowing: ["refresh_token"]) else { return invalid("refresh_token is wanted") }
        guard let token = body["refresh_token"]?.stringValue, refreshTokens.remove(token) != nil else {
            return SimulatedPortSIP.error(400, .unknown, "unknown error")
        }
        return granted(at: call.now, knobs)
    }

    private mutating func signOut(_ call: Call) -> Response {
        guard let token = call.bearer, isValid(token, at: call.now) else { return unauthorized(401) }
        sessions[token] = nil
        return Response(status: 200)
    }

    private mutating func granted(at now: Timestamp, _ knobs: Knobs) -> Response {
        let access = random.text(48, of: Self.alphabet)
        let refresh = random.text(48, of: Self.alphabet)
        let life = knobs.number("token_ttl")
        sessions[access] = now.advanced(byMilliseconds: Int64(life) * 1000)
        refreshTokens.insert(refresh)
        return .ok([
            "access_token": .string(access), "expires_in": .int(life), "refresh_token": .string(refresh),
            "token_type": "Bearer",
        ])
    }

    /// The domain may be left out of the JSON sign-in, but not be wrong.
    private func credentialsMatch(_ body: JSONValue?) -> Bool {
        body?["username"]?.stringValue == Self.username && body?["password"]?.stringValue == Self.password
            && (body?["domain"] ?? .string(Self.domain)) == .string(Self.domain)
    }

    private func jsonBody(_ call: Call, allowing names: [String]) -> JSONValue? {
        guard call.mediaType == "application/json", let body = call.json, let members = body.objectValue,
            members.allSatisfy({ names.contains($0.name) })
        else { return nil }
        return body
    }

    private func unauthorized(_ status: Int) -> Response {
        SimulatedPortSIP.error(status, .unauthorized, "Login failed, authentication error")
    }

    private func invalid(_ message: String) -> Response {
        SimulatedPortSIP.error(400, .validateFailed, message)
    }

    /// A bearer token that never expires.
    static let fixedToken = "portsip-token"
    /// The user's name.
    static let username = "1001"
    /// The user's password.
    static let password = "portsip-password"
    /// The tenant's SIP domain.
    static let domain = "pbx.example"
    /// The same for every installation (PortSIP's knowledge base, "Authentication").
    static let clientID = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
}
