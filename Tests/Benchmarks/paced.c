// Asks at a fixed rate whatever the server does, so that a stall is seen by every request that falls into it: the
// latency of a request counts from the moment it was due, not from the moment a connection was free to send it.
//
//   paced HOST PORT KEY PATHS_FILE RATE SECONDS CONNECTIONS       prints: requests p50 p99 p99.9 max (microseconds)
//
// It stands for clients on other machines, so it takes a processor as soon as it has something to do, where it may
// (CAP_SYS_NICE); without that, waiting for one on a busy machine would count as the server's latency.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int socket;
    int64_t due;        // of the request under way; 0 when idle
    size_t received;    // bytes of the answer so far
    size_t expected;    // the whole answer's bytes; 0 until its head is read
    char answer[65536];
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "paced: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

// Reads what is there; answers whether the answer is whole.
static int receive_some(struct connection *connection) {
    ssize_t count = recv(connection->socket, connection->answer + connection->received,
                         sizeof connection->answer - 1 - connection->received, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count <= 0) fail("the connection ended");
    connection->received += (size_t)count;
    connection->answer[connection->received] = 0;
    if (!connection->expected) {
        char *end = strstr(connection->answer, "\r\n\r\n");
        if (!end) return 0;
        if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) errno = 0, fail(connection->answer);
        char *length = strcasestr(connection->answer, "\r\ncontent-length:");
        if (!length || length > end) errno = 0, fail("an answer without Content-Length");
        connection->expected = (size_t)(end + 4 - connection->answer) + strtoul(length + 17, NULL, 10);
    }
    return connection->received == connection->expected;
}

int main(int count, char **arguments) {
    if (count != 8) {
        fprintf(stderr, "usage: paced HOST PORT KEY PATHS_FILE RATE SECONDS CONNECTIONS\n");
        return 2;
    }
    int64_t interval = (int64_t)(1e9 / atof(arguments[5]));
    size_t total = (size_t)(atof(arguments[5]) * atof(arguments[6]));
    int connections = atoi(arguments[7]);

    size_t paths = 0, room = 1024;
    char **requests = malloc(room * sizeof *requests);
    char line[512];
    FILE *file = fopen(arguments[4], "r");
    if (!file) fail(arguments[4]);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (paths == room) requests = realloc(requests, (room *= 2) * sizeof *requests);
        if (asprintf(&requests[paths++], "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", line,
                     arguments[1], arguments[3]) < 0) fail("memory");
    }
    fclose(file);
    if (!paths) errno = 0, fail("no paths");

    prctl(PR_SET_TIMERSLACK, 1);
    struct sched_param first = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &first) != 0) fputs("paced: no real-time priority: its own waits count\n", stderr);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))};
    inet_pton(AF_INET, arguments[1], &address.sin_addr);
    int poll = epoll_create1(0), yes = 1;
    struct connection *all = calloc((size_t)connections, sizeof *all);
    struct connection **idle = calloc((size_t)connections, sizeof *idle);
    int idles = 0;
    for (int i = 0; i < connections; i++) {
        all[i].socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[i].socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
        setsockopt(all[i].socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].socket, &event);
        idle[idles++] = &all[i];
    }

    int64_t *latencies = calloc(total, sizeof *latencies);
    int64_t began = now();
    size_t sent = 0, done = 0;
    while (done < total) {
        while (sent < total && idles > 0 && began + (int64_t)sent * interval <= now()) {
            struct connection *connection = idle[--idles];
            connection->due = began + (int64_t)sent * interval;
            connection->received = connection->expected = 0;
            char *request = requests[sent++ * 7919 % paths];
            size_t size = strlen(request);
            if (send(connection->socket, request, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
        }
        int64_t wait = sent < total && idles > 0 ? began + (int64_t)sent * interval - now() : 1000000000;
        if (wait < 0) wait = 0;
        struct timespec limit = {wait / 1000000000, wait % 1000000000};
        struct epoll_event events[256];
        int ready = epoll_pwait2(poll, events, 256, &limit, NULL);
        if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive_some(connection)) continue;
            latencies[done++] = now() - connection->due;
            idle[idles++] = connection;
        }
    }
    qsort(latencies, total, sizeof *latencies, ascending);
    printf("%zu %.1f %.1f %.1f %.1f\n", total, (double)latencies[total / 2] / 1e3,
           (double)latencies[total * 99 / 100] / 1e3, (double)latencies[total * 999 / 1000] / 1e3,
           (double)latencies[total - 1] / 1e3);
    return 0;
}
