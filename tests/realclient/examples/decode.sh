# SPDX-License-Identifier: BSD-2-Clause
# decode.sh IQN [LUN]: what sg3_utils makes of every page and list must be complete: no error, nothing undecoded.
iqn=$1 lun=${2:-0}
KEEP_GOING=1
start_iscsid
add_node "$iqn"
pass "login" login "$iqn"
disk=$(disk_of "$iqn" "$lun") || exit 1
clean() {               # COMMAND...: exit 0, and no word that a decoder prints when it is at a loss
    _out=$(retry_ua "$@" 2>&1) || { echo "$_out"; return 1; }
    echo "$_out" | grep -iE 'unexpected|malformed|bad |truncat|too short|undecod|invalid|illegal|unable' && return 1
    return 0
}
pass "sg_inq" clean sg_inq "$disk"
pages=$(sg_vpd "$disk" | sed -n 's/^ .*\[\([a-z]*\)\]$/\1/p')
[ -n "$pages" ] || bad "no VPD pages are listed"
for p in $pages; do pass "sg_vpd -p $p" clean sg_vpd -p "$p" "$disk"; done
pass "sg_opcodes" clean sg_opcodes "$disk"
pass "sg_opcodes with timeouts" clean sg_opcodes -R "$disk"
pass "sg_opcodes of task management" clean sg_opcodes -t "$disk"
pass "sg_readcap" clean sg_readcap -l "$disk"
pass "sg_luns" clean sg_luns "$disk"
pass "sg_modes" clean sg_modes -a "$disk"
pass "sg_logs" clean sg_logs -a "$disk"
pass "sg_requests" clean sg_requests "$disk"
pass "sg_rtpg" clean sg_rtpg -d "$disk"
pass "sg_get_lba_status" clean sg_get_lba_status -l 0 "$disk"
pass "sg_verify" clean sg_verify -l 0 -c 8 "$disk"
sg_vpd -p di "$disk"
pass "logout" logout "$iqn"
finish decode
