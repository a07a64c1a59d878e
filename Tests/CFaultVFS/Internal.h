//  What the two VFSs tell each other.
#pragma once

/// To a disk, on a file: its sync has failed. Some of what waited is written, the rest is forgotten, and the page cache
/// shows all of it as if nothing had happened (Linux marks the pages clean: man fsync, lwn.net/Articles/752063).
#define CDISK_FCNTL_SYNC_FAILED 0x46415501
