/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the op table as docs/scsi-commands.md: scsi-ops > docs/scsi-commands.md With a file's
 * name it compares instead, and fails when the table has moved on: scsi-ops
 * docs/scsi-commands.md
 */
#include "scsi/scsi_int.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const orders[ORDER_COUNT] = {
    [ORDER_FREE] = "free", [ORDER_READ] = "read", [ORDER_WRITE] = "write",
    [ORDER_SYNC] = "sync", [ORDER_MODE] = "mode",
};

static const char *const reservations[] = {
    [PR_ANY] = "any",     [PR_READ] = "readers",    [PR_WRITE] = "writers",
    [PR_START] = "start", [PR_SPECIAL] = "special",
};

static void print_intro(FILE *out)
{
    fputs("# SCSI commands\n\n"
          "Printed from the op table (`src/scsi/ops.c`); `meson test` fails when the two "
          "differ.\n\n"
          "- **CDB**: the bits that are looked at, by byte; any other bit that is set is "
          "refused\n"
          "  with INVALID FIELD IN CDB and its place. Volumes that cannot unmap lack UNMAP and "
          "the\n"
          "  UNMAP bit of WRITE SAME; only engines that write atomically have WRITE ATOMIC.\n"
          "- **reservation**: who may send it while another initiator holds a persistent\n"
          "  reservation: `any`body, `readers` (conflicts with exclusive access), `writers`\n"
          "  (conflicts with all types), `start` (START=1 as `any`, else as `writers`), "
          "`special`\n"
          "  (the command decides).\n"
          "- **without the lease**: `yes` when a host may send it that the attach guard keeps "
          "from "
          "the\n"
          "  volume; all else is answered 05/20/02 (docs/design/13-attach-guard.md).\n"
          "- **order**: the command's class for ordering (`src/scsi/ordering.c`).\n"
          "- **while**: answered with a `UA` pending (or reporting it), `stopped` or in "
          "standby,\n"
          "  with `no LU` mapped, `reserved` by another's RESERVE.\n\n"
          "| opcode | name | CDB | data | reservation | without the lease | order | while "
          "| timeout |\n"
          "|---|---|---|---|---|---|---|---|---|\n",
          out);
}

static void print_row(const struct scsi_op *op, FILE *out)
{
    uint8_t usage[16];
    scsi_op_usage(op, NULL, usage);
    fprintf(out, op->has_sa ? "| %02Xh/%02Xh " : "| %02Xh ", op->opcode, op->service_action);
    fprintf(out, "| %s | `", op->name);
    for (uint8_t i = 0; i < op->cdb_len; i++)
        fprintf(out, "%s%02x", i && i % 4 == 0 ? " " : "", usage[i]);
    fprintf(out, "` | %s | %s | %s | %s |",
            op->flags & OP_DATA_IN    ? "in"
            : op->flags & OP_DATA_OUT ? "out"
                                      : "",
            reservations[op->pr], op->guard == GUARD_ANY ? "yes" : "", orders[op->order]);
    fprintf(out, "%s%s%s%s | %u s |\n", op->flags & (OP_UA_KEEP | OP_UA_OWN) ? " UA" : "",
            op->flags & OP_NO_MEDIUM ? " stopped" : "", op->flags & OP_NO_LU ? " no-LU" : "",
            op->flags & OP_RESERVE_ANY ? " reserved" : "", op->timeout_s);
}

static void print_all(FILE *out)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    print_intro(out);
    for (size_t i = 0; i < n; i++)
        print_row(&ops[i], out);
}

static int compare(const char *path)
{
    char *wanted, *there;
    size_t len;
    FILE *out = open_memstream(&wanted, &len);
    print_all(out);
    fclose(out);
    there = calloc(1, len + 2);
    FILE *in = fopen(path, "r");
    if (in) {
        there[fread(there, 1, len + 1, in)] = '\0';
        fclose(in);
    }
    int rc = strcmp(there, wanted) != 0;
    if (rc)
        fprintf(stderr, "%s is not what the op table says; print it anew with scsi-ops\n",
                path);
    free(there);
    free(wanted);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return compare(argv[1]);
    print_all(stdout);
    return 0;
}
