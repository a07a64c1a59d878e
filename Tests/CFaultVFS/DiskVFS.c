//  Files in memory, as a VFS: what a page cache shows, what the disk below it holds, and what lies between the two.

#include "CFaultVFS.h"
#include "Internal.h"
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/// Address space for each file: pages that a reader has mapped must not move when the file grows.
static const int64_t file_space = 256 << 20;
static const int shm_regions = 64;

/// Something done to a file since its last sync.
typedef struct {
    int64_t offset;
    int64_t count;
    uint8_t *bytes;  // NULL: the file was truncated to `offset`
} pending;

typedef struct disk_file disk_file;

/// A file, whatever its name: readers see `cached`, a loss of power leaves `stored` and some of `waiting`.
typedef struct node {
    struct node *next;
    uint8_t *cached;
    int64_t size;
    uint8_t *stored;
    int64_t stored_size, stored_capacity;
    pending *waiting;
    int64_t waiting_count, waiting_capacity;
    disk_file *handles;
    uint8_t *shm[64];
    int shm_users;
} node;

/// A name in the directory; a NULL node in the list of what waits is a deletion.
typedef struct {
    char *name;
    node *node;
} entry;

typedef struct {
    entry *entries;
    int count, capacity;
} entry_list;

struct cdisk {
    sqlite3_vfs vfs;
    pthread_mutex_t mutex;
    char *name;
    uint64_t random;
    int64_t limit;
    node *nodes;
    entry_list shown, stored, waiting;
};

struct disk_file {
    sqlite3_file file;
    cdisk *disk;
    node *node;
    disk_file *next;
    int level;
    bool syncs_directory, maps_shm;
    uint32_t shm_shared, shm_exclusive;
};

static disk_file *file_of(sqlite3_file *file) { return (disk_file *)file; }

static void *required(void *memory) {
    if (memory == NULL) abort();
    return memory;
}

/// SplitMix64.
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *state, uint64_t bound) { return bound == 0 ? 0 : next_random(state) % bound; }

// MARK: The directory

static int find(const entry_list *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].name, name) == 0) return i;
    }
    return -1;
}

static void append(entry_list *list, const char *name, node *node) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 4;
        list->entries = required(realloc(list->entries, (size_t)list->capacity * sizeof(entry)));
    }
    list->entries[list->count++] = (entry){required(strdup(name)), node};
}

static void drop(entry_list *list, int index) {
    free(list->entries[index].name);
    list->entries[index] = list->entries[--list->count];
}

static void clear(entry_list *list) {
    while (list->count > 0) drop(list, list->count - 1);
}

/// Carries a creation or a deletion out.
static void carry_out(entry_list *list, const entry *change) {
    int index = find(list, change->name);
    if (index >= 0) drop(list, index);
    if (change->node != NULL) append(list, change->name, change->node);
}

static void sync_directory(cdisk *disk) {
    for (int i = 0; i < disk->waiting.count; i++) carry_out(&disk->stored, &disk->waiting.entries[i]);
    clear(&disk->waiting);
}

// MARK: Nodes

static node *make_node(cdisk *disk) {
    node *made = required(calloc(1, sizeof *made));
    made->cached = mmap(NULL, file_space, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->cached == MAP_FAILED) abort();
    made->next = disk->nodes;
    disk->nodes = made;
    return made;
}

static void forget_waiting(node *node) {
    for (int64_t i = 0; i < node->waiting_count; i++) free(node->waiting[i].bytes);
    node->waiting_count = 0;
}

static void free_shm(node *node) {
    for (int i = 0; i < shm_regions; i++) {
        free(node->shm[i]);
        node->shm[i] = NULL;
    }
}

static void free_nodes(cdisk *disk) {
    while (disk->nodes != NULL) {
        node *node = disk->nodes;
        disk->nodes = node->next;
        forget_waiting(node);
        free(node->waiting);
        free(node->stored);
        free_shm(node);
        munmap(node->cached, file_space);
        free(node);
    }
}

static void note(node *node, int64_t offset, int64_t count, const void *bytes) {
    if (node->waiting_count == node->waiting_capacity) {
        node->waiting_capacity = node->waiting_capacity * 2 + 16;
        node->waiting = required(realloc(node->waiting, (size_t)node->waiting_capacity * sizeof(pending)));
    }
    pending *next = &node->waiting[node->waiting_count++];
    *next = (pending){offset, count, NULL};
    if (bytes != NULL) {
        next->bytes = required(malloc((size_t)count));
        memcpy(next->bytes, bytes, (size_t)count);
    }
}

