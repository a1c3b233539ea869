/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/control_fixture.h"

#include "base/log.h"
#include "store/store.h"

#include <errno.h>

#define SOCKET "/run/zsand.sock"

/* ---- the world --------------------------------------------------------------------------- */

static void keep_audit(void *arg, enum log_level level, const char *event,
                       const struct log_kv *kv, size_t nkv)
{
    struct world *w = arg;
    size_t len = strlen(w->audit);
    (void)level;
    if ((strcmp(event, "control.change") != 0 && strcmp(event, "control.read") != 0) ||
        sizeof(w->audit) - len < 600)
        return;
    len += log_format(w->audit + len, sizeof(w->audit) - len - 2, event, kv, nkv);
    w->audit[len] = '\n';
    w->audit[len + 1] = '\0';
}

struct sock *dial(void)
{
    struct sock_addr addr = {"unix:" SOCKET};
    struct sock *s = NULL;
    return sock_connect(&addr, run_deadline_ms(10000), NULL, &s, NULL) == 0 ? s : NULL;
}

static void live(void *arg)
{
    struct world *w = arg;
    struct err e = {.code = 0};
    struct events *events = events_new();
    w->open_rc = config_store_open("/state/config", NULL, &w->store, &e);
    config_subscribe(w->store, fake_net_apply, &w->net);
    const struct pools_env pools_env = {.run = w->run, .dir = "/state"};
    if (w->open_rc == 0)
        w->open_rc = pools_open(&pools_env, &w->pools, &e);
    if (w->open_rc == 0)
        pools_start(w->pools);
    const struct control_env env = {
        .run = w->run,
        .store = w->store,
        .net = &w->net,
        .events = events,
        .pools = w->pools,
        .volumes_dir = "/state/volumes",
        .create_file = store_file_create,
    };
    if (w->open_rc == 0)
        w->open_rc = control_open(&env, SOCKET, &w->control, &e);
    if (w->open_rc == 0) {
        w->peer = dial();
        w->steps(w);
        uint64_t began = run_now();
        control_close(w->control);
        if (run_now() - began > NS_PER_SEC)
            snprintf(w->note, sizeof(w->note), "closing took too long");
        sock_close(w->peer);
    }
    if (pools_stop(w->pools) < 0)
        snprintf(w->note, sizeof(w->note), "a pool does not close");
    pools_free(w->pools);
    fake_net_end(&w->net);
    config_store_close(w->store);
    events_free(events);
    run_stop(w->run);
}

struct world *play(void (*steps)(struct world *w))
{
    struct sim_config cfg = sim_config_default(1);
    struct err e = {.code = 0};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->steps = steps;
    if (run_sim_new(&cfg, &w->run, &e) < 0)
        fail_msg("%s", e.msg);
    log_set_sink(keep_audit, w);
    run_loop(w->run, live, w);
    log_set_sink(NULL, NULL);
    run_free(w->run);
    if (w->open_rc < 0)
        fail_msg("the plane did not open: %d", w->open_rc);
    if (w->note[0])
        fail_msg("%s", w->note);
    return w;
}

/* ---- asking ------------------------------------------------------------------------------ */

bool hear(struct world *w, struct sock *s)
{
    size_t len = 0;
    while (len == 0 || w->last[len - 1] != '\n') {
        ssize_t n = sock_recv(s, w->last + len, sizeof(w->last) - 1 - len, NO_DEADLINE, NULL);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    w->last[len] = '\0';
    return true;
}

void ask(struct world *w, const char *method, const char *params)
{
    char line[1024];
    int n = snprintf(line, sizeof(line),
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
                     params);
    w->last[0] = '\0';
    sock_send(w->peer, line, (size_t)n, NO_DEADLINE, NULL);
    hear(w, w->peer);
}

void follow(struct world *w, const struct step *s, size_t n)
{
    for (size_t i = 0; i < n && !w->note[0]; i++) {
        ask(w, s[i].method, s[i].params);
        if (!strstr(w->last, s[i].want))
            snprintf(w->note, sizeof(w->note), "step %zu, %s %s: %.1500s", i, s[i].method,
                     s[i].params, w->last);
    }
}
