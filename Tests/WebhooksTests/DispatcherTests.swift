//  From the log to the receiver: order, retries, crashes, and what is written about it.

import Config
import Contacts
import Crypto
import Glibc
import HTTPClient
import HTTPCore
import HTTPServer
import JSON
import Log
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@testable import Webhooks

/// A receiver without a socket: a test decides each answer, and sees every request in order.
final class Receiver: HTTPBatchSending, Sendable {
    let requests: AsyncStream<ClientRequest>
    private let arrived: AsyncStream<ClientRequest>.Continuation
    private let answer: @Sendable (ClientRequest) async throws(TransportError) -> Int
    private let answering = Mutex<[Task<Void, Never>]>([])

    init(_ answer: @escaping @Sendable (ClientRequest) async throws(TransportError) -> Int = { _ in 204 }) {
        (requests, arrived) = AsyncStream.makeStream(of: ClientRequest.self)
        self.answer = answer
    }

    deinit { for task in answering.withLock({ $0 }) { task.cancel() } }

    func start(_ requests: [NumberedRequest], telling listener: EndingListener) {
        for numbered in requests {
            arrived.yield(numbered.request)
            let task = Task { [answer] in
                let result: Result<ClientResponse, TransportError>
                do throws(TransportError) {
                    let status = try await answer(numbered.request)
                    result = .success(ClientResponse(status: status, body: Array("seen".utf8)))
                } catch {
                    result = .failure(error)
                }
                listener.tell([NumberedEnding(number: numbered.number, result: result)])
            }
            answering.withLock { $0.append(task) }
        }
    }

    /// The next requests in order of arrival.
    func next(_ count: Int) async -> [ClientRequest] {
        var taken: [ClientRequest] = []
        for await request in requests {
            taken.append(request)
            if taken.count == count { break }
        }
        return taken
    }
}

extension ClientRequest {
    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    var data: JSONValue? { json["data"] }
    var type: String? { json["type"]?.stringValue }
    var sequence: Int? { data?["sequence"]?.intValue }
    var contact: String? { data?["contact_id"]?.stringValue }
}

/// A store in a directory of its own, with one connection.
struct Bench {
    let path: String
    let store: Store
    let connection: Int64
    let vault = SecretVault(seal: Seal(passphrase: "test"))

    init(path: String? = nil) async throws {
        self.path = path ?? ScratchDirectory().database
        store = try Store(path: self.path, log: .silent)
        let rows = try await store.write { transaction in
            try transaction.connections.register([(name: "book", vendor: "local")], at: transaction.now)
        }
        connection = try #require(rows.first).key
    }

    @discardableResult
    func webhook(_ url: String = "https://receiver.example/", events: [String] = ["contact.*"]) async throws
        -> WebhookRow
    {
        let secret = vault.make().sealed
        return try await store.write { transaction in
            var row = WebhookRow(
                url: url,
                events: events,
                connections: ["*"],
                fields: [],
                payload: "full",
                description: nil,
                headers: #"{"X-Mine":"1"}"#,
                isEnabled: true,
                secret: secret,
                cursor: transaction.sequence,
                createdAt: transaction.now
            )
            row.id = try transaction.webhooks.insert(row)
            return row
        }
    }

    func create(_ name: String) async throws -> StoredContact {
        let connection = connection
        return try await store.write { transaction in
            var content = ContactContent()
            content.name.full = name
            return try transaction.contacts.create(NewContact(connection: connection, vendorID: nil, content: content))
        }
    }

    func rename(_ contact: StoredContact, _ name: String) async throws {
        try await store.write { transaction in
            var content = contact.contact.content
            content.name.full = name
            _ = try transaction.contacts.update(contact.key, ContactUpdate(content: content, vendorID: nil))
        }
    }

    func delete(_ contact: StoredContact) async throws {
        _ = try await store.write { try $0.contacts.delete(contact.key) }
    }

