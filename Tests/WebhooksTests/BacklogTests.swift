//  What waits behind a receiver that stands still, and behind a webhook that cannot be read.

import Contacts
import HTTPCore
import Testing

@testable import Store
@testable import Webhooks

@Suite struct BacklogTests {
    @Test func `a backlog longer than what is read ahead arrives once and in order when its receiver comes back`()
        async throws
    {
        let bench = try await Bench()
        let webhook = try await bench.webhook()
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let isUp = Task { for await _ in gate {} }
        let receiver = Receiver { _ throws(TransportError) in
            await isUp.value
            return 204
        }
        let contacts = 500
        let requests = try await bench.dispatching(to: receiver) { _ in
            let created = try await bench.store.write { [connection = bench.connection] transaction in
                try (0..<contacts).map { index in
                    var content = ContactContent()
                    content.name.full = "n\(index)"
                    let new = NewContact(connection: connection, vendorID: nil, content: content)
                    return try transaction.contacts.create(new)
                }
            }
            let first = await receiver.next(Lane.healthyFlights)
            for round in 1...4 {
                try await bench.store.write { transaction in
                    for stored in created {
                        var content = stored.contact.content
                        content.name.full = "round \(round)"
                        _ = try transaction.contacts.update(stored.key, ContactUpdate(content: content, vendorID: nil))
                    }
                }
            }
            opening.finish()
            return first + (await receiver.next(5 * contacts - first.count))
        }
        #expect(Set(requests.compactMap(\.sequence)).count == 5 * contacts)
        for sequences in Dictionary(grouping: requests, by: \.contact).values.map({ $0.compactMap(\.sequence) }) {
            #expect(sequences == sequences.sorted() && sequences.count == 5)
        }
        let stored = try await bench.store.read { try $0.webhooks.find(webhook.id) }
        #expect(stored?.cursor == requests.compactMap(\.sequence).max().map { Int64($0) })
        await bench.store.close()
    }

    @Test func `a webhook whose events cannot be read holds up no other, and goes on when they can`() async throws {
        let bench = try await Bench()
        let broken = try await bench.webhook("https://broken.example/")
        try await bench.webhook("https://other.example/", events: ["contact.deleted"])
        let ann = try await bench.create("Ann")
        try await bench.rename(ann, "Anna")
        let bob = try await bench.create("Bob")
        try await bench.delete(bob)
        // The id at the front is still there; to know what Ann was, the rest is needed.
        try await bench.store.write { transaction in
            try transaction.database.execute("create table kept as select id, doc from contact")
            try transaction.database.execute("update contact set doc = substr(doc, 1, 45)")
        }
        let receiver = Receiver()
        try await bench.dispatching(to: receiver) { _ in
            let first = await receiver.next(1)
            #expect(first.map(\.url) == ["https://other.example/"])
            try await bench.store.write { transaction in
                try transaction.database.execute(
                    "update contact set doc = (select k.doc from kept k where k.id = contact.id)"
                )
            }
            let later = await receiver.next(4)
            #expect(later.allSatisfy { $0.url == "https://broken.example/" })
        }
        #expect(try await bench.deliveries(broken).map(\.attempts) == [1, 1, 1, 1])
        await bench.store.close()
    }
}
