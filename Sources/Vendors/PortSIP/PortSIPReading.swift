//  Reading PortSIP's personal contacts: the list by skip and top, the diff by sync token, and one by id.

import Config
import HTTPCore
import JSON
import Platform
import Synchronization

/// Lists, reads deltas and finds out whether a contact is gone.
final class PortSIPReading: ContactListing, ContactDelta, DeleteFinding {
    /// The two spellings of a diff's path; servers have one of them.
    private enum Spelling: CaseIterable {
        case diff, bare

        func path(_ token: String) -> String {
            let base = "\(PortSIPClient.contacts)/sync_tokens/\(URLEncoding.component(token))"
            return self == .diff ? base + "/diff" : base
        }
    }

    private let client: PortSIPClient
    private let pageSize: Int
    private let spelling = Mutex<Spelling?>(nil)

    /// Makes a reader; "top: min 1, max 100".
    init(client: PortSIPClient) {
        self.client = client
        pageSize = min(100, max(1, client.link.connection.sync.pageSize ?? 100))
    }

    func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage {
        let place = PortSIPPlace(cursor)
        // The general text says that "skip numbering is 1-based", the parameter "number of items to skip" with
        // default 0: it is a count.
        let path = "\(PortSIPClient.contacts)?skip=\(place.skip)&top=\(pageSize)"
        let answer = try await client.call(.list, .get, path)
        guard answer.isSuccess else { throw .portsip(answer) }
        var page = try parsed(answer) { (body) throws(JSONError) in try PortSIPWire.list(body) }
        let count = page.records.count + page.rejected.count
        let fingerprint = place.fingerprint(of: page)
        if count > 0, place.fingerprint == fingerprint {
            throw VendorError(
                .malformed,
                status: answer.status,
                message: "The page at \(place.skip) repeats the one before"
            )
        }
        let end = place.skip + count
        if let total = page.total {
            guard count > 0 || end >= total else {
                throw VendorError(
                    .malformed,
                    status: answer.status,
                    message: "PortSIP counts \(total) contacts, but the page at \(place.skip) is empty"
                )
            }
            if end < total { page.next = PortSIPPlace(skip: end, fingerprint: fingerprint).cursor }
        } else if count > 0 {
            // Without a count only an empty page is an explicit end.
            page.next = PortSIPPlace(skip: end, fingerprint: fingerprint).cursor
        }
        return page
    }

    func mark(now: Timestamp) async throws(VendorError) -> Cursor {
        // Here a 403 is about permission, whereas of a diff it is about the token.
        let answer = try await client.call(.changes, .post, "\(PortSIPClient.contacts)/sync_tokens")
        guard answer.isSuccess else {
            guard answer.status == 404 else { throw .portsip(answer) }
            throw VendorError(.unsupported, answer: answer, otherwise: "This PortSIP has no sync tokens")
        }
        let tree = try? JSONValue(parsing: answer.body, repeated: .lastCounts)
        switch tree?["token"] {
        case .string(let token)? where !token.isEmpty: return Cursor(token)
        case .number(let digits)?: return Cursor(digits)
        default: throw .saysError(answer, "PortSIP gave no sync token")
        }
    }

    /// One diff is the whole delta: the API has no pages here.
    func changes(since mark: Cursor, after cursor: Cursor?, now: Timestamp) async throws(VendorError) -> RecordPage {
        let answer = try await diff(mark.text)
        guard
            let (found, token) = try parsedOptional(answer, { (body) throws(JSONError) in try PortSIPWire.diff(body) })
        else { throw .saysError(answer, "PortSIP's diff has no token or no items") }
        var page = found
        page.mark = Cursor(token)
        return page
    }

