//  What ActiveCampaign's refusals mean. It has three shapes of error: `errors[]`, `message` and `{}` (API v3 reference,
//  "Errors"), and also answers that are no JSON at all.

import HTTPCore
import JSON

/// One unsuccessful answer, read.
struct ActiveCampaignFault {
    private let response: ClientResponse
    private let code: String?
    private let words: String?

    /// Reads an answer, successful or not.
    init(_ response: ClientResponse, json: JSONValue?) {
        self.response = response
        let first = json?["errors"]?.arrayValue?.first
        code = first?["code"].flatMap(ActiveCampaignWire.text)
        let parts = [first?["title"], first?["detail"]].compactMap { $0?.stringValue }.filter { !$0.isEmpty }
        let said = parts.isEmpty ? json?["message"]?.stringValue ?? first?.stringValue : parts.joined(separator: ": ")
        // A page or a line of text, as proxies send: it is all there is to say.
        words = said ?? (json == nil ? VendorWords(response.body).message : nil)
    }

    /// Why the call did not succeed; `nil` for a 2xx.
    var error: VendorError? {
        switch response.status {
        case 200..<300: nil
        case 300..<400: make(.malformed, "redirects are not followed")
        case 401: make(.unauthorized, "the Api-Token was refused")
        // "403 = not authenticated or not authorised": there is no telling them apart.
        case 403: make(.unauthorized, "the Api-Token was refused, or its user may not do this")
        case 404: make(.notFound, "no such record")
        case 429, 503: make(.throttled, "too many requests")
        case 500...: make(.unavailable, "the vendor failed")
        default: make(isDuplicate ? .duplicate : .refused, "refused without a reason")
        }
    }

    /// The refusal inside a 2xx.
    var hidden: VendorError {
        make(isDuplicate ? .duplicate : .refused, "an error inside a success")
    }

    /// 422 `duplicate`: "Email address already exists in the system".
    private var isDuplicate: Bool {
        code == "duplicate" || (words?.lowercased().contains("already exists") ?? false)
    }

    private func make(_ kind: VendorError.Kind, _ fallback: String) -> VendorError {
        VendorError(
            kind,
            status: response.status,
            code: code,
            message: words ?? fallback,
            retryAfterSeconds: response.fields["Retry-After"].flatMap { Int($0) }
        )
    }
}
