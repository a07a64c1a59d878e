#!/usr/bin/env bash
# Prints how fast contact-gateway is, as ratios to other programs on this machine, measured in alternating rounds.
#
#   Tests/Benchmarks/run.sh
#
# GET by id over 200,000 contacts against nginx (one worker) sending a static file of the same size, requests a second
# and processor time for each; import of 200,000 contacts and an unchanged second run through contact-source, against
# import.py beside this file, which does the same job with Python's HTTP client and sqlite3.
#
#   COUNT=200000 ROUNDS=5 DURATION=5   how many contacts, how many rounds, how many seconds for each wrk run
#   CONTACT_GATEWAY=PATH               uses that binary instead of building one
#
# Installs nginx and wrk where they are missing. Everything runs on free ports of 127.0.0.1 in a temporary folder, and
# only what was started here is ended.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
count=${COUNT:-200000}
rounds=${ROUNDS:-5}
duration=${DURATION:-5}
work=""
pids=()

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    for log in "$work"/*.log; do
        [ -s "$log" ] && { printf '\n--- last lines of %s\n' "${log##*/}"; tail -n 3 "$log" | cut -c 1-400; } >&2
    done
    exit 1
}

end() {
    local pid
    for pid in "$@"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "$@"; do
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
}

cleanup() {
    trap - EXIT INT TERM
    end ${pids[@]+"${pids[@]}"}
    [ -n "$work" ] && rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing ${missing[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq >/dev/null
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}"
}

command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || install_packages nginx-light
command -v wrk >/dev/null || install_packages wrk
command -v python3 >/dev/null || install_packages python3
command -v curl >/dev/null || install_packages curl
nginx=$(command -v nginx || echo /usr/sbin/nginx)

if [ -n "${CONTACT_GATEWAY:-}" ]; then
    binary=$CONTACT_GATEWAY
else
    echo "building for release"
    swift build --package-path "$root" -c release --product contact-gateway || fail "the build did not succeed"
    binary=$(swift build --package-path "$root" -c release --show-bin-path)/contact-gateway
fi
[ -x "$binary" ] || fail "$binary is no program"

work=$(mktemp -d "${TMPDIR:-/tmp}/contact-gateway-benchmark.XXXXXX") || exit 1
chmod 755 "$work" # nginx's worker drops to another user

# start NAME COMMAND…: runs it behind; its process is $started.
start() {
    local name=$1
    shift
    "$@" >"$work/$name.out" 2>"$work/$name.log" </dev/null &
    started=$!
    pids+=("$started")
}

# address_of NAME EVENT: sets `address` from the log line of that event.
address_of() {
    for _ in $(seq 1200); do
        address=$(grep -m 1 "\"event\":\"$2\"" "$work/$1.log" 2>/dev/null | grep -o '"address":"[^"]*"' | cut -d '"' -f 4)
        [ -n "$address" ] && return 0
        kill -0 "$started" 2>/dev/null || fail "$1 ended at once"
        sleep 0.05
    done
    fail "$1 did not say where it listens"
}

now() { date +%s.%N; }
# cpu PID: its processor time so far, in clock ticks.
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
calculate() { awk "BEGIN { printf \"%.4f\", $1 }"; }
# median NUMBER…
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { printf "%.4f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# --- The source of contacts ---------------------------------------------------------------------------------------

echo "contact-source simulator with $count contacts"
start source "$binary" simulate contact-source --listen 127.0.0.1:0 --count "$count"
source_pid=$started
address_of source simulator.listening
source_address=$address

# --- Import and unchanged second run ------------------------------------------------------------------------------

write_config() {
    cat >"$work/gateway.json" <<EOF
{
  "server": { "listen": "127.0.0.1:0", "workers": 1 },
  "database": { "path": "$1" },
  "keys": [ { "name": "bench", "secret": "bench-key", "scopes": ["read", "write", "admin"], "connections": ["*"] } ],
  "connections": [
    { "id": "erp", "vendor": "contact-source", "base_url": "http://$source_address",
      "credentials": { "client_id": "test_id", "client_secret": "test_secret" },
      "sync": { "every": "24h", "full_every": "24h", "page_size": 1000 }, "region": "US" }
  ]
}
EOF
}

call() { curl -sS --max-time 60 -H 'Authorization: Bearer bench-key' "$@"; }

# finished_run COUNT FIELD: whether the newest run is done and its count of that field is COUNT.
finished_run() {
    call "http://$gateway/v1/runs?limit=1000" >"$work/runs.json" || return 1
    python3 - "$work/runs.json" "$1" "$2" <<'EOF'
import json, sys
runs = json.load(open(sys.argv[1])).get("items", [])
def number(run, name):
    return run.get(name, run.get("counts", {}).get(name))
failed = [run for run in runs if run["state"] == "failed"]
if failed:
    print("a run failed:", failed[0].get("error"), file=sys.stderr)
    sys.exit(2)
sys.exit(0 if any(run["state"] == "done" and number(run, sys.argv[3]) == int(sys.argv[2]) for run in runs) else 1)
EOF
}

# wait_for_run COUNT FIELD
wait_for_run() {
    local end=$((SECONDS + 900)) code
    while true; do
        finished_run "$1" "$2"
        code=$?
        [ $code -eq 0 ] && return 0
        [ $code -eq 2 ] && fail "a run failed"
        [ $SECONDS -lt $end ] || fail "no run with $2 = $1"
        sleep 0.05
    done
}

import_rounds=$rounds
import_ratios=()
unchanged_ratios=()
for ((round = 1; round <= import_rounds; round++)); do
    echo "import, round $round of $import_rounds"
    rm -f "$work"/python.db*
    read -r python_import python_unchanged < <(python3 "$here/import.py" "http://$source_address" "$work/python.db" "$count") ||
        fail "import.py did not succeed"
    rm -rf "$work/data"
    mkdir "$work/data"
    write_config "$work/data/contacts.db"
    rm -f "$work/gateway.log"
    began=$(now)
    start gateway "$binary" serve --config "$work/gateway.json"
    gateway_pid=$started
    address_of gateway server.listening
    gateway=$address
    wait_for_run "$count" created
    gateway_import=$(calculate "$(now) - $began")
    began=$(now)
    call -X POST -H 'Content-Type: application/json' -d '{"mode": "full"}' "http://$gateway/v1/connections/erp/sync" \
        >"$work/sync.json" || fail "the second run was not accepted"
    wait_for_run "$count" unchanged
    gateway_unchanged=$(calculate "$(now) - $began")
    printf '  import    %8.2f s here, %8.2f s Python\n' "$gateway_import" "$python_import"
    printf '  unchanged %8.2f s here, %8.2f s Python\n' "$gateway_unchanged" "$python_unchanged"
    import_ratios+=("$(calculate "$python_import / $gateway_import")")
    unchanged_ratios+=("$(calculate "$python_unchanged / $gateway_unchanged")")
    [ $round -lt $import_rounds ] && end "$gateway_pid"
done
end "$source_pid"

# --- GET by id ----------------------------------------------------------------------------------------------------

echo "reading the ids"
python3 - "http://$gateway" "$work" <<'EOF' || fail "the ids could not be read"
import http.client, json, random, sys, urllib.parse
base, work = urllib.parse.urlparse(sys.argv[1]), sys.argv[2]
client = http.client.HTTPConnection(base.hostname, base.port)
ids, after = [], None
while True:
    path = "/v1/contacts?limit=1000" + ("&after=" + urllib.parse.quote(after) if after else "")
    client.request("GET", path, headers={"Authorization": "Bearer bench-key"})
    page = json.load(client.getresponse())
    ids += [item["id"] for item in page["items"]]
    after = page["next"]
    if not after:
        break
random.seed(1)
random.shuffle(ids)
sizes = []
for id in ids[:1000]:
    client.request("GET", "/v1/contacts/" + id, headers={"Authorization": "Bearer bench-key"})
    answer = client.getresponse()
    sizes.append(len(answer.read()))
    assert answer.status == 200
open(work + "/ids", "w").write("\n".join(ids))
open(work + "/static.json", "w").write("x" * (sum(sizes) // len(sizes)))
EOF
cat >"$work/get.lua" <<EOF
local paths, place = {}, 0
for id in io.lines("$work/ids") do paths[#paths + 1] = "/v1/contacts/" .. id end
wrk.headers["Authorization"] = "Bearer bench-key"
request = function()
    place = place % #paths + 1
    return wrk.format("GET", paths[place])
end
EOF
cat >"$work/static.lua" <<EOF
wrk.headers["Authorization"] = "Bearer bench-key"
request = function() return wrk.format("GET", "/static.json") end
EOF

nginx_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<EOF
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx-error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100;
    default_type application/json;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server { listen 127.0.0.1:$nginx_port; root $work; }
}
EOF
start nginx "$nginx" -p "$work" -c "$work/nginx.conf"
nginx_pid=$started
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$nginx_port/static.json" && break; sleep 0.05; done
nginx_worker=$(pgrep -P "$nginx_pid" | head -n 1)
[ -n "$nginx_worker" ] || fail "nginx has no worker"

# measure PID SCRIPT URL: sets `requests` (a second) and `cost` (processor microseconds a request).
measure() {
    local before after total
    before=$(cpu "$1")
    wrk -t1 -c64 -d"${duration}s" -s "$2" "$3" >"$work/wrk.txt" || fail "wrk did not run"
    after=$(cpu "$1")
    grep -q 'Non-2xx' "$work/wrk.txt" && fail "$(grep Non-2xx "$work/wrk.txt")"
    requests=$(awk '/^Requests\/sec/ { print $2 }' "$work/wrk.txt")
    total=$(awk '/requests in/ { print $1 }' "$work/wrk.txt")
    cost=$(calculate "($after - $before) * 1000000 / $(getconf CLK_TCK) / $total")
}

measure "$gateway_pid" "$work/get.lua" "http://$gateway" # warms the page cache; not counted
get_ratios=()
cost_ratios=()
for ((round = 1; round <= rounds; round++)); do
    measure "$nginx_worker" "$work/static.lua" "http://127.0.0.1:$nginx_port"
    static_requests=$requests static_cost=$cost
    measure "$gateway_pid" "$work/get.lua" "http://$gateway"
    printf 'GET by id, round %d of %d: %8.0f requests/s here, %8.0f nginx; %5.2f µs here, %5.2f µs nginx\n' \
        "$round" "$rounds" "$requests" "$static_requests" "$cost" "$static_cost"
    get_ratios+=("$(calculate "$requests / $static_requests")")
    cost_ratios+=("$(calculate "$cost / $static_cost")")
done

printf '\n%s contacts, document of %s bytes, medians of %s rounds (imports: %s), %s processors, %s\n\n' \
    "$count" "$(stat -c %s "$work/static.json")" "$rounds" "$import_rounds" "$(nproc)" "$(date -u +%F)"
printf '| what | against | ratio |\n| --- | --- | ---: |\n'
printf '| GET by id, requests a second | nginx, one worker, static file | %.2f |\n' "$(median "${get_ratios[@]}")"
printf '| GET by id, processor time for each | nginx, one worker, static file | %.2f |\n' "$(median "${cost_ratios[@]}")"
printf '| import through contact-source | import.py | %.1f |\n' "$(median "${import_ratios[@]}")"
printf '| second full run, nothing changed | import.py | %.1f |\n' "$(median "${unchanged_ratios[@]}")"
