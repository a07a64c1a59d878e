//  The schema, as numbered steps that are only ever added to.

import Platform

/// Brings a file to the schema that this program knows.
enum Migrations {
    /// Runs the steps that the file has not had, each in a transaction of its own with its number.
    ///
    /// - Throws: ``StoreError/Code/newer`` for a file from a newer program, which is left as it is.
    static func run(on database: Database) throws(StoreError) {
        let version = try database.number(Query("pragma user_version"))
        guard version <= steps.count else {
            throw StoreError(
                .newer,
                "the database has schema version \(version); this program knows up to \(steps.count): run a newer one"
            )
        }
        for number in Int(version)..<steps.count {
            try database.execute("begin immediate")
            do throws(StoreError) {
                try database.execute(steps[number])
                try database.execute("pragma user_version = \(number + 1)")
                if number == 0 { try plantSeeds(in: database) }
                try database.execute("commit")
            } catch {
                if database.isInTransaction { try? database.execute("rollback") }  // the first error is the one to tell
                throw error
            }
        }
    }

    /// What makes this file different from every other: the seed of its look-up hashes and the key of its tokens.
    private static func plantSeeds(in database: Database) throws(StoreError) {
        let seed = Int64(bitPattern: RandomSource.shared.next())
        try database.run(Query("insert into meta (name, value) values ('hash_seed', ?)"), seed)
        try database.run(
            Query("insert into meta (name, value) values ('token_key', ?)"),
            RandomSource.shared.bytes(32)
        )
        // An index block in memory of 8 MB instead of 1: fewer segments to merge behind an import (FTS5 §6.10).
        try database.execute("insert into search (search, rank) values ('hashsize', 8388608)")
    }

