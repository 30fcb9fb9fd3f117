/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LXSS_H
#define LXSS_H

/* Programs of other distributions, for programs: what lxctl does, as functions. See liblxss(3).
 *
 * They return 0 or a negative errno and keep no state beside the objects that they return. Why
 * something did not work is said in an LxssFailure, for whoever wants to know; failure may be NULL everywhere.
 * Every descriptor that is returned is close-on-exec and the caller's; those that are given are borrowed. Strings
 * are bytes: paths, arguments and variables need not be UTF-8. A distribution that is NULL is the default one.
 * Timeouts are in milliseconds; negative is for ever. Moments are microseconds since the epoch.
 *
 * Threads: a client, with its processes and operations, is one thread's at a time. Different clients have
 * nothing in common.
 *
 * Errors that every function may return: -ENOMEM, -EINVAL for an argument that is never right,
 * -ECONNRESET where lxssd is gone, with everything that ran in its instances; and what lxssd says: the
 * failure has its name then, liblxss(3) says which errno that is. */

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
        LXSS_NO_START = 1 << 0,     /* do not start lxssd where it does not run: -ECONNREFUSED then */
        LXSS_FOR_INSTANCE = 1 << 1, /* an instance will be needed: make ready what it takes while lxssd starts */
};

/* Connects to lxssd. The caller frees *ret with lxss_disconnect(). */
LXSS_PUBLIC int lxss_connect(int flags, LxssClient **ret, LxssFailure *failure);

/* Its programs are hung up, its operations canceled, and with the last client of an instance that ends. Its
 * processes and operations have to be freed before. NULL is legal. Returns NULL. */
LXSS_PUBLIC LxssClient *lxss_disconnect(LxssClient *client);

/* For poll(2), epoll(7) and their like: readable when there is something for lxss_dispatch(). Every other function
 * may have read it on its way, so call that before each wait, as sd_bus_process(3) is. Borrowed. */
LXSS_PUBLIC int lxss_fd(const LxssClient *client);

/* Takes in what lxssd has said, without waiting, and calls the handlers that it concerns. lxss_launch() and the
 * functions that end in _wait do so, too; no other calls a handler. A handler may call every function but
 * lxss_disconnect(), and free the process or operation that it is for, unless that is what somebody waits for. */
LXSS_PUBLIC int lxss_dispatch(LxssClient *client);

/* What an instance that the client uses could not honour of the distribution's own settings, a sentence at a time.
 * NULL: nobody listens. */
typedef void (*LxssWarningHandler)(LxssClient *client, const char *warning, void *userdata);
LXSS_PUBLIC void lxss_watch_warnings(LxssClient *client, LxssWarningHandler handler, void *userdata);

/* ---- What there is ---- */

/* Frees what lxss_get_…() and lxss_list_…() returned, with all that it points to. NULL is legal. Returns NULL.
 * Strings in them are never NULL. Later versions may add members at the ends of structs. */
LXSS_PUBLIC void *lxss_free(void *result);

typedef struct LxssSetting {
        const char *key, *value;
        const char *from; /* "distribution", "user", "system" or "default" */
} LxssSetting;

typedef struct LxssDistribution {
        const char *name;
        const char *state;         /* "installed", "installing", "uninstalling", "broken", … */
        const char *root;          /* its root directory on the host */
        const char *default_user;
        const char *oobe;          /* its command for the first launch: "none", "pending", "running" or "done" */
        const char *release;       /* PRETTY_NAME of os-release(5) */
        const char *source;        /* what it was installed from */
        bool is_default;
        uint64_t install_time;
        char *const *layers;       /* directories below root, topmost first; ends with NULL */
        const LxssSetting *settings;
        size_t n_settings;
} LxssDistribution;

