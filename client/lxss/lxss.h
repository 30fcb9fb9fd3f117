/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LXSS_H
#define LXSS_H

/* Programs of other distributions, for programs: what lxctl does, as functions. See liblxss(3).
 *
 * They return 0 or a negative errno and keep no state beside the objects that they return. Why
 * something did not work is said in an LxssFailure, for whoever wants to know. Every descriptor
 * that is returned is close-on-exec and the caller's. Strings are bytes: paths, arguments and variables need
 * not be UTF-8. Times are in milliseconds; negative is for ever.
 *
 * Threads: a client, with its processes, is one thread's at a time. Different clients have nothing in common.
 *
 * Errors that every function may return: -ENOMEM, -EINVAL for an argument that is never right,
 * -ECONNRESET where lxssd is gone, with everything that ran in its instances. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lxbus.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LXSS_PUBLIC LXBUS_PUBLIC

/* Why a call failed. Start with LXSS_FAILURE_NONE; what is in it is freed by lxss_failure_clear(). */
typedef struct LxssFailure {
        char *name;    /* of the D-Bus error, "org.lxss.Error.NoSuchDistribution"; NULL: none */
        char *message; /* a sentence for people, which says what to do; NULL: none */
} LxssFailure;

#define LXSS_FAILURE_NONE { NULL, NULL }
LXSS_PUBLIC void lxss_failure_clear(LxssFailure *failure);

/* ---- Clients ---- */

/* Whoever is connected is a client: its programs run as long as it is, and an instance as long as it
 * has one. */
typedef struct LxssClient LxssClient;

enum {
        LXSS_NO_START = 1 << 0, /* do not start lxssd where it does not run: -ECONNREFUSED then */
};

/* Connects to lxssd. The caller frees *ret with lxss_disconnect(). In this and all others failure may be NULL. */
LXSS_PUBLIC int lxss_connect(int flags, LxssClient **ret, LxssFailure *failure);

/* Its programs are hung up, and with the last client of an instance that ends. Its processes have to be freed
 * before. NULL is legal. Returns NULL. */
LXSS_PUBLIC LxssClient *lxss_disconnect(LxssClient *client);

/* For poll(2): when it is readable, lxss_dispatch(). Borrowed. */
LXSS_PUBLIC int lxss_fd(const LxssClient *client);

/* Takes in what lxssd has said, without waiting: afterwards lxss_process_wait() with a time of 0 knows it. */
LXSS_PUBLIC int lxss_dispatch(LxssClient *client);

/* ---- Distributions ---- */

typedef struct LxssDistribution {
        const char *name;
        const char *state; /* "installed", "installing", "broken", … as in lxctl list */
        bool is_default;
} LxssDistribution;

/* Those that there are, in the order of names. The caller frees *ret, strings included, with free(3). */
LXSS_PUBLIC int lxss_list(LxssClient *client, LxssDistribution **ret, size_t *ret_n, LxssFailure *failure);

/* Keeps its instance up, which is started where it does not run, until *ret_fd and all duplicates are closed; that
 * hangs up where the instance ends all the same. distribution: here and elsewhere NULL for the default one. */
LXSS_PUBLIC int lxss_hold(LxssClient *client, const char *distribution, int *ret_fd, LxssFailure *failure);

/* Ends its instance with everything in it, and waits for that. 0 also where none runs. */
LXSS_PUBLIC int lxss_terminate(LxssClient *client, const char *distribution, LxssFailure *failure);

/* ---- Programs ---- */

typedef struct LxssFd {
        int number; /* in the program */
        int fd;     /* here; borrowed */
} LxssFd;

enum {
        LXSS_SHELL = 1 << 0,   /* the words of argv, joined by blanks, are for the user's shell */
        LXSS_NO_WAIT = 1 << 1, /* -EINPROGRESS rather than wait for an operation on the distribution */
};

#define LXSS_LINGER_FOREVER UINT64_MAX

/* What to launch. Everything that is NULL or 0 is left to lxssd. All is borrowed. */
typedef struct LxssLaunch {
        const char *distribution;
        const char *user;           /* a name or number; NULL: the distribution's default user */
        const char *directory;      /* in the instance, "~", or relative to our own; NULL: our own */
        char *const *argv;          /* ends with NULL; NULL: the user's login shell */
        char *const *environment;   /* NAME=VALUE, put over what a login gives */
        const LxssFd *fds;          /* of 0, 1 and 2 those that are not here are /dev/null */
        size_t n_fds;
        uint64_t linger_seconds;    /* that the instance outlives its last client; LXSS_LINGER_FOREVER */
        int flags;
} LxssLaunch;

typedef struct LxssProcess LxssProcess;

/* Launches a program, and waits until it runs. Its descriptors are the very ones that are passed: nothing
 * stands between. -ENOENT: no such distribution, user or program, as failure says; -EACCES: it may not be
 * executed; -EINPROGRESS; and the others of org.lxss.Error (shared/error.h of the source).
 * The caller frees *ret. */
LXSS_PUBLIC int lxss_launch(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret, LxssFailure *failure);

/* As the host knows it. */
LXSS_PUBLIC pid_t lxss_process_pid(const LxssProcess *process);

/* A pidfd of it. -ESRCH where it has ended. */
LXSS_PUBLIC int lxss_process_open(LxssProcess *process, int *ret_pidfd, LxssFailure *failure);

/* Sends it a signal, or all of its process group. -ESRCH where it has ended. */
LXSS_PUBLIC int lxss_process_signal(LxssProcess *process, int signo, bool group, LxssFailure *failure);

/* How it ended, as waitid(2) says it: CLD_EXITED and an exit status; CLD_KILLED or CLD_DUMPED and a signal. */
typedef struct LxssExit {
        int code;
        int status;
} LxssExit;

/* Waits until it has ended. -ETIMEDOUT; -EOWNERDEAD: its instance ended under it. May be asked again. */
LXSS_PUBLIC int lxss_process_wait(LxssProcess *process, int timeout, LxssExit *ret);

/* Forgets it; the program goes on. NULL is legal. Returns NULL. */
LXSS_PUBLIC LxssProcess *lxss_process_free(LxssProcess *process);

#ifdef __cplusplus
}
#endif

#endif
