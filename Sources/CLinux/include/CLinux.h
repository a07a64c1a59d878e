//  What Linux offers and `import Glibc` lacks: epoll, eventfd, accept4, inotify. No system header is included here, because
//  this module would then claim its types (timespec, sockaddr) from Glibc's.
#pragma once
#include <stdint.h>

/// Names the calling thread for debuggers.
void clinux_name_thread(const char *_Nonnull name);

/// Makes the calling thread by so much nicer than the process (setpriority(2)), or leaves it as nice as its creator where
/// that is more, and its turns on a processor so long while others wait; there is no way back to a smaller nice value.
void clinux_take_turns(int nicer, uint64_t turn_ns);

/// sched_yield() when the calling thread has not done that for so many nanoseconds.
void clinux_give_way(uint64_t nanoseconds);

/// Lets go of the pages of code and constants, of this program and its libraries, that are in memory; those that are
/// needed again come back from the file.
void clinux_release_code(void);

/// accept4() of a non-blocking, close-on-exec socket.
int clinux_accept(int listener);

/// struct epoll_event: packed on x86-64 only.
#ifdef __x86_64__
#pragma pack(push, 4)
#endif
typedef struct {
    uint32_t events;
    uint64_t data;
} clinux_event;
#ifdef __x86_64__
#pragma pack(pop)
#endif

enum { clinux_readable = 0x001, clinux_writable = 0x004, clinux_error = 0x008, clinux_hangup = 0x010 };
/// With clinux_add, one of the epolls that watch the same socket is woken instead of all (EPOLLEXCLUSIVE).
enum { clinux_exclusive = 1 << 28 };
enum { clinux_add = 1, clinux_delete = 2, clinux_modify = 3 };

int clinux_epoll_create(void);
int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data);
int clinux_epoll_wait(int epoll, clinux_event *_Nonnull events, int capacity, int timeout_ms);

/// A non-blocking eventfd.
int clinux_eventfd(void);

/// memfd_create() of a close-on-exec file that cannot be executed.
int clinux_memory_file(void);

/// getrandom() without flags.
long clinux_random(void *_Nonnull buffer, unsigned long count);

/// inotify_init1() of a non-blocking, close-on-exec descriptor; -1 when there is none to be had.
int clinux_inotify_open(void);

/// Watches a directory for everything that can change what a path in it leads to or holds, but for writes into a file
/// that stays open.
int clinux_inotify_add(int inotify, const char *_Nonnull directory);

/// Installs a handler for these signals that writes each one's number, a byte, to a pipe; returns the pipe's end to read
/// from, or -1. A second call moves its signals to a pipe of its own.
int clinux_catch_signals(const int *_Nonnull signals, int count);
