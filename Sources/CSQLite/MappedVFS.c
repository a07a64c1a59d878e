//  The system's VFS, but a connection keeps its mapping of the database while the file has the same size.
//
//  SQLite 3.40 unmaps the whole file whenever a reader finds that somebody has committed (pager.c,
//  `pagerBeginReadTransaction`), for the file could have another size. Every page is then mapped and faulted in anew: a
//  reader beside a busy writer spent an eighth of its time on that, in one go after each commit.
//
//  What stays mapped is right nonetheless: Linux shows what is written to a file in every shared mapping of it, and a
//  page behind the end of the database, which the log or the file's first page tells, is never asked for.

#include "CSQLite.h"
#include <stdbool.h>
#include <string.h>

/// Our file; the system's follows it in the same memory.
typedef struct {
    sqlite3_file file;
    sqlite3_file *real;
    /// The file's size before it was mapped; -1 while nothing is. SQLite itself may lengthen the mapping.
    sqlite3_int64 mapped_size;
} mapped_file;

static mapped_file *file_of(sqlite3_file *file) { return (mapped_file *)file; }
static sqlite3_file *real_of(sqlite3_file *file) { return file_of(file)->real; }

static int file_close(sqlite3_file *file) { return real_of(file)->pMethods->xClose(real_of(file)); }

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xWrite(real_of(file), bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags) { return real_of(file)->pMethods->xSync(real_of(file), flags); }

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xLock(real_of(file), level); }

static int file_unlock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }

static int file_check_reserved_lock(sqlite3_file *file, int *result) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int file_control(sqlite3_file *file, int code, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), code, argument);
}

static int file_sector_size(sqlite3_file *file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }

static int file_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory) {
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }

static int file_shm_unmap(sqlite3_file *file, int delete) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **page) {
    sqlite3_file *real = real_of(file);
    if (file_of(file)->mapped_size < 0) {
        // Before the mapping is made: it may have more by then, never less.
        int result = real->pMethods->xFileSize(real, &file_of(file)->mapped_size);
        if (result != SQLITE_OK) {
            *page = NULL;
            file_of(file)->mapped_size = -1;
            return result;
        }
    }
    return real->pMethods->xFetch(real, offset, count, page);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    sqlite3_file *real = real_of(file);
    // Without a page: whatever is mapped may be of no use any more.
    if (page == NULL) {
        sqlite3_int64 size, mapped = file_of(file)->mapped_size;
        // A little that was added behind the mapping is read without it.
        bool is_of_use = mapped >= 0 && real->pMethods->xFileSize(real, &size) == SQLITE_OK && size >= mapped
            && size - mapped <= mapped / 8;
        if (is_of_use) return SQLITE_OK;
        file_of(file)->mapped_size = -1;
    }
    return real->pMethods->xUnfetch(real, offset, page);
}

static const sqlite3_io_methods methods = {
    3, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,
    file_check_reserved_lock, file_control, file_sector_size, file_characteristics, file_shm_map, file_shm_lock,
    file_shm_barrier, file_shm_unmap, file_fetch, file_unfetch,
};

static sqlite3_vfs mapped_vfs;
static sqlite3_vfs *base;

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out) {
    (void)vfs;
    // Logs and temporary files are not mapped.
    if (!(flags & SQLITE_OPEN_MAIN_DB)) return base->xOpen(base, path, file, flags, out);
    mapped_file *opened = file_of(file);
    *opened = (mapped_file){.real = (sqlite3_file *)(opened + 1), .mapped_size = -1};
    memset(opened->real, 0, (size_t)base->szOsFile);
    int result = base->xOpen(base, path, opened->real, flags, out);
    if (opened->real->pMethods != NULL) opened->file.pMethods = &methods;
    return result;
}

const char *csqlite_mapped_vfs(void) {
    static const char name[] = "contact-gateway";
    if (base != NULL) return name;
    base = sqlite3_vfs_find(NULL);
    if (base == NULL) return NULL;
    // Everything else is the system's own, which tells by `pAppData` what it is.
    mapped_vfs = *base;
    mapped_vfs.pNext = NULL;
    mapped_vfs.zName = name;
    mapped_vfs.szOsFile += (int)sizeof(mapped_file);
    mapped_vfs.xOpen = vfs_open;
    if (sqlite3_vfs_register(&mapped_vfs, 0) == SQLITE_OK) return name;
    base = NULL;
    return NULL;
}
