/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RADIUS in iscsitadm's words. It knows one server, so what it says is carried out where that is all there is: a second one
 * would be another's to add, and a secret that was replaced cannot be brought back.
 */
#include "cmd/grammar/admin_radius.h"
#include "cmd/grammar/values.h"

#include <errno.h>
#include <string.h>

#define PORT_DEFAULT 1812

struct place {
    char address[64];
    uint64_t port;
};

static bool is_at(const json_t *server, const struct place *at)
{
    return strcmp(gr_text(server, "address"), at->address) == 0 &&
           (uint64_t)json_integer_value(json_object_get(server, "port")) == at->port;
}

static void step(struct gr_plan *p, const char *method, const char *address, json_int_t port)
{
    struct gr_step *s = gr_step(
        p, method, json_pack("{s:s, s:I, s:n}", "address", address, "port", port, "secret"));
    if (strcmp(method, "radius.add") == 0)
        gr_undo(s, "radius.remove", json_pack("{s:s, s:I}", "address", address, "port", port));
}

int admin_radius(const json_t *facts, struct gr_plan *p, const char *server, bool secret,
                 struct err *reterr)
{
    const json_t *all = json_object_get(facts, "radius.list"), *one = json_array_get(all, 0);
    struct place at = {.port = PORT_DEFAULT};
    size_t n = json_array_size(all);
    int rc = server ? gr_server("--radius-server", server, PORT_DEFAULT, at.address, &at.port,
                                reterr)
                    : 0;
    if (rc < 0)
        return rc;
    if (!server && n != 1)
        return err_set(reterr, -EINVAL,
                       "--radius-secret: there are %zu RADIUS servers: zsan radius secret "
                       "ADDRESS sets that of one",
                       n);
    if (server && n > 0 && (n > 1 || !is_at(one, &at)))
        return err_set(reterr, -EINVAL,
                       "--radius-server %.60s: there is %s%s already: zsan radius add puts "
                       "another behind it, zsan radius remove takes it away",
                       server, gr_text(one, "address"), n > 1 ? " (and others)" : "");
    if (server && n == 0 && !secret)
        return err_set(
            reterr, -EINVAL,
            "--radius-server %.60s: give --radius-secret too: what it shares with us", server);
    if (n == 0)
        step(p, "radius.add", at.address, (json_int_t)at.port);
    else if (secret)
        step(p, "radius.secret", gr_text(one, "address"),
             json_integer_value(json_object_get(one, "port")));
    else
        gr_say(p, "%s is the RADIUS server already", server);
    if (n == 0)
        gr_say(p, "it is asked about initiators of which that is said: zsan initiator set NAME "
                  "--verify radius");
    return 0;
}
