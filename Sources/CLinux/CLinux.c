#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(clinux_event) == sizeof(struct epoll_event), "same layout");
_Static_assert(offsetof(clinux_event, data) == offsetof(struct epoll_event, data), "same layout");
_Static_assert(clinux_readable == EPOLLIN && clinux_writable == EPOLLOUT, "same flags");
_Static_assert(clinux_error == EPOLLERR && clinux_hangup == EPOLLHUP, "same flags");
_Static_assert(clinux_add == EPOLL_CTL_ADD && clinux_delete == EPOLL_CTL_DEL && clinux_modify == EPOLL_CTL_MOD, "same");

// struct sched_attr in its first version (sched_setattr(2)), for which glibc has no name before 2.41.
struct turns {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

// For Linux nice values belong to threads, whatever POSIX says (setpriority(2)); being nicer is always allowed. A thread
// inherits its creator's, so that the main thread's is what counts from. Since Linux 6.12 `runtime` is the length of an
// ordinary thread's turn; before, and where a filter of system calls forbids this one, only the nice value is set. Where
// even that is refused the thread stays what its creator is: that costs evenness, no work.
void clinux_take_turns(int nicer, uint64_t turn_ns) {
    id_t thread = (id_t)syscall(SYS_gettid);
    int nice = getpriority(PRIO_PROCESS, (id_t)getpid()) + nicer;
    if (nice > 19) nice = 19;
    int inherited = getpriority(PRIO_PROCESS, thread);
    if (nice < inherited) nice = inherited;
    struct turns turns = {.size = sizeof turns, .policy = SCHED_OTHER, .nice = nice, .runtime = turn_ns};
    if (sched_getscheduler(0) == SCHED_OTHER && syscall(SYS_sched_setattr, 0, &turns, 0) == 0) return;
    (void)setpriority(PRIO_PROCESS, thread, nice);
}

void clinux_give_way(uint64_t nanoseconds) {
    static __thread uint64_t last;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    uint64_t now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    if (now - last < nanoseconds) return;
    last = now;
    sched_yield();
}

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

static int release_code(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // What is written at a relocation lies in segments that are writable at first: those hold more than the file.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 0;
}

void clinux_release_code(void) { (void)dl_iterate_phdr(release_code, NULL); }

int clinux_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_wait(int epoll, clinux_event *events, int capacity, int timeout_ms) {
    return epoll_wait(epoll, (struct epoll_event *)events, capacity, timeout_ms);
}

int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// Never to be executed (MFD_NOEXEC_SEAL, for which glibc 2.36 has no name): Linux may insist on that since 6.3, before
// which it did not know it.
int clinux_memory_file(void) {
    int file = memfd_create("contact-gateway", MFD_CLOEXEC | 0x8u);
    return file >= 0 || errno != EINVAL ? file : memfd_create("contact-gateway", MFD_CLOEXEC);
}

long clinux_random(void *buffer, unsigned long count) { return getrandom(buffer, count, 0); }

int clinux_inotify_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int clinux_inotify_add(int inotify, const char *directory) {
    // Without IN_MODIFY: a log in the same directory would raise it at every line.
    return inotify_add_watch(inotify, directory, IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE |
                                                     IN_DELETE | IN_DELETE_SELF);
}

/// Where the handler writes, by signal number; set before the handler is installed.
static int signal_pipes[65];

/// Only write() here: signal-safety(7).
static void note_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(signal_pipes[number], &byte, 1);
    (void)written;
    errno = saved;
}

int clinux_catch_signals(const int *signals, int count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    // A full pipe loses the signal rather than stopping the thread that it hit.
    if (fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return -1;
    for (int index = 0; index < count; index++) {
        struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        signal_pipes[signals[index]] = ends[1];
        if (sigaction(signals[index], &action, NULL) != 0) return -1;
    }
    return ends[0];
}
