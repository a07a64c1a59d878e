"""A user's alternative for deliveries: aiohttp, 64 at a time, each signed (Standard Webhooks); nothing durable.

    deliveries_aiohttp.py URL BODY_FILE COUNT        prints deliveries a second
"""

import asyncio
import base64
import hashlib
import hmac
import sys
import time

import aiohttp


async def main():
    url, body, count = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3])
    secret = b"0123456789abcdef0123456789abcdef"
    numbers = iter(range(count))

    async def worker(session):
        for number in numbers:
            stamp = str(int(time.time()))
            signed = f"msg_{number}.{stamp}.".encode() + body
            signature = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
            headers = {
                "Content-Type": "application/json", "webhook-id": f"msg_{number}", "webhook-timestamp": stamp,
                "webhook-signature": signature,
            }
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 204

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(64)))
        print(f"{count / (time.perf_counter() - began):.0f}")


asyncio.run(main())
