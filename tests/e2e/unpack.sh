# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# For sourcing: Debian's packages of a server, unpacked into build/NAME/prefix and not installed, because a package of a server starts it on
# this machine. They come from the mirrors that the system's apt already uses. Callers set name, packages, and libraries: some of what
# these need, of which many systems have most, and which other releases may call otherwise.
set -Eeuo pipefail

fail() { echo "${0##*/}: $*" >&2; exit 1; }

unpack() {
    local out lib deb
    out=$(realpath "$(dirname "$(realpath "$0")")/../..")/build/$name
    mkdir -p "$out"
    exec 9> "$out/lock"
    flock 9 # two callers at once: the second waits, and finds it done
    [[ ! -e $out/stamp ]] || return 0
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
}
