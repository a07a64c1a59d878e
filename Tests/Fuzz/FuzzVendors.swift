//  Targets for the vendors' wire formats: an adapter is given any bytes for an answer.

import Config
import Contacts
import Dispatch
import HTTPCore
import Log
import Platform
import Synchronization
import Vendors

/// Whatever a vendor answers, reading ends with a page or an error; and what a record means survives the way to the
/// vendor's form and back.
func fuzzVendor(_ vendor: VendorName, _ input: [UInt8]) {
    guard let first = input.first else { return }
    let connection = connection(to: vendor)
    let answers = AnyAnswer(status: first & 0x80 == 0 ? 200 : 400, body: Array(input.dropFirst()))
    let clock = ImpatientClock()
    let link = VendorLink(connection: connection, sender: answers, clock: clock, log: .silent)
    let adapter = VendorFactory.adapter(for: connection, link: link, clock: clock)
    waitFor {
        for page in await pages(of: adapter, which: first & 0x7F) {
            for record in page.records { lawsOfRecord(record, adapter.mapping) }
        }
    }
    // A single record, as an answer to a write has it.
    lawsOfRecord(VendorRecord(vendorID: "1", bytes: input.dropFirst()), adapter.mapping)
}

private func connection(to vendor: VendorName) -> ConnectionConfig {
    var connection = ConnectionConfig(id: "fuzz", vendor: vendor)
    connection.baseURL = "https://vendor.example"
    connection.region = "US"
    connection.owner = "1"
    connection.limits.requestsPerSecond = 1_000_000
    connection.fields = ["organization": "4", "title": "5"]
    for word in ["token", "client_id", "client_secret", "key_id", "key_secret", "api_token"] {
        connection.credentials[word] = Secret("secret")
    }
    return connection
}

private func pages(of adapter: any VendorAdapter, which: UInt8) async -> [RecordPage] {
    let now = Timestamp(milliseconds: 1_763_632_800_000)
    var pages: [RecordPage] = []
    do throws(VendorError) {
        switch which % 3 {
        case 0:
            if let page = try await adapter.listing?.contacts(after: nil) { pages.append(page) }
        case 1:
            if let delta = adapter.delta {
                pages.append(try await delta.changes(since: delta.mark(now: now), after: nil, now: now))
            }
        default:
            _ = try await adapter.deletes?.ids(after: nil)
            _ = try await adapter.deletes?.isGone(vendorID: "7")
        }
    } catch {
        law(!"\(error)".contains("secret"), "an error holds no secret")
    }
    return pages
}

private func lawsOfRecord(_ record: VendorRecord, _ mapping: any ContactMapping) {
    guard let merged = try? mapping.merge(record.bytes, previous: nil, into: nil) else { return }
    let content = merged.content.normalised(vendorID: record.vendorID, region: "US")
    lawsOfDocument(content, record.vendorID)
    let sent = mapping.project(
        content,
        vendorID: record.vendorID,
        previous: Array(record.bytes),
        touched: []
    )
    let back = try? mapping.merge(sent.bytes[...], previous: sent.bytes, into: content)
    law(back?.content == content, "what we sent coming back changes nothing")
}

/// Answers every request with the same bytes, but the ones for a token.
private struct AnyAnswer: HTTPSending {
    let status: Int
    let body: [UInt8]

    func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
        if request.url.hasSuffix("/token") { return ClientResponse(status: 200, body: Array(#"{"token":"t"}"#.utf8)) }
        return ClientResponse(status: status, body: body)
    }
}

/// A clock whose sleeps are over at once.
private struct ImpatientClock: Clock {
    typealias Instant = ContinuousClock.Instant
    var now: Instant { ContinuousClock().now }
    var minimumResolution: Duration { .nanoseconds(1) }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
}

/// Waits on this thread, which is libFuzzer's, for an asynchronous piece of work.
private func waitFor(_ work: @escaping @Sendable () async -> Void) {
    let done = DispatchSemaphore(value: 0)
    Task {
        await work()
        done.signal()
    }
    done.wait()
}
