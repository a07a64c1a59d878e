//  A signed token as the contact source gives it out (RFC 7519, HS256).

import Crypto
import JSON
import Platform

/// JSON web tokens, made but never read: the source knows its own tokens by heart.
enum JSONWebToken {
    /// The token of these claims.
    static func signed(_ claims: [JSONMember], key: String) -> String {
        let header: JSONValue = ["alg": "HS256", "typ": "JWT"]
        let parts = [header, .object(claims)].map { Base64.encode($0.encoded(), .url) }
        let text = parts.joined(separator: ".")
        let signature = HMACSHA256(key: Array(key.utf8)).code(for: Array(text.utf8))
        return text + "." + Base64.encode(signature, .url)
    }
}
