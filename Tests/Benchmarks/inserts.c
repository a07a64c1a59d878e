// What the disk and SQLite give at most: rows of one document each, 64 in a transaction, each transaction durable.
//
//   inserts DATABASE DOCUMENT_FILE SECONDS        prints rows a second

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(int code, sqlite3 *database) {
    if (code == SQLITE_OK || code == SQLITE_DONE) return;
    fprintf(stderr, "inserts: %s\n", sqlite3_errmsg(database));
    exit(1);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: inserts DATABASE DOCUMENT_FILE SECONDS\n");
        return 2;
    }
    char document[65536];
    FILE *file = fopen(arguments[2], "rb");
    if (!file) return perror(arguments[2]), 1;
    int size = (int)fread(document, 1, sizeof document, file);
    fclose(file);

    sqlite3 *database;
    check(sqlite3_open_v2(arguments[1], &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL), database);
    check(sqlite3_exec(database,
                       "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20000;"
                       "create table contact (id integer primary key, doc text) strict",
                       NULL, NULL, NULL), database);
    sqlite3_stmt *begin, *insert, *commit;
    check(sqlite3_prepare_v2(database, "begin immediate", -1, &begin, NULL), database);
    check(sqlite3_prepare_v2(database, "insert into contact (doc) values (?)", -1, &insert, NULL), database);
    check(sqlite3_prepare_v2(database, "commit", -1, &commit, NULL), database);

    double began = now(), end = began + atof(arguments[3]);
    long rows = 0;
    while (now() < end) {
        check(sqlite3_step(begin), database);
        check(sqlite3_reset(begin), database);
        for (int i = 0; i < 64; i++) {
            sqlite3_bind_text(insert, 1, document, size, SQLITE_STATIC);
            check(sqlite3_step(insert), database);
            check(sqlite3_reset(insert), database);
        }
        check(sqlite3_step(commit), database);
        check(sqlite3_reset(commit), database);
        rows += 64;
    }
    printf("%.0f\n", (double)rows / (now() - began));
    return 0;
}
