/* SPDX-License-Identifier: BSD-2-Clause */
/* Which boot of the machine this is. */
#ifndef CMD_DAEMON_BOOT_H
#define CMD_DAEMON_BOOT_H

#include <stdint.h>

/* 16 bytes, different for every boot; zeros where the kernel does not tell. Parks. */
void boot_id(uint8_t ret_id[16]);

#endif
