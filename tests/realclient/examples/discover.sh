# SPDX-License-Identifier: BSD-2-Clause
# discover.sh IQN [LUN]: SendTargets names an address that the guest can use, and the record made from it logs in.
iqn=$1 lun=${2:-0}
start_iscsid
say "discovery through $HOST:$PORT"
pass "discovery" discover
discover
discover | grep -q "^$HOST:$PORT,[0-9]* $iqn\$" || die "$iqn is not announced at $HOST:$PORT"
[ "$(discover | wc -l)" = 1 ] || die "more is announced than was granted"
pass "login with the discovered record" iscsiadm -m node -T "$iqn" -p "$HOST:$PORT" --login
pass "a disk appears" disk_of "$iqn" "$lun"
pass "logout" logout "$iqn"
finish discover
