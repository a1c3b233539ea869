/* SPDX-License-Identifier: BSD-2-Clause */
/* iSNS in iscsitadm's words. It knows one server: those that are there make room for it, and come back when it is refused. */
#include "cmd/grammar/admin_isns.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#define PORT_DEFAULT 3205

/* "192.0.2.1", "192.0.2.1:3205", "2001:db8::1", "[2001:db8::1]:3205"; what the address is is the daemon's to say. */
static int split(const char *server, char ret_address[64], uint64_t *ret_port,
                 struct err *reterr)
{
    const char *colon = strrchr(server, ':'), *host = server;
    bool bracketed = server[0] == '[',
         port = colon && (bracketed ? colon[-1] == ']' : strchr(server, ':') == colon);
    size_t n = port ? (size_t)(colon - server) : strlen(server);
    *ret_port = PORT_DEFAULT;
    if (bracketed && n >= 2 && server[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n == 0 || n >= 64 ||
        (port && (!text_to_u64(colon + 1, ret_port) || *ret_port < 1 || *ret_port > 65535)))
        return err_set(reterr, -EINVAL, "--isns-server %.80s: it is ADDRESS or ADDRESS:PORT",
                       server);
    memcpy(ret_address, host, n);
    ret_address[n] = '\0';
    return 0;
}

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
    int rc = split(server, address, &port, reterr);
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
