# SPDX-License-Identifier: BSD-2-Clause
# apt.sh, sourced by prepare.sh and kernel/prepare.sh: packages of Debian's component contrib, from the mirrors that the
# system's apt already uses, with lists and state below $out: nothing is installed, the system's sources stay as they are.
own_apt() { # apt-get with sources, lists and caches of our own
    "$1" -q -o Dir::Etc::SourceList="$out/apt/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$out/apt/lists" -o Dir::Cache="$out/apt/cache" \
        -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Acquire::Retries=3 "${@:2}"
}
# One line for each Debian archive that the system knows, with component contrib added.
archives() {
    local key=/usr/share/keyrings/debian-archive-keyring.gpg signed=
    [[ ! -r $key ]] || signed="[signed-by=$key] "
    apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' |
        awk -F '|' -v signed="$signed" '$1 == "Debian" { print "deb " signed $2 " " $3 " main contrib" }' | sort -u
}
lists() {
    mkdir -p "$out/apt/lists/partial" "$out/apt/cache/archives/partial" "$out/apt/debs"
    archives > "$out/apt/sources.list"
    [[ -s $out/apt/sources.list ]] ||
        fail "apt knows no Debian archive (no package lists: run 'apt-get update' once, or this is no Debian)"
    own_apt apt-get update > "$out/apt/log" 2>&1 ||
        fail "can't read the package lists of component contrib: $(tail -n 3 "$out/apt/log")"
}
