#!/usr/bin/env python3
"""Measures contact-gateway against other programs on this machine, in alternating rounds, and prints ratios.

Called by run.sh, which installs and builds what is needed and says where it is in the environment.
"""

import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from datetime import date
from pathlib import Path

from processes import Client, Failure, Nginx, Process, cpu_seconds, free_port, memory

HERE = Path(__file__).resolve().parent
KEY = "bench-key"
CREDENTIALS = {"client_id": "test_id", "client_secret": "test_secret"}


class Settings:
    binary = os.environ["CONTACT_GATEWAY"]
    tools = os.environ["TOOLS"]  # folder of the compiled inserts, creates and paced
    python = os.environ["BENCHMARK_PYTHON"]  # an interpreter with FastAPI and aiohttp, or empty
    nginx = os.environ["NGINX"]
    count = int(os.environ.get("COUNT", "200000"))
    rounds = int(os.environ.get("ROUNDS", "5"))
    seconds = int(os.environ.get("DURATION", "5"))
    growth = [int(count) for count in os.environ.get("GROWTH", "10000 2000000").split()]
    only = os.environ.get("ONLY", "imports reads tls writes deliveries stalls footprint growth").split()


class Report:
    """The rows of the table, each a median of its rounds."""

    def __init__(self):
        self.rows = []

    def add(self, what, against, target, values, unit=""):
        digits = ".1f" if max(values) >= 3 else ".2f"
        median = statistics.median(values)
        self.rows.append((what, against, target, f"{median:{digits}}{unit}"))
        spread = f"{min(values):{digits}} to {max(values):{digits}}"
        print(f"  => {what}: {median:{digits}}{unit} ({spread}; wanted {target})", flush=True)

    def table(self):
        lines = ["| what | against | wanted | measured |", "| --- | --- | ---: | ---: |"]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows])


def say(text):
    print(text, flush=True)


