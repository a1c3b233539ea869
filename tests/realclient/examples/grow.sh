# SPDX-License-Identifier: BSD-2-Clause
# grow.sh IQN LUN: the host grows the volume when it reads "GROW" and the guest sees it without logging in anew.
iqn=$1 lun=${2:-0}
start_udev
start_iscsid
add_node "$iqn"
pass "login" login "$iqn"
disk=$(disk_of "$iqn" "$lun") || exit 1
size=/sys/block/${disk##*/}/size
before=$(cat "$size")
modprobe ext4
pass "mkfs.ext4" mkfs.ext4 -q -F "$disk"
pass "mount" mount "$disk" /mnt
echo "GROW $before"
# The unit attention CAPACITY DATA HAS CHANGED comes with the next command; the kernel reports it by udev, on
# which a distribution's rule rescans. Here we do.
grown() { dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; dmesg | grep -qi 'capacity data has changed'; }
wait_for 60 grown || die "no unit attention was seen"
say "ok: the kernel saw: $(dmesg | grep -i 'capacity data has changed' | tail -n 1)"
echo 1 > "/sys/block/${disk##*/}/device/rescan"
now=$(cat "$size")
[ "$now" -eq $((before * 2)) ] || die "the size is $now, it was $before"
say "ok: $before sectors became $now"
pass "write and read the new half" sh -c "dd if=/dev/urandom of=/tmp/x bs=64k count=16 && dd if=/tmp/x of=$disk bs=64k seek=$((before / 128 + 16)) oflag=direct && dd if=$disk of=/tmp/y bs=64k count=16 skip=$((before / 128 + 16)) iflag=direct && cmp /tmp/x /tmp/y"
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
finish grow
