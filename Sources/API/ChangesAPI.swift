//  `/v1/changes` and `/v1/changes/stream`: everything that happened, in order, from anywhere, once or for ever.

import Config
import Contacts
import HTTPCore
public import HTTPServer
import JSON
public import Log
public import Platform
public import Store

/// The feed of changes.
public struct ChangesAPI: Sendable {
    private let live: LiveState
    private let store: Store
    private let log: Log
    private let stop: StopSignal
    private let clock: @Sendable () -> Timestamp
    private let tokens: SyncTokens

    /// Makes the feed.
    ///
    /// - Parameters:
    ///   - live: The state in force.
    ///   - store: Where changes are.
    ///   - log: Takes unexpected failures.
    ///   - stop: Ends waiting requests and streams when the server drains.
    ///   - clock: Our wall clock, for the retention.
    public init(
        live: LiveState,
        store: Store,
        log: Log,
        stop: StopSignal,
        clock: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
    ) {
        self.live = live
        self.store = store
        self.log = log
        self.stop = stop
        self.clock = clock
        tokens = SyncTokens(key: store.tokenKey)
    }

    /// Its rows of the table, for the loop that has this context.
    public func routes(_ context: LoopContext) -> [Route] {
        [
            .get(
                "/v1/changes",
                access: "read",
                .nowOrLater(
                    { view, out in answer(view, &out, context) },
                    { request in await answering(request, log: log, changes) }
                )
            ),
            .get(
                "/v1/changes/stream",
                access: "read",
                .later { request in await answering(request, log: log, stream) }
            ),
        ]
    }

    private static let parameters = ["since", "limit", "connection"]

    /// `GET /v1/changes` from the loop's own snapshot, for a page that need not wait and is soon read.
    ///
    /// - Returns: False for what ``changes(_:)`` has to answer, errors among it.
    private func answer(_ view: borrowing RequestView, _ out: inout ResponseWriter, _ context: LoopContext) -> Bool {
        guard !view.has(.prefer), let caller = view.principal as? Caller else { return false }
        do {
            let parameters = try Parameters(view.query, known: Self.parameters)
            let limit = try parameters.limit()
            if limit > 100 { return false }
            let connection = try connection(parameters, for: caller, in: context.state)
            let feed = feed(connection, for: caller, in: context.state, folds: true)
            try context.snapshot.refresh()
            let position = try position(parameters["since"], in: context.snapshot)
            let page = try feed.page(
                at: position,
                limit: limit,
                passingOver: PassedOver.onLoop,
                in: context.snapshot
            )
            if page.isCutShort { return false }
            out.beginJSON()
            if let connection, try context.sees(connection.key, caller) { context.writeSyncedAt(&out) }
            out.beginBody()
            out.output.append("{\"items\":[")
            out.output.append(page.json)
            out.output.append(end(of: page).span)
            out.endBody()
            return true
        } catch {
            return false
        }
    }

    /// `GET /v1/changes`: one page; with `Prefer: wait=SECONDS` an empty one is held until something changes.
    func changes(_ request: Request) async throws -> Response {
        let parameters = try Parameters(request.query, known: Self.parameters)
        let limit = try parameters.limit()
        let state = live.current
        let connection = try connection(parameters, for: request.caller, in: state)
        let feed = feed(connection, for: request.caller, in: state, folds: true)
        let position = try await position(parameters["since"])
        let waitSeconds = Preferences(request.fields).waitSeconds
        var page = try await read(feed, position, limit)
        // Nothing to see in as much as one transaction should look at: what follows may have some.
        while page.items.isEmpty, page.isCutShort, !stop.isStopped {
            page = try await read(feed, page.next, limit)
        }
        if let waitSeconds, page.items.isEmpty, !page.hasMore {
            page = try await wait(for: .seconds(waitSeconds), feed, page, limit, under: state)
        }
        var fields = HeaderFields()
        if let waitSeconds { fields.add("Preference-Applied", "wait=\(waitSeconds)") }
        if let key = connection?.key,
            let syncedAt = try await store.read({ try $0.connections.find(key: key)?.lastGoodRunAt })
        {
            fields.add("Synced-At", syncedAt.rfc3339)
        }
        return .json(bytes: write(page), fields: fields)
    }

    /// `GET /v1/changes/stream`: the same for ever, one change an event (HTML Living Standard, "Server-sent events").
    ///
    /// It ends with the configuration that it began under: the client comes back, and the doorkeeper looks at its key.
    func stream(_ request: Request) async throws -> Response {
        let parameters = try Parameters(request.query, known: ["since", "connection"])
        let state = live.current
        let connection = try connection(parameters, for: request.caller, in: state)
        let feed = feed(connection, for: request.caller, in: state, folds: false)
        // A browser that comes back sends the old URL again, and where it was in this field.
        let since = request.fields["Last-Event-ID"].flatMap { $0.isEmpty ? nil : $0 } ?? parameters["since"]
        let start = try await position(since)
        var response = Response(
            status: 200,
            fields: ["Content-Type": "text/event-stream", "Cache-Control": "no-store"]
        )
        response.stream = { writer in
            var position = start
            try await writer.write(": changes follow\n\n")
            while !isOver(state) {
                let page = try await read(feed, position, 100)
                // What was committed after the key's rights changed may be among it.
                if isOver(state) { break }
                var text: [UInt8] = []
                for item in page.items {
                    text += "id: \(tokens.token(item.position))\ndata: ".utf8
                    text += page.json[item.place]
                    text += "\n\n".utf8
                }
                position = page.next
                if !text.isEmpty { try await writer.write(text) }
                if page.hasMore { continue }
                let isNews = await news(after: position, within: .seconds(15), under: state)
                // Proxies close what is silent, and only a write tells that the client has gone.
                if !isNews { try await writer.write(": still here\n\n") }
            }
        }
        return response
    }