static void store_size(node *node, int64_t size) {
    if (size > node->stored_capacity) {
        node->stored_capacity = size * 2;
        node->stored = required(realloc(node->stored, (size_t)node->stored_capacity));
    }
    if (size > node->stored_size) memset(node->stored + node->stored_size, 0, (size_t)(size - node->stored_size));
    node->stored_size = size;
}

static void store(node *node, int64_t offset, int64_t count, const uint8_t *bytes) {
    if (offset + count > node->stored_size) store_size(node, offset + count);
    memcpy(node->stored + offset, bytes, (size_t)count);
}

static void sync_node(node *node) {
    for (int64_t i = 0; i < node->waiting_count; i++) {
        const pending *change = &node->waiting[i];
        if (change->bytes == NULL) store_size(node, change->offset);
        else store(node, change->offset, change->count, change->bytes);
    }
    forget_waiting(node);
}

// MARK: What a loss of power leaves

/// How one file fares.
typedef struct {
    uint64_t random;
    int64_t sector;
    bool keeps_neighbours;
    /// Of 16: a change is kept whole, and a sector of one that is not.
    uint64_t keeps_change, keeps_sector;
    /// Of 16: a sector that is not kept holds nonsense instead of what it held.
    uint64_t nonsense;
    /// Changes from here on are lost.
    int64_t end;
} fate;

static void fill_nonsense(node *node, int64_t offset, int64_t count, uint64_t *random) {
    if (offset + count > node->stored_size) store_size(node, offset + count);
    for (int64_t i = 0; i < count; i++) node->stored[offset + i] = (uint8_t)next_random(random);
}

/// Writes some of the sectors of a change. Returns how many bytes of it were written as meant.
static int64_t store_some(node *node, const pending *change, fate *fate) {
    int64_t kept = 0;
    int64_t end = change->offset + change->count;
    for (int64_t at = change->offset; at < end;) {
        int64_t start = at / fate->sector * fate->sector;
        int64_t stop = start + fate->sector < end ? start + fate->sector : end;
        if (below(&fate->random, 16) < fate->keeps_sector) {
            store(node, at, stop - at, change->bytes + (at - change->offset));
            kept += stop - at;
        } else if (below(&fate->random, 16) < fate->nonsense) {
            int64_t whole = start + fate->sector < node->stored_size ? start + fate->sector : node->stored_size;
            if (fate->keeps_neighbours || whole < stop) fill_nonsense(node, at, stop - at, &fate->random);
            else fill_nonsense(node, start, whole - start, &fate->random);
        } else if (below(&fate->random, 8) == 0) {
            // Cut off within the sector.
            int64_t part = (int64_t)below(&fate->random, (uint64_t)(stop - at));
            store(node, at, part, change->bytes + (at - change->offset));
            kept += part;
        }
        at = stop;
    }
    return kept;
}

static fate draw_fate(node *node, uint64_t *random, bool keeps_neighbours) {
    static const uint64_t odds[] = {0, 16, 8, 4, 14};
    fate fate = {
        .random = next_random(random),
        .sector = below(random, 2) == 0 ? 512 : 4096,
        .keeps_neighbours = keeps_neighbours,
        .keeps_change = odds[below(random, 5)],
        .keeps_sector = odds[below(random, 5)],
        .nonsense = below(random, 3) == 0 ? 8 : 0,
        .end = node->waiting_count,
    };
    if (below(random, 3) == 0) {
        // In order, up to a moment.
        fate.end = (int64_t)below(random, (uint64_t)node->waiting_count + 1);
        fate.keeps_change = 16;
    }
    return fate;
}

static void store_remains(node *node, fate fate, cdisk_damage *damage) {
    for (int64_t i = 0; i < node->waiting_count; i++) {
        const pending *change = &node->waiting[i];
        bool is_last = i == fate.end;
        bool is_kept = i < fate.end && below(&fate.random, 16) < fate.keeps_change;
        int64_t kept = 0;
        if (change->bytes == NULL) {
            if (is_kept) store_size(node, change->offset);
            kept = is_kept ? 1 : 0;
        } else if (is_kept) {
            store(node, change->offset, change->count, change->bytes);
            kept = change->count;
        } else if (i < fate.end || is_last) {
            kept = store_some(node, change, &fate);
        }
        damage->pending += 1;
        if (kept == 0) damage->dropped += 1;
        else if (change->bytes != NULL && kept < change->count) damage->torn += 1;
    }
    forget_waiting(node);
}

