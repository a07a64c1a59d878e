#!/usr/bin/env python3
"""Receives webhooks of contact-gateway and verifies their signatures (Standard Webhooks 1.0).

Standard library only, Python 3.9 or newer:

    WEBHOOK_SECRET=whsec_... examples/webhook-receiver.py [PORT]

PORT defaults to 9000; 0 takes a free one. Prints one line for each event. Answers 204 at once and remembers the ids it
has seen, because an event may come more than once.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MOST_BYTES = 16 << 20


def key_of(secret):
    """The key within whsec_...; ValueError when it is none."""
    if not secret.startswith("whsec_"):
        raise ValueError("a secret begins with whsec_")
    return base64.b64decode(secret[len("whsec_") :], validate=True)


def verified(key, headers, body, now):
    """Whether the body was signed with the key within the last five minutes."""
    message_id = headers.get("webhook-id")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # Several signatures stand side by side while a secret is being rotated.
    for signature in headers.get("webhook-signature", "").split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), expected.encode()):
            return True
    return False


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    key = b""
    seen = set()

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            return self.answer(411 if not length.isdigit() else 413)
        body = self.rfile.read(int(length))
        if not verified(self.key, self.headers, body, time.time()):
            print("refused: the signature is missing, wrong or too old", flush=True)
            return self.answer(401)
        message_id = self.headers["webhook-id"]
        if message_id not in self.seen:
            self.seen.add(message_id)
            event = json.loads(body)
            data = event.get("data") or {}
            print(event["type"], data.get("sequence"), data.get("contact_id"), data.get("changed_fields"), flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def main():
    try:
        Receiver.key = key_of(os.environ.get("WEBHOOK_SECRET", ""))
    except (ValueError, binascii.Error):
        sys.exit("WEBHOOK_SECRET must be the secret (whsec_...) that POST /v1/webhooks answered")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
