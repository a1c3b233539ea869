#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# check-pure.sh ARCHIVE...: the pure modules may need nothing from outside but memory and string
# functions, the CRC, and a failed check. A socket, a clock, an allocation or a log would show up here as
# an undefined symbol. Prints TAP.
set -eu

allowed='^(explicit_bzero|mem(cpy|move|set|cmp|chr|mem)|bcmp|str(len|nlen|chr|cmp|ncmp|cspn|spn|str)|crc32_iscsi|check_failed|check_cmp_failed)$'
# What compilers add: stack protector, fortify, sanitizers, coverage.
added='^(__stack_chk_fail|__(mem|str|explicit_bzero)[a-z]*_chk|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan|msan|sanitizer|sancov|gcov|llvm)_.*|__start___.*|__stop___.*)$'

n=0
failed=0
for archive in "$@"; do
    n=$((n + 1))
    # Undefined in one member and defined in another is no need of the archive's.
    defined=$(nm --defined-only -g "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
    wanted=$(nm -u "$archive" 2>/dev/null | awk 'NF == 2 { print $2 }' | sort -u)
    foreign=$(comm -23 <(echo "$wanted") <(echo "$defined") | grep -vE "$allowed|$added" || true)
    if [ -z "$wanted" ]; then
        echo "not ok $n - $archive: no symbols"
        failed=1
    elif [ -z "$foreign" ]; then
        echo "ok $n - $(basename "$archive") needs nothing it may not have"
    else
        echo "not ok $n - $(basename "$archive") needs" $foreign
        failed=1
    fi
done
echo "1..$n"
exit $failed