/// The page cache becomes what is stored.
static void read_back(node *node) {
    if (node->size > node->stored_size) memset(node->cached + node->stored_size, 0, (size_t)(node->size - node->stored_size));
    if (node->stored_size > 0) memcpy(node->cached, node->stored, (size_t)node->stored_size);
    node->size = node->stored_size;
}

cdisk_damage cdisk_lose_power(cdisk *disk, cdisk_loss loss) {
    pthread_mutex_lock(&disk->mutex);
    uint64_t random = loss.seed;
    cdisk_damage damage = {0};
    // A journalling file system keeps creations and deletions in order; POSIX promises nothing.
    bool in_order = below(&random, 2) == 0;
    int kept = (int)below(&random, (uint64_t)disk->waiting.count + 1);
    for (int i = 0; i < disk->waiting.count; i++) {
        bool is_kept = in_order ? i < kept : below(&random, 2) == 0;
        if (is_kept) carry_out(&disk->stored, &disk->waiting.entries[i]);
        else damage.directory += 1;
    }
    clear(&disk->waiting);
    clear(&disk->shown);
    for (int i = 0; i < disk->stored.count; i++) {
        append(&disk->shown, disk->stored.entries[i].name, disk->stored.entries[i].node);
    }
    for (node *node = disk->nodes; node != NULL; node = node->next) {
        if (node->handles != NULL) abort();
        store_remains(node, draw_fate(node, &random, loss.keeps_neighbours), &damage);
        read_back(node);
    }
    pthread_mutex_unlock(&disk->mutex);
    return damage;
}

void cdisk_evict(cdisk *disk) {
    pthread_mutex_lock(&disk->mutex);
    for (node *node = disk->nodes; node != NULL; node = node->next) {
        if (node->waiting_count == 0) read_back(node);
    }
    pthread_mutex_unlock(&disk->mutex);
}

// MARK: Files

static int64_t used(cdisk *disk) {
    int64_t bytes = 0;
    for (int i = 0; i < disk->shown.count; i++) bytes += disk->shown.entries[i].node->size;
    return bytes;
}

static int file_close(sqlite3_file *file) {
    disk_file *closed = file_of(file);
    pthread_mutex_lock(&closed->disk->mutex);
    for (disk_file **link = &closed->node->handles; *link != NULL; link = &(*link)->next) {
        if (*link != closed) continue;
        *link = closed->next;
        break;
    }
    pthread_mutex_unlock(&closed->disk->mutex);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    disk_file *read = file_of(file);
    pthread_mutex_lock(&read->disk->mutex);
    int64_t there = read->node->size - offset;
    if (there > count) there = count;
    if (there > 0) memcpy(bytes, read->node->cached + offset, (size_t)there);
    pthread_mutex_unlock(&read->disk->mutex);
    if (there == count) return SQLITE_OK;
    if (there < 0) there = 0;
    memset((uint8_t *)bytes + there, 0, (size_t)(count - there));
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    disk_file *written = file_of(file);
    node *node = written->node;
    int result = SQLITE_OK;
    pthread_mutex_lock(&written->disk->mutex);
    int64_t growth = offset + count - node->size;
    if (offset + count > file_space || (growth > 0 && written->disk->limit >= 0 && used(written->disk) + growth > written->disk->limit)) {
        errno = ENOSPC;
        result = SQLITE_FULL;
    } else {
        memcpy(node->cached + offset, bytes, (size_t)count);
        if (growth > 0) node->size = offset + count;
        note(node, offset, count, bytes);
    }
    pthread_mutex_unlock(&written->disk->mutex);
    return result;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    node *node = file_of(file)->node;
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    if (size < node->size) memset(node->cached + size, 0, (size_t)(node->size - size));
    node->size = size;
    note(node, size, 0, NULL);
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    disk_file *synced = file_of(file);
    pthread_mutex_lock(&synced->disk->mutex);
    sync_node(synced->node);
    if (synced->syncs_directory) sync_directory(synced->disk);
    synced->syncs_directory = false;
    pthread_mutex_unlock(&synced->disk->mutex);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    *size = file_of(file)->node->size;
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
    return SQLITE_OK;
}

/// The highest lock that another connection holds.
static int highest_other(const disk_file *own) {
    int level = SQLITE_LOCK_NONE;
    for (const disk_file *other = own->node->handles; other != NULL; other = other->next) {
        if (other != own && other->level > level) level = other->level;
    }
    return level;
}

