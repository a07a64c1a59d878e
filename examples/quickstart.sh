#!/usr/bin/env bash
# Shows the whole of contact-gateway at work on this machine, and needs nothing else: installs missing Debian packages,
# builds, starts a simulator for each vendor, the gateway and a webhook listener, and walks through the main job.
#
#   examples/quickstart.sh           stays up at the end, for you to try things; Ctrl-C ends it
#   examples/quickstart.sh --once    ends after the last step; exit status 0 only if every step was observed
#
# CONTACT_GATEWAY=PATH uses that binary instead of building one.
# Every address is a free port on 127.0.0.1; the gateway runs a copy of config/gateway.json in a temporary folder, with
# the simulators' addresses filled in. Nothing outside that folder and .build is written.
set -uo pipefail

once=false
case "${1:-}" in
"") ;;
--once) once=true ;;
-h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*)
    echo "usage: examples/quickstart.sh [--once]" >&2
    exit 2
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
work=""
pids=()
declare -A pid_of

# --- Saying what happens -----------------------------------------------------------------------------------------

step=0
say() { printf '   %s\n' "$*"; }
title() {
    step=$((step + 1))
    printf '\n%d. %s\n' "$step" "$*"
}
fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    if [ -n "$work" ]; then
        for log in "$work"/*.log; do
            [ -s "$log" ] && { printf '\n--- last lines of %s\n' "${log##*/}"; tail -n 5 "$log"; } >&2
        done
    fi
    exit 1
}

# --- Cleaning up --------------------------------------------------------------------------------------------------

