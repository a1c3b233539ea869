#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# freeradius.sh: Debian's freeradius, unpacked into build/radius/prefix, for tests/e2e/radius.py. It is not installed, because its package
# would start a RADIUS server on this machine. The packages come from the mirrors that the system's apt already uses.
set -Eeuo pipefail
out=$(realpath "$(dirname "$(realpath "$0")")/../..")/build/radius
packages=(freeradius freeradius-common libfreeradius3)
libraries=(libtalloc2 libcap2 libpcap0.8 libpcre3 libgdbm6 libct4 libjson-c5 libwbclient0 libreadline8 libperl5.36 libsqlite3-0) # some of what they need; many systems have them

fail() { echo "freeradius.sh: $*" >&2; exit 1; }

mkdir -p "$out"
exec 9> "$out/lock"
flock 9 # two callers at once: the second waits, and finds it done
[[ ! -e $out/stamp ]] || exit 0
command -v apt-get > /dev/null || fail "this is not Debian"
for lib in "${libraries[@]}"; do
    dpkg -s "$lib" > /dev/null 2>&1 || ! apt-cache show "$lib" > /dev/null 2>&1 || packages+=("$lib")
done
rm -rf "$out/debs" "$out/prefix"
mkdir -p "$out/debs" "$out/prefix"
(cd "$out/debs" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "${packages[@]}") > "$out/log" 2>&1 ||
    fail "can't download ${packages[*]}: $(tail -n 3 "$out/log")"
for deb in "$out"/debs/*.deb; do
    dpkg -x "$deb" "$out/prefix" || fail "can't unpack ${deb##*/}"
done
touch "$out/stamp"
