// What SQLite gives at most when everything is stored that a created contact leaves behind: its document under three
// indexes, two look-up keys that land anywhere, its change, and its words in the search index. 64 in a transaction,
// each transaction durable; keys and words differ from contact to contact.
//
//   creates DATABASE DOCUMENT_FILE SECONDS        prints contacts a second

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static sqlite3 *database;

static void check(int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE) return;
    fprintf(stderr, "creates: %s\n", sqlite3_errmsg(database));
    exit(1);
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL));
    return statement;
}

static void run(sqlite3_stmt *statement) {
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: creates DATABASE DOCUMENT_FILE SECONDS\n");
        return 2;
    }
    char document[65536];
    FILE *file = fopen(arguments[2], "rb");
    if (!file) return perror(arguments[2]), 1;
    int size = (int)fread(document, 1, sizeof document, file);
    fclose(file);

    check(sqlite3_open_v2(arguments[1], &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    check(sqlite3_exec(database,
                       "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 65536;"
                       "pragma cache_size = -65536; pragma mmap_size = 2147418112;"
                       "create table contact (id integer primary key, connection integer not null,"
                       "    revision integer not null, doc text not null) strict;"
                       "create index contact_connection_idx on contact (connection, id);"
                       "create unique index contact_revision_idx on contact (revision);"
                       "create table lookup (key integer not null, contact integer not null,"
                       "    primary key (key, contact)) strict, without rowid;"
                       "create table change (sequence integer primary key, contact integer not null,"
                       "    connection integer not null, type integer not null, at_ms integer not null) strict;"
                       "create virtual table search using fts5 (words, content = '', detail = none, columnsize = 0,"
                       "    tokenize = 'ascii', prefix = '2 3')",
                       NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare("begin immediate"), *commit = prepare("commit");
    sqlite3_stmt *contact = prepare("insert into contact (id, connection, revision, doc) values (?1, 1, ?1, ?2)");
    sqlite3_stmt *lookup = prepare("insert or ignore into lookup (key, contact) values (?, ?)");
    sqlite3_stmt *change = prepare("insert into change (sequence, contact, connection, type, at_ms) values (?1, ?1, 1, 1, 0)");
    sqlite3_stmt *search = prepare("insert into search (rowid, words) values (?, ?)");

    double began = now(), end = began + atof(arguments[3]);
    sqlite3_int64 row = 0;
    while (now() < end) {
        run(begin);
        for (int i = 0; i < 64; i++) {
            row++;
            sqlite3_bind_int64(contact, 1, row);
            sqlite3_bind_text(contact, 2, document, size, SQLITE_STATIC);
            run(contact);
            for (int key = 0; key < 2; key++) {
                sqlite3_bind_int64(lookup, 1, (sqlite3_int64)((sqlite3_uint64)(row * 2 + key) * 0x9E3779B97F4A7C15u));
                sqlite3_bind_int64(lookup, 2, row);
                run(lookup);
            }
            sqlite3_bind_int64(change, 1, row);
            run(change);
        }
        for (sqlite3_int64 word = row - 63; word <= row; word++) {
            char words[128];
            int length = snprintf(words, sizeof words, "mina example%lld alder sons mina %lld example com 1201%07lld",
                                  word % 9973, word, word * 7919 % 10000000);
            sqlite3_bind_int64(search, 1, word);
            sqlite3_bind_text(search, 2, words, length, SQLITE_STATIC);
            run(search);
        }
        run(commit);
    }
    printf("%.0f\n", (double)row / (now() - began));
    return 0;
}
