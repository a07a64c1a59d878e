#!/usr/bin/env bash
# Installs what a fresh Debian 12 with Swift lacks, then lints, builds and tests everything: as it is, under the address
# sanitizer, under the thread sanitizer; and feeds mutated input to whatever reads bytes from outside.
#
#   Tests/run.sh           everything
#   Tests/run.sh --quick   without sanitizers and mutated input
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=false
case "${1:-}" in
"") ;;
--quick) quick=true ;;
*)
    echo "usage: Tests/run.sh [--quick]" >&2
    exit 2
    ;;
esac

step() { printf '\n== %s\n' "$*"; }

install_packages() {
    command -v dpkg-query >/dev/null || return 0
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    step "installing ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "Please install these packages as root: ${missing[*]}" >&2
            exit 1
        }
        as_root=(sudo)
    fi
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
}

install_packages libcurl4-openssl-dev libsqlite3-dev libssl-dev curl openssl

if ! command -v swift >/dev/null; then
    echo "Swift 6.2 or newer is needed and 'swift' is not in the PATH." >&2
    echo "Install it from https://www.swift.org/install/linux/ and run this again." >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run_tests [OPTION…]: what failed is said again at the end, where whoever sees only the last lines finds it.
# One after the other: Tests/CTestOrder says why.
run_tests() {
    swift test --disable-xctest --no-parallel "$@" 2>&1 | tee "$log" && return
    printf '\nfailed:\n'
    grep -E '^✘|error:|Sanitizer:' "$log" || tail -n 30 "$log"
    exit 1
}

# A crash in a test that expects one need not be symbolicated: that takes minutes each.
export SWIFT_BACKTRACE=enable=no

step "format"
swift format lint --strict --recursive Package.swift Sources Tests

step "build"
swift build --build-tests --explicit-target-dependency-import-check error

step "test"
run_tests

if ! $quick; then
    # Under sanitizers fewer faults and losses of power are tried: each takes many times as long.
    export FAULT_STRIDE=401 POWER_SEEDS=4
    # The tests of the whole program are left out of both: they look at exit statuses, which sanitizers set as they like.
    step "build for the address sanitizer"
    swift build --build-tests --sanitize=address --scratch-path .build-asan
    step "test under the address sanitizer"
    # Leaks are not looked for: the runtime's own caches, made once, are reported as such.
    ASAN_OPTIONS=detect_leaks=0 run_tests --skip GatewayTests --sanitize=address --scratch-path .build-asan

    step "build for the thread sanitizer"
    swift build --build-tests --sanitize=thread --scratch-path .build-tsan
    # The slow path of Synchronization.Mutex is in a library of the toolchain that the sanitizer cannot see into, so
    # state that a contended Mutex protects is reported as a race. Reports are counted for the reader; what fails here
    # is what the tests themselves find under the sanitizer's timing.
    step "test under the thread sanitizer"
    TSAN_OPTIONS=exitcode=0 run_tests --skip GatewayTests --sanitize=thread --scratch-path .build-tsan
    printf '\nthe thread sanitizer reported:\n'
    grep '^SUMMARY: ThreadSanitizer' "$log" | sed 's/ in [^ ]*$//' | sort | uniq -c || echo '   nothing'
fi

if ! $quick; then
    step "mutated input"
    Tests/Fuzz/run.sh 15
fi

step "everything passed"
