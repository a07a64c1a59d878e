"""Programs under measurement: started on free ports, looked at from outside, and ended by their own process id."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Failure(Exception):
    """What went wrong, for people."""


class Process:
    """One program and its log file."""

    running = []

    def __init__(self, command, log, environment=None):
        self.log = log
        self.began = time.perf_counter()
        with open(log, "wb") as errors:
            self.child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self.child.pid
        Process.running.append(self)

    def address(self, event, seconds=120):
        """The `address` in the first log line of that event."""
        pattern = re.compile(r'"event":"' + re.escape(event) + r'".*?"address":"([^"]*)"')
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(self.log, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    found = pattern.search(line)
                    if found:
                        return found.group(1)
            if self.child.poll() is not None:
                raise Failure(f"{self.child.args[0]} ended at once: {self.tail()}")
            time.sleep(0.002)
        raise Failure(f"no {event} from {self.child.args[0]}")

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return "".join(lines.readlines()[-3:])[:1000]

    def end(self):
        if self in Process.running:
            Process.running.remove(self)
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()

    @classmethod
    def end_all(cls):
        for process in list(cls.running):
            process.end()


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """Resident bytes, and of these the anonymous ones (without mapped files)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        values = dict(re.findall(r"^(\w+):\s+(\d+) kB", status.read(), re.M))
    return int(values["VmRSS"]) * 1024, int(values["RssAnon"]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """The gateway's API over one kept-alive connection."""

    def __init__(self, address, key):
        host, port = address.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=600)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Failure(f"{method} {path}: {answer.status} {content[:300]}")
        return json.loads(content) if content else None

    def get(self, path):
        return self.call("GET", path)


class Nginx:
    """nginx with one worker: static files, a `return 204`, and a count of the requests it had; plain and over TLS."""

    def __init__(self, program, folder, certificate=None, key=None):
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        tls = "" if certificate is None else f"""
            server {{
                listen 127.0.0.1:{self.tls_port} ssl;
                ssl_certificate {certificate};
                ssl_certificate_key {key};
                ssl_protocols TLSv1.2 TLSv1.3;
                root {folder};
            }}"""
        configuration = f"""
            worker_processes 1;
            daemon off;
            pid {folder}/nginx.pid;
            error_log {folder}/nginx-error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                keepalive_requests 1000000000;
                sendfile on;
                tcp_nopush on;
                open_file_cache max=100;
                default_type application/json;
                client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
                uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
                server {{
                    listen 127.0.0.1:{self.port};
                    root {folder};
                    location = /hook {{ return 204; }}
                    location = /status {{ stub_status; }}
                }}{tls}
            }}"""
        path = f"{folder}/nginx.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration)
        self.process = Process([program, "-p", folder, "-c", path], f"{folder}/nginx.log")
        for _ in range(200):
            try:
                self.requests()
                break
            except OSError:
                time.sleep(0.02)
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        self.worker = int(children.stdout.split()[0])

    def requests(self):
        """How many requests it has had so far, this one included."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/status")
        status = connection.getresponse().read().decode()
        connection.close()
        return int(status.splitlines()[2].split()[2])

    def pause(self):
        os.kill(self.worker, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.worker, signal.SIGCONT)
