//  A VFS over another one that writes a log's frames at once. SQLite writes each frame of a commit in two calls, of 24
//  and 4,096 bytes; a commit of thirty contacts has thirty to ninety frames, and the calls cost more than the bytes.
//
//  What was gathered is written before the log is synced, read, measured, cut or closed. Nobody else can miss it: with
//  `synchronous = full` a commit is shown to readers only after the log was synced, so this VFS is for that alone. An
//  error of the write comes out of the sync, as one of a write, and undoes the commit alike.

#include "CSQLite.h"
#include <stdlib.h>
#include <string.h>

// SQLite's own VFS takes less than 128 KiB in one call (os_unix.c, `nBuf &= 0x1ffff`).
enum { gathered_at_most = 120 * 1024 };

typedef struct {
    sqlite3_file file;
    sqlite3_file *inner;
    unsigned char *bytes;
    sqlite3_int64 start;
    int count;
} gathering_file;

static sqlite3_file *inner(sqlite3_file *file) { return ((gathering_file *)file)->inner; }

/// Writes what was gathered. When that fails it is forgotten, as after a write that failed.
static int let_go(sqlite3_file *file) {
    gathering_file *log = (gathering_file *)file;
    int count = log->count;
    log->count = 0;
    return count ? log->inner->pMethods->xWrite(log->inner, log->bytes, count, log->start) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    gathering_file *log = (gathering_file *)file;
    if (log->count && (offset != log->start + log->count || log->count + count > gathered_at_most)) {
        int result = let_go(file);
        if (result != SQLITE_OK) return result;
    }
    if (!log->bytes) log->bytes = malloc(gathered_at_most);
    if (!log->bytes || count > gathered_at_most) return log->inner->pMethods->xWrite(log->inner, bytes, count, offset);
    if (!log->count) log->start = offset;
    memcpy(log->bytes + log->count, bytes, (size_t)count);
    log->count += count;
    return SQLITE_OK;
}

static int log_close(sqlite3_file *file) {
    gathering_file *log = (gathering_file *)file;
    int written = let_go(file);
    int closed = log->inner->pMethods->xClose(log->inner);
    free(log->bytes);
    log->bytes = NULL;
    return written != SQLITE_OK ? written : closed;
}

static int log_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int result = let_go(file);
    return result != SQLITE_OK ? result : inner(file)->pMethods->xRead(inner(file), bytes, count, offset);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int result = let_go(file);
    return result != SQLITE_OK ? result : inner(file)->pMethods->xTruncate(inner(file), size);
}

static int log_sync(sqlite3_file *file, int flags) {
    int result = let_go(file);
    return result != SQLITE_OK ? result : inner(file)->pMethods->xSync(inner(file), flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
    int result = let_go(file);
    return result != SQLITE_OK ? result : inner(file)->pMethods->xFileSize(inner(file), size);
}

static int log_lock(sqlite3_file *file, int level) { return inner(file)->pMethods->xLock(inner(file), level); }
static int log_unlock(sqlite3_file *file, int level) { return inner(file)->pMethods->xUnlock(inner(file), level); }
static int log_is_reserved(sqlite3_file *file, int *is) { return inner(file)->pMethods->xCheckReservedLock(inner(file), is); }
static int log_control(sqlite3_file *file, int operation, void *argument) {
    return inner(file)->pMethods->xFileControl(inner(file), operation, argument);
}
static int log_sector(sqlite3_file *file) { return inner(file)->pMethods->xSectorSize(inner(file)); }
static int log_characteristics(sqlite3_file *file) { return inner(file)->pMethods->xDeviceCharacteristics(inner(file)); }

// Version 1: a log is neither mapped nor has an index of its own, which belong to the database's file.
static const sqlite3_io_methods log_methods = {
    .iVersion = 1, .xClose = log_close, .xRead = log_read, .xWrite = log_write, .xTruncate = log_truncate,
    .xSync = log_sync, .xFileSize = log_size, .xLock = log_lock, .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved, .xFileControl = log_control, .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_characteristics,
};

static sqlite3_vfs *base(sqlite3_vfs *vfs) { return vfs->pAppData; }

/// Every file but a log is the other VFS's own.
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    if (!(flags & SQLITE_OPEN_WAL)) return base(vfs)->xOpen(base(vfs), name, file, flags, out);
    gathering_file *log = (gathering_file *)file;
    memset(log, 0, sizeof *log);
    log->inner = (sqlite3_file *)(log + 1);
    int result = base(vfs)->xOpen(base(vfs), name, log->inner, flags, out);
    // SQLite closes what has methods, even when it could not be opened.
    if (log->inner->pMethods) log->file.pMethods = &log_methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) { return base(vfs)->xDelete(base(vfs), name, sync); }
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    return base(vfs)->xAccess(base(vfs), name, flags, out);
}
static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int count, char *out) {
    return base(vfs)->xFullPathname(base(vfs), name, count, out);
}
static int vfs_random(sqlite3_vfs *vfs, int count, char *out) { return base(vfs)->xRandomness(base(vfs), count, out); }
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) { return base(vfs)->xSleep(base(vfs), microseconds); }
static int vfs_time(sqlite3_vfs *vfs, double *out) { return base(vfs)->xCurrentTime(base(vfs), out); }
static int vfs_last_error(sqlite3_vfs *vfs, int count, char *out) {
    return base(vfs)->xGetLastError ? base(vfs)->xGetLastError(base(vfs), count, out) : 0;
}

const char *csqlite_gathering_vfs(const char *other) {
    sqlite3_vfs *below = sqlite3_vfs_find(other);
    if (!below) return NULL;
    char *name = sqlite3_mprintf("gathering-%s", below->zName);
    sqlite3_vfs *vfs = name ? sqlite3_vfs_find(name) : NULL;
    if (vfs) {
        sqlite3_free(name);
        return vfs->zName;
    }
    vfs = name ? calloc(1, sizeof *vfs) : NULL;
    if (!vfs) return NULL;
    // Version 1 has no loading of extensions to pass on in versions of its own, and none is ever loaded.
    *vfs = (sqlite3_vfs){
        .iVersion = 1, .szOsFile = (int)sizeof(gathering_file) + below->szOsFile, .mxPathname = below->mxPathname,
        .zName = name, .pAppData = below, .xOpen = vfs_open, .xDelete = vfs_delete, .xAccess = vfs_access,
        .xFullPathname = vfs_full_path, .xRandomness = vfs_random, .xSleep = vfs_sleep, .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(vfs, 0) != SQLITE_OK) return NULL;
    return name;
}
