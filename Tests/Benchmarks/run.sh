#!/usr/bin/env bash
# Prints how fast contact-gateway is, as ratios to other programs on this machine, measured in alternating rounds.
#
#   Tests/Benchmarks/run.sh
#
#   COUNT=200000 ROUNDS=5 DURATION=5   how many contacts, how many rounds, how many seconds for each wrk run
#   GROWTH="10000 2000000"             how many contacts few and many are
#   ONLY="imports reads"               some of: imports reads tls writes deliveries stalls footprint growth
#   CONTACT_GATEWAY=PATH               uses that binary instead of building a static one
#   ALTERNATIVES=0                     without FastAPI and aiohttp, which come from PyPI
#
# Installs nginx, wrk and a C compiler where they are missing. Everything runs on free ports of 127.0.0.1 in a temporary
# folder, and only what was started here is ended. What is measured, and against what, is in measure.py.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

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

install_packages libcurl4-openssl-dev libsqlite3-dev libssl-dev
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || install_packages nginx-light
command -v wrk >/dev/null || install_packages wrk
command -v gcc >/dev/null || install_packages gcc libc6-dev
command -v python3 >/dev/null || install_packages python3
command -v openssl >/dev/null || install_packages openssl
command -v pgrep >/dev/null || install_packages procps
NGINX=$(command -v nginx || echo /usr/sbin/nginx)

TOOLS=$(mktemp -d "${TMPDIR:-/tmp}/contact-gateway-tools.XXXXXX")
trap 'rm -rf "$TOOLS"' EXIT

if [ -z "${CONTACT_GATEWAY:-}" ]; then
    echo "building a static release"
    options=(--package-path "$root" --scratch-path "$root/.build-static" -c release --static-swift-stdlib)
    swift build "${options[@]}" --product contact-gateway || fail "the build did not succeed"
    CONTACT_GATEWAY="$TOOLS/contact-gateway"
    strip -o "$CONTACT_GATEWAY" "$(swift build "${options[@]}" --show-bin-path)/contact-gateway"
fi
[ -x "$CONTACT_GATEWAY" ] || fail "$CONTACT_GATEWAY is no program"

gcc -O2 -o "$TOOLS/inserts" "$here/inserts.c" -lsqlite3
gcc -O2 -o "$TOOLS/creates" "$here/creates.c" -lsqlite3
gcc -O2 -o "$TOOLS/paced" "$here/paced.c"

BENCHMARK_PYTHON=""
if [ "${ALTERNATIVES:-1}" != 0 ]; then
    dpkg-query -W python3-venv >/dev/null 2>&1 || install_packages python3-venv
    if python3 -m venv "$TOOLS/venv" && "$TOOLS/venv/bin/pip" install -q fastapi 'uvicorn[standard]' aiohttp; then
        BENCHMARK_PYTHON="$TOOLS/venv/bin/python"
    else
        echo "FastAPI and aiohttp could not be installed: their rows are left out"
    fi
fi

ulimit -n "$(ulimit -Hn)"
export CONTACT_GATEWAY TOOLS NGINX BENCHMARK_PYTHON
python3 "$here/measure.py"
