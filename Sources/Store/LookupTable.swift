//  From the hash of an e-mail, a number, a tag or an owner to contacts. Hashes land anywhere in their tree, so that a
//  batch would touch each of its pages, and single writes one each: a batch leaves a sorted run beside the tree, so does
//  a tree that has grown, and runs are merged with their like.

/// `lookup` for single writes, and the blocks of `lookup_run`.
struct LookupTable {
    /// Fewer entries than this go into the tree.
    static let smallestRun = 4096
    /// With so many entries put into the tree it is made a run: in a large one nearly each touches a page of its own.
    static let largestTree = 4096
    /// A larger tree, an older program's, is moved in parts.
    private static let mostMoved = 5 * largestTree
    /// With so many runs they are merged although jobs wait.
    static let mostRuns = 12
    /// A run is merged with smaller ones that come to a quarter of it.
    private static let growth = 4

    let database: Database

    // MARK: Reading

    /// Runs in the order in which they began.
    func runs() throws(StoreError) -> [Int64] {
        if let known = database.knownRuns { return known }
        let statement = try database.statement(LookupSQL.runs)
        defer { statement.reset() }
        var runs: [Int64] = []
        while try statement.step() { runs.append(statement.int(0)) }
        if database.seesOneState { database.knownRuns = runs }
        return runs
    }

    /// Whether the tree holds nothing.
    private func isTreeEmpty() throws(StoreError) -> Bool {
        // Asked anew each time it would cost what it saves.
        guard database.seesOneState else { return false }
        if let known = database.knownTreeIsEmpty { return known }
        let isEmpty = try database.number(LookupSQL.isEmpty) > 0
        database.knownTreeIsEmpty = isEmpty
        return isEmpty
    }

    /// Contacts under any of some keys, ascending and each once.
    ///
    /// - Parameters:
    ///   - wanted: What to look for.
    ///   - contact: Only contacts after this one.
    ///   - limit: At most so many.
    ///   - runs: From ``runs()``, in the same transaction.
    /// - Returns: The contacts.
    /// - Throws: ``StoreError``.
    func contacts(
        under wanted: WantedKeys,
        after contact: Int64,
        limit: Int,
        in runs: [Int64]
    ) throws(StoreError) -> [Int64] {
        var found: [Int64] = []
        let isInRunsAlone = runs.isEmpty ? false : try isTreeEmpty()
        if !isInRunsAlone { try findInTree(wanted, after: contact, limit: limit, &found) }
        for run in runs {
            var rest = wanted.keys[...]
            while !rest.isEmpty { try find(&rest, after: contact, limit: limit, in: run, &found) }
            for stretch in wanted.stretches {
                try Self.walk(stretch) { rest throws(StoreError) in
                    guard let key = try firstKey(in: rest, of: run) else { return nil }
                    var keys = [key][...]
                    try find(&keys, after: contact, limit: limit, in: run, &found)
                    return key
                }
            }
        }
        guard found.count > 1 else { return found }
        found.sort()
        found.removeRepeats()
        if found.count > limit { found.removeSubrange(limit...) }
        return found
    }

    private func findInTree(
        _ wanted: WantedKeys,
        after contact: Int64,
        limit: Int,
        _ found: inout [Int64]
    ) throws(StoreError) {
        func find(_ key: Int64) throws(StoreError) {
            let tree = try database.statement(LookupSQL.find)
            tree.bind(1, key)
            tree.bind(2, contact)
            tree.bind(3, Int64(limit))
            defer { tree.reset() }
            while try tree.step() { found.append(tree.int(0)) }
        }
        for key in wanted.keys { try find(key) }
        for stretch in wanted.stretches {
            try Self.walk(stretch) { rest throws(StoreError) in
                let key = try database.row(LookupSQL.firstKey, rest.lowerBound, rest.upperBound) { $0.int(0) }
                if let key { try find(key) }
                return key
            }
        }
    }

    /// Goes from key to key, so that one that many contacts have is not read to its end. The closure looks at the first
    /// key of what is left of the stretch, and says which that was; `nil` when there is none.
    private static func walk(
        _ stretch: ClosedRange<Int64>,
        _ visit: (ClosedRange<Int64>) throws(StoreError) -> Int64?
    ) throws(StoreError) {
        var rest = stretch
        while let key = try visit(rest), key < stretch.upperBound { rest = key + 1...stretch.upperBound }
    }

    /// Finds the first of some keys, which ascend, and those after it that lie in the same block; takes them off.
    private func find(
        _ keys: inout ArraySlice<Int64>,
        after contact: Int64,
        limit: Int,
        in run: Int64,
        _ found: inout [Int64]
    ) throws(StoreError) {
        guard let first = keys.first else { return }
        var wanted = LookupEntry(key: first, contact: contact + 1)
        let block = try database.statement(LookupSQL.block)
        block.bind(1, run)
        block.bind(2, wanted.key)
        block.bind(3, wanted.contact)
        defer { block.reset() }
        var end = found.count + limit
        if try block.step() {
            let goesOn = block.withBytes(0) { bytes in
                let block = LookupBlock(bytes)
                while !block.collect(wanted, upTo: end, into: &found) {
                    keys.removeFirst()
                    guard let next = keys.first, block.ends(behind: next) else { return false }
                    wanted.key = next
                    end = found.count + limit
                }
                return true
            }
            if !goesOn { return }
        }
        keys.removeFirst()
        // Only a key that many contacts have goes on in blocks that begin with it.
        let further = try database.statement(LookupSQL.further)
        further.bind(1, run)
        further.bind(2, wanted.key)
        further.bind(3, wanted.contact)
        defer { further.reset() }
        while found.count < end, try further.step() {
            _ = further.withBytes(0) { LookupBlock($0).collect(wanted, upTo: end, into: &found) }
        }
    }

