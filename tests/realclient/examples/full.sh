# SPDX-License-Identifier: BSD-2-Clause
# full.sh IQN LUN: fills a thin volume's pool through ext4 until writes fail, removes the file and trims; then there is room again.
iqn=$1
mount_new ext4 "$iqn" "${2:-0}"
pass "write what is to stay" dd if=/dev/urandom of=/mnt/keep bs=1M count=8 conv=fsync
(cd /mnt && sha256sum keep) > /tmp/sums
dd if=/dev/urandom of=/mnt/fill bs=1M count=300 oflag=direct && die "300 MiB fit into the pool"
dmesg | grep -i 'space allocation' || die "the kernel was not told that room is out: $(dmesg | tail -n 5)"
echo FULL
sleep 1
pass "read when full" dd if=/mnt/keep of=/dev/null bs=1M iflag=direct
pass "overwrite in place when full" dd if=/mnt/keep of=/mnt/keep bs=1M count=8 conv=notrunc oflag=direct
pass "remove" rm /mnt/fill
sync
pass "fstrim" fstrim -v /mnt
echo TRIMMED
pass "write again" dd if=/dev/urandom of=/mnt/again bs=1M count=48 conv=fsync
pass "unmount" umount /mnt
pass "mount again" mount "$disk" /mnt
(cd /mnt && sha256sum -c /tmp/sums) || die "what was to stay differs"
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
finish full
