//  Look-up keys in their tree and in the runs that batches leave, against a plain model.

import CSQLite
import Contacts
import Platform
import TestSupport
import Testing

@testable import Store

@Suite struct LookupTests {
    /// A table in memory, and the same entries in a set.
    struct Bench {
        let database: Database
        let table: LookupTable
        var model: Set<LookupEntry> = []

        init() throws {
            database = try Database(path: ":memory:", role: .writer)
            try Migrations.run(on: database)
            table = LookupTable(database: database)
        }

        mutating func insert(_ entries: [LookupEntry]) throws -> Bool {
            model.formUnion(entries)
            return try table.insert(entries.sorted())
        }

        func contacts(_ keys: [Int64], after: Int64 = 0, limit: Int = .max) throws -> [Int64] {
            try contacts(WantedKeys(keys), after: after, limit: limit)
        }

        func contacts(_ wanted: WantedKeys, after: Int64 = 0, limit: Int = .max) throws -> [Int64] {
            try table.contacts(under: wanted, after: after, limit: min(limit, 1_000_000), in: table.runs())
        }

        func expected(_ wanted: WantedKeys, after: Int64 = 0, limit: Int = .max) -> [Int64] {
            let found = model.filter { entry in
                let isWanted = wanted.keys.contains(entry.key) || wanted.stretches.contains { $0.contains(entry.key) }
                return isWanted && entry.contact > after
            }
            return Array(Set(found.map(\.contact)).sorted().prefix(limit))
        }

        func expected(_ hashes: [Int64], after: Int64 = 0, limit: Int = .max) -> [Int64] {
            expected(WantedKeys(hashes), after: after, limit: limit)
        }
    }

    /// Many keys of one contact each, some of many, the ends of the range among them.
    static func entries(_ count: Int, from first: Int64, _ random: inout SeededGenerator) -> [LookupEntry] {
        (0..<count).map { number in
            let key: Int64 =
                switch number % 10 {
                case 0: .max
                case 1: .min
                case 2: -1
                case 3: Int64(number % 30)
                default: Int64(bitPattern: random.next())
                }
            return LookupEntry(key: key, contact: first + Int64(number))
        }
    }

    static func merge(_ table: LookupTable, _ limit: Int = 5000) throws {
        while try table.wantsMerge(isBusy: false) { try table.merge(entries: limit) }
    }

    @Test func `what was put in is found, taken out is not, before, during and after merges`() throws {
        var random = SeededGenerator(state: 11)
        var bench = try Bench()
        for round in 0..<9 {
            let entries = Self.entries(round % 3 == 2 ? 100 : 5000, from: Int64(round * 5000 + 1), &random)
            #expect(try bench.insert(entries) == (entries.count >= LookupTable.smallestRun))
            if round == 5 { try bench.table.merge(entries: 3000) }  // the merge has begun and is not over
            for entry in bench.model.shuffled(using: &random).prefix(150) {
                try bench.table.remove(entry)
                bench.model.remove(entry)
            }
            for entry in bench.model.shuffled(using: &random).prefix(30) {
                #expect(try bench.contacts([entry.key]) == bench.expected([entry.key]))
            }
        }
        #expect(try bench.table.runs().count > 2)
        let all: [Int64] = [.max, .min, -1, 0, 3, 23]
        for state in ["in runs", "merged"] {
            for key in all {
                #expect(try bench.contacts([key]) == bench.expected([key]), "\(state) \(key)")
                let middle = bench.expected([key]).dropFirst(70).first ?? 0
                #expect(try bench.contacts([key], after: middle) == bench.expected([key], after: middle))
                #expect(try bench.contacts([key], limit: 7) == bench.expected([key], limit: 7))
            }
            #expect(try bench.contacts(all, limit: 500) == bench.expected(all, limit: 500))
            #expect(try bench.contacts([42, 7_777_777]) == bench.expected([42, 7_777_777]))
            try Self.merge(bench.table)
        }
        #expect(try bench.table.runs().count == 1)
        for entry in bench.model { try bench.table.remove(entry) }
        #expect(try bench.database.number(Query("select count(*) from lookup_block")) == 0)
        #expect(try bench.database.number(Query("select count(*) from lookup")) == 0)
    }

    @Test func `a tree becomes a run, a large one in parts, and nothing is lost on the way`() throws {
        var random = SeededGenerator(state: 13)
        var bench = try Bench()
        func inTree() throws -> Int64 { try bench.database.number(Query("select count(*) from lookup")) }
        #expect(try bench.table.moveTree() == 0)
        #expect(try bench.table.runs() == [])
        for round in 0..<8 {
            #expect(try !bench.insert(Self.entries(4000, from: Int64(round * 4000 + 1), &random)))
        }
        var before = 32_000
        for (left, runs) in [(32_000 - 20_480, 1), (0, 2), (0, 2)] {
            #expect(try bench.table.moveTree() == before - left)
            before = left
            #expect(try inTree() == Int64(left))
            #expect(try bench.table.runs().count == runs)
            let inBlocks = try bench.database.number(Query("select sum(length(entries)) / 16 from lookup_block"))
            #expect(inBlocks == Int64(bench.model.count - left))
            for entry in bench.model.shuffled(using: &random).prefix(50) {
                #expect(try bench.contacts([entry.key], limit: 30) == bench.expected([entry.key], limit: 30))
            }
        }
        for entry in bench.model { try bench.table.remove(entry) }
        #expect(try bench.database.number(Query("select count(*) from lookup_block")) == 0)
    }

