/* SPDX-License-Identifier: BSD-2-Clause */
/* iSNS in iscsitadm's words. It knows one server: those that are there make room for it, and come back when it is refused. */
#include "cmd/grammar/admin_isns.h"
#include "cmd/grammar/values.h"

#include <errno.h>
#include <string.h>

#define PORT_DEFAULT 3205

static json_t *server_params(const char *address, uint64_t port)
{
    return json_pack("{s:s, s:I}", "address", address, "port", (json_int_t)port);
}

int admin_isns_server(const json_t *facts, struct gr_plan *p, const char *server,
                      struct err *reterr)
{
    const json_t *all = json_object_get(json_object_get(facts, "isns.show"), "servers");
    char address[64];
    uint64_t port;
    bool there = false;
    int rc = gr_server("--isns-server", server, PORT_DEFAULT, address, &port, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i);
        const char *has = json_string_value(json_object_get(s, "address"));
        uint64_t at = (uint64_t)json_integer_value(json_object_get(s, "port"));
        if (has && strcmp(has, address) == 0 && at == port)
            there = true;
        else if (has)
            gr_undo(gr_step(p, "isns.remove", server_params(has, at)), "isns.add",
                    server_params(has, at));
    }
    if (rc == 0 && !there)
        gr_undo(gr_step(p, "isns.add", server_params(address, port)), "isns.remove",
                server_params(address, port));
    if (there)
        gr_say(p, "%s is the iSNS server already", server);
    return rc;
}

int admin_isns_access(const json_t *facts, struct gr_plan *p, const char *access,
                      struct err *reterr)
{
    const json_t *now = json_object_get(json_object_get(facts, "isns.show"), "enabled");
    bool on = strcmp(access, "enable") == 0;
    if (!on && strcmp(access, "disable") != 0)
        return err_set(reterr, -EINVAL, "--isns-access %.40s: it is enable or disable", access);
    gr_undo(gr_step(p, "isns.set", json_pack("{s:b}", "enabled", on)), "isns.set",
            json_pack("{s:b}", "enabled", json_is_true(now)));
    return 0;
}
