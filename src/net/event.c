/* SPDX-License-Identifier: BSD-2-Clause */
/* One function per kind of thing that the protocol machine reports. Runs in the reader's fiber,
 * so what waits here holds up the input of this connection and nothing else. */
#include "net/net_int.h"

#include "base/log.h"
#include "wire/iscsi.h"

#define LOGOUT_MS 5000 /* for a hanging volume's commands to end */

static void logout(struct conn *c)
{
    task_drop_unstarted(c, NULL);
    task_cancel_all(c);
    if (c->nexus && !c->told_to_go)
        scsi_nexus_farewell(c->nexus);
    int r = session_detach(c, run_deadline_ms(LOGOUT_MS));
    iscsi_logout_done(c->iscsi, r == 0 ? ISCSI_LOGOUT_RSP_OK : ISCSI_LOGOUT_RSP_FAILED);
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
    case ISCSI_EV_VERIFY:
        login_verify(c);
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
        logout(c);
        break;
    case ISCSI_EV_CLOSE:
        conn_shut(c, ev->why);
        break;
    }
}
