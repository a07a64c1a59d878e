#!/usr/bin/env bash
# Outside judges of /openapi.json: openapi-spec-validator reads it, schemathesis holds a running gateway to it.
#
#   Tests/Checks/openapi.sh [BINARY] [schemathesis options …]
#
# BINARY is built when none is given. Needs python3 with venv; what else is missing is installed into .build/checks.
# Exit status: 0 nothing found, 1 something found, 2 the check itself could not be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

binary=${1:-}
shift || true
if [ -z "$binary" ]; then
    swift build --product contact-gateway >&2 || exit 2
    binary=$(swift build --show-bin-path)/contact-gateway
fi

tools=$root/.build/checks/openapi
if [ ! -x "$tools/bin/schemathesis" ]; then
    python3 -m venv "$tools" || exit 2
    "$tools/bin/pip" install --quiet 'openapi-spec-validator>=0.7,<1' 'schemathesis>=4.32,<5' || exit 2
fi

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Starts a command in the background and waits for the address that its log names.
address=
start() {
    local name=$1 event=$2
    shift 2
    "$@" >"$work/$name.out" 2>"$work/$name.log" &
    pids+=($!)
    for _ in $(seq 200); do
        address=$(sed -n "s/.*\"event\":\"$event\".*\"address\":\"\([^\"]*\)\".*/\1/p" "$work/$name.log" | head -1)
        [ -z "$address" ] || return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.05
    done
    echo "$name did not start:" >&2
    cat "$work/$name.log" >&2
    exit 2
}

for vendor in portsip contact-source activecampaign taptalk; do
    start "$vendor" simulator.listening "$binary" simulate "$vendor" --listen 127.0.0.1:0 --count 50
    declare "${vendor//-/_}=$address"
done

cat >"$work/gateway.json" <<JSON
{
  "database": { "path": "$work/contacts.db" },
  "keys": [ { "name": "judge", "secret": "judge-key", "scopes": ["read", "write", "admin"] } ],
  "connections": [
    { "id": "book", "vendor": "local", "region": "US" },
    { "id": "pbx", "vendor": "portsip", "base_url": "http://$portsip", "region": "US",
      "credentials": { "token": "portsip-token" }, "sync": { "every": "1s" } },
    { "id": "erp", "vendor": "contact-source", "base_url": "http://$contact_source", "region": "US",
      "credentials": { "client_id": "test_id", "client_secret": "test_secret" }, "sync": { "every": "1s" } },
    { "id": "crm", "vendor": "activecampaign", "base_url": "http://$activecampaign", "region": "US",
      "credentials": { "api_token": "activecampaign-token" }, "sync": { "every": "1s" },
      "fields": { "organization": "4", "title": "5" } },
    { "id": "chat", "vendor": "taptalk", "base_url": "http://$taptalk", "owner": "1",
      "credentials": { "key_id": "taptalk-key", "key_secret": "taptalk-secret" } }
  ]
}
JSON
start gateway server.listening "$binary" serve --config "$work/gateway.json" --listen 127.0.0.1:0
gateway=${pids[-1]}
authorization="Authorization: Bearer judge-key"

verdict=0
curl -sSf -H "$authorization" "http://$address/openapi.json" -o "$work/openapi.json" || exit 2
echo "openapi.json: $(wc -c <"$work/openapi.json") bytes"
"$tools/bin/openapi-spec-validator" --schema 3.1 "$work/openapi.json" || verdict=1

# In the folder that is removed: schemathesis keeps a cache where it stands.
(cd "$work" && "$tools/bin/schemathesis" --config-file "$root/Tests/Checks/schemathesis.toml" \
    run "http://$address/openapi.json" --header "$authorization" "$@") || verdict=1

# A 5xx that nobody looked at, or a gateway that is no longer there, is a finding as well.
if grep -q '"event":"\(request.failed\|http.no_answer\|store.failed\)"' "$work/gateway.log"; then
    echo "the gateway's log:"
    grep '"event":"\(request.failed\|http.no_answer\|store.failed\)"' "$work/gateway.log" | head -20
    verdict=1
fi
kill -TERM "$gateway" 2>/dev/null || true
if wait "$gateway"; then :; else
    echo "the gateway ended with $?"
    tail -5 "$work/gateway.log"
    verdict=1
fi
exit $verdict
