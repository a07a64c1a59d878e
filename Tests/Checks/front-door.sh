#!/usr/bin/env bash
# Sends both request corpora and a table of our own to contact-gateway, nginx, HAProxy and Apache, and tells who refuses
# what. Installs the three (Debian), starts everything on free ports of 127.0.0.1 and ends what it started.
#
#   Tests/Checks/front-door.sh             prints the table as Markdown; fails when we differ from what our table says
#   Tests/Checks/front-door.sh --write     puts it into Sources/HTTPServer/Strictness.md
#
# CONTACT_GATEWAY names the program to check; without it one is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing=()
for package in nginx-light haproxy apache2-bin python3; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq
    # A package must not start a server of its own.
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq "${missing[@]}" >/dev/null
fi

if [ -z "${CONTACT_GATEWAY:-}" ]; then
    swift build -c release --product contact-gateway >&2
    CONTACT_GATEWAY="$(swift build -c release --show-bin-path)/contact-gateway"
fi
export CONTACT_GATEWAY
exec python3 Tests/Checks/front_door.py "$@"
