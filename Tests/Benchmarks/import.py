#!/usr/bin/env python3
"""What a capable programmer writes in an afternoon: contacts of a Custom Contact Source into SQLite.

    import.py URL DATABASE COUNT

Does the job that contact-gateway's full run does, with Python's HTTP client and sqlite3: pages of 1,000 over one
kept-alive connection, each contact as a document with its look-up keys and a row in the change log, one transaction a
page, durable (WAL, synchronous FULL); a contact whose hash has not changed is passed over; what is missing at the end
is deleted. Runs twice and prints the seconds of both runs.
"""

import base64
import hashlib
import http.client
import json
import sqlite3
import sys
import time
import urllib.parse

SCHEMA = """
create table contact (id integer primary key, connection integer, revision integer, doc text) strict;
create table link (vendor_id text primary key, contact integer, hash blob) strict, without rowid;
create table lookup (key text, contact integer, primary key (key, contact)) strict, without rowid;
create table change (sequence integer primary key, contact integer, type integer, at_ms integer, doc text) strict;
"""


def document(contact_id, record, sequence, now):
    """The contact as the API would answer it."""
    return {
        "id": f"{contact_id:032x}",
        "connection": "erp",
        "vendor_id": record["id"],
        "kind": "individual",
        "name": {
            "full": (record["first_name"] + " " + record["last_name"]).strip(),
            "given": record["first_name"],
            "surname": record["last_name"],
        },
        "organization": record.get("company"),
        "emails": [{"address": mail["email"], "label": mail["label"]} for mail in record.get("emails", [])],
        "phones": [{"number": phone["number"], "label": phone["label"]} for phone in record.get("phones", [])],
        "lifecycle": record.get("type", "customer"),
        "created_at": now,
        "updated_at": now,
        "revision": sequence,
    }


def keys(record):
    """What the contact is found by: e-mail without case, phone by its digits."""
    for mail in record.get("emails", []):
        yield "e" + mail["email"].lower()
    for phone in record.get("phones", []):
        digits = "".join(filter(str.isdigit, phone["number"]))
        yield "p" + digits
        yield "t" + digits[-7:]


class Source:
    """The contact source over one connection."""

    def __init__(self, url):
        parts = urllib.parse.urlparse(url)
        self.client = http.client.HTTPConnection(parts.hostname, parts.port)
        basic = base64.b64encode(b"test_id:test_secret").decode()
        self.token = self.get("/token", "Basic " + basic)["token"]

    def get(self, path, authorization):
        self.client.request("GET", path, headers={"Authorization": authorization})
        answer = self.client.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]}")
        return json.loads(body)

    def pages(self):
        number = 1
        while True:
            page = self.get(f"/contacts?limit=1000&page={number}", "Bearer " + self.token)
            yield page["contacts"]
            if not page["has_more"]:
                return
            number += 1


def run(database, source):
    """One full run; answers how many contacts were created, changed, unchanged and deleted."""
    created = updated = unchanged = 0
    known = {row[0]: (row[1], row[2]) for row in database.execute("select vendor_id, contact, hash from link")}
    sequence = database.execute("select coalesce(max(sequence), 0) from change").fetchone()[0]
    next_id = database.execute("select coalesce(max(id), 0) from contact").fetchone()[0]
    seen = set()
    for page in source.pages():
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
        database.execute("begin immediate")
        for record in page:
            vendor_id = record["id"]
            seen.add(vendor_id)
            digest = hashlib.blake2b(json.dumps(record).encode(), digest_size=8).digest()
            contact, old = known.get(vendor_id, (None, None))
            if old == digest:
                unchanged += 1
                continue
            sequence += 1
            if contact is None:
                next_id += 1
                contact = next_id
                created += 1
            else:
                updated += 1
                database.execute("delete from lookup where contact = ?", (contact,))
            doc = json.dumps(document(contact, record, sequence, stamp))
            database.execute("insert or replace into contact values (?, 1, ?, ?)", (contact, sequence, doc))
            database.execute("insert or replace into link values (?, ?, ?)", (vendor_id, contact, digest))
            database.executemany("insert or ignore into lookup values (?, ?)", ((key, contact) for key in keys(record)))
            database.execute("insert into change values (?, ?, ?, ?, ?)", (sequence, contact, 1, int(now * 1000), doc))
        database.execute("commit")
    missing = [(vendor_id, contact) for vendor_id, (contact, _) in known.items() if vendor_id not in seen]
    database.execute("begin immediate")
    for vendor_id, contact in missing:
        sequence += 1
        database.execute("insert into change values (?, ?, 3, ?, null)", (sequence, contact, int(time.time() * 1000)))
        database.execute("delete from lookup where contact = ?", (contact,))
        database.execute("delete from contact where id = ?", (contact,))
        database.execute("delete from link where vendor_id = ?", (vendor_id,))
    database.execute("commit")
    return created, updated, unchanged, len(missing)


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    url, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.executescript(SCHEMA)
    times = []
    for expected in ((count, 0, 0, 0), (0, 0, count, 0)):
        began = time.perf_counter()
        counts = run(database, Source(url))
        times.append(time.perf_counter() - began)
        if counts != expected:
            print(f"expected {expected}, got {counts}", file=sys.stderr)
            return 1
    print(f"{times[0]:.3f} {times[1]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
