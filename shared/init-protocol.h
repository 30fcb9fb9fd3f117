/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxssd and an instance's /init say to each other, as bytes ↔ values. No I/O: each message
 * is the payload of one of LxBus's (shared/lxbus-protocol.h), on a port whose ends lxssd made
 * and which shared/lxbus-packet.h carries. Both ends look for descriptors in every packet, so none is
 * announced. Both are from one build and on one machine, so numbers are native; lxssd decodes
 * all the same as if a stranger had written, because root in an instance may do to its /init
 * what it likes.
 *
 *   lxssd → /init    LAUNCH, SIGNAL, HANGUP, FOREGROUND
 *   /init → lxssd    any number of WARNING, READY, then STARTED | FAILED for
 *                    each launch, STOPPED and EXITED for each that started
 *
 * A payload is an InitMessage and its body: the request of a LAUNCH, the text of a WARNING or a READY
 * (at most INIT_TEXT_MAX bytes, in the packet itself); the others have none. init_object_kind() says which
 * objects come along: with a LAUNCH as many as it names, with an event of /init's one or none. */

#include <stddef.h>
#include <stdint.h>

#include "shared/launch-request.h"
#include "shared/lxbus-protocol.h"

typedef enum InitType {
        INIT_LAUNCH = 1,
        INIT_SIGNAL,  /* first: signal number, second: 1 for the whole group */
        INIT_HANGUP,  /* SIGHUP and SIGCONT to the group, SIGKILL after a grace */
        INIT_FOREGROUND, /* first: 1 for the foreground of the program's terminal, 0 for its background; SIGCONT follows */
        INIT_READY = 16, /* first: 1 where the distribution wants no /mnt/host; text: the default user it wants, or none;
                          * with the listening socket of LxBus, unless that could not be made */
        INIT_STARTED, /* with the program's pidfd, and the program named as the packet's process */
        INIT_FAILED,  /* first: InitStep, second: errno; with the program's descriptor where it could be opened */
        INIT_STOPPED, /* first: signal */
        INIT_EXITED,  /* first: CLD_…, second: status, as in waitid(2) */
        INIT_WARNING, /* text: what of the distribution's own settings could not be honoured */
        INIT_TYPE_INVALID = -EINVAL,
} InitType;

/* What /init was doing when a launch failed. */
typedef enum InitStep {
        INIT_STEP_REQUEST,  /* the message could not be understood */
        INIT_STEP_USER,     /* there is no such user */
        INIT_STEP_TERMINAL, /* no pty */
        INIT_STEP_FORK,
        INIT_STEP_DESCRIPTORS,
        INIT_STEP_CREDENTIALS, /* setgroups, setgid, setuid */
        INIT_STEP_DIRECTORY,   /* the working directory */
        INIT_STEP_EXEC,
        INIT_STEP_MAX,
        INIT_STEP_INVALID = -EINVAL,
} InitStep;

/* The text of a WARNING or READY. */
#define INIT_TEXT_MAX 1024
/* Descriptors of one launch: the terminal's socket needs an object, too. */
#define INIT_FDS_MAX (LXBUS_OBJECTS_MAX - 1)

typedef struct InitMessage {
        uint32_t type;
        int32_t first;
        int32_t second;
        uint32_t reserved; /* 0 */
        uint64_t id;       /* of the process; chosen by lxssd, never reused */
} InitMessage;

/* Of which kind the objects of such a message are; 0: it has none. No object has flags. */
uint32_t init_object_kind(InitType type);

/* Reads what a payload begins with. Returns 0, or -EBADMSG where it is too short or of no known type.
 * *ret_body points behind it, to *ret_size bytes. */
int init_message_decode(const void *payload, size_t size, InitMessage *ret, const void **ret_body, size_t *ret_size);

/* The payload of a LAUNCH: of the request everything but the descriptors themselves, the distribution, and
 * what only lxssd acts on (waiting, lingering). Returns 0, -ENOMEM, or -E2BIG where it has more descriptors
 * or bytes than an LxBus message can carry. The caller frees *ret. */
int init_launch_encode(uint64_t id, const LaunchRequest *request, void **ret, size_t *ret_size);

/* The reverse, of the body alone. The n_fds descriptors are those of the message's objects, in the
 * order of the request's fds, with the terminal's socket last; on success the request owns them, on
 * failure the caller still does. Returns 0, -EBADMSG or -ENOMEM. */
int init_launch_decode(const void *body, size_t size, const int *fds, size_t n_fds, LaunchRequest **ret);

/* The text that is a body, as a string in ret (INIT_TEXT_MAX + 1 bytes). Its
 * bytes are any but NUL. Returns 0, or -EBADMSG where it is longer or holds one. */
int init_text_decode(const void *body, size_t size, char *ret);
