"""Who refuses what: contact-gateway beside nginx, HAProxy and Apache. Called by front-door.sh."""

import asyncio
import base64
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from front_door_cases import ALLOWED, CASES, RULES

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
DOCUMENT = ROOT / "Sources" / "HTTPServer" / "Strictness.md"
KEY = "front-door-check"
SERVERS = ["contact-gateway", "nginx", "HAProxy", "Apache"]
# What the front door itself says no with; everything else (200, 401, 404 …) was let in.
REFUSALS = {400, 405, 408, 411, 413, 414, 417, 431, 501, 505}
SILENCE = 0.8


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Servers:
    """The four, each on a port of its own, in a folder that goes away."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="front-door-")
        os.chmod(self.folder, 0o755)
        self.ports = {}
        self.processes = []

    def __enter__(self):
        for start in (self.gateway, self.nginx, self.haproxy, self.apache):
            start()
        for port in self.ports.values():
            self.wait(port)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self, port):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"nothing listens on {port}; see {self.folder}")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        pathlib.Path(path).write_text(text)
        return path

    def start(self, *arguments):
        log = open(os.path.join(self.folder, "log"), "a")
        self.processes.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def gateway(self):
        port = self.ports["contact-gateway"] = free_port()
        config = {
            "server": {"listen": f"127.0.0.1:{port}", "workers": 1},
            "database": {"path": f"{self.folder}/contacts.db"},
            "keys": [{"name": "check", "secret": KEY, "scopes": ["read", "write", "admin"]}],
            "connections": [{"id": "book", "vendor": "local"}],
        }
        self.start(os.environ["CONTACT_GATEWAY"], "serve", "--config", self.write("gateway.json", json.dumps(config)))

    def nginx(self):
        port = self.ports["nginx"] = free_port()
        inner = free_port()
        # A proxy reads bodies before it asks the server behind it; with `return` alone nginx would not look at them.
        config = f"""
            daemon off; master_process off; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log;
            events {{ }}
            http {{
                access_log off;
                client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
                server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{inner}; }} }}
                server {{ listen 127.0.0.1:{inner}; location / {{ return 200 "ok"; }} }}
            }}"""
        self.start("/usr/sbin/nginx", "-e", f"{self.folder}/nginx.log", "-c", self.write("nginx.conf", config))

    def haproxy(self):
        port = self.ports["HAProxy"] = free_port()
        config = f"""
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    timeout http-request 10s
frontend door
    bind 127.0.0.1:{port}
    http-request wait-for-body time 5s
    http-request return status 200 content-type text/plain string ok
"""
        self.start("/usr/sbin/haproxy", "-db", "-f", self.write("haproxy.cfg", config))

    def apache(self):
        port = self.ports["Apache"] = free_port()
        pathlib.Path(self.folder, "www").mkdir()
        self.write("www/index.html", "ok")
        modules = "/usr/lib/apache2/modules"
        config = f"""
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {self.folder}/apache.pid
ErrorLog {self.folder}/apache.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule alias_module {modules}/mod_alias.so
DocumentRoot {self.folder}/www
RedirectMatch 404 ^
"""
        self.start("/usr/sbin/apache2", "-X", "-f", self.write("apache.conf", config))


async def send(port, data):
    """What comes back, and whether the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, closed = b"", False
    try:
        # In the background: a server may stop reading before everything is sent.
        writer.write(data)
        while True:
            try:
                piece = await asyncio.wait_for(reader.read(65536), SILENCE)
            except asyncio.TimeoutError:
                break
            except OSError:
                closed = True
                break
            if not piece:
                closed = True
                break
            received += piece
    finally:
        writer.transport.abort()
    return received, closed


