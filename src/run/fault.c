/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fiber that runs over its stack touches the guard page below it. There is no stack left to
 * run a handler on, so the signal is taken on an alternate one; it prints the fiber's name and
 * lets the fault happen again under the old disposition (a core dump, or the sanitizer's own
 * report). Only async-signal-safe calls are made here.
 */
#include "run/fiber_int.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALT_STACK_LEN (64u << 10)

/* What the process had before. Static because the dispositions themselves belong to the whole
 * process. */
static struct sigaction old_segv, old_bus;

static bool in_guard(const struct fiber *f, const void *addr)
{
    const uint8_t *a = addr;
    return a >= f->map && a < f->stack;
}

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* nobody is left to tell */
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    const struct fiber *f = fiber_self();
    if (f && in_guard(f, info->si_addr)) {
        say("stack overflow in fiber ");
        say(f->name);
        say("\n");
    }
    sigaction(signo, signo == SIGBUS ? &old_bus : &old_segv, NULL);
}

void fault_handler_enter(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&sa.sa_mask);
    check(sigaction(SIGSEGV, &sa, &old_segv) == 0);
    check(sigaction(SIGBUS, &sa, &old_bus) == 0);
}

void fault_handler_leave(void)
{
    check(sigaction(SIGSEGV, &old_segv, NULL) == 0);
    check(sigaction(SIGBUS, &old_bus, NULL) == 0);
}

void fault_stack_enter(struct fault_stack *s)
{
    s->mem = malloc(ALT_STACK_LEN);
    check(s->mem != NULL);
    const stack_t alt = {.ss_sp = s->mem, .ss_size = ALT_STACK_LEN};
    check(sigaltstack(&alt, &s->old) == 0);
}

void fault_stack_leave(const struct fault_stack *s)
{
    check(sigaltstack(&s->old, NULL) == 0);
    free(s->mem);
}