cleanup() {
    trap - EXIT INT TERM
    for ((index = ${#pids[@]} - 1; index >= 0; index--)); do kill -TERM "${pids[index]}" 2>/dev/null; done
    for _ in $(seq 50); do
        local alive=false pid
        for pid in ${pids[@]+"${pids[@]}"}; do kill -0 "$pid" 2>/dev/null && alive=true; done
        $alive || break
        sleep 0.1
    done
    for pid in ${pids[@]+"${pids[@]}"}; do kill -KILL "$pid" 2>/dev/null; done
    wait 2>/dev/null
    [ -n "$work" ] && rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- What is needed -----------------------------------------------------------------------------------------------

install_packages() {
    command -v dpkg-query >/dev/null || return 0
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "please install these packages as root: ${missing[*]}"
        as_root=(sudo)
    fi
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq >/dev/null &&
        ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}"
}

title "Building"
install_packages curl
if [ -n "${CONTACT_GATEWAY:-}" ]; then
    binary=$CONTACT_GATEWAY
    [ -x "$binary" ] || fail "CONTACT_GATEWAY=$binary is no program"
else
    install_packages libcurl4-openssl-dev libsqlite3-dev libssl-dev
    command -v swift >/dev/null || fail "Swift 6.2 or newer is needed and 'swift' is not in the PATH.
Install it from https://www.swift.org/install/linux/ and run this again."
    say "swift build -c release (the first time takes several minutes)"
    swift build --package-path "$root" -c release --product contact-gateway || fail "the build did not succeed"
    binary=$(swift build --package-path "$root" -c release --show-bin-path)/contact-gateway
fi
say "built $binary"

work=$(mktemp -d "${TMPDIR:-/tmp}/contact-gateway.XXXXXX") || exit 1

# --- Starting things and looking at them --------------------------------------------------------------------------

# start NAME COMMAND…: runs it behind, with its output in NAME.out and its log in NAME.log.
start() {
    local name=$1
    shift
    "$@" >"$work/$name.out" 2>"$work/$name.log" </dev/null &
    pids+=($!)
    pid_of[$name]=$!
}

# until_true SECONDS COMMAND…: asks again until it succeeds or the time is up.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# member NAME: the first text or number of that name in the JSON on stdin.
member() { grep -o "\"$1\":\(\"[^\"]*\"\|[0-9]*\)" | head -n 1 | cut -d : -f 2- | tr -d '"'; }

# address_of NAME EVENT: sets `address` from the log line of that event.
address_of() {
    heard() { grep -qs "\"event\":\"$2\"" "$work/$1.log" || ! kill -0 "${pid_of[$1]}" 2>/dev/null; }
    until_true 20 heard "$1" "$2"
    address=$(grep "\"event\":\"$2\"" "$work/$1.log" | head -n 1 | member address)
    [ -n "$address" ] || fail "$1 did not start: $(tail -n 1 "$work/$1.log")"
}

call() { curl -sS --max-time 30 -H "Authorization: Bearer quickstart-key" "$@"; }

# send METHOD URL JSON: sets `status` and `answer`.
send() {
    answer=$(call -X "$1" -H 'Content-Type: application/json' -d "$3" -w '\n%{http_code}' "$2") || fail "no answer from $2"
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
}

# --- The walk -----------------------------------------------------------------------------------------------------

title "Starting a simulator for each of the four vendors"
for vendor in portsip contact-source activecampaign; do
    start "$vendor" "$binary" simulate "$vendor" --listen 127.0.0.1:0 --contacts "$root/examples/contacts.json"
done
start taptalk "$binary" simulate taptalk --listen 127.0.0.1:0
address_of portsip simulator.listening && pbx=$address
address_of contact-source simulator.listening && erp=$address
address_of activecampaign simulator.listening && crm=$address
address_of taptalk simulator.listening && chat=$address
say "PortSIP PBX            http://$pbx   12 contacts"
say "Custom Contact Source  http://$erp   12 contacts"
say "ActiveCampaign         http://$crm   12 contacts"
say "TapTalk                http://$chat   none: it can be written, never read"

title "Starting the gateway with a copy of config/gateway.json"
config=$work/gateway.json
sed -e "s|http://127.0.0.1:8887|http://$pbx|" -e "s|http://127.0.0.1:5555|http://$erp|" \
    -e "s|http://127.0.0.1:3100|http://$crm|" -e "s|http://127.0.0.1:3200|http://$chat|" \
    -e "s|data/contacts.db|$work/contacts.db|" "$root/config/gateway.json" >"$config"
"$binary" check "$config" >"$work/check.out" 2>&1 || { cat "$work/check.out" >&2; fail "the configuration is not valid"; }
start gateway "$binary" serve --config "$config" --listen 127.0.0.1:0
gateway_pid=${pid_of[gateway]}
address_of gateway server.listening
api=http://$address/v1
say "REST API $api   key: quickstart-key   process $gateway_pid"

title "Registering a webhook and starting a listener that verifies its signatures"
send POST "$api/webhooks" '{"url": "http://127.0.0.1:9/hooks", "events": ["contact.*"], "enabled": false}'
[ "$status" = 201 ] || fail "POST /v1/webhooks answered $status: $answer"
webhook=$(member id <<<"$answer")
secret=$(member secret <<<"$answer")
[ -n "$webhook" ] && [ -n "$secret" ] || fail "the webhook came without id or secret"
start listener "$binary" listen --listen 127.0.0.1:0 --secret "$secret"
address_of listener listener.listening
send PATCH "$api/webhooks/$webhook" "{\"url\": \"http://$address/hooks\", \"enabled\": true}"
[ "$status" = 200 ] || fail "PATCH /v1/webhooks/$webhook answered $status: $answer"
say "webhook $webhook -> http://$address/hooks"

title "Contacts arrive from every vendor that can be read"
count_of() { call "$api/contacts?connection=$1&limit=1000" | grep -o '"vendor_id":"' | wc -l; }
arrived() { [ "$(count_of "$1")" -eq 12 ]; }
for connection in pbx erp crm; do
    until_true 60 arrived "$connection" || fail "only $(count_of "$connection") of 12 contacts came from $connection"
    names=$(call "$api/contacts?connection=$connection&limit=3" | grep -o '"full":"[^"]*"' | cut -d '"' -f 4 |
        grep -v '[0-9]' | head -n 3 | paste -sd ';' | sed 's/;/, /g')
    say "$connection: 12 contacts, among them $names"
done

title "A phone number in any spelling finds its contact, in every system"
best=$(call "$api/lookup?phone=%28202%29%20555-0101")
grep -q 'Annika Lindqvist' <<<"$best" || fail "the look-up of (202) 555-0101 answered $best"
say "GET /v1/lookup?phone=(202) 555-0101  ->  Annika Lindqvist, $(grep -o '"connection":' <<<"$best" | wc -l) records"

title "A contact is written through to ActiveCampaign and to TapTalk"
send POST "$api/contacts" '{"connection": "crm", "name": {"full": "Mina Example"}, "organization": "Example Works",
    "emails": [{"address": "mina@example-works.example", "label": "work"}],
    "phones": [{"number": "+12025550177", "label": "mobile"}]}'
[ "$status" = 201 ] || fail "POST /v1/contacts (crm) answered $status: $answer"
curl -sS "http://$crm/_simulate/contacts?limit=1000" | grep -q 'mina@example-works.example' ||
    fail "the contact is not at the ActiveCampaign simulator"
say "crm:  201, and the ActiveCampaign simulator holds mina@example-works.example"
send POST "$api/contacts" '{"connection": "chat", "vendor_id": "mina", "owner": "1", "name": {"full": "Mina Example"}}'
[ "$status" = 201 ] || fail "POST /v1/contacts (chat) answered $status: $answer"
pairs=$(curl -sS "http://$chat/_simulate/contacts")
grep -q '"contactXCUserID":"mina"' <<<"$pairs" || fail "the pair is not at the TapTalk simulator: $pairs"
say "chat: 201, and the TapTalk simulator holds the pair 1 -> mina"

title "A change at a vendor arrives as a verified webhook"
say "somebody at the PBX makes Annika Lindqvist its Harbour Master"
curl -sS -X PATCH "http://$pbx/_simulate/contacts/1001" -d '{"title": "Harbour Master"}' >/dev/null ||
    fail "the PortSIP simulator did not take the change"
told() { grep '"verified":true' "$work/listener.out" | grep '"type":"contact.updated"' | grep -q 'Harbour Master'; }
until_true 60 told || fail "no verified webhook told of the change"
say "the listener verified and printed:"
say "$(grep 'Harbour Master' "$work/listener.out" | head -n 1 | cut -c 1-110)…"

title "A changed configuration is in force without a restart"
generation() { call "$api/config" | member generation; }
before=$(generation)
sed 's|"connections": \[$|&\n    { "id": "visitors", "vendor": "local" },|' "$config" >"$config.new" && mv "$config.new" "$config"
reloaded() { [ "$(call -o /dev/null -w '%{http_code}' "$api/connections/visitors")" = 200 ]; }
until_true 15 reloaded || fail "the new connection is not in force: $(call "$api/config" | member last_error)"
say "generation $before -> $(generation): the connection 'visitors' was added to the file and is there"
send POST "$api/contacts" '{"connection": "visitors", "name": {"full": "Walter Walk-In"}}'
[ "$status" = 201 ] || fail "POST /v1/contacts (visitors) answered $status: $answer"
say "and takes contacts: 201 for Walter Walk-In"
kill -0 "$gateway_pid" 2>/dev/null || fail "the gateway is not the same process any more"

printf '\nEvery step was observed.\n'
$once && exit 0

cat <<EOF

Everything stays up until Ctrl-C. Try, in another terminal:

  curl -H 'Authorization: Bearer quickstart-key' '$api/contacts?q=ann'
  curl -H 'Authorization: Bearer quickstart-key' '$api/connections'
  curl -X PATCH http://$erp/_simulate/contacts/1002 -d '{"company": "Rostami & Sons"}'   # then watch:
  tail -f $work/listener.out
  \$EDITOR $config      # every save is applied, or refused with its reasons in $work/gateway.log

More recipes: examples/curl.md
EOF
while kill -0 "$gateway_pid" 2>/dev/null; do sleep 1; done
fail "the gateway ended"
