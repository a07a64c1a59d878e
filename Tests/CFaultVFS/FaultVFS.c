//  A VFS that passes every call to another, counts them, and lets the k-th fail.

#include "CFaultVFS.h"
#include "Internal.h"
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct cfault {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
    pthread_mutex_t mutex;
    char *name;
    bool is_armed, forever;
    int32_t kind;
    uint32_t calls, first_call;
    int64_t first, counted, failed;
};

/// Our file; that of the base follows it in the same memory.
typedef struct {
    sqlite3_file file;
    cfault *vfs;
    sqlite3_file *real;
    bool is_log;
} fault_file;

static cfault *vfs_of(sqlite3_vfs *vfs) { return vfs->pAppData; }
static sqlite3_vfs *base_of(sqlite3_vfs *vfs) { return vfs_of(vfs)->base; }
static fault_file *file_of(sqlite3_file *file) { return (fault_file *)file; }
static sqlite3_file *real_of(sqlite3_file *file) { return file_of(file)->real; }

/// Counts a call; true when it is to fail.
static bool fails(cfault *vfs, uint32_t call) {
    pthread_mutex_lock(&vfs->mutex);
    bool result = false;
    if (vfs->is_armed && (vfs->calls & call) != 0) {
        vfs->counted += 1;
        result = vfs->counted == vfs->first || (vfs->forever && vfs->counted > vfs->first);
        if (result && vfs->failed++ == 0) vfs->first_call = call;
    }
    pthread_mutex_unlock(&vfs->mutex);
    if (result) errno = vfs->kind == CFAULT_NOSPC ? ENOSPC : EIO;
    return result;
}

