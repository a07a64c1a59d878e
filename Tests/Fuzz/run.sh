#!/usr/bin/env bash
# Feeds mutated input to everything that reads bytes from outside, under libFuzzer.
#
#   Tests/Fuzz/run.sh [SECONDS [TARGET…]]      default: 20 seconds for each target
#
# An input that breaks a law or stops the process is kept in .build-fuzz/found/TARGET-…; to see it again:
#   FUZZ_TARGET=TARGET .build-fuzz/debug/Fuzz FILE
# What was learned is kept in .build-fuzz/corpus/TARGET and used the next time.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] ||
    targets=(request fields json config contact phone portsip taptalk contact-source activecampaign)

# A crash here is expected to be looked at by hand: symbolicating it by itself takes minutes.
export SWIFT_BACKTRACE=enable=no CONTACT_GATEWAY_FUZZ=1
scratch=.build-fuzz
swift build --scratch-path "$scratch" --product Fuzz --sanitize=fuzzer -Xswiftc -O

# seed TARGET: files that a mutation starts well from.
seed() {
    local corpus=$1
    case $2 in
    config) cp config/*.json "$corpus" ;;
    request)
        printf '\004GET /v1/contacts?q=a%%20b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n' >"$corpus/get"
        printf '\010POST /v1/contacts HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.0\r\n\r\n' >"$corpus/post"
        printf '\001PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n' >"$corpus/chunked"
        ;;
    contact)
        printf '{"connection":"a","name":{"given":"J","surname":"D"},"emails":[{"address":"j@d","label":"work"}],"phones":[{"number":"+12015550123"}],"tags":["x"],"custom_fields":{"1":"v"},"lifecycle":"lead"}' >"$corpus/contact"
        ;;
    phone) printf 'US(201) 555-0123' >"$corpus/us"; printf 'DE+49 (0)30 123456' >"$corpus/de" ;;
    portsip | taptalk | contact-source | activecampaign)
        local file
        for file in Tests/VendorsTests/Fixtures/"$2"/*.json Tests/VendorsTests/Fixtures/"$2"/*.txt; do
            [ -f "$file" ] || continue
            { printf '\000'; cat "$file"; } >"$corpus/list-${file##*/}"
            { printf '\001'; cat "$file"; } >"$corpus/delta-${file##*/}"
        done
        ;;
    fields)
        printf 'handling=strict; a="b", respond-async, wait=10' >"$corpus/prefer"
        printf 'W/"12", *' >"$corpus/tags"
        printf 'Sun, 06 Nov 1994 08:49:37 GMT' >"$corpus/date"
        printf '2026-11-20T10:00:00.123Z' >"$corpus/time"
        printf '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' >"$corpus/trace"
        printf 'limit=10&q=a%%20b&after=7-x' >"$corpus/query"
        printf '"default";r=50;t=30' >"$corpus/limit"
        ;;
    json)
        printf '{"a":[1,-2.5e3,true,null,"\\u00e9\\ud83d\\ude00é"],"b":{"":""}}' >"$corpus/all"
        local suite=../shared/corpora/JSONTestSuite/test_parsing
        [ -d "$suite" ] && find "$suite" -name '*.json' -size -4k -exec cp {} "$corpus" \;
        ;;
    esac
    return 0
}

mkdir -p "$scratch/found"
failed=()
for target in "${targets[@]}"; do
    printf '\n== %s, %s s\n' "$target" "$seconds"
    corpus="$scratch/corpus/$target"
    mkdir -p "$corpus"
    seed "$corpus" "$target"
    FUZZ_TARGET=$target "$scratch/debug/Fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$scratch/found/$target-" "$corpus" 2>&1 |
        grep -E 'broken law|ERROR|SUMMARY|Test unit written|stat::number_of_executed_units|stat::new_units|Done' || true
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || {
    printf '\nfailed: %s\n' "${failed[*]}" >&2
    exit 1
}
