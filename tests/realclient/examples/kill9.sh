# SPDX-License-Identifier: BSD-2-Clause
# kill9.sh IQN LUN ROUNDS: the host kills the daemon without warning, ROUNDS times, whenever it reads "KILL"; the file system on
# the LUN must not see an error and every file written and synced must be there.
iqn=$1 lun=${2:-0} rounds=${3:-3}
start_iscsid
add_node "$iqn"
set_node "$iqn" node.session.timeo.replacement_timeout 120
set_node "$iqn" node.conn[0].timeo.noop_out_interval 2
set_node "$iqn" node.conn[0].timeo.noop_out_timeout 3
pass "login" login "$iqn"
disk=$(disk_of "$iqn" "$lun") || exit 1
modprobe ext4
pass "mkfs.ext4" mkfs.ext4 -q -F "$disk"
pass "mount" mount -o errors=remount-ro "$disk" /mnt
: > /tmp/sums
( i=0; while [ ! -e /tmp/stop ]; do
    dd if=/dev/urandom of=/mnt/f$i bs=64k count=4 conv=fsync 2>/dev/null || { echo "write $i" > /tmp/ioerr; break; }
    (cd /mnt && sha256sum f$i) >> /tmp/sums
    i=$((i + 1)); echo $i > /tmp/n.new; mv /tmp/n.new /tmp/n
  done ) &
n() { cat /tmp/n 2>/dev/null || echo 0; }
more_than() { [ ! -e /tmp/ioerr ] || die "I/O error: $(cat /tmp/ioerr)"; [ "$(n)" -gt "$1" ]; }
wait_for 60 more_than 3 || die "no I/O"
r=0
while [ $r -lt "$rounds" ]; do
    at=$(n); echo "KILL $r"
    sleep 1
    wait_for 90 more_than $((at + 5)) || die "I/O did not go on after kill $r"
    say "ok: I/O went on after kill $r, $(n) files"
    r=$((r + 1))
done
touch /tmp/stop; wait %1 2>/dev/null
more_than 0
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
pass "login" login "$iqn"
disk=$(disk_of "$iqn" "$lun") || exit 1
pass "fsck is clean" fsck.ext4 -f -n "$disk"
pass "mount" mount "$disk" /mnt
(cd /mnt && sha256sum -c /tmp/sums) > /tmp/check || { grep -v OK /tmp/check; die "data differ"; }
say "ok: $(wc -l < /tmp/check) files compare equal"
pass "unmount" umount /mnt
! dmesg | grep -iE 'EXT4-fs error|Buffer I/O error|remounting' || die "the file system saw errors"
pass "logout" logout "$iqn"
finish kill9