// MARK: Files

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    sqlite3_file *real = real_of(file);
    // SQLite takes a short read of the database itself for the end of the file, and what is missing for zeros.
    bool counts = file_of(file)->vfs->kind != CFAULT_SHORT || file_of(file)->is_log;
    if (!counts || !fails(file_of(file)->vfs, CFAULT_READ)) return real->pMethods->xRead(real, bytes, count, offset);
    if (file_of(file)->vfs->kind != CFAULT_SHORT) return SQLITE_IOERR_READ;
    memset(bytes, 0, (size_t)count);
    int result = real->pMethods->xRead(real, bytes, count / 2, offset);
    return result == SQLITE_OK ? SQLITE_IOERR_SHORT_READ : result;
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    sqlite3_file *real = real_of(file);
    if (!fails(file_of(file)->vfs, CFAULT_WRITE)) return real->pMethods->xWrite(real, bytes, count, offset);
    int32_t kind = file_of(file)->vfs->kind;
    if (kind == CFAULT_TORN || kind == CFAULT_SHORT) {
        int result = real->pMethods->xWrite(real, bytes, count / 2, offset);
        if (result != SQLITE_OK) return result;
        errno = EIO;
    }
    return kind == CFAULT_SHORT || kind == CFAULT_NOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (fails(file_of(file)->vfs, CFAULT_TRUNCATE)) return SQLITE_IOERR_TRUNCATE;
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
    sqlite3_file *real = real_of(file);
    if (!fails(file_of(file)->vfs, CFAULT_SYNC)) return real->pMethods->xSync(real, flags);
    int error = errno;
    real->pMethods->xFileControl(real, CDISK_FCNTL_SYNC_FAILED, NULL);
    errno = error;
    return SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    if (fails(file_of(file)->vfs, CFAULT_SIZE)) return SQLITE_IOERR_FSTAT;
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level) {
    if (fails(file_of(file)->vfs, CFAULT_LOCK)) return SQLITE_IOERR_LOCK;
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_reserved_lock(sqlite3_file *file, int *result) {
    if (fails(file_of(file)->vfs, CFAULT_LOCK)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
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
    cfault *vfs = file_of(file)->vfs;
    *memory = NULL;
    // Room is only asked for by those who extend it.
    bool counts = vfs->kind != CFAULT_NOSPC || extend;
    if (counts && fails(vfs, CFAULT_SHM_MAP)) {
        return vfs->kind == CFAULT_NOSPC ? SQLITE_IOERR_SHMSIZE : SQLITE_IOERR_SHMMAP;
    }
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    if ((flags & SQLITE_SHM_LOCK) && fails(file_of(file)->vfs, CFAULT_SHM_LOCK)) return SQLITE_IOERR_SHMLOCK;
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }

static int file_shm_unmap(sqlite3_file *file, int delete) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **page) {
    *page = NULL;
    if (fails(file_of(file)->vfs, CFAULT_FETCH)) return SQLITE_IOERR_MMAP;
    return real_of(file)->pMethods->xFetch(real_of(file), offset, count, page);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    return real_of(file)->pMethods->xUnfetch(real_of(file), offset, page);
}

static const sqlite3_io_methods methods = {
    3, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,
    file_check_reserved_lock, file_control, file_sector_size, file_characteristics, file_shm_map, file_shm_lock,
    file_shm_barrier, file_shm_unmap, file_fetch, file_unfetch,
};

// MARK: The VFS

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out) {
    fault_file *opened = file_of(file);
    memset(opened, 0, sizeof *opened);
    bool counts = true;
    if (vfs_of(vfs)->kind == CFAULT_NOSPC) {
        // Room is only asked for by those who make a file. SQLite's EXISTS does not see a file that is empty.
        int exists = 0;
        if (path) (void)base_of(vfs)->xAccess(base_of(vfs), path, SQLITE_ACCESS_READWRITE, &exists);
        counts = (flags & SQLITE_OPEN_CREATE) && !exists;
    }
    if (counts && fails(vfs_of(vfs), CFAULT_OPEN)) return SQLITE_CANTOPEN;
    opened->vfs = vfs_of(vfs);
    opened->real = (sqlite3_file *)(opened + 1);
    opened->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    int result = base_of(vfs)->xOpen(base_of(vfs), path, opened->real, flags, out);
    if (opened->real->pMethods != NULL) opened->file.pMethods = &methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    if (vfs_of(vfs)->kind != CFAULT_NOSPC && fails(vfs_of(vfs), CFAULT_DELETE)) return SQLITE_IOERR_DELETE;
    return base_of(vfs)->xDelete(base_of(vfs), path, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    if (vfs_of(vfs)->kind != CFAULT_NOSPC && fails(vfs_of(vfs), CFAULT_ACCESS)) return SQLITE_IOERR_ACCESS;
    return base_of(vfs)->xAccess(base_of(vfs), path, flags, result);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int count, char *out) {
    return base_of(vfs)->xFullPathname(base_of(vfs), path, count, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *out) {
    return base_of(vfs)->xRandomness(base_of(vfs), count, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) { return base_of(vfs)->xSleep(base_of(vfs), microseconds); }

static int vfs_time(sqlite3_vfs *vfs, double *days) { return base_of(vfs)->xCurrentTime(base_of(vfs), days); }

static int vfs_last_error(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs, (void)count, (void)out;
    return errno;
}

cfault *cfault_make(const char *name, const char *base) {
    sqlite3_vfs *found = sqlite3_vfs_find(base);
    if (found == NULL) return NULL;
    cfault *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->base = found;
    made->name = strdup(name);
    pthread_mutex_init(&made->mutex, NULL);
    made->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(fault_file) + found->szOsFile,
        .mxPathname = found->mxPathname,
        .zName = made->name,
        .pAppData = made,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(&made->vfs, 0) == SQLITE_OK) return made;
    cfault_free(made);
    return NULL;
}

void cfault_free(cfault *vfs) {
    sqlite3_vfs_unregister(&vfs->vfs);
    pthread_mutex_destroy(&vfs->mutex);
    free(vfs->name);
    free(vfs);
}

void cfault_arm(cfault *vfs, int32_t kind, uint32_t calls, int64_t first, bool forever) {
    pthread_mutex_lock(&vfs->mutex);
    vfs->is_armed = true;
    vfs->kind = kind;
    vfs->calls = calls;
    vfs->first = first;
    vfs->forever = forever;
    vfs->counted = vfs->failed = 0;
    vfs->first_call = 0;
    pthread_mutex_unlock(&vfs->mutex);
}

void cfault_disarm(cfault *vfs) {
    pthread_mutex_lock(&vfs->mutex);
    vfs->is_armed = false;
    pthread_mutex_unlock(&vfs->mutex);
}

int64_t cfault_counted(cfault *vfs) {
    pthread_mutex_lock(&vfs->mutex);
    int64_t counted = vfs->counted;
    pthread_mutex_unlock(&vfs->mutex);
    return counted;
}

int64_t cfault_failed(cfault *vfs) {
    pthread_mutex_lock(&vfs->mutex);
    int64_t failed = vfs->failed;
    pthread_mutex_unlock(&vfs->mutex);
    return failed;
}

uint32_t cfault_first(cfault *vfs) {
    pthread_mutex_lock(&vfs->mutex);
    uint32_t first = vfs->first_call;
    pthread_mutex_unlock(&vfs->mutex);
    return first;
}
