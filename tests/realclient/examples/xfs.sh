# SPDX-License-Identifier: BSD-2-Clause
# xfs.sh IQN [LUN]: an xfs with checksummed data that survives a re-login.
iqn=$1 lun=${2:-0}
mount_new xfs "$iqn" "$lun"
for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=/mnt/f$i bs=256k count=$((i * 2)) conv=fsync 2>/dev/null || die "write $i"; done
(cd /mnt && sha256sum f*) > /tmp/sums
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
pass "second login" login "$iqn"
disk=$(disk_of "$iqn" "$lun") || exit 1
pass "xfs_repair finds nothing" xfs_repair -n "$disk"
pass "mount again" mount "$disk" /mnt
(cd /mnt && sha256sum -c /tmp/sums) || die "the data differ after the second login"
pass "unmount" umount /mnt
pass "logout" logout "$iqn"
finish xfs
