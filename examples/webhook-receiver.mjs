#!/usr/bin/env node
// Receives webhooks of contact-gateway and verifies their signatures (Standard Webhooks 1.0).
//
// No packages, Node 18 or newer:
//
//     WEBHOOK_SECRET=whsec_... node examples/webhook-receiver.mjs [PORT]
//
// PORT defaults to 9000; 0 takes a free one. Prints one line for each event. Answers 204 at once and remembers the ids
// it has seen, because an event may come more than once.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const toleranceSeconds = 300;
const mostBytes = 16 * 1024 * 1024;

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret)) {
  console.error("WEBHOOK_SECRET must be the secret (whsec_...) that POST /v1/webhooks answered");
  process.exit(1);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");

/** Whether the body was signed with the key within the last five minutes. */
function verified(headers, body, now) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!id || !/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > toleranceSeconds) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several signatures stand side by side while a secret is being rotated.
  return (headers["webhook-signature"] ?? "").split(" ").some((signature) => {
    if (!signature.startsWith("v1,")) return false;
    const given = Buffer.from(signature.slice(3), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const seen = new Set();

const server = createServer((request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.method !== "POST") return answer(405);
  const pieces = [];
  let size = 0;
  request.on("data", (piece) => {
    size += piece.length;
    if (size > mostBytes) request.destroy();
    else pieces.push(piece);
  });
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    if (!verified(request.headers, body, Date.now() / 1000)) {
      console.log("refused: the signature is missing, wrong or too old");
      return answer(401);
    }
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) {
      seen.add(id);
      const { type, data = {} } = JSON.parse(body);
      console.log(type, data.sequence, data.contact_id, data.changed_fields);
    }
    answer(204);
  });
});

server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
