//  What the store can do by itself, in a release build: STORE_MEASURE=200000 swift test -c release --filter ImportMeasurement

import Contacts
import Glibc
import Platform
import Store
import TestSupport
import Testing

@Suite(.enabled(if: getenv("STORE_MEASURE") != nil)) struct ImportMeasurement {
    static let count = getenv("STORE_MEASURE").flatMap { Int(String(cString: $0)) } ?? 100_000

    static func new(_ number: Int, _ connection: Int64) -> NewContact {
        var new = NewContact(connection: connection, vendorID: "\(100_000_000 + number)", content: ContactContent())
        new.content.name = ContactName(
            full: "Given\(number % 977) Sur\(number)",
            given: "Given\(number % 977)",
            surname: "Sur\(number)"
        )
        new.content.organization = "Company \(number % 5003)"
        new.content.emails = [ContactEmail(address: "person\(number)@example.com", label: .work)]
        let digits = String(2_025_550_000 + number)
        new.content.phones = [ContactPhone(number: digits, label: .mobile, e164: "+1\(digits)")]
        let raw = """
            {"id":"\(number)","email":"person\(number)@example.com","firstName":"Given","lastName":"Sur\(number)",\
            "phone":"\(digits)","organization":"Company \(number % 5003)"}
            """
        new.vendorState = VendorState(contentHash: UInt64(number), raw: Array(raw.utf8))
        return new
    }

    func seconds(_ body: () async throws -> Void) async rethrows -> Double {
        let start = Monotonic.nanoseconds()
        try await body()
        return Double(Monotonic.nanoseconds() - start) / 1e9
    }

    func report(_ what: String, _ number: Int, _ seconds: Double) {
        print("store: \(what): \(number) in \(seconds) s, \(Int(Double(number) / seconds))/s")
    }

    @Test func `import, second run, look-up, update, search and small writes`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let pages = stride(from: 0, to: Self.count, by: 10_000)
        report(
            "create, ten pages a transaction",
            Self.count,
            try await seconds {
                for start in pages {
                    try await store.write { transaction in
                        for number in start..<(start + 10_000) {
                            try transaction.contacts.create(Self.new(number, book))
                        }
                    }
                }
            }
        )
        report("index after it", Self.count, try await seconds { try await store.waitForIndex() })
        report(
            "unchanged, resolved by page",
            Self.count,
            try await seconds {
                for start in stride(from: 0, to: Self.count, by: 1000) {
                    let unchanged = try await store.read { snapshot in
                        let probes = (start..<(start + 1000)).map {
                            LinkProbe(vendorID: "\(100_000_000 + $0)", contentHash: UInt64($0))
                        }
                        return try snapshot.links.resolve(connection: book, probes).count {
                            if case .unchanged = $0 { true } else { false }
                        }
                    }
                    #expect(unchanged == 1000)
                }
            }
        )
        let reader = try store.reader()
        let ids = try await store.read { snapshot in
            var ids: [ContactID] = []
            _ = try snapshot.contacts.walk(afterRevision: 0, limit: 20_000, connections: nil) { _, document in
                if let id = ContactID(document.extracting(7..<39)) { ids.append(id) }
            }
            return ids
        }.shuffled()
        var bytes = 0
        report(
            "GET by id in batches of 64",
            ids.count,
            try await seconds {
                for start in stride(from: 0, to: ids.count, by: 64) {
                    try reader.begin()
                    for id in ids[start..<min(start + 64, ids.count)] {
                        try reader.refresh()
                        _ = try reader.contacts.withDocument(id) { _, document in bytes += document.count }
                    }
                    reader.end()
                }
            }
        )
        report(
            "update of every tenth, ten pages a transaction",
            Self.count / 10,
            try await seconds {
                for start in pages {
                    try await store.write { transaction in
                        for number in stride(from: start, to: start + 10_000, by: 10) {
                            let new = Self.new(number, book)
                            guard let link = try transaction.links.find(connection: book, vendorID: new.vendorID ?? "")
                            else { continue }
                            var content = new.content
                            content.title = "Title \(number)"
                            try transaction.contacts.update(
                                link.contact,
                                ContactUpdate(content: content, vendorID: new.vendorID, vendorState: new.vendorState)
                            )
                        }
                    }
                }
            }
        )
        report("index after it", Self.count / 10, try await seconds { try await store.waitForIndex() })
        report(
            "search by a prefix, first page of ten",
            2000,
            try await seconds {
                for number in 0..<2000 {
                    _ = try reader.contacts.list(ContactFilter(text: "sur\(number)"), after: 0, limit: 10) { _, _ in }
                }
            }
        )
        report(
            "look-up by e-mail",
            20_000,
            try await seconds {
                for number in 0..<20_000 {
                    let found = try reader.contacts.matching(
                        [.email("person\(number)@example.com")],
                        connections: nil,
                        limit: 10
                    )
                    #expect(found.count == 1)
                }
            }
        )
        let small = 20_000
        let before = store.statistics
        report(
            "small writes, 64 at a time",
            small,
            try await seconds {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<64 {
                        group.addTask {
                            for number in 0..<(small / 64) {
                                _ = try await store.createOne("Small \(worker) \(number)", in: book)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        )
        print("store: commits for them: \(store.statistics.commits - before.commits); bytes read \(bytes)")
        await store.close()
    }
}
