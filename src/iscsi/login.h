/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the login machine (login.c) and what its stages say (login_stage.c). */
#ifndef ISCSI_LOGIN_H
#define ISCSI_LOGIN_H

#include "iscsi/iscsi_int.h"

/* Ends the login with a status; out is sent only with a redirection. */
void login_fail(struct iscsi_conn *c, uint16_t status, const char *why);
/* Sends the answers; leaves the stage if the initiator wants to. */
void login_proceed(struct iscsi_conn *c);
/* Sends the answers; stays. */
void login_stay(struct iscsi_conn *c);

/* The texts of each state: answer, change the state, or fail. */
void login_on_names(struct iscsi_conn *c);
void login_on_answer(struct iscsi_conn *c);
void login_on_security(struct iscsi_conn *c);
void login_on_chap_a(struct iscsi_conn *c);
void login_on_chap_r(struct iscsi_conn *c);
void login_on_verdict(struct iscsi_conn *c);
void login_on_operational(struct iscsi_conn *c);

/* False: a name that was said before came again and is another. */
bool login_names_same(const struct iscsi_conn *c);
/* Keeps what the owner said. */
void login_configure(struct iscsi_conn *c, const struct iscsi_login_answer *a);
/* What the first response to a known initiator has to say. */
void login_greet(struct iscsi_conn *c);

#endif
