//  Vendors' ids: all that an unchanged record touches.

import Glibc

/// The narrow table from a vendor's id to our contact, with the hash of the record as last seen.
public struct LinkTable<Access> {
    let database: Database
}

/// A contact by its vendor's id.
public struct Link: Equatable, Sendable {
    /// The contact's key.
    public var contact: Int64
    /// The hash of the vendor's record as last seen; zero where no vendor sent one.
    public var contentHash: UInt64
}

/// A record of a page, to be looked up.
public struct LinkProbe: Sendable {
    /// The vendor's id.
    public var vendorID: String
    /// The hash of the record's bytes.
    public var contentHash: UInt64

    /// Makes a probe.
    public init(vendorID: String, contentHash: UInt64) {
        self.vendorID = vendorID
        self.contentHash = contentHash
    }
}

/// What is known of a record.
public enum LinkMatch: Equatable, Sendable {
    /// Never seen.
    case new
    /// The bytes are those of last time: nothing to do.
    case unchanged(contact: Int64)
    /// The bytes differ: to be compared by meaning.
    case changed(contact: Int64)

    /// The contact's key, where there is one.
    public var contact: Int64? {
        switch self {
        case .new: nil
        case .unchanged(let contact), .changed(let contact): contact
        }
    }
}

extension LinkTable {
    /// The contact of a vendor's id; `nil` when there is none.
    public func find(connection: Int64, vendorID: String) throws(StoreError) -> Link? {
        try database.row(LinkSQL.find, connection, vendorID) { row in
            Link(contact: row.int(0), contentHash: UInt64(bitPattern: row.int(1)))
        }
    }

    /// Looks a whole page up at once, walking the table beside the sorted ids: an unchanged record costs a fraction
    /// of a microsecond.
    ///
    /// - Returns: One match for each probe, in their order.
    public func resolve(connection: Int64, _ probes: [LinkProbe]) throws(StoreError) -> [LinkMatch] {
        var matches = [LinkMatch](repeating: .new, count: probes.count)
        guard !probes.isEmpty else { return matches }
        let isSorted = zip(probes, probes.dropFirst()).allSatisfy { Self.order($0.vendorID, $1.vendorID) <= 0 }
        let order =
            isSorted
            ? Array(probes.indices)
            : probes.indices.sorted { Self.order(probes[$0].vendorID, probes[$1].vendorID) < 0 }
        let statement = try database.statement(LinkSQL.walk)
        defer { statement.reset() }
        var hasRow = false
        var isEnd = false
        var isPlaced = false
        for index in order {
            let probe = probes[index]
            var vendorID = probe.vendorID
            var steps = 0
            while true {
                if isEnd { break }
                if !isPlaced {
                    statement.reset()
                    statement.bind(1, connection)
                    statement.bind(2, vendorID)
                    hasRow = try statement.step()
                    isPlaced = true
                    isEnd = !hasRow
                    continue
                }
                let comparison = statement.withBytes(0) { row in
                    vendorID.withUTF8 { Self.order(row, UnsafeRawBufferPointer($0)) }
                }
                if comparison == 0 {
                    let contact = statement.int(1)
                    let isSame = UInt64(bitPattern: statement.int(2)) == probe.contentHash
                    matches[index] = isSame ? .unchanged(contact: contact) : .changed(contact: contact)
                    break
                }
                if comparison > 0 { break }  // the row is beyond: this id is not there
                steps += 1
                if steps > 12 {
                    isPlaced = false  // a new descent is cheaper than walking on
                } else {
                    hasRow = try statement.step()
                    isEnd = !hasRow
                }
            }
        }
        return matches
    }

    /// Every record of a connection by its hash, for a run that goes through all of them.
    public func known(connection: Int64, asOf sequence: Int64) throws(StoreError) -> KnownRecords {
        let statement = try database.statement(LinkSQL.hashes)
        statement.bind(1, connection)
        defer { statement.reset() }
        var pairs: [(contact: Int64, hash: UInt64)] = []
        while try statement.step() { pairs.append((statement.int(0), UInt64(bitPattern: statement.int(1)))) }
        return KnownRecords(pairs, asOf: sequence)
    }

    /// A connection's contacts whose vendor ids are not in a set: those that a complete list no longer has.
    ///
    /// - Parameters:
    ///   - connection: The connection's key.
    ///   - seen: The keys of the contacts that were seen.
    /// - Returns: Vendor id and contact key of each link not seen, in the order of the ids.
    /// - Throws: ``StoreError``.
    public func unseen(
        connection: Int64,
        seen: KeySet
    ) throws(StoreError) -> [(vendorID: String, contact: Int64)] {
        let statement = try database.statement(LinkSQL.all)
        statement.bind(1, connection)
        defer { statement.reset() }
        var missing: [(vendorID: String, contact: Int64)] = []
        while try statement.step() {
            let contact = statement.int(1)
            if !seen.contains(contact) { missing.append((statement.text(0), contact)) }
        }
        return missing
    }

    /// The order of SQLite's BINARY collation: bytes, then length. Swift's own order of strings is another.
    private static func order(_ left: String, _ right: String) -> Int {
        var left = left
        var right = right
        return left.withUTF8 { left in
            right.withUTF8 { order(UnsafeRawBufferPointer(left), UnsafeRawBufferPointer($0)) }
        }
    }

    private static func order(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        if common > 0, let first = left.baseAddress, let second = right.baseAddress {
            let result = memcmp(first, second, common)
            if result != 0 { return Int(result) }
        }
        return left.count - right.count
    }
}

extension LinkTable where Access == Writing {
    /// The statement that adds a link: connection, vendor's id, contact and hash.
    static var insertion: Query { LinkSQL.insert }

    func insert(connection: Int64, _ vendorID: String, _ contact: Int64, _ hash: UInt64) throws(StoreError) {
        try write(LinkSQL.insert, connection, vendorID, contact, hash)
    }

    func put(connection: Int64, _ vendorID: String, _ contact: Int64, _ hash: UInt64) throws(StoreError) {
        try write(LinkSQL.put, connection, vendorID, contact, hash)
    }

    func remove(connection: Int64, _ vendorID: String) throws(StoreError) {
        try database.run(LinkSQL.remove, connection, vendorID)
    }

    private func write(
        _ query: Query,
        _ connection: Int64,
        _ vendorID: String,
        _ contact: Int64,
        _ hash: UInt64
    ) throws(StoreError) {
        let statement = try database.statement(query)
        statement.bind(1, connection)
        statement.bind(2, vendorID)
        statement.bind(3, contact)
        statement.bind(4, Int64(bitPattern: hash))
        try statement.run()
    }
}

private enum LinkSQL {
    static let find = Query("select contact, content_hash from link where connection = ? and vendor_id = ?")
    static let walk = Query(
        """
        select vendor_id, contact, content_hash
        from   link
        where  connection = ? and vendor_id >= ?
        order  by vendor_id
        """
    )
    static let hashes = Query("select contact, content_hash from link where connection = ?")
    static let all = Query("select vendor_id, contact from link where connection = ? order by vendor_id")
    static let insert = Query(
        "insert into link (connection, vendor_id, contact, content_hash) values (?, ?, ?, ?)"
    )
    static let put = Query(
        "insert or replace into link (connection, vendor_id, contact, content_hash) values (?, ?, ?, ?)"
    )
    static let remove = Query("delete from link where connection = ? and vendor_id = ?")
}
