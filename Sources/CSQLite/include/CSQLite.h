//  SQLite's C interface, with what Swift cannot express.
#pragma once
#include <sqlite3.h>

/// Without statistics SQLite allocates under no lock of its own, which all threads would share.
static inline int csqlite_keep_no_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// Registers the system's VFS with mappings that last (MappedVFS.c). The first call must be over before another begins.
///
/// Returns its name; NULL where that fails.
const char *_Nullable csqlite_mapped_vfs(void);

/// SQLITE_TRANSIENT is a cast macro, which Swift does not import: SQLite copies the bytes before it returns.
static inline int csqlite_bind_text(sqlite3_stmt *_Nonnull statement, int index, const char *_Nullable text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}

/// SQLITE_STATIC: the bytes stay where they are until the statement has run, and are not copied.
static inline int csqlite_bind_borrowed_text(sqlite3_stmt *_Nonnull statement, int index, const void *_Nullable text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_STATIC);
}

/// The same for blobs.
static inline int csqlite_bind_blob(sqlite3_stmt *_Nonnull statement, int index, const void *_Nullable bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}

/// Lets the connection close without a checkpoint, also as the last of its file (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE).
static inline int csqlite_close_without_checkpoint(sqlite3 *_Nonnull handle) {
    return sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