class Bench:
    """One folder, one simulator of the main import, and what the sections share."""

    def __init__(self, folder):
        self.folder = folder
        self.report = Report()
        self.database = f"{folder}/data/contacts.db"

    # --- The gateway and its source

    def source(self, count):
        process = Process(
            [Settings.binary, "simulate", "contact-source", "--listen", "127.0.0.1:0", "--count", count],
            f"{self.folder}/source-{count}.log",
        )
        process.url = "http://" + process.address("simulator.listening")
        process.count = count
        return process

    @staticmethod
    def client_of(source):
        """A client of the simulator, with a token."""
        client = Client(source.url.removeprefix("http://"), "")
        client.headers["Authorization"] = "Basic dGVzdF9pZDp0ZXN0X3NlY3JldA=="
        client.headers["Authorization"] = "Bearer " + client.get("/token")["token"]
        return client

    def last_word(self, source):
        """A word of the source's last contact that no other has: found by search once the index has caught up."""
        page = self.client_of(source).get(f"/contacts?limit=1&page={source.count}")
        return page["contacts"][0]["emails"][0]["email"].split("@")[0].split(".")[-1]

    def some_ids(self, source, gateway, count=5000):
        """Ids of contacts spread over the whole database, found by their e-mails."""
        pages, size = self.client_of(source), 50
        ids = []
        for page in random.sample(range(1, source.count // size + 1), min(count // size, source.count // size)):
            for contact in pages.get(f"/contacts?limit={size}&page={page}")["contacts"]:
                address = urllib.parse.quote(contact["emails"][0]["email"])
                ids.append(gateway.get(f"/v1/lookup?email={address}")["best"]["id"])
        random.shuffle(ids)
        return ids

    def configuration(self, connections, database=None, tls=None, name="gateway"):
        server = {"listen": "127.0.0.1:0", "workers": 1}
        if tls:
            server["tls"] = tls
        path = f"{self.folder}/{name}.json"
        document = {
            "server": server,
            "database": {"path": database or self.database},
            "keys": [{"name": "bench", "secret": KEY, "scopes": ["read", "write", "admin"], "connections": ["*"]}],
            "connections": connections,
            "webhooks": {"allow_networks": ["127.0.0.0/8"]},
        }
        Path(path + ".new").write_text(json.dumps(document), encoding="utf-8")
        os.rename(path + ".new", path)
        return path

    @staticmethod
    def link(source, name="erp"):
        return {
            "id": name, "vendor": "contact-source", "base_url": source.url, "credentials": CREDENTIALS, "region": "US",
            "sync": {"every": "24h", "full_every": "24h", "page_size": 1000},
        }

    def gateway(self, connections, **options):
        path = self.configuration(connections, **options)
        process = Process([Settings.binary, "serve", "--config", path], f"{self.folder}/gateway.log")
        process.at = process.address("server.listening")
        process.client = None if options.get("tls") else Client(process.at, KEY)
        return process

    def fresh_data(self):
        shutil.rmtree(f"{self.folder}/data", ignore_errors=True)
        os.mkdir(f"{self.folder}/data")

    @staticmethod
    def wait_for_run(client, count, field, connection="erp"):
        """Until a run is done that says so of that many contacts."""
        end = time.monotonic() + 1800
        while time.monotonic() < end:
            for run in client.get("/v1/runs?limit=20")["items"]:
                if run["connection"] != connection:
                    continue
                if run["state"] == "failed":
                    raise Failure(f"a run failed: {run['error']}")
                if run["state"] == "done" and run["counts"][field] == count:
                    return
            time.sleep(0.005)
        raise Failure(f"no run with {count} {field}")

    def import_all(self, source, word):
        """Imports everything into an empty database; answers the gateway and the seconds from its start until the
        contacts, their keys, the change log and the search index are complete."""
        self.fresh_data()
        gateway = self.gateway([self.link(source), {"id": "book", "vendor": "local"}])
        self.wait_for_run(gateway.client, source.count, "created")
        while not gateway.client.get(f"/v1/contacts?q={word}&limit=1")["items"]:
            time.sleep(0.005)
        return gateway, time.perf_counter() - gateway.began

    @staticmethod
    def settle(gateway):
        """Until what follows an import (merging keys, moving the log into the file) is done."""
        before = -1.0
        while cpu_seconds(gateway.pid) - before > 0.02:
            before = cpu_seconds(gateway.pid)
            time.sleep(2)

    # --- wrk

    def wrk(self, pid, url, script, connections=64):
        """Requests a second, and processor microseconds of `pid` for each."""
        before = cpu_seconds(pid)
        run = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{Settings.seconds}s", "-s", script, url],
            capture_output=True, text=True, check=True,
        )
        used = cpu_seconds(pid) - before
        if "Non-2xx" in run.stdout or "Socket errors" in run.stdout:
            raise Failure(f"{url}: {run.stdout}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", run.stdout)[1])
        total = int(re.search(r"(\d+) requests in", run.stdout)[1])
        return rate, used * 1e6 / total

    def script(self, name, paths):
        """A wrk script that asks for the paths in turn."""
        Path(f"{self.folder}/{name}.paths").write_text("\n".join(paths), encoding="utf-8")
        path = f"{self.folder}/{name}.lua"
        Path(path).write_text(
            f"""
            local requests, place = {{}}, 0
            wrk.headers["Authorization"] = "Bearer {KEY}"
            init = function()
                for line in io.lines("{self.folder}/{name}.paths") do
                    requests[#requests + 1] = wrk.format("GET", line)
                end
            end
            request = function()
                place = place % #requests + 1
                return requests[place]
            end
            """, encoding="utf-8")
        return path

    def posts(self, name, body, headers):
        """A wrk script that posts the same body again and again."""
        Path(f"{self.folder}/{name}.body").write_bytes(body)
        path = f"{self.folder}/{name}.lua"
        lines = [f'wrk.headers["{field}"] = "{value}"' for field, value in headers.items()]
        lines += ['wrk.method = "POST"', f'wrk.body = io.open("{self.folder}/{name}.body", "rb"):read("*a")']
        Path(path).write_text("\n".join(lines), encoding="utf-8")
        return path

    # --- Sections

    def imports(self):
        """Import and unchanged run against import.py; leaves the database of the last round."""
        source = self.source(Settings.count)
        word = self.last_word(source)
        imported, unchanged = [], []
        for number in range(Settings.rounds):
            for old in Path(self.folder).glob("python.db*"):
                old.unlink()
            script = subprocess.run(
                [sys.executable, HERE / "import.py", source.url, f"{self.folder}/python.db", str(Settings.count)],
                capture_output=True, text=True, check=True,
            )
            theirs = [float(seconds) for seconds in script.stdout.split()]
            gateway, first = self.import_all(source, word)
            began = time.perf_counter()
            gateway.client.call("POST", "/v1/connections/erp/sync", {"mode": "full"})
            self.wait_for_run(gateway.client, Settings.count, "unchanged")
            second = time.perf_counter() - began
            gateway.end()
            say(f"  round {number + 1}: import {first:.2f} s, {theirs[0]:.2f} s Python; "
                f"unchanged {second:.3f} s, {theirs[1]:.2f} s Python")
            imported.append(theirs[0] / first)
            unchanged.append(theirs[1] / second)
        source.end()
        if imported:
            self.report.add("import through `contact-source`, search index included", "Python script", "6", imported)
            self.report.add("second full run, nothing changed", "the same script", "20", unchanged)

    def sample(self, client, most=50000):
        """Contacts spread over the whole database, page by page of a list; `pages` are those pages."""
        contacts, path = [], "/v1/contacts?limit=100"
        self.pages = []
        while path:
            self.pages.append(path)
            page = client.get(path)
            contacts += random.sample(page["items"], min(len(page["items"]), 1 + most * 100 // Settings.count))
            path = page["next"] and f"/v1/contacts?limit=100&after={urllib.parse.quote(page['next'])}"
        random.shuffle(contacts)
        random.shuffle(self.pages)
        return contacts

    def prepare_reads(self, client):
        """The wrk scripts of every kind of read, and nginx's files of the same sizes."""
        contacts = self.sample(client)
        quote = urllib.parse.quote
        self.get_script = self.script("get", ["/v1/contacts/" + contact["id"] for contact in contacts])
        phones = ["/v1/lookup?phone=" + quote(contact["phones"][0]["number"]) for contact in contacts]
        self.phone_script = self.script("phone", phones)
        self.email_script = self.script(
            "email", ["/v1/lookup?email=" + quote(contact["emails"][0]["address"]) for contact in contacts])
        # What somebody types into a search field: most of a mailbox, or the beginnings of two names.
        self.search_script = self.script("search", [
            "/v1/contacts?limit=10&q=" + quote(contact["emails"][0]["address"].split("@")[0].split(".")[-1][:-1])
            for contact in contacts])
        self.names_script = self.script("names", [
            "/v1/contacts?limit=10&q=" + quote(contact["name"]["given"][:3] + " " + contact["name"]["surname"][:4])
            for contact in contacts])
        self.list_script = self.script("list", ["/v1/contacts?limit=100"])
        self.pages_script = self.script("pages", self.pages)
        sizes = [len(json.dumps(contact, ensure_ascii=False, separators=(",", ":")).encode()) for contact in contacts]
        self.document_size = int(statistics.mean(sizes))
        client.connection.request("GET", "/v1/contacts?limit=100", headers=client.headers)
        self.list_size = len(client.connection.getresponse().read())
        Path(f"{self.folder}/document.json").write_text("x" * self.document_size, encoding="utf-8")
        Path(f"{self.folder}/list.json").write_text("x" * self.list_size, encoding="utf-8")
        self.static_script = self.script("static", ["/document.json"])
        self.static_list_script = self.script("static-list", ["/list.json"])

    def reads(self):
        """Every kind of read, each against its measure, in turns."""
        gateway = self.gateway([{"id": "book", "vendor": "local"}, self.quiet_link()])
        self.prepare_reads(gateway.client)
        nginx = Nginx(Settings.nginx, self.folder)
        here, there = f"http://{gateway.at}", f"http://127.0.0.1:{nginx.port}"
        alternative = self.fastapi()
        self.wrk(gateway.pid, here, self.get_script)  # warms the page cache; not counted
        rows = {name: [] for name in ("get", "cpu", "list", "pages", "phone", "email", "search", "names", "fastapi")}
        for number in range(Settings.rounds):
            static, static_cpu = self.wrk(nginx.worker, there, self.static_script)
            get, get_cpu = self.wrk(gateway.pid, here, self.get_script)
            static_list, _ = self.wrk(nginx.worker, there, self.static_list_script)
            listed, _ = self.wrk(gateway.pid, here, self.list_script)
            paged, _ = self.wrk(gateway.pid, here, self.pages_script)
            phone, _ = self.wrk(gateway.pid, here, self.phone_script)
            email, _ = self.wrk(gateway.pid, here, self.email_script)
            search, _ = self.wrk(gateway.pid, here, self.search_script)
            names, _ = self.wrk(gateway.pid, here, self.names_script)
            say(f"  round {number + 1}: GET {get:.0f}/s at {get_cpu:.2f} µs, nginx {static:.0f}/s at {static_cpu:.2f} µs; "
                f"list {listed:.0f}, other pages {paged:.0f}, nginx {static_list:.0f}; by phone {phone:.0f}, "
                f"by e-mail {email:.0f}; search {search:.0f} and {names:.0f}")
            rows["get"].append(get / static)
            rows["cpu"].append(get_cpu / static_cpu)
            rows["list"].append(listed / static_list)
            rows["pages"].append(paged / static_list)
            for name, rate in (("phone", phone), ("email", email), ("search", search), ("names", names)):
                rows[name].append(rate / get)
            if alternative:
                rows["fastapi"].append(self.wrk(alternative.pid, alternative.url, self.get_script)[0] / static)
        gateway.end()
        nginx.process.end()
        add = self.report.add
        add("GET by id, key check, metrics and log to a file included: requests", "nginx, static file", "1.0", rows["get"])
        add("the same: processor time for each", "nginx, static file", "at most 1.1", rows["cpu"])
        add("list of 100", "nginx, static file of that size", "0.9", rows["list"])
        add("list of 100, another page each time", "nginx, static file of that size", "", rows["pages"])
        add("look-up by phone", "GET by id", "0.7", rows["phone"])
        add("look-up by e-mail", "GET by id", "0.7", rows["email"])
        add("search by the beginning of a word, 10 results", "GET by id", "0.15", rows["search"])
        add("search by the beginnings of two names, 10 of 200 results", "GET by id", "", rows["names"])
        if alternative:
            alternative.end()
            add("FastAPI, uvicorn and sqlite3: GET by id", "nginx, static file", "", rows["fastapi"])

    def quiet_link(self):
        """The connection whose contacts are in the database, with nobody behind it any more."""
        return {
            "id": "erp", "vendor": "contact-source", "base_url": "http://127.0.0.1:9", "credentials": CREDENTIALS,
            "region": "US", "sync": {"every": "24h", "full_every": "24h", "page_size": 1000},
        }

    def fastapi(self):
        """The alternative for reads, or `None` where it could not be installed."""
        if not Settings.python:
            return None
        port = free_port()
        process = Process(
            [Settings.python, "-m", "uvicorn", "reads_fastapi:app", "--app-dir", HERE, "--port", port, "--log-level",
             "warning", "--no-access-log"],
            f"{self.folder}/fastapi.log", {"DATABASE": self.database, "KEY": KEY},
        )
        process.url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                Client(f"127.0.0.1:{port}", KEY).connection.connect()
                return process
            except OSError:
                time.sleep(0.05)
        raise Failure(f"uvicorn does not listen: {process.tail()}")

    def tls(self):
        """GET by id over TLS against nginx over TLS."""
        certificate, key = f"{self.folder}/tls.pem", f"{self.folder}/tls.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "1", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], capture_output=True, check=True)
        gateway = self.gateway(
            [{"id": "book", "vendor": "local"}, self.quiet_link()], tls={"certificate": certificate, "key": key})
        nginx = Nginx(Settings.nginx, self.folder, certificate, key)
        ratios = []
        for number in range(Settings.rounds):
            static, static_cpu = self.wrk(nginx.worker, f"https://127.0.0.1:{nginx.tls_port}", self.static_script)
            get, get_cpu = self.wrk(gateway.pid, f"https://{gateway.at}", self.get_script)
            say(f"  round {number + 1}: {get:.0f}/s at {get_cpu:.2f} µs, nginx {static:.0f}/s at {static_cpu:.2f} µs")
            ratios.append(get / static)
        gateway.end()
        nginx.process.end()
        self.report.add("GET by id over TLS", "nginx over TLS", "0.95", ratios)

    def writes(self):
        """Durable creates in the gateway's own book against rows inserted by C."""
        gateway = self.gateway([{"id": "book", "vendor": "local"}, self.quiet_link()])
        contact = {
            "connection": "book", "name": {"given": "Mina", "surname": "Example"}, "organization": "Alder & Sons",
            "emails": [{"address": "mina@example.com", "label": "work"}],
            "phones": [{"number": "+12015550123", "label": "mobile"}],
        }
        stored = gateway.client.call("POST", "/v1/contacts", contact)
        document = f"{self.folder}/stored.json"
        Path(document).write_text(json.dumps(stored, separators=(",", ":")), encoding="utf-8")
        script = self.posts("create", json.dumps(contact).encode(), {
            "Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        others = self.creates("creates")
        nginx = Nginx(Settings.nginx, self.folder)
        ratios, whole, bounds = [], [], []
        for number in range(Settings.rounds):
            raw = self.rows_from_c("inserts", document)
            rate, cpu = self.wrk(gateway.pid, f"http://{gateway.at}/v1/contacts", script)
            say(f"  round {number + 1}: {rate:.0f} creates/s at {cpu:.2f} µs, {raw:.0f} rows/s in C")
            ratios.append(rate / raw)
            posted, _ = self.wrk(nginx.worker, f"http://127.0.0.1:{nginx.port}/hook", script)
            say(f"           nginx answers {posted:.0f} such posts/s with 204, and stores nothing")
            bounds.append(posted / raw)
            raw = self.rows_from_c("creates", document)
            rate, cpu = self.wrk(gateway.pid, f"http://{gateway.at}/v1/contacts", others)
            say(f"           each another contact: {rate:.0f} creates/s at {cpu:.2f} µs, {raw:.0f}/s whole in C")
            whole.append(rate / raw)
        nginx.process.end()
        gateway.end()
        self.report.add("durable POST to `local`, 64 connections", "rows from C, 64 in a transaction", "0.5", ratios)
        self.report.add(
            "the same, each another contact", "C storing keys, change and words too, 64 in a transaction", "-", whole)
        self.report.add(
            "nginx, `return 204` to such posts, nothing stored", "rows from C, 64 in a transaction", "-", bounds)

    def rows_from_c(self, program, document):
        """What a C program stores a second in a database of its own."""
        for old in Path(self.folder).glob(f"{program}.db*"):
            old.unlink()
        return float(subprocess.run(
            [f"{Settings.tools}/{program}", f"{self.folder}/{program}.db", document, str(Settings.seconds)],
            capture_output=True, text=True, check=True).stdout)

    def creates(self, name):
        """A wrk script that posts another contact each time."""
        path = f"{self.folder}/{name}.lua"
        Path(path).write_text(
            f"""
            wrk.method = "POST"
            wrk.headers["Authorization"] = "Bearer {KEY}"
            wrk.headers["Content-Type"] = "application/json"
            local number = os.time() % 100000 * 1000000
            request = function()
                number = number + 1
                return wrk.format(nil, nil, nil, string.format(
                    '{{"connection":"book","name":{{"given":"Mina","surname":"Example%d"}},'
                    .. '"organization":"Alder & Sons","emails":[{{"address":"mina.%d@example.com","label":"work"}}],'
                    .. '"phones":[{{"number":"+1201%07d","label":"mobile"}}]}}',
                    number % 9973, number, number * 7919 % 10000000))
            end
            """, encoding="utf-8")
        return path

    def deliveries(self):
        """A backlog of events to a receiver that comes back, against wrk posting the same bytes to it."""
        self.fresh_folder("hooks")
        gateway = self.gateway(
            [{"id": "book", "vendor": "local"}], database=f"{self.folder}/hooks/contacts.db", name="hooks")
        nginx = Nginx(Settings.nginx, self.folder)
        url = f"http://127.0.0.1:{nginx.port}/hook"
        gateway.client.call("POST", "/v1/webhooks", {"url": url, "events": ["contact.created"]})
        count, ratios, others = 20000, [], []
        event = self.event_body()
        script = self.posts("event", event, {
            "Content-Type": "application/json", "webhook-id": "evt_0000000000000001", "webhook-timestamp": "1700000000",
            "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="})
        for number in range(Settings.rounds):
            before, asked = nginx.requests(), 0
            nginx.pause()
            for first in range(0, count, 1000):
                gateway.client.call("POST", "/v1/contacts/batch", {"operations": [
                    {"op": "create", "contact": self.made_up(number, first + offset)} for offset in range(1000)]})
            nginx.go_on()
            began = time.perf_counter()
            while nginx.requests() - before - asked - 1 < count:
                asked += 1
                time.sleep(0.01)
            rate = count / (time.perf_counter() - began)
            posted, _ = self.wrk(nginx.worker, url, script)
            say(f"  round {number + 1}: {rate:.0f} deliveries/s, wrk posts {posted:.0f}/s")
            ratios.append(rate / posted)
            if Settings.python:
                run = subprocess.run(
                    [Settings.python, HERE / "deliveries_aiohttp.py", url, f"{self.folder}/event.body", str(count)],
                    capture_output=True, text=True, check=True)
                others.append(float(run.stdout) / posted)
        gateway.end()
        nginx.process.end()
        self.report.add("signed durable deliveries to a `return 204`", "wrk posting the same bytes", "0.2", ratios)
        if others:
            self.report.add("aiohttp: signed deliveries, nothing durable", "wrk posting the same bytes", "", others)

    def fresh_folder(self, name):
        shutil.rmtree(f"{self.folder}/{name}", ignore_errors=True)
        os.mkdir(f"{self.folder}/{name}")

    @staticmethod
    def made_up(round_number, number):
        return {
            "connection": "book", "name": {"given": "Mina", "surname": f"Example{number}"}, "title": "Buyer",
            "emails": [{"address": f"mina{round_number}.{number}@example.com", "label": "work"}],
            "phones": [{"number": f"+1201{2000000 + number}", "label": "mobile"}],
        }

    def event_body(self):
        """An event of the size that the gateway sends."""
        contact = self.made_up(0, 12345) | {
            "id": "0" * 32, "vendor_id": None, "owner": None, "kind": "individual", "organization": None,
            "addresses": [], "notes": None, "tags": [], "lifecycle": None, "favorite": False, "read_only": False,
            "custom_fields": {}, "created_at": "2026-11-20T10:00:00.000Z", "updated_at": "2026-11-20T10:00:00.000Z",
            "revision": 12345,
        }
        contact["name"] |= {"full": "Mina Example12345", "prefix": None, "middle": None, "suffix": None}
        return json.dumps({
            "type": "contact.created", "timestamp": "2026-11-20T10:00:00.000Z",
            "data": {"sequence": 12345, "previous_sequence": 12344, "connection": "book", "contact_id": "0" * 32,
                     "changed_fields": [], "contact": contact, "previous": None},
        }, separators=(",", ":")).encode()

    def stalls(self):
        """GET at 5,000 requests a second while contacts come in and their events go out, against idle."""
        source = self.source(Settings.count)
        idle_link = [{"id": "book", "vendor": "local"}, self.quiet_link()]
        ratios = []
        nginx = Nginx(Settings.nginx, self.folder)
        for number in range(Settings.rounds):
            self.fresh_folder("stalls")
            database = f"{self.folder}/stalls/contacts.db"
            for part in Path(f"{self.folder}/data").iterdir():
                shutil.copy(part, f"{self.folder}/stalls/{part.name}")
            gateway = self.gateway(idle_link, database=database, name="stalls")
            idle = self.paced(gateway)
            gateway.client.call("POST", "/v1/webhooks", {
                "url": f"http://127.0.0.1:{nginx.port}/hook", "events": ["contact.*"]})
            self.configuration(idle_link + [self.link(source, "more")], database=database, name="stalls")
            gateway.client.call("POST", "/v1/config/reload")
            busy = self.paced(gateway)
            say(f"  round {number + 1}: p99 {idle['p99']:.0f} µs idle, {busy['p99']:.0f} µs under load "
                f"(p50 {idle['p50']:.0f} and {busy['p50']:.0f}, worst {idle['max']:.0f} and {busy['max']:.0f})")
            ratios.append(busy["p99"] / idle["p99"])
            gateway.end()
        nginx.process.end()
        source.end()
        self.report.add(
            "GET p99 at 5,000/s during an import and its deliveries", "the same, idle", "at most 5", ratios)

    def paced(self, gateway):
        host, port = gateway.at.rsplit(":", 1)
        run = subprocess.run(
            [f"{Settings.tools}/paced", host, port, KEY, f"{self.folder}/get.paths", "5000", str(Settings.seconds), "32"],
            capture_output=True, text=True, check=True)
        return dict(zip(("requests", "p50", "p99", "p99.9", "max"), map(float, run.stdout.split())))

    def footprint(self):
        """Memory and start of a gateway with all contacts in its database, and the size of the program."""
        starts, residents, anonymous, each = [], [], [], []
        paths = Path(f"{self.folder}/get.paths").read_text(encoding="utf-8").split("\n")
        for _ in range(Settings.rounds):
            gateway = self.gateway([{"id": "book", "vendor": "local"}, self.quiet_link()])
            gateway.client.get(paths[0])
            starts.append((time.perf_counter() - gateway.began) * 1000)
            time.sleep(2)  # by then the gateway has let go of what only starting needed
            gateway.client.get(paths[0])
            resident, private = memory(gateway.pid)
            residents.append(resident / 1e6)
            anonymous.append(private / 1e6)
            held = self.hold(gateway, 10000, paths[0])
            time.sleep(1)
            each.append((memory(gateway.pid)[1] - private) / len(held))
            for client in held:
                client.connection.close()
            gateway.end()
        self.report.add("start with all contacts to the first answer", "", "20 ms", starts, " ms")
        self.report.add("resident memory, idle", "", "15 MB", residents, " MB")
        self.report.add("of it not backed by files", "", "", anonymous, " MB")
        self.report.add("each of 10,000 idle keep-alive connections", "", "256 B", each, " B")
        self.report.add("the program, static and stripped", "", "16 MB", [os.path.getsize(Settings.binary) / 1e6], " MB")

    @staticmethod
    def hold(gateway, count, path):
        """That many connections, each of which has had one answer and stays open."""
        held = []
        for _ in range(count):
            client = Client(gateway.at, KEY)
            client.get(path)
            held.append(client)
        return held

    def growth(self):
        """The same figures with few and with many contacts."""
        sources = [(source, self.last_word(source)) for source in map(self.source, Settings.growth)]
        rates, gets = [], []
        for number in range(Settings.rounds):
            imported, got = [], []
            for source, word in sources:
                gateway, seconds = self.import_all(source, word)
                imported.append(source.count / seconds)
                self.settle(gateway)
                ids = self.some_ids(source, gateway.client)
                script = self.script("some", ["/v1/contacts/" + id for id in ids])
                self.wrk(gateway.pid, f"http://{gateway.at}", script)  # warms; not counted
                got.append(self.wrk(gateway.pid, f"http://{gateway.at}", script)[0])
                gateway.end()
            say("  round " + str(number + 1) + ": " + "; ".join(
                f"{source.count} contacts: import {rate:.0f}/s, GET {get:.0f}/s"
                for (source, _), rate, get in zip(sources, imported, got)))
            rates.append(imported[-1] / imported[0])
            gets.append(got[-1] / got[0])
        for source, _ in sources:
            source.end()
        few, many = f"{Settings.growth[0]:,}", f"{Settings.growth[-1]:,}"
        self.report.add(f"import rate with {many} contacts", f"with {few}", "0.8", rates)
        self.report.add(f"GET by id with {many} contacts", f"with {few}", "0.8", gets)


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{os.cpu_count()} processors ({cpu[1] if cpu else platform.machine()}), Linux {platform.release()}"


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="contact-gateway-benchmark.") as folder:
        os.chmod(folder, 0o755)  # nginx's worker drops to another user
        bench = Bench(folder)
        count = Settings.count
        try:
            if not {"reads", "tls", "stalls", "footprint"}.isdisjoint(Settings.only):
                say("contacts for the reads")
                source = bench.source(count)
                gateway, _ = bench.import_all(source, bench.last_word(source))
                bench.prepare_reads(gateway.client)
                gateway.end()
                source.end()
                shutil.copytree(f"{folder}/data", f"{folder}/kept")
            for section in Settings.only:
                say(f"{section}: {getattr(bench, section).__doc__}")
                if Path(f"{folder}/kept").exists() and section in ("reads", "tls", "stalls", "footprint"):
                    shutil.rmtree(f"{folder}/data")
                    shutil.copytree(f"{folder}/kept", f"{folder}/data")
                getattr(bench, section)()
        except (Failure, subprocess.CalledProcessError) as failure:
            print(f"FAILED: {failure}\n{getattr(failure, 'stderr', '') or ''}", file=sys.stderr)
            return 1
        finally:
            Process.end_all()
    print(f"\n{count:,} contacts, medians of {Settings.rounds} rounds, {machine()}, {date.today()}\n")
    print(bench.report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