    func deliveries(_ webhook: WebhookRow, _ state: DeliveryState? = nil) async throws -> [DeliveryRow] {
        try await store.read { try $0.deliveries.page(webhook: webhook.id, state: state, before: nil, limit: 1000) }
    }

    /// Runs a dispatcher around a test; what was under way is written when this returns.
    func dispatching<Result: Sendable>(
        to sender: any HTTPBatchSending,
        waits: [Int] = [0, 0],
        _ body: @Sendable (Dispatcher) async throws -> Result
    ) async throws -> Result {
        var schedule = RetrySchedule(waits: waits)
        schedule.jitter = 0
        let dispatcher = Dispatcher(
            store: store,
            sender: sender,
            config: WebhooksConfig(),
            seal: Seal(passphrase: "test"),
            schedule: schedule,
            log: .silent
        )
        async let running: Void = dispatcher.run()
        do {
            let result = try await body(dispatcher)
            dispatcher.drain()
            await running
            return result
        } catch {
            dispatcher.drain()
            await running
            throw error
        }
    }
}

@Suite struct DispatcherTests {
    @Test func `changes arrive signed, in order, each knowing the one before`() async throws {
        let bench = try await Bench()
        let webhook = try await bench.webhook()
        let receiver = Receiver()
        let requests = try await bench.dispatching(to: receiver) { _ in
            let contact = try await bench.create("Ann")
            try await bench.rename(contact, "Anna")
            try await bench.delete(contact)
            return await receiver.next(3)
        }
        #expect(requests.map(\.type) == ["contact.created", "contact.updated", "contact.deleted"])
        #expect(
            requests.map { $0.data?["previous_sequence"]?.intValue } == [
                nil, requests[0].sequence, requests[1].sequence,
            ]
        )
        #expect(requests[1].data?["changed_fields"] == ["name"])
        #expect(requests[1].data?["previous"]?["name"]?["full"] == "Ann")
        #expect(requests[1].data?["contact"]?["name"]?["full"] == "Anna")
        #expect(requests[2].data?["contact"]?["name"]?["full"] == "Anna")
        let secret = try #require(bench.vault.open(webhook.secret))
        for request in requests {
            let fault = Signer(secret).fault(
                id: request.fields["webhook-id"],
                timestamp: request.fields["webhook-timestamp"],
                signatures: request.fields["webhook-signature"],
                body: request.body,
                now: .now()
            )
            #expect(fault == nil)
            #expect(request.fields["X-Mine"] == "1")
        }
        #expect(Set(requests.map { $0.fields["webhook-id"] }).count == 3)
        let rows = try await bench.deliveries(webhook)
        #expect(rows.map(\.state) == [.delivered, .delivered, .delivered])
        let stored = try await bench.store.read { try $0.webhooks.find(webhook.id) }
        #expect(stored?.cursor == rows.first?.sequence)
        let attempts = try await bench.store.read { try $0.deliveries.attempts(of: rows[0].id) }
        #expect(attempts.map(\.status) == [204] && attempts[0].response == Array("seen".utf8))
        await bench.store.close()
    }

    @Test func `a failing event holds back only its own contact, and its later events stay behind it`() async throws {
        let bench = try await Bench()
        let webhook = try await bench.webhook()
        let failing = Mutex<String?>(nil)
        let failures = Mutex(0)
        let receiver = Receiver { request throws(TransportError) in
            guard request.contact == failing.withLock({ $0 }) else { return 200 }
            let count = failures.withLock { count in
                count += 1
                return count
            }
            return count <= 2 ? 503 : 200
        }
        let requests = try await bench.dispatching(to: receiver) { _ in
            let (ann, bob) = try await bench.store.write { [connection = bench.connection] transaction in
                var content = ContactContent()
                content.name.full = "x"
                let new = NewContact(connection: connection, vendorID: nil, content: content)
                let ann = try transaction.contacts.create(new)
                failing.withLock { $0 = ann.contact.id }
                content.name.full = "y"
                _ = try transaction.contacts.update(ann.key, ContactUpdate(content: content, vendorID: nil))
                return (ann, try transaction.contacts.create(new))
            }
            try await bench.rename(bob, "z")
            _ = ann
            return await receiver.next(6)
        }
        let ofAnn = requests.filter { $0.contact == failing.withLock { $0 } }
        #expect(ofAnn.map(\.type) == ["contact.created", "contact.created", "contact.created", "contact.updated"])
        #expect(Set(ofAnn.prefix(3).map { $0.fields["webhook-id"] }).count == 1)
        #expect(requests.count { $0.contact != failing.withLock { $0 } } == 2)
        let rows = try await bench.deliveries(webhook)
        #expect(rows.count == 4 && rows.allSatisfy { $0.state == .delivered })
        #expect(rows.map(\.attempts).sorted() == [1, 1, 1, 3])
        await bench.store.close()
    }

    @Test func `what was sent and not written is sent again under the same id`() async throws {
        let bench = try await Bench()
        let webhook = try await bench.webhook()
        _ = try await bench.create("Ann")
        let stuck = Receiver { _ throws(TransportError) in
            try? await Task.sleep(for: .seconds(3600))  // ended with the receiver
            throw TransportError(kind: .cancelled, message: "cancelled", mayHaveArrived: true)
        }
        let dispatcher = Dispatcher(
            store: bench.store,
            sender: stuck,
            config: WebhooksConfig(),
            seal: Seal(passphrase: "test"),
            log: .silent
        )
        let running = Task { await dispatcher.run() }
        let first = await stuck.next(1)
        running.cancel()
        await running.value
        #expect(try await bench.deliveries(webhook).isEmpty)
        await bench.store.close()

        let again = try await Bench(path: bench.path)
        let receiver = Receiver()
        let second = try await again.dispatching(to: receiver) { _ in await receiver.next(1) }
        #expect(second[0].fields["webhook-id"] == first[0].fields["webhook-id"])
        #expect(second[0].body == first[0].body)
        #expect(try await again.deliveries(webhook).map(\.state) == [.delivered])
        await again.store.close()
    }

    @Test func `a spent schedule leaves a dead delivery that can be retried, and lets the contact go on`() async throws
    {
        let bench = try await Bench()
        let webhook = try await bench.webhook()
        let isUp = Mutex(false)
        let receiver = Receiver { request throws(TransportError) in
            request.type == "contact.created" && !isUp.withLock { $0 } ? 500 : 200
        }
        try await bench.dispatching(to: receiver) { dispatcher in
            let contact = try await bench.create("Ann")
            try await bench.rename(contact, "Anna")
            #expect(await receiver.next(4).map(\.type).suffix(2) == ["contact.created", "contact.updated"])
        }
        let dead = try await bench.deliveries(webhook, .dead)
        #expect(dead.count == 1 && dead[0].attempts == 3)
        #expect(dead[0].reason?.contains("500") == true)
        isUp.withLock { $0 = true }
        try await bench.dispatching(to: receiver) { dispatcher in
            _ = try await bench.store.write { try $0.deliveries.retry(dead[0].id, now: $0.now) }
            _ = await receiver.next(1)
        }
        #expect(try await bench.deliveries(webhook).map(\.state) == [.delivered, .delivered])
        await bench.store.close()
    }

    @Test func `a 410 disables the webhook, others hear of it, and its events wait`() async throws {
        let bench = try await Bench()
        let webhook = try await bench.webhook("https://gone.example/")
        let watcher = try await bench.webhook("https://watcher.example/", events: ["webhook.*"])
        let receiver = Receiver { request throws(TransportError) in request.url.contains("gone") ? 410 : 200 }
        let requests = try await bench.dispatching(to: receiver, waits: [3600]) { _ in
            _ = try await bench.create("Ann")
            return await receiver.next(2)
        }
        #expect(requests[1].type == "webhook.disabled")
        #expect(requests[1].data?["webhook_id"]?.stringValue == "wh_\(webhook.id)")
        let stored = try await bench.store.read { try $0.webhooks.find(webhook.id) }
        #expect(stored?.isEnabled == false && stored?.disabledReason?.contains("410") == true)
        #expect(try await bench.deliveries(watcher).map(\.state) == [.delivered])

        _ = try await bench.create("Bob")
        let later = Receiver()
        let waited = try await bench.dispatching(to: later) { dispatcher in
            try await bench.store.write { transaction in
                guard var row = try transaction.webhooks.find(webhook.id) else { return }
                row.isEnabled = true
                row.url = "https://new.example/"
                try transaction.webhooks.update(row)
            }
            return await later.next(1)
        }
        #expect(waited[0].url == "https://new.example/")
        #expect(waited[0].data?["contact"]?["name"]?["full"] == "Bob")
        await bench.store.close()
    }

    @Test func `a blocked address is a dead delivery that says so`() async throws {
        let bench = try await Bench()
        let webhook = try await bench.webhook("http://127.0.0.1:9/")
        let client = Client(log: .silent)
        let endings = Mutex<[TransportError.Kind]>([])
        let receiver = Receiver { request throws(TransportError) in
            do throws(TransportError) {
                return try await client.send(request).status
            } catch {
                endings.withLock { $0.append(error.kind) }
                throw error
            }
        }
        _ = try await bench.create("Ann")
        _ = try await bench.dispatching(to: receiver) { _ in await receiver.next(1) }
        #expect(endings.withLock { $0 } == [.addressRefused])
        let rows = try await bench.deliveries(webhook)
        #expect(rows.map(\.state) == [.dead])
        #expect(rows.first?.reason?.contains("127.0.0.1") == true)
        await client.close()
        await bench.store.close()
    }

    @Test func `many contacts over real sockets all arrive, each contact's events in order`() async throws {
        let bench = try await Bench()
        let seen = Mutex<[(contact: String, sequence: Int)]>([])
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = try Server(settings: ServerSettings(), log: .silent) { _ in
            Router([
                .post(
                    "/hook",
                    .later { request in
                        let data = (try? JSONValue(parsing: request.body))?["data"]
                        seen.withLock {
                            $0.append((data?["contact_id"]?.stringValue ?? "", data?["sequence"]?.intValue ?? 0))
                        }
                        arrived.yield()
                        return Response(status: 204)
                    }
                )
            ])
        }
        let serving = Task { try await server.run() }
        let webhook = try await bench.webhook("http://\(server.address)/hook")
        let client = Client(log: .silent)
        var config = WebhooksConfig()
        config.allowNetworks = ["127.0.0.0/8"]
        let dispatcher = Dispatcher(
            store: bench.store,
            sender: client,
            config: config,
            seal: Seal(passphrase: "test"),
            log: .silent
        )
        async let running: Void = dispatcher.run()
        try await bench.store.write { [connection = bench.connection] transaction in
            for index in 0..<200 {
                var content = ContactContent()
                content.name.full = "n\(index)"
                let new = NewContact(connection: connection, vendorID: nil, content: content)
                let stored = try transaction.contacts.create(new)
                for round in 0..<4 {
                    content.name.full = "n\(index).\(round)"
                    _ = try transaction.contacts.update(stored.key, ContactUpdate(content: content, vendorID: nil))
                }
            }
        }
        var count = 0
        for await _ in arrivals {
            count += 1
            if count == 1000 { break }
        }
        dispatcher.drain()
        await running
        let events = seen.withLock { $0 }
        for sequences in Dictionary(grouping: events, by: \.contact).values.map({ $0.map(\.sequence) }) {
            #expect(sequences == sequences.sorted() && sequences.count == 5)
        }
        let delivered = try await bench.store.read {
            try $0.deliveries.page(webhook: webhook.id, state: .delivered, before: nil, limit: 2000).count
        }
        #expect(delivered == 1000)
        server.stop()
        _ = try? await serving.value
        await client.close()
        await bench.store.close()
    }
}
