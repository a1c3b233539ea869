/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated disks as files, for judges that live outside: FOLDER/WORLD/dN is what each world left. */
#include "story.h"

#include "base/check.h"
#include "run/sim/sim_disks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_page(int fd, const struct sim_pages *p, uint64_t page, uint64_t size)
{
    static uint8_t bytes[SIM_PAGE];
    uint64_t off = page * SIM_PAGE;
    size_t len = (size_t)MIN(SIM_PAGE, size - MIN(size, off));
    sim_pages_read(p, off, bytes, len);
    if (pwrite(fd, bytes, len, (off_t)off) != (ssize_t)len)
        story_fail("the dump cannot be written: %s", strerror(errno));
}

static void dump_disk(const char *folder, const char *path, const struct sim_inode *in)
{
    char name[300];
    snprintf(name, sizeof(name), "%s%s", folder, path);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)in->size) < 0)
        story_fail("%s cannot be written: %s", name, strerror(errno));
    for (uint64_t page = 0; sim_pages_next(&in->cur, page, &page); page++)
        write_page(fd, &in->cur, page, in->size);
    close(fd);
}

void story_dump(const struct story *st)
{
    char folder[256];
    snprintf(folder, sizeof(folder), "%s/%u", st->dump, st->world);
    if (mkdir(folder, 0700) < 0)
        story_fail("%s cannot be made: %s", folder, strerror(errno));
    for (unsigned i = 0; i < st->ndisks; i++) {
        const struct sim_inode *in = sim_names_find(st->disks, st->paths[i]);
        if (in)
            dump_disk(folder, st->paths[i], in);
    }
}