    /// Asks by the spelling that the server is known to have, or finds that out.
    private func diff(_ token: String) async throws(VendorError) -> ClientResponse {
        let known = spelling.withLock { $0 }
        var expired: ClientResponse?
        var refusal: ClientResponse?
        for way in known.map({ [$0] }) ?? Spelling.allCases {
            let answer = try await client.call(.changes, .post, way.path(token), forbiddenIsOurs: false)
            if answer.isSuccess {
                spelling.withLock { $0 = way }
                return answer
            }
            switch answer.status {
            // "An unrecognised token is answered with 403"; in the field also with 400, 404 and 410.
            case 400, 403, 410: expired = expired ?? answer
            case 404, 405, 501: refusal = refusal ?? answer
            default: throw .portsip(answer)
            }
        }
        // The other spelling gets its chance the next time, in case the server has changed.
        spelling.withLock { $0 = nil }
        let answer = expired ?? refusal
        throw answer.map { VendorError(.markExpired, answer: $0, otherwise: "PortSIP does not know the sync token") }
            ?? VendorError(.markExpired, message: "PortSIP does not know the sync token")
    }

    func ids(after cursor: Cursor?) async throws(VendorError) -> IDPage {
        let page = try await contacts(after: cursor)
        guard page.rejected.isEmpty else {
            throw VendorError(.malformed, message: "a contact without a readable id: \(page.rejected[0].reason)")
        }
        return IDPage(ids: page.records.map(\.vendorID), next: page.next)
    }

    func isGone(vendorID: String) async throws(VendorError) -> Bool {
        let answer = try await client.call(.get, .get, "\(PortSIPClient.contacts)/\(URLEncoding.component(vendorID))")
        if answer.isSuccess { return false }
        switch answer.status {
        // "4XX Error" for an unknown id, which one is not said. A server without this call proves nothing against
        // a list that was whole.
        case 400, 404, 405, 410: return true
        default: throw .portsip(answer)
        }
    }

    private func parsed(
        _ answer: ClientResponse,
        _ read: ([UInt8]) throws(JSONError) -> RecordPage?
    ) throws(VendorError) -> RecordPage {
        guard let page = try parsedOptional(answer, read) else {
            throw .saysError(answer, "PortSIP's list has no items")
        }
        return page
    }

    private func parsedOptional<T>(
        _ answer: ClientResponse,
        _ read: ([UInt8]) throws(JSONError) -> T?
    ) throws(VendorError) -> T? {
        do throws(JSONError) {
            return try read(answer.body)
        } catch {
            throw .malformed(
                answer,
                "PortSIP's answer breaks off or is no JSON, at byte \(error.offset): \(error.reason)"
            )
        }
    }
}

extension VendorError {
    /// A success by its status that has an error, or at least not what was asked for, inside.
    static func saysError(_ answer: ClientResponse, _ otherwise: String) -> VendorError {
        guard VendorWords.hasError(answer.body) else { return .malformed(answer, otherwise) }
        let words = VendorWords(answer.body)
        return VendorError(
            words.code == "UNAUTHORIZED" ? .unauthorized : .refused,
            status: answer.status,
            code: words.code,
            message: words.message ?? otherwise
        )
    }
}

/// A place in the list: how many to skip, and what the page before looked like.
struct PortSIPPlace {
    var skip = 0
    var fingerprint = ""

    init(skip: Int, fingerprint: String) {
        self.skip = skip
        self.fingerprint = fingerprint
    }

    init(_ cursor: Cursor?) {
        guard let parts = cursor?.text.split(separator: " "), let skip = parts.first.flatMap({ Int($0) }) else {
            return
        }
        self.skip = skip
        if parts.count > 1 { fingerprint = String(parts[1]) }
    }

    var cursor: Cursor { Cursor("\(skip) \(fingerprint)") }

    /// Tells whether a page has the same records as another.
    func fingerprint(of page: RecordPage) -> String {
        PageFingerprint.of(page)
    }
}

/// A short text that two pages share when they have the same records.
enum PageFingerprint {
    private static let hash = Hash64(seed: 0)

    static func of(_ page: RecordPage) -> String {
        var sum: UInt64 = 0
        for record in page.records { sum = Hash64.scramble(sum ^ hash(record.vendorID)) }
        if let unread = page.unread { sum = Hash64.scramble(sum ^ unread.fingerprint) }
        for record in page.rejected { sum = Hash64.scramble(sum ^ hash(Array(record.bytes))) }
        for id in page.deleted { sum = Hash64.scramble(sum ^ ~hash(id)) }
        return String(sum, radix: 16)
    }
}
