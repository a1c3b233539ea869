/* SPDX-License-Identifier: BSD-2-Clause */
/* One function per kind of thing that the protocol machine reports. Runs in the reader's fiber,
 * so what waits here holds up the input of this connection and nothing else. */
#include "net/net_int.h"

#include "base/log.h"

static void logout(struct conn *c, const struct iscsi_event *ev)
{
    task_drop_unstarted(c, NULL);
    task_cancel_all(c);
    fmutex_lock(&c->mapping);
    struct scsi_nexus *nexus = c->nexus;
    c->nexus = NULL;
    if (nexus)
        scsi_nexus_free(nexus);
    fmutex_unlock(&c->mapping);
    (void)ev;
    iscsi_logout_done(c->iscsi, 0);
    conn_shut(c, "logout");
}

void conn_event(struct conn *c, const struct iscsi_event *ev)
{
    switch (ev->type) {
    case ISCSI_EV_NONE:
        break;
    case ISCSI_EV_COMMAND:
        task_command(c, ev);
        break;
    case ISCSI_EV_DATA:
        task_data(ev);
        break;
    case ISCSI_EV_START:
        task_start(c, ev->task);
        break;
    case ISCSI_EV_DATA_FAILED:
        task_data_failed(c, ev->task);
        break;
    case ISCSI_EV_TMF:
        tmf_start(c, &ev->tmf);
        break;
    case ISCSI_EV_IDENTIFY:
        login_identify(c);
        break;
    case ISCSI_EV_LOGGED_IN:
        login_done(c);
        break;
    case ISCSI_EV_LOGIN_FAILED:
        login_failed(c, ev);
        break;
    case ISCSI_EV_SEND_TARGETS:
        discovery_answer(c, ev);
        break;
    case ISCSI_EV_LOGOUT:
        logout(c, ev);
        break;
    case ISCSI_EV_CLOSE:
        conn_shut(c, ev->why);
        break;
    }
}
