//  Whether a browser was led here by another site. As Go's net/http.CrossOriginProtection decides it.

import HTTPCore

/// The defence of state-changing requests against other sites' pages. No CORS field is ever given out.
enum CrossSite {
    /// Whether the request changes state and comes from a page of another origin.
    ///
    /// Browsers since 2023 say so in `Sec-Fetch-Site`, which no page can set; older ones send `Origin`, whose
    /// authority must be the one that is asked. What sends neither is no browser.
    static func isSuspect(
        _ method: HTTPCore.Method,
        fetchSite: Span<UInt8>,
        origin: Span<UInt8>,
        host: Span<UInt8>
    ) -> Bool {
        switch method {
        case .get, .head, .options: return false
        default: break
        }
        if fetchSite.count > 0 { return !fetchSite.equals("same-origin") && !fetchSite.equals("none") }
        if origin.count == 0 { return false }
        guard let start = authority(of: origin) else { return true }
        let authority = origin.extracting(start..<origin.count)
        guard authority.count == host.count else { return true }
        for index in 0..<host.count where authority[index].lowercasedASCII != host[index].lowercasedASCII {
            return true
        }
        return false
    }

    /// Where the authority of `scheme://host[:port]` begins; `nil` for anything else, such as `null` (RFC 6454 §6.1).
    private static func authority(of origin: Span<UInt8>) -> Int? {
        for index in 0..<origin.count where origin[index] == UInt8(ascii: ":") {
            let start = index + 3
            guard start < origin.count, origin.extracting(index..<start).equals("://") else { return nil }
            return start
        }
        return nil
    }
}
