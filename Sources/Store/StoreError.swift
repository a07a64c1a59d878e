//  What can go wrong with the database, by what a caller can do about it.

import CSQLite
import Glibc

/// A failure of the store. Never holds a bound value.
public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller can do about it.
    public enum Code: String, Sendable {
        /// No room on the disk: nothing of this write was kept; writes go on by themselves when there is room.
        case full
        /// The disk failed. After a failed sync the store takes no more writes and the process has to end.
        case io
        /// Another process has the database open, or keeps it locked.
        case locked
        /// The file or its directory cannot be written.
        case readOnly = "read_only"
        /// The file was written by a newer version of the program.
        case newer
        /// The file is no database, or is damaged.
        case corrupt
        /// The store was closed.
        case closed
        /// A row that breaks a rule of the schema: our own mistake, or a race that the caller has to settle.
        case constraint
        /// Anything else that SQLite said.
        case other
    }

    /// What a caller can do about it.
    public var code: Code
    /// In words, for people.
    public var message: String
    /// The statement, with placeholders; `nil` where none was at fault.
    public var sql: String?
    /// True when the store has stopped for good.
    public var isFatal = false

    /// Makes an error.
    public init(_ code: Code, _ message: String, sql: String? = nil, isFatal: Bool = false) {
        self.code = code
        self.message = message
        self.sql = sql
        self.isFatal = isFatal
    }

    /// Code and message.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension StoreError {
    /// What SQLite's last call on the connection failed with.
    init(_ handle: OpaquePointer?, _ result: Int32, sql: String? = nil) {
        // Before any other call: sqlite3_system_errno() is not set by a failed step.
        let systemError = errno
        let text = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
        let isSync = result == SQLITE_IOERR_FSYNC.code || result == SQLITE_IOERR_DIR_FSYNC.code
        let code: Code =
            switch result & 0xFF {
            case SQLITE_FULL: .full
            // The VFS says FULL only for ENOSPC of a write; the other ways in which room runs out arrive as I/O errors.
            case SQLITE_IOERR where !isSync && [ENOSPC, EDQUOT, EFBIG].contains(systemError): .full
            case SQLITE_IOERR: .io
            case SQLITE_BUSY, SQLITE_LOCKED: .locked
            case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN, SQLITE_AUTH: .readOnly
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
            case SQLITE_CONSTRAINT: .constraint
            default: .other
            }
        self.init(code, "\(text) (SQLite \(result))", sql: sql, isFatal: isSync)
    }
}

/// Extended result codes are arithmetic macros, which Swift does not import (sqlite3.h, "Extended Result Codes").
enum SQLITE_IOERR_FSYNC { static let code = SQLITE_IOERR | 4 << 8 }
enum SQLITE_IOERR_DIR_FSYNC { static let code = SQLITE_IOERR | 5 << 8 }