typedef struct LxssInstance {
        const char *distribution;
        const char *state;         /* "starting", "running" or "stopping" */
        uint32_t leader;           /* the process id of its /init, on the host */
        uint32_t clients, processes;
        uint64_t start_time;
        char *const *warnings;     /* ends with NULL */
} LxssInstance;

typedef struct LxssProgram {
        const char *distribution, *command_line, *user;
        uint32_t pid;              /* on the host */
        bool terminal;             /* it has one of its own */
        uint64_t start_time;
} LxssProgram;

typedef struct LxssWork {
        const char *kind;          /* "install", "clone", … */
        const char *distribution, *stage;
        double fraction;           /* 0 to 1; negative: not known */
} LxssWork;

/* All that lxssd manages at one moment. The arrays end with NULL. */
typedef struct LxssObjects {
        const LxssDistribution *const *distributions; /* ascending by name */
        const LxssInstance *const *instances;
        const LxssProgram *const *programs;           /* ascending by process id */
        const LxssWork *const *operations;
        size_t n_distributions, n_instances, n_programs, n_operations;
} LxssObjects;

LXSS_PUBLIC int lxss_get_objects(LxssClient *client, LxssObjects **ret, LxssFailure *failure);

/* lxssd itself. */
typedef struct LxssService {
        const char *version, *default_distribution, *log_target, *data_directory;
        const char *id_mode;       /* "root", "subids" or "single"; empty before it is known */
        uint32_t pid, n_distributions, n_instances, n_processes, n_operations, n_clients;
} LxssService;

LXSS_PUBLIC int lxss_get_service(LxssClient *client, LxssService **ret, LxssFailure *failure);

typedef struct LxssSnapshot {
        const char *distribution, *name, *release;
        uint64_t time;
        bool base;                 /* what the distribution is now grew from it */
} LxssSnapshot;

/* Of one distribution, or with NULL of all, the oldest of each first. The array ends with NULL. */
LXSS_PUBLIC int lxss_list_snapshots(LxssClient *client, const char *distribution, LxssSnapshot ***ret,
                                    LxssFailure *failure);

typedef struct LxssOffer {
        const char *name, *friendly_name, *family, *url, *sha256, *catalogue;
        bool family_default;       /* the family's name means it, too */
        bool is_default;           /* of the catalogue */
} LxssOffer;

/* What the catalogue has for this kind of machine; it is read anew, perhaps over the network, with the proxies of
 * our environment. The array ends with NULL. */
LXSS_PUBLIC int lxss_list_online(LxssClient *client, LxssOffer ***ret, LxssFailure *failure);

/* ---- Changes at once ---- */

LXSS_PUBLIC int lxss_set_default(LxssClient *client, const char *distribution, LxssFailure *failure);
LXSS_PUBLIC int lxss_rename(LxssClient *client, const char *distribution, const char *new_name, LxssFailure *failure);
LXSS_PUBLIC int lxss_remove_snapshot(LxssClient *client, const char *distribution, const char *snapshot,
                                     LxssFailure *failure);

typedef struct LxssChange {
        const char *key;   /* lxss.conf(5) */
        const char *value; /* NULL: no longer set */
} LxssChange;

/* Changes all of these settings of a distribution, or none. *ret_pending (NULL: of no interest): its instance
 * runs, and has them when it starts again. */
LXSS_PUBLIC int lxss_configure(LxssClient *client, const char *distribution, const LxssChange *changes, size_t n,
                               bool *ret_pending, LxssFailure *failure);

/* Makes a broken distribution usable. *ret_kept (NULL: of no interest): the path of the damaged file of settings, if
 * there was one, else empty; the caller's, free(3). */
LXSS_PUBLIC int lxss_repair(LxssClient *client, const char *distribution, char **ret_kept, LxssFailure *failure);

/* Keeps its instance up, which is started where it does not run, until *ret_fd and all duplicates are closed; that
 * hangs up where the instance ends all the same. */
LXSS_PUBLIC int lxss_hold(LxssClient *client, const char *distribution, int *ret_fd, LxssFailure *failure);