    static let steps = [
        """
        create table meta (
            name  text primary key,
            value any not null
        ) strict, without rowid;
        insert into meta (name, value) values ('search_position', 0);

        create table connection (
            id                integer primary key,
            name              text not null unique,
            vendor            text not null,
            mark              text,
            state             text,
            last_good_run_ms  integer,
            last_full_ms      integer,
            last_sweep_ms     integer,
            removed_at_ms     integer
        ) strict;

        create table contact (
            id          integer primary key,
            connection  integer not null,
            revision    integer not null,
            doc         text not null
        ) strict;
        create index contact_connection_idx on contact (connection, id);
        create unique index contact_revision_idx on contact (revision);

        create table tombstone (
            contact     integer primary key,
            connection  integer not null,
            sequence    integer not null,
            nonce       integer not null
        ) strict;
        create index tombstone_sequence_idx on tombstone (sequence);

        create table link (
            connection    integer not null,
            vendor_id     text not null,
            contact       integer not null,
            content_hash  integer not null,
            primary key (connection, vendor_id)
        ) strict, without rowid;

        create table projection (
            contact    integer primary key,
            raw        text not null,
            projected  text
        ) strict;

        create table lookup (
            key      integer not null,
            contact  integer not null,
            primary key (key, contact)
        ) strict, without rowid;

        create table change (
            sequence    integer primary key,
            contact     integer not null,
            connection  integer not null,
            type        integer not null,
            at_ms       integer not null,
            prior       integer not null,
            fields      integer not null,
            previous    text,
            trace       text
        ) strict;

        create virtual table search using fts5 (
            words, content = '', detail = none, columnsize = 0, tokenize = 'ascii', prefix = '2 3'
        );

        create table run (
            id             integer primary key autoincrement,
            connection     integer not null,
            mode           text not null,
            state          text not null,
            dry_run        integer not null,
            cursor         text,
            mark           text,
            started_at_ms  integer not null,
            ended_at_ms    integer,
            pages          integer not null default 0,
            seen           integer not null default 0,
            created        integer not null default 0,
            updated        integer not null default 0,
            deleted        integer not null default 0,
            unchanged      integer not null default 0,
            quarantined    integer not null default 0,
            error          text,
            detail         text
        ) strict;
        create index run_connection_idx on run (connection, id);
        create index run_open_idx on run (id) where state in ('running', 'held');
        create table run_seen (
            id        integer primary key,
            run       integer not null,
            contacts  blob not null
        ) strict;
        create index run_seen_run_idx on run_seen (run);
        create table run_delete (
            run      integer not null,
            contact  integer not null,
            primary key (run, contact)
        ) strict, without rowid;
        create table run_change (
            run   integer not null,
            n     integer not null,
            body  text not null,
            primary key (run, n)
        ) strict, without rowid;

        create table quarantine (
            id          integer primary key,
            connection  integer not null,
            vendor_id   text,
            reason      text not null,
            raw         text not null,
            run         integer not null,
            at_ms       integer not null
        ) strict;
        create unique index quarantine_vendor_id_idx on quarantine (connection, vendor_id) where vendor_id is not null;
        create index quarantine_connection_idx on quarantine (connection, id);

        create table webhook (
            id                   integer primary key autoincrement,
            url                  text not null,
            events               text not null,
            connections          text not null,
            fields               text not null,
            payload              text not null,
            description          text,
            headers              text not null,
            enabled              integer not null,
            disabled_reason      text,
            secret               blob not null,
            old_secret           blob,
            old_secret_until_ms  integer,
            cursor               integer not null,
            cursor_previous      integer,
            failing_since_ms     integer,
            failures             integer not null default 0,
            warned               integer not null default 0,
            created_at_ms        integer not null,
            updated_at_ms        integer not null
        ) strict;

        create table event (
            id             integer primary key autoincrement,
            type           text not null,
            connection     integer,
            at_ms          integer not null,
            data           text not null
        ) strict;

        create table delivery (
            id                 integer primary key autoincrement,
            webhook            integer not null,
            sequence           integer,
            event              integer,
            contact            integer,
            previous_sequence  integer,
            state              integer not null,
            due_at_ms          integer,
            attempts           integer not null default 0,
            reason             text,
            created_at_ms      integer not null,
            updated_at_ms      integer not null
        ) strict;
        create unique index delivery_sequence_idx on delivery (webhook, sequence) where sequence is not null;
        create index delivery_due_idx on delivery (webhook, due_at_ms) where state = 0;
        create index delivery_pending_sequence_idx on delivery (sequence) where state = 0;
        create index delivery_state_idx on delivery (webhook, state, id);
        create table attempt (
            delivery     integer not null,
            n            integer not null,
            at_ms        integer not null,
            status       integer,
            error        text,
            duration_ms  integer not null,
            response     blob,
            primary key (delivery, n)
        ) strict, without rowid;

        create table idempotency (
            owner        text not null,
            key          text not null,
            fingerprint  blob not null,
            status       integer,
            headers      text,
            body         blob,
            at_ms        integer not null,
            primary key (owner, key)
        ) strict, without rowid;
        create index idempotency_at_idx on idempotency (at_ms);

        create table write (
            id             integer primary key autoincrement,
            connection     integer not null,
            state          integer not null,
            operation      text not null,
            contact        integer,
            outcome        text,
            attempts       integer not null default 0,
            created_at_ms  integer not null,
            updated_at_ms  integer not null
        ) strict;
        create index write_queued_idx on write (connection, id) where state = 0;
        """,
        """
        create index delivery_contact_idx on delivery (webhook, contact, sequence) where state = 0;
        """,
        """
        create table lookup_run (
            id       integer primary key,
            entries  integer not null,
            target   integer
        ) strict;
        create table lookup_block (
            run      integer not null,
            key      integer not null,
            contact  integer not null,
            entries  blob not null,
            primary key (run, key, contact)
        ) strict, without rowid;
        """,
        // Contacts up to this one have other keys of their numbers: `KeyUpgrade`.
        """
        insert into meta (name, value) select 'keys_behind', id from contact order by id desc limit 1;
        """,
        // The same again: what programs made of the step before is not what this one looks for.
        """
        insert or replace into meta (name, value) select 'keys_behind', id from contact order by id desc limit 1;
        """,
        // Segments of the search index are merged when there are eight of a size, not four (FTS5, `automerge`): behind an
        // import each word is written anew half as often, and a search asks a few segments more.
        """
        insert into search (search, rank) values ('automerge', 8);
        """,
    ]
}
