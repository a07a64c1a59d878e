//  Two SQLite VFSs for tests: one whose k-th call fails, over any other, and a disk in memory that can lose its power.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// MARK: Calls that fail

/// Which calls count, and may fail: bits. Unlocking and closing never fail, as with the system's own calls.
static const uint32_t CFAULT_OPEN = 1 << 0;
static const uint32_t CFAULT_READ = 1 << 1;
static const uint32_t CFAULT_WRITE = 1 << 2;
static const uint32_t CFAULT_TRUNCATE = 1 << 3;
static const uint32_t CFAULT_SYNC = 1 << 4;
static const uint32_t CFAULT_DELETE = 1 << 5;
static const uint32_t CFAULT_ACCESS = 1 << 6;
static const uint32_t CFAULT_SIZE = 1 << 7;
static const uint32_t CFAULT_LOCK = 1 << 8;
static const uint32_t CFAULT_SHM_MAP = 1 << 9;
static const uint32_t CFAULT_SHM_LOCK = 1 << 10;
static const uint32_t CFAULT_FETCH = 1 << 11;

/// The call does nothing and fails with EIO.
static const int32_t CFAULT_EIO = 0;
/// A write does its first half and fails with EIO; any other call as `CFAULT_EIO`.
static const int32_t CFAULT_TORN = 1;
/// A write does its first half and reports no room, as os_unix.c does; a read of the log brings its first half.
static const int32_t CFAULT_SHORT = 2;
/// ENOSPC: nothing is done, in the words of os_unix.c for each call.
static const int32_t CFAULT_NOSPC = 3;

/// A VFS that passes every call on until it is armed.
typedef struct cfault cfault;

/// Registers a VFS of that name over the base; `NULL` for the system's own. `NULL` when the base is not registered.
cfault *_Nullable cfault_make(const char *_Nonnull name, const char *_Nullable base);
/// Unregisters it. Every connection through it is closed by then.
void cfault_free(cfault *_Nonnull vfs);
/// Starts to count the given calls anew; the `first` of them (from 1) fails, and with `forever` every later one.
void cfault_arm(cfault *_Nonnull vfs, int32_t kind, uint32_t calls, int64_t first, bool forever);
/// From here on nothing fails. The counts stay.
void cfault_disarm(cfault *_Nonnull vfs);
/// Calls counted since the VFS was last armed.
int64_t cfault_counted(cfault *_Nonnull vfs);
/// Calls that failed since the VFS was last armed.
int64_t cfault_failed(cfault *_Nonnull vfs);
/// The bit of the call that failed first since then; zero while none has.
uint32_t cfault_first(cfault *_Nonnull vfs);

// MARK: A disk that loses its power

/// Files in memory. Each remembers what was written since its last sync, and the directory what was created and
/// deleted since it was last synced: the first sync of a new journal or log syncs the directory, as os_unix.c does.
typedef struct cdisk cdisk;

/// How cruel a loss of power is.
typedef struct {
    /// Everything that was not synced is decided by it.
    uint64_t seed;
    /// A sector whose write was cut off keeps what it held outside the bytes written (SQLite: "powersafe overwrite").
    bool keeps_neighbours;
} cdisk_loss;

/// What a loss of power did.
typedef struct {
    /// Writes and truncations that were not synced.
    int64_t pending;
    /// Those of them of which nothing was left.
    int64_t dropped;
    /// Those of them of which a part was left.
    int64_t torn;
    /// Creations and deletions of files that were undone.
    int64_t directory;
} cdisk_damage;

/// Registers an empty disk as a VFS of that name; the seed decides what a failed sync leaves behind.
cdisk *_Nullable cdisk_make(const char *_Nonnull name, uint64_t seed);
/// Unregisters it. Every connection through it is closed by then.
void cdisk_free(cdisk *_Nonnull disk);
/// Replaces all files by synced copies of another disk's.
void cdisk_copy(cdisk *_Nonnull disk, cdisk *_Nonnull from);
/// Drops, reorders and tears what was not synced. Every connection is closed by then.
cdisk_damage cdisk_lose_power(cdisk *_Nonnull disk, cdisk_loss loss);
/// The page cache forgets: files read as the disk has them, where nothing waits to be written.
void cdisk_evict(cdisk *_Nonnull disk);
/// The size of a file; -1 when there is none.
int64_t cdisk_size(cdisk *_Nonnull disk, const char *_Nonnull path);
/// Room for all files together; negative for no limit.
void cdisk_limit(cdisk *_Nonnull disk, int64_t bytes);
/// The bytes of all files together.
int64_t cdisk_used(cdisk *_Nonnull disk);