/* Ends its instance with everything in it, and waits for that. 0 also where none runs. */
LXSS_PUBLIC int lxss_terminate(LxssClient *client, const char *distribution, LxssFailure *failure);

/* Ends all instances, and lxssd. */
LXSS_PUBLIC int lxss_shutdown(LxssClient *client, LxssFailure *failure);

/* ---- Operations: changes that take a while ---- */

/* What begins one returns at once. It is one at a time for each user: a second one is "queued". It is canceled when
 * its client disconnects. */
typedef struct LxssOperation LxssOperation;

enum {
        LXSS_TERMINATE = 1 << 0, /* end a running instance first: -EBUSY else */
        LXSS_DETACH = 1 << 1,    /* it goes on when the client disconnects */
        LXSS_COPY = 1 << 2,      /* lxss_clone(): share no files */
        LXSS_DEFAULT = 1 << 3,   /* lxss_install(): it becomes the default distribution */
        LXSS_NO_OOBE = 1 << 4,   /* … its command for the first launch never runs */
        LXSS_NO_SHORTCUT = 1 << 5, /* … it gets no entry in the desktop's menus */
        LXSS_LEGACY = 1 << 6,    /* … catalogue:NAME is of the catalogue's older section */
};

/* What to install, and how. Start with LXSS_INSTALL_NONE; what stays is left to lxssd. */
typedef struct LxssInstall {
        int fd;                    /* an archive (a pipe, too), a directory, a file system in a file; or negative */
        int keyring;               /* OpenPGP keys, one of which must have signed it; negative: none is asked for */
        int signature;             /* detached; negative: see signature_url */
        int flags;
        uint64_t max_size;         /* bytes, unpacked; 0: 200 times the archive */
        const char *uri;           /* https://…, bootstrap:SUITE, docker://NAME, catalogue:NAME; with fd < 0 */
        const char *name;          /* NULL: what the source suggests, */
        const char *fallback_name; /* … or this, where it suggests none */
        const char *format;        /* of fd where it is an image: "oci", "oci-archive", "docker-archive"; NULL: none */
        const char *image;         /* which one of its images; NULL: the only one */
        const char *user;          /* the default user's name; NULL: the caller's */
        const char *sha256;        /* of the archive, 64 digits; NULL: any */
        const char *signature_url; /* NULL: beside what has a URL */
} LxssInstall;

#define LXSS_INSTALL_NONE { -1, -1, -1, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/* All that begin an operation: the caller frees *ret with lxss_operation_free(). */
LXSS_PUBLIC int lxss_install(LxssClient *client, const LxssInstall *install, LxssOperation **ret,
                             LxssFailure *failure);
LXSS_PUBLIC int lxss_uninstall(LxssClient *client, const char *distribution, int flags, LxssOperation **ret,
                               LxssFailure *failure);

typedef struct LxssExport {
        const char *distribution;
        int fd;                    /* what is written to; with directory: the directory in which that is made */
        int flags;
        const char *format;        /* "tar" (NULL), "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tar.lz4"; "oci" */
        const char *directory;     /* oci: its name when it is complete; NULL: fd is an empty directory */
        const char *temporary;     /* … and until then */
        mode_t mode;               /* … with this mode */
        const char *tag;           /* oci: the image's name; NULL: "latest" */
} LxssExport;

LXSS_PUBLIC int lxss_export(LxssClient *client, const LxssExport *export_, LxssOperation **ret, LxssFailure *failure);
LXSS_PUBLIC int lxss_clone(LxssClient *client, const char *distribution, const char *new_name, int flags,
                           LxssOperation **ret, LxssFailure *failure);
/* directory: of the new place, negative: the usual one. */
LXSS_PUBLIC int lxss_move(LxssClient *client, const char *distribution, int directory, int flags, LxssOperation **ret,
                          LxssFailure *failure);