def statuses(data):
    """The status of every answer in the stream, interim ones left out."""
    found = []
    while data:
        match = re.match(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n", data)
        if not match:
            if not found:  # an answer in the form of HTTP/0.9
                found.append(400 if b"400 Bad" in data or b"Bad Request" in data else 200)
            break
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            break
        status = int(match.group(1))
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        if status >= 200:
            found.append(status)
        if status >= 200 and status not in (204, 304) and not rest.startswith(b"HTTP/1."):
            if length:
                rest = rest[int(length.group(1)) :]
            elif b"chunked" in head.lower():
                rest = rest.partition(b"0\r\n\r\n")[2]
        data = rest
    return found


def verdict(received, closed):
    """`400` where it was refused, `1 answered` where it was let in, `waits` or `closes` where nothing was said."""
    found = statuses(received)
    refused = next((status for status in found if status in REFUSALS), None)
    if refused:
        before = found.index(refused)
        return f"{refused}" if before == 0 else f"{before} answered, {refused}"
    if found:
        return f"{len(found)} answered"
    return "closes" if closed else "waits"


def is_refusal(text):
    return text == "closes" or text[-3:].isdigit()


async def judge(servers, streams):
    """The verdict of every server on every stream: {server: {id: verdict}}."""
    verdicts = {}
    for server in SERVERS:
        limit = asyncio.Semaphore(24)

        async def one(name, data):
            async with limit:
                return name, verdict(*await send(servers.ports[server], data))

        verdicts[server] = dict(await asyncio.gather(*(one(name, data) for name, data in streams(server).items())))
    return verdicts


def with_host(data):
    """`Host` in every HTTP/1.1 head that has none: upstream does not ask for it."""
    result, rest = b"", data
    while True:
        before, mark, rest = rest.partition(b" HTTP/1.1\r\n")
        result += before + mark
        if not mark:
            return result
        head = (b"\r\n" + rest.partition(b"\r\n\r\n")[0]).lower()
        if b"\r\nhost:" not in head and b"\r\nhost :" not in head:
            result += b"Host: example.com\r\n"


def for_gateway(data):
    """A request with a body goes to a resource that reads it, with a key: the others let everything in everywhere."""
    match = re.match(rb"(\r\n)*(POST|PUT|PATCH|GET|DELETE) (/[!-~]*) (HTTP/1\.[01])\r\n", data)
    head = data.partition(b"\r\n\r\n")[0].lower()
    if not match or not (b"content-length" in head or b"transfer-encoding" in head):
        return data
    line = b"POST /v1/config/check " + match.group(4) + b"\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"
    return data[: match.start(2)] + line + data[match.end() :]


def corpus():
    """{id: (whether upstream takes it, bytes)}; empty where the corpora are not beside the repository."""
    cases = {}
    for prefix, folder, count in [("gunicorn", "gunicorn-requests", "requests"), ("llhttp", "llhttp-requests", "messages")]:
        path = CORPORA / folder / "cases.json"
        if not path.exists():
            continue
        for case in json.loads(path.read_text()):
            data = with_host(base64.b64decode(case["raw_b64"]))
            cases[f"{prefix}/{case['id']}"] = (not case["error"] and case[count] is not None, data)
    return cases


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


def versions():
    def first(*command):
        return subprocess.run(command, capture_output=True, text=True)

    nginx = first("/usr/sbin/nginx", "-v").stderr.strip().split("/")[-1]
    haproxy = first("/usr/sbin/haproxy", "-v").stdout.split()[2]
    apache = re.search(r"Apache/(\S+)", first("/usr/sbin/apache2", "-v").stdout).group(1)
    return f"nginx {nginx}, HAProxy {haproxy}, Apache {apache}, as Debian 12 ships and configures them"


def table(cases, own, upstream, verdicts):
    lines = []
    must = [case for case in cases if is_refusal(case.want)]
    may = [case for case in cases if not is_refusal(case.want)]
    lines += ["| | " + " | ".join(SERVERS) + " |", "| --- |" + " --- |" * len(SERVERS)]

    def row(name, ids):
        counts = [sum(is_refusal(verdicts[server][id]) for id in ids) for server in SERVERS]
        lines.append(f"| {name} ({len(ids)}) | " + " | ".join(str(count) for count in counts) + " |")

    row("ours that break a rule: refused", [case.id for case in must])
    row("ours that keep them: refused", [case.id for case in may])
    for prefix in ("gunicorn", "llhttp"):
        ids = [id for id in upstream if id.startswith(prefix)]
        if ids:
            row(f"{prefix}, what its authors refuse: refused", [id for id in ids if not upstream[id][0]])
            row(f"{prefix}, what they take: refused", [id for id in ids if upstream[id][0]])
    lines += ["", "## By rule", ""]
    lines += ["A number is the status of a refusal; `n answered` says how many requests were let in.", ""]
    for number, rule in RULES.items():
        lines += [f"**{number}. {rule}**", ""]
        lines += ["| | " + " | ".join(SERVERS) + " |", "| --- |" + " --- |" * len(SERVERS)]
        for case in cases:
            if case.rule == number:
                cells = [verdicts[server][case.id] for server in SERVERS]
                if is_refusal(cells[0]):
                    cells = [cell if is_refusal(cell) else f"**{cell}**" for cell in cells]
                lines.append(f"| {case.name} | " + " | ".join(cells) + " |")
        lines.append("")
    looser = [
        id
        for id in upstream
        if not is_refusal(verdicts[SERVERS[0]][id]) and any(is_refusal(verdicts[server][id]) for server in SERVERS[1:])
    ]
    if looser:
        lines += ["## Where another is stricter", ""]
        lines += ["Streams of the corpora that we let in and another refuses. Why we do stands in `front_door_cases.py`.", ""]
        lines += ["| | " + " | ".join(SERVERS) + " | why we let it in |", "| --- |" + " --- |" * (len(SERVERS) + 1)]
        for id in looser:
            why = next((reason for start, reason in ALLOWED.items() if id.startswith(start)), "**not judged yet**")
            lines.append(f"| {code(id)} | " + " | ".join(verdicts[server][id] for server in SERVERS) + f" | {why} |")
    return lines


async def main():
    upstream = corpus()
    own = {case.id: case.data(KEY) for case in CASES}

    def streams(server):
        theirs = {id: for_gateway(data) if server == SERVERS[0] else data for id, (_, data) in upstream.items()}
        return {**own, **theirs}

    with Servers() as servers:
        verdicts = await judge(servers, streams)
    lines = table(CASES, own, upstream, verdicts)
    text = "\n".join(lines).rstrip() + "\n"
    if "--write" in sys.argv[1:]:
        if not upstream:
            sys.exit(f"the corpora are not at {CORPORA}")
        kept = DOCUMENT.read_text().partition("<!-- written by Tests/Checks/front-door.sh -->")[0]
        note = f"{versions()}. Streams of the corpora get a `Host` where they have none.\n\n"
        DOCUMENT.write_text(kept + "<!-- written by Tests/Checks/front-door.sh -->\n\n" + note + text)
    else:
        print(text)
    wrong = [case for case in CASES if not case.is_met(verdicts[SERVERS[0]][case.id])]
    for case in wrong:
        print(f"rule {case.rule}, {case.name}: {verdicts[SERVERS[0]][case.id]} instead of {case.want}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


asyncio.run(main())