    @Test func `contacts made one by one are found when their keys have gone from the tree into a run`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<5000 {
                group.addTask {
                    var new = NewContact.named("Person \(number)", in: book)
                    new.content.emails = [ContactEmail(address: "p\(number)@example.com", label: .work)]
                    try await store.write { [new] transaction in _ = try transaction.contacts.create(new) }
                }
            }
        }
        let found = try await store.read { snapshot in
            try (0..<5000).flatMap { number in
                let keys = [LookupKey.email(of: "p\(number)@example.com")].compactMap(\.self)
                return try snapshot.contacts.matching(keys, connections: nil, limit: 5).map(\.key)
            }
        }
        #expect(found.sorted() == Array(1...5000))
        #expect(try await store.read { try LookupTable(database: $0.database).runs().count } == 1)
        await store.close()
    }

    @Test func `neighbouring keys and stretches of them are found in whatever blocks they lie`() throws {
        var random = SeededGenerator(state: 17)
        var bench = try Bench()
        // Many under few neighbouring keys, and keys far away between which they lie.
        for round in 0..<3 {
            let entries = (0..<(round == 2 ? 400 : 5000)).map { number in
                let near = Int64(random.next() % 64) << (number % 4 == 0 ? 3 : 0)
                let key = number % 5 == 0 ? Int64(bitPattern: random.next()) : near
                return LookupEntry(key: key, contact: Int64(round * 5000 + number + 1))
            }
            _ = try bench.insert(entries)
            for _ in 0..<40 {
                let first = Int64(random.next() % 80) - 8
                var wanted = WantedKeys((0..<Int64(random.next() % 5)).map { first + $0 * Int64(random.next() % 40) })
                if random.next() % 2 == 0 { wanted.stretches = [first...first + Int64(random.next() % 100)] }
                if random.next() % 8 == 0 { wanted.stretches.append(Int64.max - 1...Int64.max) }
                let after = Int64(random.next() % 12_000)
                let limit = 1 + Int(random.next() % 3000)
                #expect(try bench.contacts(wanted) == bench.expected(wanted))
                #expect(
                    try bench.contacts(wanted, after: after, limit: limit)
                        == bench.expected(wanted, after: after, limit: limit)
                )
            }
        }
        for entry in bench.model.shuffled(using: &random).prefix(60) {
            var wanted = WantedKeys([entry.key, entry.key &+ 1])
            wanted.insert(entry.key &- 1)
            #expect(try bench.contacts(wanted) == bench.expected(wanted))
        }
    }

    @Test(arguments: [1000, 40_000]) func `of a key that many have no more is read than is asked for`(many: Int64)
        throws
    {
        var bench = try Bench()
        _ = try bench.insert((1...many).map { LookupEntry(key: 7, contact: $0) } + [LookupEntry(key: 9, contact: 5)])
        _ = try bench.insert((1...3000).map { LookupEntry(key: 8, contact: $0) })
        let wanted: WantedKeys = {
            var wanted = WantedKeys()
            wanted.stretches = [0...100]
            return wanted
        }()
        _ = try bench.contacts(wanted, limit: 5)  // prepares the statements
        let steps = Steps(of: bench.database)
        #expect(try bench.contacts(wanted, after: 3, limit: 5) == [4, 5, 6, 7, 8])
        #expect(steps.count < 100)
    }

    /// Counts tens of steps of SQLite's machine (sqlite3_progress_handler).
    private final class Steps {
        private(set) var count = 0

        init(of database: Database) {
            let counter = Unmanaged.passUnretained(self).toOpaque()
            sqlite3_progress_handler(
                database.handle,
                10,
                { counter in
                    if let counter { Unmanaged<Steps>.fromOpaque(counter).takeUnretainedValue().count += 1 }
                    return 0
                },
                counter
            )
        }
    }

    @Test func `a large run is left alone until the small ones come to a quarter of it`() throws {
        var random = SeededGenerator(state: 3)
        var bench = try Bench()
        _ = try bench.insert(Self.entries(40_000, from: 1, &random))
        _ = try bench.insert(Self.entries(4200, from: 50_000, &random))
        #expect(try !bench.table.wantsMerge(isBusy: false))
        _ = try bench.insert(Self.entries(4200, from: 60_000, &random))
        try Self.merge(bench.table)
        #expect(try bench.table.runs().count == 2)
        _ = try bench.insert(Self.entries(4200, from: 70_000, &random))
        try Self.merge(bench.table)
        #expect(try bench.table.runs().count == 1)
    }

    @Test func `every look-up goes through its index`() throws {
        let bench = try Bench()
        for query in [
            "select entries from lookup_block where run = 1 and (key, contact) <= (2, 3) order by key desc, contact desc",
            "select entries from lookup_block where run = 1 and key = 2 and contact > 3 order by contact",
            "select key from lookup_block where run = 1 and key between 2 and 3 order by key limit 1",
            "select key from lookup where key between 2 and 3 order by key limit 1",
        ] {
            let plan = try bench.database.rows(Query("explain query plan \(query)")) { $0.text(3) }
            #expect(
                plan.count == 1 && plan[0].contains(/^SEARCH lookup(_block)? USING PRIMARY KEY \((run=\? AND |key>)/),
                "\(plan)"
            )
        }
    }

    @Test func `of several keys the most exact comes first, and whom none fits is not shown`() async throws {
        let (store, book) = try await Store.opened(ScratchDirectory())
        let keys = try await store.write { transaction in
            let desk = try transaction.connections.register([("desk", "local")], at: Timestamp(milliseconds: 0))[0].key
            let phones = [
                ContactPhone(number: "555-0100", label: .work, e164: nil),
                ContactPhone(number: "+1 202 555 0100", label: .work, e164: "+12025550100"),
                ContactPhone(number: "+1 303 555 0100", label: .work, e164: "+13035550100"),
                ContactPhone(number: "555-0101", label: .work, e164: nil),
                ContactPhone(number: "+1 202 555 0102", label: .work, e164: "+12025550102"),
            ]
            return try phones.enumerated().map { place, phone in
                var content = ContactContent()
                content.name = ContactName(full: "Person \(place)")
                content.phones = [phone]
                let connection = place == 4 ? desk : book
                return try transaction.contacts.create(
                    NewContact(connection: connection, vendorID: nil, content: content)
                ).key
            }
        }
        func shown(_ number: String, in connections: Set<Int64>? = nil) async throws -> [Int64] {
            try await store.read { snapshot in
                var shown: [Int64] = []
                try snapshot.contacts.forEachMatch(
                    of: LookupKey.candidates(for: number, regions: [nil]),
                    connections: connections,
                    limit: 10
                ) { row, _ in shown.append(row.key) }
                return shown
            }
        }
        #expect(try await shown("+1 202 555 0100") == [keys[1], keys[0]])
        #expect(try await shown("+1 404 555 0100") == [keys[0]])
        #expect(try await shown("+1 202 555 0101") == [keys[3]])
        #expect(try await shown("+1 202 555 0102") == [keys[4]])
        #expect(try await shown("+1 202 555 0102", in: [book]) == [])
        #expect(try await shown("+1 303 555 0102") == [])
        #expect(try await shown("+1 202 555 0199") == [])
        #expect(try await shown("555 0100") == Array(keys[...2]))
        await store.close()
    }

    @Test func `contacts of a large batch are found by every key, listed by page, and gone when deleted`() async throws
    {
        let (store, book) = try await Store.opened(ScratchDirectory())
        var batch = store.batch(connection: book, named: "book")
        for number in 0..<3000 {
            var content = ContactContent()
            content.name = ContactName(full: "Person \(number)")
            content.emails = [ContactEmail(address: "p\(number)@example.com", label: .work)]
            content.phones = [ContactPhone(number: "202555\(number)", label: .work, e164: nil)]
            content.tags = ["everybody"]
            batch.add(vendorID: "\(number)", content: content, readOnly: false, contentHash: 1, raw: [0x7B, 0x7D])
        }
        batch.finish()
        let keys = try await store.write { [batch] in try $0.contacts.create(batch) }
        #expect(try await store.read { try LookupTable(database: $0.database).runs().count } == 1)
        try await store.write { transaction in
            for key in keys.prefix(10) { try transaction.contacts.delete(key) }
            guard let stored = try transaction.contacts.find(key: 11) else { return }
            try transaction.contacts.update(11, ContactUpdate(stored) { $0.emails[0].address = "new@example.com" })
        }
        try await store.read { snapshot in
            func matching(_ address: String) throws -> [Int64] {
                let keys = [LookupKey.email(of: address)].compactMap(\.self)
                return try snapshot.contacts.matching(keys, connections: nil, limit: 5).map(\.key)
            }
            #expect(try matching("P2999@example.com") == [3000])
            #expect(try matching("p0@example.com") == [])
            #expect(try matching("p10@example.com") == [])
            #expect(try matching("new@example.com") == [11])
            var filter = ContactFilter()
            filter.tag = "everybody"
            var listed: [Int64] = []
            var after: Int64? = 0
            while let start = after {
                let page = try snapshot.contacts.list(filter, after: start, limit: 700)
                listed += page.contacts.map(\.key)
                after = page.next
            }
            #expect(listed == Array(11...3000))
            filter.connections = []
            #expect(try snapshot.contacts.list(filter, limit: 10).contacts.isEmpty)
        }
        await store.close()
    }
}