    // MARK: Steps

    /// The one connection that is asked for; `nil` for all.
    private func connection(
        _ parameters: Parameters,
        for caller: Caller,
        in state: GatewayState
    ) throws(Problem) -> LiveConnection? {
        guard let id = parameters["connection"] else { return nil }
        guard let one = state.connections.connection(id, for: caller) else { throw .notFound("connection") }
        return one
    }

    /// What the caller may see, narrowed to one connection where it asks for one.
    private func feed(
        _ connection: LiveConnection?,
        for caller: Caller,
        in state: GatewayState,
        folds: Bool
    ) -> ChangeFeed {
        let seen = connection.map { [$0] } ?? state.connections.all.filter { caller.sees($0.id) }
        return ChangeFeed(
            names: Dictionary(seen.map { ($0.key, $0.id) }, uniquingKeysWith: { first, _ in first }),
            folds: folds
        )
    }

    /// The position of `since`: absent means from the beginning, `latest` what only comes.
    private func position(_ since: String?) async throws -> ChangePosition {
        try await store.read { try position(since, in: $0) }
    }

    private func position(_ since: String?, in snapshot: Snapshot) throws -> ChangePosition {
        let asked: ChangePosition?
        switch since {
        case nil, "latest": asked = nil
        case let token?:
            guard let position = tokens.position(token) else {
                throw Problem(
                    400,
                    "sync_token_invalid",
                    "`since` is a `next` of `/v1/changes`, unchanged, or `latest`."
                )
            }
            asked = position
        }
        let now = clock()
        let retained = Timestamp(
            milliseconds: now.milliseconds - live.current.config.changes.retain.wholeMilliseconds
        )
        let last = try snapshot.changes.last()
        guard let asked else {
            return since == nil ? .walk(afterRevision: 0, start: last) : .log(after: last)
        }
        let oldest = max(try snapshot.changes.horizon(), try snapshot.changes.first(notBefore: retained) - 1)
        // A token from the future is one of a database that was since put back to an older state.
        guard asked.needed >= min(oldest, last), asked.needed <= last else {
            throw Problem(
                410,
                "sync_token_expired",
                "The changes after this token are no longer kept; begin again without `since`."
            )
        }
        return asked
    }

    private func read(_ feed: ChangeFeed, _ position: ChangePosition, _ limit: Int) async throws -> ChangePage {
        try await store.read { try feed.page(at: position, limit: limit, in: $0) }
    }

    /// Whether an answer that began under that state has to come to its end.
    private func isOver(_ state: GatewayState) -> Bool { stop.isStopped || state.replaced.isStopped }

    /// Holds an empty page until there is something to see, the time is up, or the key may see something else.
    private func wait(
        for duration: Duration,
        _ feed: ChangeFeed,
        _ empty: ChangePage,
        _ limit: Int,
        under state: GatewayState
    ) async throws -> ChangePage {
        let clock = ContinuousClock()
        let deadline = clock.now + duration
        var page = empty
        while page.items.isEmpty, !page.hasMore, clock.now < deadline {
            let isNews = await news(after: page.next, within: deadline - clock.now, under: state)
            guard isNews, !isOver(state) else { break }
            let news = try await read(feed, page.next, limit)
            // What was committed after the key's rights changed may be among it.
            if isOver(state) { break }
            page = news
        }
        return page
    }

    /// Whether something was committed behind a position before the time was up.
    private func news(
        after position: ChangePosition,
        within duration: Duration,
        under state: GatewayState
    ) async -> Bool {
        guard case .log(let sequence) = position else { return true }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { [store] in
                for await last in store.changesCommitted() where last > sequence { return true }
                return false
            }
            group.addTask {
                // Cancelled is as good as over.
                try? await Task.sleep(for: duration)
                return false
            }
            for signal in [stop, state.replaced] {
                group.addTask {
                    for await _ in signal.signals() {}
                    return false
                }
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }

    private func write(_ page: ChangePage) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(page.json.count + 128)
        bytes += "{\"items\":[".utf8
        bytes += page.json
        bytes += end(of: page)
        return bytes
    }

    private func end(of page: ChangePage) -> String.UTF8View {
        "],\"next\":\"\(tokens.token(page.next))\",\"has_more\":\(page.hasMore)}".utf8
    }
}
