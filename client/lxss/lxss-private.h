/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the library's launching side share. */

#include "client/lxss/lxbus-private.h"
#include "client/lxss/lxss.h"
#include "client/lxss/remote.h"

struct LxssClient {
        Connection *connection;
        LxssProcess *processes;     /* borrowed: those of this client that were not freed */
        LxssOperation *operations;  /* the same */
        LxssWarningHandler warned;
        void *warned_userdata;
};

/* Negative errno as callers are told it, or 0. */
int lxss_result(int r);

/* Calls a method of the Manager whose answer does not matter, with one or two strings. NULL is "". */
int client_call(LxssClient *client, const char *member, const char *first, const char *second, LxssFailure *failure);

/* A message that nobody waits for: what is news to a process or to an operation. Handlers are called, and may free
 * what they are for. */
void processes_take_news(LxssClient *client, const Incoming *incoming);
void operations_take_news(LxssClient *client, const Incoming *incoming);

/* Dispatches until *done, or the deadline (deadline_after()). 0, -ETIMEDOUT, or another negative errno. */
int client_wait(LxssClient *client, const bool *done, int64_t deadline);

struct LxssProcess {
        LxssClient *client;
        LxssProcess *next;     /* of the client's */
        LxssEventHandler handler;
        void *userdata;
        uint32_t launch_call;  /* its serial; 0: answered */
        char *path;            /* of its object; NULL: it has not started */
        char *distribution;    /* that was asked for, then as lxssd says; NULL: the default one */
        uint32_t default_call, operations_call, oobe_call; /* lxss_process_explain()'s questions; 0: not awaited */
        int terminal;          /* the socket over which its master comes */
        pid_t pid;
        bool answered, ended;
        int error;             /* of the launch: negative errno, with failure */
        LxssFailure failure;
        LxssExit exit;
};

/* An answer that may be to a question of lxss_process_explain(). */
void explanations_take(LxssClient *client, const Incoming *answer);

/* Calls the handler, after which the process may be gone. */
void process_tell(LxssProcess *process, const LxssEvent *event);
