"""A user's alternative for reads: FastAPI, uvicorn and sqlite3, one process.

    DATABASE=FILE KEY=SECRET uvicorn reads_fastapi:app --port PORT
"""

import hmac
import os
import sqlite3

from fastapi import FastAPI, Header, HTTPException, Response

app = FastAPI()
database = sqlite3.connect(os.environ["DATABASE"], check_same_thread=False)
expected = "Bearer " + os.environ["KEY"]


@app.get("/v1/contacts/{contact}")
async def contact(contact: str, authorization: str = Header("")):
    if not hmac.compare_digest(authorization, expected):
        raise HTTPException(401)
    row = database.execute("select doc from contact where id = ?", (int(contact[:16], 16),)).fetchone()
    if row is None:
        raise HTTPException(404)
    return Response(row[0], media_type="application/json")
