# SPDX-License-Identifier: BSD-2-Clause
# trim.sh IQN LUN: fills 64 MiB, removes it and trims; the host measures the volume when it reads FILLED and TRIMMED.
iqn=$1
mount_new ext4 "$iqn" "${2:-0}"
pass "write 64 MiB" dd if=/dev/urandom of=/mnt/data bs=1M count=64 conv=fsync
sg_get_lba_status -l 0 "$disk"
echo FILLED
sleep 2
rm /mnt/data; sync
pass "fstrim" fstrim -v /mnt
echo TRIMMED
sleep 2
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
finish trim