static int file_lock(sqlite3_file *file, int level) {
    disk_file *own = file_of(file);
    if (own->level >= level) return SQLITE_OK;
    pthread_mutex_lock(&own->disk->mutex);
    int other = highest_other(own);
    int result = SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        if (other >= SQLITE_LOCK_PENDING) result = SQLITE_BUSY;
    } else if (other >= SQLITE_LOCK_RESERVED) {
        result = SQLITE_BUSY;
    } else if (level == SQLITE_LOCK_EXCLUSIVE && other >= SQLITE_LOCK_SHARED) {
        own->level = SQLITE_LOCK_PENDING;
        result = SQLITE_BUSY;
    }
    if (result == SQLITE_OK) own->level = level;
    pthread_mutex_unlock(&own->disk->mutex);
    return result;
}

static int file_unlock(sqlite3_file *file, int level) {
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    file_of(file)->level = level;
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
    return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *file, int *result) {
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    *result = file_of(file)->level >= SQLITE_LOCK_RESERVED || highest_other(file_of(file)) >= SQLITE_LOCK_RESERVED;
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int code, void *argument) {
    (void)argument;
    if (code != CDISK_FCNTL_SYNC_FAILED) return SQLITE_NOTFOUND;
    disk_file *failed = file_of(file);
    pthread_mutex_lock(&failed->disk->mutex);
    cdisk_damage damage = {0};
    store_remains(failed->node, draw_fate(failed->node, &failed->disk->random, true), &damage);
    pthread_mutex_unlock(&failed->disk->mutex);
    return SQLITE_OK;
}

static int file_sector_size(sqlite3_file *file) {
    (void)file;
    return 4096;
}

/// What os_unix.c says of every file unless it is told otherwise.
static int file_characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory) {
    disk_file *own = file_of(file);
    *memory = NULL;
    if (region >= shm_regions) return SQLITE_IOERR_SHMMAP;
    pthread_mutex_lock(&own->disk->mutex);
    if (!own->maps_shm) {
        own->maps_shm = true;
        own->node->shm_users += 1;
    }
    if (own->node->shm[region] == NULL && extend) own->node->shm[region] = required(calloc(1, (size_t)size));
    *memory = own->node->shm[region];
    pthread_mutex_unlock(&own->disk->mutex);
    return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    disk_file *own = file_of(file);
    uint32_t mask = ((1u << count) - 1) << offset;
    int result = SQLITE_OK;
    pthread_mutex_lock(&own->disk->mutex);
    if (flags & SQLITE_SHM_UNLOCK) {
        own->shm_shared &= ~mask;
        own->shm_exclusive &= ~mask;
    } else {
        bool shares = (flags & SQLITE_SHM_SHARED) != 0;
        for (const disk_file *other = own->node->handles; other != NULL; other = other->next) {
            if (other == own) continue;
            uint32_t held = other->shm_exclusive | (shares ? 0 : other->shm_shared);
            if (held & mask) result = SQLITE_BUSY;
        }
        if (result == SQLITE_OK) *(shares ? &own->shm_shared : &own->shm_exclusive) |= mask;
    }
    pthread_mutex_unlock(&own->disk->mutex);
    return result;
}

static void file_shm_barrier(sqlite3_file *file) {
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
}

static int file_shm_unmap(sqlite3_file *file, int delete) {
    (void)delete;
    disk_file *own = file_of(file);
    pthread_mutex_lock(&own->disk->mutex);
    own->shm_shared = own->shm_exclusive = 0;
    // Whoever comes first after the last has gone builds the index of the log anew.
    if (own->maps_shm && --own->node->shm_users == 0) free_shm(own->node);
    own->maps_shm = false;
    pthread_mutex_unlock(&own->disk->mutex);
    return SQLITE_OK;
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **page) {
    node *node = file_of(file)->node;
    pthread_mutex_lock(&file_of(file)->disk->mutex);
    *page = offset + count <= node->size ? node->cached + offset : NULL;
    pthread_mutex_unlock(&file_of(file)->disk->mutex);
    return SQLITE_OK;
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    (void)file, (void)offset, (void)page;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    3, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,
    file_check_reserved_lock, file_control, file_sector_size, file_characteristics, file_shm_map, file_shm_lock,
    file_shm_barrier, file_shm_unmap, file_fetch, file_unfetch,
};

