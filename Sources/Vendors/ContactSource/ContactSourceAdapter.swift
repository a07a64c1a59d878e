//  A Custom Contact Source, read as PBXware reads it: the full list, and what changed since a time.

import Contacts
import Config
import HTTPCore
import JSON
import Platform
import Synchronization

/// Lists and reads deltas; the protocol has no writes, and tells deletes itself.
struct ContactSourceAdapter: VendorAdapter {
    let capabilities = Self.supported
    let mapping: any ContactMapping = ContactSourceMapping()
    let listing: (any ContactListing)?
    let delta: (any ContactDelta)?
    let writing: (any ContactWriting)? = nil
    let deletes: (any DeleteFinding)? = nil

    init(
        link: VendorLink,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
    ) {
        let reading = ContactSourceReading(client: ContactSourceClient(link: link, clock: clock, wallClock: wallClock))
        listing = reading
        delta = reading
    }

    func refusal(of content: ContactContent, vendorID: String?) -> RecordError? { nil }

    static let supported = Capabilities(
        reads: true,
        delta: true,
        writes: false,
        removes: false,
        deletes: .native,
        fields: [
            FieldCapability(.name), FieldCapability(.organization), FieldCapability(.lifecycle),
            FieldCapability(.phones), FieldCapability(.emails),
        ]
    )
}

/// The two readers of a source.
struct ContactSourceReading: ContactListing, ContactDelta {
    /// How far before the start of the last good run a delta begins, since two clocks never agree.
    static let overlapSeconds: Int64 = 60
    /// One being made and one under way keep both sides busy.
    private static let pagesAtOnce = 2

    let client: ContactSourceClient

    func contacts(after cursor: Cursor?) async throws(VendorError) -> RecordPage {
        let place = ContactSourcePlace(cursor)
        return try page(of: try await listAnswer(place.page), isDelta: false, at: place)
    }

    /// Pages are numbered: while one is on its way the next is asked for already. Not so where the configuration sets a
    /// pace, since each request counts then, not beyond where the list ended last time, and not while the breaker lets
    /// one request alone through.
    func pages(after cursor: Cursor?, within budget: PageBudget) async -> PageStretch {
        guard client.link.connection.limits.requestsPerSecond == nil else {
            return await onePageAtATime(after: cursor, within: budget)
        }
        return await withTaskGroup(of: Answer.self) { group in
            var stretch = PageStretch()
            var answers: [Int: Answer] = [:]
            var place = ContactSourcePlace(cursor)
            let last = client.lastPage.load(ordering: .relaxed)
            let end = place.page + max(1, budget.pages)
            var asked = place.page
            do throws(VendorError) {
                while true {
                    while asked == place.page
                        || asked < min(end, place.page + Self.pagesAtOnce) && asked <= last
                            && !budget.isSpent(by: stretch) && client.link.status.breaker == .closed
                    {
                        let isAhead = asked > place.page
                        group.addTask { [asked] in
                            await Answer(page: asked, isAhead: isAhead, result: answer(to: asked))
                        }
                        asked += 1
                    }
                    while answers[place.page] == nil, let found = await group.next() { answers[found.page] = found }
                    guard var found = answers.removeValue(forKey: place.page) else { break }
                    // Nothing shows that it would have failed at its turn, too.
                    if found.isAhead, case .failure = found.result { found.result = await answer(to: place.page) }
                    let page = try page(of: try found.result.get(), isDelta: false, at: place)
                    stretch.append(page)
                    guard let next = page.next else {
                        client.lastPage.store(place.page, ordering: .relaxed)
                        break
                    }
                    place = ContactSourcePlace(next)
                    if asked == place.page, asked == end || budget.isSpent(by: stretch) { break }
                }
            } catch {
                stretch.error = error
            }
            group.cancelAll()
            return stretch
        }
    }

    /// What came back for one of several pages that were asked for together.
    private struct Answer: Sendable {
        var page: Int
        /// Whether the page before was not here yet when it was asked for.
        var isAhead: Bool
        var result: Result<ClientResponse, VendorError>
    }

    private func answer(to page: Int) async -> Result<ClientResponse, VendorError> {
        do throws(VendorError) { return .success(try await listAnswer(page)) } catch { return .failure(error) }
    }

    private func listAnswer(_ page: Int) async throws(VendorError) -> ClientResponse {
        try await client.get(.list, "/contacts?limit=\(limit)&page=\(page)")
    }

    func mark(now: Timestamp) async throws(VendorError) -> Cursor {
        Cursor(String(max(0, now.seconds - Self.overlapSeconds)))
    }

    func changes(since mark: Cursor, after cursor: Cursor?, now: Timestamp) async throws(VendorError) -> RecordPage {
        guard let seconds = Int64(mark.text) else {
            throw VendorError(.markExpired, message: "the time of the last run is not known")
        }
        let place = ContactSourcePlace(cursor)
        let path = "/contacts/delta?limit=\(limit)&page=\(place.page)&timestamp=\(seconds)"
        var page = try page(of: try await client.get(.changes, path), isDelta: true, at: place)
        if page.next == nil { page.mark = try await self.mark(now: now) }
        return page
    }

    private var limit: Int { max(1, client.link.connection.sync.pageSize ?? 100) }

    private func page(
        of answer: ClientResponse,
        isDelta: Bool,
        at place: ContactSourcePlace
    ) throws(VendorError) -> RecordPage {
        let found: ContactSourceWire.Page
        do throws(JSONError) {
            found =
                isDelta
                ? try ContactSourceWire.page(answer.body, list: ContactSourceWire.delta)
                : try ContactSourceWire.listPage(answer.body)
        } catch {
            throw .malformed(
                answer,
                "The source's answer breaks off or is no JSON, at byte \(error.offset): \(error.reason)"
            )
        }
        guard let hasMore = found.hasMore, found.hasList || !found.page.deleted.isEmpty else {
            let list = isDelta ? ContactSourceWire.delta : ContactSourceWire.list
            throw .saysError(answer, "The source's page has no \(found.hasMore == nil ? "has_more" : "\(list)")")
        }
        var page = found.page
        guard hasMore else { return page }
        guard page.unread != nil || !page.records.isEmpty || !page.deleted.isEmpty || !page.rejected.isEmpty else {
            throw VendorError(
                .malformed,
                status: answer.status,
                message: "Page \(place.page) is empty and yet promises more"
            )
        }
        let fingerprint = PageFingerprint.of(page)
        guard fingerprint != place.fingerprint else {
            throw VendorError(
                .malformed,
                status: answer.status,
                message: "Page \(place.page) repeats the one before and promises more"
            )
        }
        page.next = ContactSourcePlace(page: place.page + 1, fingerprint: fingerprint).cursor
        return page
    }
}

/// A place in a list: the page's number from 1, and what the page before looked like.
struct ContactSourcePlace {
    var page = 1
    var fingerprint = ""

    init(page: Int, fingerprint: String) {
        self.page = page
        self.fingerprint = fingerprint
    }

    init(_ cursor: Cursor?) {
        guard let parts = cursor?.text.split(separator: " "), let page = parts.first.flatMap({ Int($0) }) else {
            return
        }
        self.page = page
        if parts.count > 1 { fingerprint = String(parts[1]) }
    }

    var cursor: Cursor { Cursor("\(page) \(fingerprint)") }
}
