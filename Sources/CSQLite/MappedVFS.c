//  The system's VFS, but a connection keeps its mapping of the database while the file has the same size.
//
//  SQLite 3.40 unmaps the whole file whenever a reader finds that somebody has committed (pager.c,
//  `pagerBeginReadTransaction`), for the file could have another size. Every page is then mapped and faulted in anew: a
//  reader beside a busy writer spent an eighth of its time on that, in one go after each commit.
//
//  What stays mapped is right nonetheless: Linux shows what is written to a file in every shared mapping of it, and a
//  page behind the end of the database, which the log or the file's first page tells, is never asked for.

#include "CSQLite.h"
#include <stddef.h>

static sqlite3_vfs mapped_vfs;
static sqlite3_vfs *base;

/// What we know of a file, behind the system's own file in the same memory.
typedef struct {
    const sqlite3_io_methods *real;
    /// The system's, with our ways to fetch pages.
    sqlite3_io_methods methods;
    /// The file's size before it was mapped; -1 while nothing is. SQLite itself may lengthen the mapping.
    sqlite3_int64 mapped_size;
} mapping;

static int offset_of_mapping(void) { return (base->szOsFile + 15) / 16 * 16; }

static mapping *mapping_of(sqlite3_file *file) { return (mapping *)((char *)file + offset_of_mapping()); }

static int fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **page) {
    mapping *mapping = mapping_of(file);
    if (mapping->mapped_size < 0) {
        // Before the mapping is made: it may have more by then, never less.
        int result = mapping->real->xFileSize(file, &mapping->mapped_size);
        if (result != SQLITE_OK) {
            *page = NULL;
            mapping->mapped_size = -1;
            return result;
        }
    }
    return mapping->real->xFetch(file, offset, count, page);
}

static int unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    mapping *mapping = mapping_of(file);
    // Without a page: whatever is mapped may be of no use any more.
    if (page == NULL) {
        sqlite3_int64 size, mapped = mapping->mapped_size;
        // A little that was added behind the mapping is read without it.
        if (mapped >= 0 && mapping->real->xFileSize(file, &size) == SQLITE_OK && size >= mapped
            && size - mapped <= mapped / 8) {
            return SQLITE_OK;
        }
        mapping->mapped_size = -1;
    }
    return mapping->real->xUnfetch(file, offset, page);
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out) {
    (void)vfs;
    int result = base->xOpen(base, path, file, flags, out);
    // Logs and temporary files are not mapped.
    if (result != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB) || file->pMethods->iVersion < 3) return result;
    mapping *mapping = mapping_of(file);
    mapping->real = file->pMethods;
    mapping->methods = *file->pMethods;
    mapping->methods.iVersion = 3;
    mapping->methods.xFetch = fetch;
    mapping->methods.xUnfetch = unfetch;
    mapping->mapped_size = -1;
    file->pMethods = &mapping->methods;
    return SQLITE_OK;
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
    mapped_vfs.szOsFile = offset_of_mapping() + (int)sizeof(mapping);
    mapped_vfs.xOpen = vfs_open;
    if (sqlite3_vfs_register(&mapped_vfs, 0) == SQLITE_OK) return name;
    base = NULL;
    return NULL;
}