// MARK: The VFS

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out) {
    cdisk *disk = vfs->pAppData;
    disk_file *opened = file_of(file);
    memset(opened, 0, sizeof *opened);
    pthread_mutex_lock(&disk->mutex);
    int index = path == NULL ? -1 : find(&disk->shown, path);
    bool is_created = index < 0 && (flags & SQLITE_OPEN_CREATE);
    node *node = index >= 0 ? disk->shown.entries[index].node : is_created ? make_node(disk) : NULL;
    if (node != NULL) {
        if (is_created && path != NULL) {
            append(&disk->shown, path, node);
            append(&disk->waiting, path, node);
        }
        int journals = SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
        opened->disk = disk;
        opened->node = node;
        opened->syncs_directory = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
        opened->next = node->handles;
        node->handles = opened;
        opened->file.pMethods = &methods;
        if (out != NULL) *out = flags;
    }
    pthread_mutex_unlock(&disk->mutex);
    return node == NULL ? SQLITE_CANTOPEN : SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    cdisk *disk = vfs->pAppData;
    pthread_mutex_lock(&disk->mutex);
    int index = find(&disk->shown, path);
    if (index >= 0) {
        drop(&disk->shown, index);
        append(&disk->waiting, path, NULL);
        if (sync) sync_directory(disk);
    }
    pthread_mutex_unlock(&disk->mutex);
    return index >= 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    cdisk *disk = vfs->pAppData;
    pthread_mutex_lock(&disk->mutex);
    int index = find(&disk->shown, path);
    // As os_unix.c: an empty file does not exist.
    *result = index >= 0 && (flags != SQLITE_ACCESS_EXISTS || disk->shown.entries[index].node->size > 0);
    pthread_mutex_unlock(&disk->mutex);
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int count, char *out) {
    (void)vfs;
    sqlite3_snprintf(count, out, "%s", path);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs;
    return sqlite3_vfs_find(NULL)->xRandomness(sqlite3_vfs_find(NULL), count, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return sqlite3_vfs_find(NULL)->xSleep(sqlite3_vfs_find(NULL), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
    (void)vfs;
    return sqlite3_vfs_find(NULL)->xCurrentTime(sqlite3_vfs_find(NULL), days);
}

static int vfs_last_error(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs, (void)count, (void)out;
    return errno;
}

cdisk *cdisk_make(const char *name, uint64_t seed) {
    cdisk *made = required(calloc(1, sizeof *made));
    made->name = required(strdup(name));
    made->random = seed;
    made->limit = -1;
    pthread_mutex_init(&made->mutex, NULL);
    made->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(disk_file),
        .mxPathname = 512,
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
    cdisk_free(made);
    return NULL;
}

static void empty(cdisk *disk) {
    clear(&disk->shown);
    clear(&disk->stored);
    clear(&disk->waiting);
    free_nodes(disk);
}

void cdisk_free(cdisk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
    empty(disk);
    free(disk->shown.entries);
    free(disk->stored.entries);
    free(disk->waiting.entries);
    pthread_mutex_destroy(&disk->mutex);
    free(disk->name);
    free(disk);
}

void cdisk_copy(cdisk *disk, cdisk *from) {
    pthread_mutex_lock(&disk->mutex);
    empty(disk);
    for (int i = 0; i < from->shown.count; i++) {
        const entry *entry = &from->shown.entries[i];
        node *copy = make_node(disk);
        if (entry->node->size > 0) store(copy, 0, entry->node->size, entry->node->cached);
        read_back(copy);
        append(&disk->shown, entry->name, copy);
        append(&disk->stored, entry->name, copy);
    }
    pthread_mutex_unlock(&disk->mutex);
}

int64_t cdisk_size(cdisk *disk, const char *path) {
    pthread_mutex_lock(&disk->mutex);
    int index = find(&disk->shown, path);
    int64_t size = index < 0 ? -1 : disk->shown.entries[index].node->size;
    pthread_mutex_unlock(&disk->mutex);
    return size;
}

void cdisk_limit(cdisk *disk, int64_t bytes) {
    pthread_mutex_lock(&disk->mutex);
    disk->limit = bytes;
    pthread_mutex_unlock(&disk->mutex);
}

int64_t cdisk_used(cdisk *disk) {
    pthread_mutex_lock(&disk->mutex);
    int64_t bytes = used(disk);
    pthread_mutex_unlock(&disk->mutex);
    return bytes;
}
