#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Line coverage of the pure rooms by their own unit tests: prints it, and fails below the floor. TAP.
set -u
cd "$(dirname "$(realpath "$0")")/.." || exit 1
floor=90
dir=build/coverage
scripts/build.sh coverage || exit 1
find $dir -name '*.gcda' -delete
meson test -C $dir --suite unit --suite fuzz-smoke --no-rebuild >/dev/null || exit 1
n=0 bad=0
for room in wire iscsi scsi; do
    summary=$(gcovr -r . $dir --filter "src/$room/" --exclude '.*_test\.c' --exclude '.*fixture.*' --print-summary 2>/dev/null |
        grep '^lines:')
    case $summary in *'(0 out of 0)') continue ;; esac # a room of layouts alone has no lines
    n=$((n + 1))
    line=$(sed 's/^lines: \([0-9.]*\)%.*/\1/' <<< "$summary")
    if awk -v a="$line" -v b=$floor 'BEGIN {exit !(a >= b)}'; then
        echo "ok $n - $room: $line % of lines"
    else
        echo "not ok $n - $room: $line % of lines, the floor is $floor"
        bad=1
        gcovr -r . $dir --filter "src/$room/" --exclude '.*_test\.c' 2>/dev/null | sed 's/^/#   /'
    fi
done
echo "1..$n"
exit $bad