    /// The first key of a stretch that a run has.
    private func firstKey(in stretch: ClosedRange<Int64>, of run: Int64) throws(StoreError) -> Int64? {
        let block = try database.statement(LookupSQL.block)
        block.bind(1, run)
        block.bind(2, stretch.lowerBound)
        block.bind(3, 0)
        defer { block.reset() }
        if try block.step(), let key = block.withBytes(0, { LookupBlock($0).firstKey(from: stretch.lowerBound) }) {
            return key <= stretch.upperBound ? key : nil
        }
        return try database.row(LookupSQL.firstBlock, run, stretch.lowerBound, stretch.upperBound) { $0.int(0) }
    }

    // MARK: Writing

    /// Adds entries, which must be in their order.
    ///
    /// - Returns: Whether they have become a run of their own.
    func insert(_ entries: [LookupEntry]) throws(StoreError) -> Bool {
        guard entries.count >= Self.smallestRun else {
            try insertIntoTree(entries)
            return false
        }
        try database.run(LookupSQL.addRun, entries.count)
        try write(entries, to: database.lastInsertedKey)
        return true
    }

    /// How many entries the tree holds; not counted further than that.
    func treeEntries(upTo limit: Int) throws(StoreError) -> Int {
        Int(try database.number(LookupSQL.treeEntries, limit))
    }

    /// Makes a run of what the tree holds, or of the first of it.
    ///
    /// - Returns: How many entries the run has.
    /// - Throws: ``StoreError``.
    func moveTree() throws(StoreError) -> Int {
        let entries = try database.rows(LookupSQL.tree, Self.mostMoved) {
            LookupEntry(key: $0.int(0), contact: $0.int(1))
        }
        guard let last = entries.last else { return 0 }
        try database.run(LookupSQL.addRun, entries.count)
        try write(entries, to: database.lastInsertedKey)
        if entries.count < Self.mostMoved {
            try database.run(LookupSQL.emptyTree)
        } else {
            try database.run(LookupSQL.removeFirst, last.key, last.contact)
        }
        return entries.count
    }

    /// Takes an entry out.
    func remove(_ entry: LookupEntry) throws(StoreError) {
        try database.run(LookupSQL.remove, entry.key, entry.contact)
        guard database.changedRows == 0 else { return }
        for run in try runs() {
            let row = try database.row(LookupSQL.place, run, entry.key, entry.contact) { row in
                (start: LookupEntry(key: row.int(0), contact: row.int(1)), entries: row.bytes(2))
            }
            guard let row else { continue }
            let entries = row.entries.withUnsafeBytes { LookupBlock($0).entries }
            guard entries.contains(entry) else { continue }
            let rest = entries.filter { $0 != entry }
            if rest.isEmpty {
                try database.run(LookupSQL.removeBlock, run, row.start.key, row.start.contact)
            } else {
                try database.run(
                    LookupSQL.replace,
                    run,
                    row.start.key,
                    row.start.contact,
                    LookupBlock.bytes(of: rest[...])
                )
            }
            return
        }
    }

    private func insertIntoTree(_ entries: [LookupEntry]) throws(StoreError) {
        let insert = try database.statement(LookupSQL.insert)
        for entry in entries {
            insert.bind(1, entry.key)
            insert.bind(2, entry.contact)
            try insert.run()
        }
    }

    /// Writes entries, which must be in their order, as blocks of one part each.
    private func write(_ entries: [LookupEntry], to run: Int64) throws(StoreError) {
        let insert = try database.statement(LookupSQL.addBlock)
        insert.bind(1, run)
        var start = 0
        while start < entries.count {
            var end = start + 1
            while end < entries.count, end - start < LookupBlock.mostEntries, entries[end].part == entries[start].part {
                end += 1
            }
            insert.bind(2, entries[start].key)
            insert.bind(3, entries[start].contact)
            insert.bind(4, LookupBlock.bytes(of: entries[start..<end]))
            try insert.run()
            start = end
        }
    }

    // MARK: Merging

    /// Whether some runs should become one.
    ///
    /// - Parameter isBusy: Whether jobs wait; then only when there are many runs.
    /// - Returns: Whether ``merge(entries:)`` has something to do.
    /// - Throws: ``StoreError``.
    func wantsMerge(isBusy: Bool) throws(StoreError) -> Bool {
        if try database.number(LookupSQL.merging) > 0 { return true }
        let sizes = try database.rows(LookupSQL.sizes) { $0.int(1) }
        return sizes.count >= (isBusy ? Self.mostRuns : 2) && Self.mergeable(sizes) > 1
    }

