#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# All static checks, as TAP: layers, style, forbidden calls, licence lines, documents.
set -u
cd "$(dirname "$(realpath "$0")")/.." || exit 1
n=0 failed=0
check() { # NAME COMMAND...: prints its output only when it fails
    local out
    n=$((n + 1))
    if out=$("${@:2}" 2>&1); then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s\n' "$out" | sed 's/^/#   /'
        failed=$((failed + 1))
    fi
}
sources() { git ls-files 'src/*.[ch]' 'tests/*.[ch]'; }
style() { sources | xargs clang-format --dry-run -Werror; }
forbidden() { # in the product; tests may build their strings as they like
    ! git ls-files 'src/*.[ch]' ':!*_test.c' | xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|alloca|gets|system|popen|rand)\(' --
}
licence() { ! git ls-files '*.[chS]' '*.py' '*.sh' '*.build' Makefile | xargs grep -L 'SPDX-License-Identifier: BSD-2-Clause' | grep .; }
unfinished() { ! git grep -nE '#if 0|\b(TODO|FIXME|XXX)\b' -- src api tests ':!tests/*.md' | grep .; }
shell() { git ls-files | xargs grep -lE '^#!/bin/(ba)?sh' -- | xargs -n1 bash -n; }
# The paragraph macros that scdoc puts around headings and lists are harmless.
manuals() {
    command -v scdoc >/dev/null || return 1
    local m
    ! for m in man/*.scd; do scdoc < "$m" | mandoc -Tlint -W warning | sed "s|^mandoc: <stdin>|$m|"; done |
        grep -v 'skipping paragraph macro: PP'
}
# The figure in docs/security.md is that of one version of systemd: others weigh differently.
figure() { sed -nE "s/.*\\(systemd ([0-9]+)\\) gives an exposure of ([0-9.]+) .*/\\$1/p" docs/security.md; }
exposure() {
    local found
    found=$(systemd-analyze security --offline=true packaging/zsand.service | sed -nE 's/.*Overall exposure level for zsand.service: ([0-9.]+) .*/\1/p')
    [ -n "$found" ] && [ "$found" = "$(figure 2)" ] || { echo "it is ${found:-not found}, docs/security.md says $(figure 2)"; return 1; }
}
check "includes point down" scripts/check-layers.py
check "clang-format" style
check "no forbidden calls" forbidden
check "licence lines" licence
check "nothing unfinished" unfinished
check "shell scripts parse" shell
check "manual pages" manuals
if [ "$(systemd-analyze --version 2> /dev/null | sed -n '1s/^systemd \([0-9]*\) .*/\1/p')" = "$(figure 1)" ]; then
    check "the unit's exposure is what docs/security.md says" exposure
else
    n=$((n + 1))
    echo "ok $n - the unit's exposure is what docs/security.md says # SKIP there is no systemd-analyze of systemd $(figure 1)"
fi
[ -x scripts/check-generated.sh ] && check "generated files are up to date" scripts/check-generated.sh
echo "1..$n"
exit $((failed != 0))
