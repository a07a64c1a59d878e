//  One prepared statement and the values that go in and out of it.

import CSQLite
import Platform
import Synchronization

/// A statement's text, with a number by which each database finds its prepared form without hashing the text.
struct Query: Sendable {
    private static let count = Atomic<Int>(0)
    let number: Int
    let text: String

    init(_ text: String) {
        self.text = text
        number = Self.count.add(1, ordering: .relaxed).oldValue
    }
}

/// A value that can be bound to a placeholder.
protocol Bindable {
    func bind(to statement: Statement, at index: Int32)
}

/// A prepared statement of one database. Used by the thread that has the database.
final class Statement {
    private let handle: OpaquePointer
    private let database: OpaquePointer
    private let text: String

    init(_ text: String, in database: OpaquePointer) throws(StoreError) {
        var handle: OpaquePointer?
        let result = sqlite3_prepare_v3(database, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard result == SQLITE_OK, let handle else { throw StoreError(database, result, sql: text) }
        self.handle = handle
        self.database = database
        self.text = text
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ index: Int32, _ value: Int64) { check(sqlite3_bind_int64(handle, index, value)) }

    func bind(_ index: Int32, _ value: String) {
        var value = value
        let result = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                csqlite_bind_text(handle, index, $0.baseAddress, Int32($0.count))
            }
        }
        check(result)
    }

    /// Binds UTF-8 as text.
    func bind(_ index: Int32, utf8: [UInt8]) {
        let result = utf8.withUnsafeBytes {
            csqlite_bind_text(handle, index, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
        }
        check(result)
    }

    func bind(_ index: Int32, _ value: [UInt8]) {
        check(value.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, Int32($0.count)) })
    }

    /// Runs the statement with UTF-8 as one of its values, bound where it is; nothing is copied.
    func run(with utf8: Span<UInt8>, at index: Int32) throws(StoreError) {
        try utf8.withUnsafeBufferPointer { (bytes) throws(StoreError) in
            check(csqlite_bind_borrowed_text(handle, index, bytes.baseAddress, Int32(bytes.count)))
            try run()
        }
        bindNull(index)
    }

    func bindNull(_ index: Int32) { check(sqlite3_bind_null(handle, index)) }

    /// True while there is a row.
    @inline(__always)
    func step() throws(StoreError) -> Bool {
        let result = sqlite3_step(handle)
        if result == SQLITE_ROW { return true }
        if result == SQLITE_DONE { return false }
        let error = StoreError(database, result, sql: text)
        sqlite3_reset(handle)
        throw error
    }

    /// Runs a statement that has no rows, or whose rows nobody wants.
    func run() throws(StoreError) {
        while try step() {}
        sqlite3_reset(handle)
    }

    /// Lets go of rows and locks. Bound values stay.
    func reset() { sqlite3_reset(handle) }

    @inline(__always)
    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func optionalInt(_ column: Int32) -> Int64? { isNull(column) ? nil : int(column) }

    func text(_ column: Int32) -> String {
        withBytes(column) { String(decoding: $0, as: UTF8.self) }
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { Array($0) } }

    func optionalBytes(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : bytes(column) }

    func time(_ column: Int32) -> Timestamp { Timestamp(milliseconds: int(column)) }

    func optionalTime(_ column: Int32) -> Timestamp? { isNull(column) ? nil : time(column) }

    /// The column's bytes where SQLite keeps them; gone at the next step or reset.
    @inline(__always)
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let start = sqlite3_column_blob(handle, column)
        return try body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    private func check(_ result: Int32) {
        precondition(result == SQLITE_OK, "a value that cannot be bound (SQLite \(result)): \(text)")
    }
}

extension Int64: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}

extension Int: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, Int64(self)) }
}

extension Bool: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, self ? 1 : 0) }
}

extension String: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}

extension [UInt8]: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}

extension Timestamp: Bindable {
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, milliseconds) }
}

extension Optional: Bindable where Wrapped: Bindable {
    func bind(to statement: Statement, at index: Int32) {
        if let self { self.bind(to: statement, at: index) } else { statement.bindNull(index) }
    }
}

/// UTF-8 that is bound as text rather than as a blob.
struct TextBytes: Bindable {
    var bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    func bind(to statement: Statement, at index: Int32) { statement.bind(index, utf8: bytes) }
}