    /// Merges on: some parts of the runs that are being merged, or of those that should be.
    ///
    /// - Parameter limit: About how many entries to move.
    /// - Throws: ``StoreError``.
    func merge(entries limit: Int) throws(StoreError) {
        if try database.number(LookupSQL.merging) == 0 { try beginMerge() }
        let sources = try database.rows(LookupSQL.sources) { (run: $0.int(0), target: $0.int(1)) }
        guard let target = sources.first?.target else { return }
        var moved = 0
        while moved < limit {
            let first = try database.rows(LookupSQL.firstKeys) { $0.optionalInt(0) }.compactMap(\.self).min()
            guard let first else {
                try database.run(LookupSQL.endMerge)
                return
            }
            let part = LookupEntry(key: first, contact: 0).part
            var entries: [LookupEntry] = []
            let (low, high) = (part << LookupEntry.partShift, part << LookupEntry.partShift | LookupEntry.partMask)
            for (run, _) in sources {
                let blocks = try database.statement(LookupSQL.blocks)
                blocks.bind(1, run)
                blocks.bind(2, low)
                blocks.bind(3, high)
                defer { blocks.reset() }
                while try blocks.step() { blocks.withBytes(0) { LookupBlock($0).append(to: &entries) } }
            }
            for (run, _) in sources { try database.run(LookupSQL.removeBlocks, run, low, high) }
            entries.sort()
            try write(entries, to: target)
            moved += entries.count
        }
    }

    private func beginMerge() throws(StoreError) {
        let rows = try database.rows(LookupSQL.sizes) { (run: $0.int(0), size: $0.int(1)) }
        let chosen = rows.prefix(Self.mergeable(rows.map(\.size)))
        guard chosen.count > 1 else { return }
        try database.run(LookupSQL.addRun, Int(chosen.reduce(0) { $0 + $1.size }))
        let target = database.lastInsertedKey
        for (run, _) in chosen { try database.run(LookupSQL.setTarget, run, target) }
    }

    /// How many of the smallest runs belong together: each is small beside the sum of those before it.
    private static func mergeable(_ ascending: [Int64]) -> Int {
        var sum: Int64 = 0
        for (place, size) in ascending.enumerated() {
            if place > 0, size > Int64(growth) * sum { return place }
            sum += size
        }
        return ascending.count
    }
}

private enum LookupSQL {
    static let runs = Query("select id from lookup_run order by id")
    static let find = Query("select contact from lookup where key = ? and contact > ? order by contact limit ?")
    static let firstKey = Query("select key from lookup where key between ? and ? order by key limit 1")
    static let isEmpty = Query("select not exists (select 1 from lookup)")
    static let insert = Query("insert or ignore into lookup (key, contact) values (?, ?)")
    static let tree = Query("select key, contact from lookup order by key, contact limit ?")
    static let treeEntries = Query("select count(*) from (select 1 from lookup limit ?)")
    static let emptyTree = Query("delete from lookup")
    static let removeFirst = Query("delete from lookup where (key, contact) <= (?, ?)")
    static let remove = Query("delete from lookup where key = ? and contact = ?")
    static let block = Query(
        """
        select entries
        from   lookup_block
        where  run = ?1 and (key, contact) <= (?2, ?3)
        order  by key desc, contact desc
        limit  1
        """
    )
    static let place = Query(
        """
        select key, contact, entries
        from   lookup_block
        where  run = ?1 and (key, contact) <= (?2, ?3)
        order  by key desc, contact desc
        limit  1
        """
    )
    static let further = Query(
        "select entries from lookup_block where run = ?1 and key = ?2 and contact > ?3 order by contact"
    )
    static let firstBlock = Query(
        "select key from lookup_block where run = ? and key between ? and ? order by key limit 1"
    )
    static let addRun = Query("insert into lookup_run (entries) values (?)")
    static let addBlock = Query("insert into lookup_block (run, key, contact, entries) values (?, ?, ?, ?)")
    static let replace = Query("update lookup_block set entries = ?4 where run = ?1 and key = ?2 and contact = ?3")
    static let removeBlock = Query("delete from lookup_block where run = ? and key = ? and contact = ?")
    static let removeBlocks = Query("delete from lookup_block where run = ? and key between ? and ?")
    static let blocks = Query("select entries from lookup_block where run = ? and key between ? and ? order by key")
    static let merging = Query("select count(*) from lookup_run where target is not null")
    /// Runs that are neither being merged nor merged into.
    static let sizes = Query(
        """
        select id, entries
        from   lookup_run
        where  target is null and id not in (select target from lookup_run where target is not null)
        order  by entries
        """
    )
    static let setTarget = Query("update lookup_run set target = ?2 where id = ?1")
    static let sources = Query("select id, target from lookup_run where target is not null")
    static let firstKeys = Query(
        """
        select (select min(b.key) from lookup_block b where b.run = r.id)
        from   lookup_run r
        where  r.target is not null
        """
    )
    static let endMerge = Query("delete from lookup_run where target is not null")
}