/* snapshot: its name; NULL: the date and time become one, lxss_operation_snapshot(). */
LXSS_PUBLIC int lxss_make_snapshot(LxssClient *client, const char *distribution, const char *snapshot, int flags,
                                   LxssOperation **ret, LxssFailure *failure);
/* snapshot NULL: the newest. */
LXSS_PUBLIC int lxss_roll_back(LxssClient *client, const char *distribution, const char *snapshot, int flags,
                               LxssOperation **ret, LxssFailure *failure);

typedef struct LxssProgress {
        const char *stage;         /* "queued", "extracting", …; empty: not known yet */
        double fraction;           /* 0 to 1; negative: not known */
        const char *warning;       /* what there is to be said of it; NULL: nothing */
} LxssProgress;

/* handler: called for each change. NULL: nobody watches. */
typedef void (*LxssProgressHandler)(LxssOperation *operation, const LxssProgress *progress, void *userdata);
LXSS_PUBLIC void lxss_operation_watch(LxssOperation *operation, LxssProgressHandler handler, void *userdata);

/* Names: of the distribution (NULL: lxssd has chosen none yet), and of the snapshot (NULL: it has none). Borrowed. */
LXSS_PUBLIC const char *lxss_operation_distribution(const LxssOperation *operation);
LXSS_PUBLIC const char *lxss_operation_snapshot(const LxssOperation *operation);

/* Waits until it has ended. 0: it is done; -ETIMEDOUT: it goes on; -ECANCELED; or why it failed. May be asked
 * again. */
LXSS_PUBLIC int lxss_operation_wait(LxssOperation *operation, int timeout, LxssFailure *failure);

/* Asks for its end; what it has changed is undone. Does not wait for that. */
LXSS_PUBLIC int lxss_operation_cancel(LxssOperation *operation);

/* Forgets it; it goes on. NULL is legal. Returns NULL. */
LXSS_PUBLIC LxssOperation *lxss_operation_free(LxssOperation *operation);

/* ---- Programs ---- */

typedef struct LxssFd {
        int number; /* in the program */
        int fd;     /* here; borrowed */
} LxssFd;

/* A terminal of the instance that the program gets. */
typedef struct LxssTerminal {
        unsigned mask;               /* as which of 0, 1 and 2: a bit each */
        uint16_t rows, columns;      /* 0: not known */
        uint16_t x_pixels, y_pixels;
        bool background;             /* the program is not in its foreground, tcsetpgrp(3) */
} LxssTerminal;

enum {
        LXSS_SHELL = 1 << 0,   /* the words of argv, joined by blanks, are for the user's shell */
        LXSS_NO_WAIT = 1 << 1, /* -EINPROGRESS rather than wait for an operation on the distribution */
};

#define LXSS_LINGER_FOREVER UINT64_MAX

/* What to launch. Everything that is NULL or 0 is left to lxssd. All is borrowed. */
typedef struct LxssLaunch {
        const char *distribution;
        const char *user;             /* a name or number; NULL: the distribution's default user */
        const char *directory;        /* in the instance, "~", or relative to our own; NULL: our own */
        char *const *argv;            /* ends with NULL; NULL: the user's login shell */
        char *const *environment;     /* NAME=VALUE, put over what a login gives */
        const LxssFd *fds;            /* of 0, 1 and 2 those that are nowhere here are /dev/null */
        size_t n_fds;
        unsigned closed_mask;         /* which of 0, 1 and 2 the program finds closed, a bit each */
        const LxssTerminal *terminal; /* NULL: none */
        uint64_t linger_seconds;      /* that the instance outlives its last client; LXSS_LINGER_FOREVER */
        int flags;
} LxssLaunch;

typedef struct LxssProcess LxssProcess;

/* Launches a program, and waits until it runs. Its descriptors are the very ones that are passed: nothing
 * stands between. -ENOENT: no such distribution, user or program, as failure says; -EACCES: it may not be
 * executed; -EINPROGRESS. The caller frees *ret. */
