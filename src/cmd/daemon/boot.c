/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's boot id. By it the SCSI model tells a restart of the daemon, through which hosts
 * keep running and keep counting on their reservations, from a power loss. Parks.
 */
#include "cmd/daemon/boot.h"

#include "base/cleanup.h"
#include "base/uuid.h"
#include "run/file.h"

#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

void boot_id(uint8_t ret_id[16])
{
    CLEANUP(freep) char *text = NULL;
    struct uuid id;
    size_t len;
    memset(ret_id, 0, 16);
    if (file_slurp(BOOT_ID, 128, &text, &len) < 0 || len < UUID_STR_LEN)
        return;
    text[UUID_STR_LEN] = '\0'; /* a newline follows */
    if (uuid_parse(text, &id))
        memcpy(ret_id, id.b, sizeof(id.b));
}
