//  The few values that belong to the file itself.

/// `meta`: name and value.
struct MetaTable {
    let database: Database

    func hashSeed() throws(StoreError) -> UInt64 {
        UInt64(bitPattern: try database.number(SQL.value, "hash_seed"))
    }

    func tokenKey() throws(StoreError) -> [UInt8] {
        try database.row(SQL.value, "token_key") { $0.bytes(0) } ?? []
    }

    func searchPosition() throws(StoreError) -> Int64 { try database.number(SQL.value, "search_position") }

    func setSearchPosition(_ sequence: Int64) throws(StoreError) {
        try database.run(SQL.set, "search_position", sequence)
    }

    /// Contact keys up to this one were given out, whether or not a trace of them is left.
    func setContactFloor(_ contact: Int64) throws(StoreError) {
        try database.run(SQL.set, "contact_floor", contact)
    }

    /// Contacts up to this one have the look-up keys of an earlier program; zero when none has.
    func keysBehind() throws(StoreError) -> Int64 { try database.number(SQL.value, "keys_behind") }

    func setKeysBehind(_ contact: Int64) throws(StoreError) {
        try database.run(SQL.set, "keys_behind", contact)
    }

    private enum SQL {
        static let value = Query("select value from meta where name = ?")
        static let set = Query("insert or replace into meta (name, value) values (?, ?)")
    }
}