LXSS_PUBLIC int lxss_launch(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret, LxssFailure *failure);

/* The same without waiting: what became of it says a handler, or lxss_process_wait(). */
LXSS_PUBLIC int lxss_launch_begin(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret,
                                  LxssFailure *failure);

/* How a program ended, as waitid(2) says it: CLD_EXITED and an exit status; CLD_KILLED or CLD_DUMPED and a signal.
 * code 0: its instance ended under it; status: SIGINT where it was powered off from inside, SIGHUP where it was
 * rebooted, else 0. */
typedef struct LxssExit {
        int code;
        int status;
} LxssExit;

typedef enum LxssEventType {
        LXSS_STARTED = 1,
        LXSS_FAILED,  /* to start */
        LXSS_WAITS,   /* lxss_process_explain()'s answer */
        LXSS_STOPPED, /* by a signal, waitid(2)'s CLD_STOPPED */
        LXSS_EXITED,
} LxssEventType;

typedef struct LxssEvent {
        LxssEventType type;
        int error;                  /* FAILED: negative errno */
        const LxssFailure *failure; /* FAILED; there as long as the process is */
        const char *text;           /* WAITS: "waiting for …" */
        int signo;                  /* STOPPED */
        LxssExit exit;              /* EXITED */
} LxssEvent;

/* NULL: nobody listens. */
typedef void (*LxssEventHandler)(LxssProcess *process, const LxssEvent *event, void *userdata);
LXSS_PUBLIC void lxss_process_watch(LxssProcess *process, LxssEventHandler handler, void *userdata);

/* As the host knows it; 0 before it has started. */
LXSS_PUBLIC pid_t lxss_process_pid(const LxssProcess *process);

/* A pidfd of it. -ESRCH where it has not started, or has ended. */
LXSS_PUBLIC int lxss_process_open(LxssProcess *process, int *ret_pidfd, LxssFailure *failure);

enum {
        LXSS_GROUP = 1 << 0,    /* to all of its process group */
        LXSS_NO_ANSWER = 1 << 1, /* do not wait for whether it arrived */
};

/* Sends it a signal. -ESRCH where it has not started, or has ended. */
LXSS_PUBLIC int lxss_process_signal(LxssProcess *process, int signo, int flags, LxssFailure *failure);

/* Puts it into the foreground of its terminal, or into the background, and continues it. Waits for no answer. -ESRCH
 * where it has not started, or has ended. */
LXSS_PUBLIC int lxss_process_set_foreground(LxssProcess *process, bool foreground);

/* Asks what a launch that was begun is waiting for, an operation for instance. If it is anything, and the program has
 * not started by then, LXSS_WAITS is the answer. */
LXSS_PUBLIC int lxss_process_explain(LxssProcess *process);

/* Where the master of its terminal comes out, for lxss_terminal_receive(); borrowed. Negative: it has none. */
LXSS_PUBLIC int lxss_process_terminal(const LxssProcess *process);

/* The master of a pty(7), non-blocking: its size is set by TIOCSWINSZ, and closing it hangs the program up.
 * -EAGAIN: it has not come, poll(2); -ECONNRESET: none will; -EBADMSG: what came is none. */
LXSS_PUBLIC int lxss_terminal_receive(int socket, int *ret_master);

/* Waits until it has ended. 0; -ETIMEDOUT; -EOWNERDEAD: its instance ended under it; or why it did not start. May be
 * asked again. */
LXSS_PUBLIC int lxss_process_wait(LxssProcess *process, int timeout, LxssExit *ret);

/* Forgets it; the program goes on. NULL is legal. Returns NULL. */
LXSS_PUBLIC LxssProcess *lxss_process_free(LxssProcess *process);

#ifdef __cplusplus
}
#endif

#endif
