#!/usr/bin/env bash
# Outside judges of server.tls: openssl s_client, curl and testssl.sh (Debian; installed when missing), against the built
# program with throw-away certificates. Fails at the first claim that does not hold, and at any finding of testssl.sh of
# medium severity or more. Takes two minutes; ends and removes what it made.
#
#   Tests/Checks/tls.sh            CONTACT_GATEWAY names the program to check; without it one is built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing=()
for package in testssl.sh curl openssl python3; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

if [ -z "${CONTACT_GATEWAY:-}" ]; then
    swift build -c release --product contact-gateway >&2
    CONTACT_GATEWAY="$(swift build -c release --show-bin-path)/contact-gateway"
fi

folder=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT

# An authority, a server's certificate of a year, and a client's.
ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${ec[@]}" -days 400 -subj "/CN=Check Authority" -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
issue() { # NAME EXTENSIONS
    openssl req -new "${ec[@]}" -subj "/CN=$1" -keyout "$folder/$1.key" -out "$folder/$1.csr" 2>/dev/null
    openssl x509 -req -in "$folder/$1.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days 365 \
        -extfile <(printf '%s\n' "$2") -out "$folder/$1.pem" 2>/dev/null
}
issue localhost $'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth'
issue client 'extendedKeyUsage=clientAuth'

configure() { # further members of server.tls
    cat >"$folder/gateway.json.new" <<JSON
{ "server": { "listen": "127.0.0.1:0", "tls": {
    "certificate": "$folder/localhost.pem", "key": "$folder/localhost.key"$1 } },
  "database": { "path": "$folder/contacts.db" }, "keys": [] }
JSON
    mv "$folder/gateway.json.new" "$folder/gateway.json"
}
configure ""
"$CONTACT_GATEWAY" serve --config "$folder/gateway.json" 2>"$folder/log" &
server=$!
address=
for _ in $(seq 100); do
    address=$(sed -n 's/.*"event":"server.listening".*"address":"\([^"]*\)".*/\1/p' "$folder/log")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || { cat "$folder/log" >&2; exit 1; }
port=${address##*:}

fail() { echo "FAILED: $*" >&2; exit 1; }
claim() { # DESCRIPTION PATTERN COMMAND…: the output of the command holds the pattern
    local what=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>&1 </dev/null || true)
    grep -qE "$pattern" <<<"$output" || fail "$what: no '$pattern' in: $output"
    echo "ok  $what"
}
client=(timeout 20 openssl s_client -connect "$address" -CAfile "$folder/ca.pem" -servername localhost)
curl=(curl -sS --max-time 20 --cacert "$folder/ca.pem" -o /dev/null -w '%{http_code}')
url="https://localhost:$port/livez"

echo "== openssl s_client and curl"
claim "TLS 1.3 with a verified chain" 'Verify return code: 0' "${client[@]}" -tls1_3
claim "TLS 1.2 with forward secrecy" 'Cipher is ECDHE-ECDSA-AES128-GCM-SHA256' "${client[@]}" -tls1_2
claim "X25519 first" 'Server Temp Key: X25519' "${client[@]}"
claim "TLS 1.1 is refused" 'alert protocol version|no protocols available' "${client[@]}" -tls1_1 -cipher DEFAULT@SECLEVEL=0
claim "TLS 1.2 without forward secrecy is refused" 'handshake failure' "${client[@]}" -tls1_2 -cipher AES128-GCM-SHA256
claim "TLS 1.2 with CBC is refused" 'handshake failure' "${client[@]}" -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA
claim "ALPN chooses http/1.1" 'ALPN protocol: http/1.1' "${client[@]}" -alpn h2,http/1.1
claim "ALPN without overlap is fatal (RFC 7301)" 'no application protocol' "${client[@]}" -alpn h2
claim "curl is answered" '^200$' "${curl[@]}" "$url"
claim "curl is answered over TLS 1.2" '^200$' "${curl[@]}" --tls-max 1.2 "$url"
claim "plain HTTP is told so" '^400$' "${curl[@]}" "http://localhost:$port/livez"
for version in tls1_2 tls1_3; do
    (sleep 0.5) | "${client[@]}" "-$version" -sess_out "$folder/session" >/dev/null 2>&1 || true
    claim "a session of $version is resumed" 'Reused, TLS' "${client[@]}" "-$version" -sess_in "$folder/session"
done
reneg() { (sleep 0.3; echo R; sleep 0.5) | "${client[@]}" -tls1_2; }
claim "renegotiation is refused" 'no renegotiation' reneg

echo "== testssl.sh"
testssl --quiet --color 0 --warnings batch --ip one --add-ca "$folder/ca.pem" --jsonfile "$folder/testssl.json" \
    "localhost:$port" >"$folder/testssl.txt" 2>&1 || true
python3 - "$folder/testssl.json" <<'PYTHON' || fail "testssl.sh finds something; see above"
import collections, json, sys

# About the throw-away certificate, which nobody revokes and no zone names, and about pages, which an API has none of.
EXPECTED = {"cert_revocation", "DNS_CAArecord", "security_headers"}
findings = json.load(open(sys.argv[1]))
count = collections.Counter(finding["severity"] for finding in findings)
print("   ", ", ".join(f"{severity} {number}" for severity, number in count.most_common()))
bad = [f for f in findings if f["severity"] not in ("OK", "INFO", "DEBUG") and f["id"] not in EXPECTED]
for finding in bad:
    print("   ", finding["severity"], finding["id"], finding["finding"])
if not any(f["id"] == "heartbleed" for f in findings):
    sys.exit("    testssl.sh did not come to its end")
sys.exit(1 if any(f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") for f in bad) else 0)
PYTHON

echo "== client certificates, put in force by a reload"
configure ", \"client_ca\": \"$folder/ca.pem\""
for _ in $(seq 50); do
    ! grep -q '"event":"config.reloaded"' "$folder/log" || break
    sleep 0.1
done
grep -q '"event":"config.reloaded"' "$folder/log" || fail "the reload was not noticed"
claim "without one there is no answer" 'certificate required|alert' "${curl[@]}" "$url"
claim "with one there is" '^200$' "${curl[@]}" --cert "$folder/client.pem" --key "$folder/client.key" "$url"
claim "the log has the reason" 'peer did not return a certificate' cat "$folder/log"
kill "$server"
wait "$server" || fail "the server did not drain"
server=
echo "everything holds"
