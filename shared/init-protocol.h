/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxssd and an instance's /init say to each other, as bytes ↔ values. No
 * I/O: shared/fd-socket.h carries the frames over a SOCK_SEQPACKET socketpair,
 * a frame a packet. Both ends are from one build and on one machine, so numbers
 * are native; lxssd decodes all the same as if a stranger had written, because
 * root in an instance may do to its /init what it likes.
 *
 *   lxssd → /init    LAUNCH, SIGNAL, HANGUP, FOREGROUND
 *   /init → lxssd    any number of WARNING, READY, then STARTED | FAILED for
 *                    each launch, STOPPED and EXITED for each that started
 *
 * A frame is an InitHeader and `size` bytes of payload behind it. LAUNCH has a
 * payload; one larger than INIT_INLINE_MAX travels in a memfd, the first
 * descriptor of the packet, and INIT_FLAG_MEMFD is set. WARNING has one and READY
 * may have one, a text of at most INIT_TEXT_MAX bytes in the packet; no other has. */

#include <stddef.h>
#include <stdint.h>

#include "shared/launch-request.h"

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
        INIT_STEP_REQUEST,     /* the frame could not be understood */
        INIT_STEP_USER,        /* there is no such user */
        INIT_STEP_TERMINAL,    /* no pty */
        INIT_STEP_FORK,
        INIT_STEP_DESCRIPTORS,
        INIT_STEP_CREDENTIALS, /* setgroups, setgid, setuid */
        INIT_STEP_DIRECTORY,   /* the working directory */
        INIT_STEP_EXEC,
        INIT_STEP_MAX,
        INIT_STEP_INVALID = -EINVAL,
} InitStep;

enum {
        INIT_FLAG_MEMFD = 1 << 0,
};

/* Payload that travels in the packet itself; far below every default of SO_SNDBUF. */
#define INIT_INLINE_MAX 32768
/* Payload at all: Linux's own limit for argv and environment together (6 MiB), with room. */
#define INIT_PAYLOAD_MAX (16u << 20)
/* The text of a WARNING or READY. */
#define INIT_TEXT_MAX 1024
/* Descriptors of one launch: SCM_MAX_FD is 253, and the memfd and the terminal's socket need one each. */
#define INIT_FDS_MAX 251

typedef struct InitHeader {
        uint32_t type;
        uint32_t flags;
        uint64_t id; /* of the process; chosen by lxssd, never reused */
        uint32_t size;
        int32_t first;
        int32_t second;
        uint32_t reserved;
} InitHeader;

/* Reads a frame's header. Returns 0, or -EBADMSG where the packet is too short,
 * of no known type, or its size does not fit what follows. *ret_payload points
 * into the packet, or is NULL where the payload is in a memfd. */
int init_frame_decode(const void *packet, size_t size, InitHeader *ret, const void **ret_payload);

/* A launch request as a payload: everything but the descriptors themselves,
 * the distribution, and what only lxssd acts on (waiting, lingering). Returns 0 or
 * -ENOMEM, -E2BIG. The caller frees *ret. */
int init_launch_encode(const LaunchRequest *request, void **ret, size_t *ret_size);

/* The reverse. The n_fds descriptors are those of the packet without the
 * memfd, in the order of the request's fds, with the terminal's socket last;
 * on success the request owns them, on failure the caller still does.
 * Returns 0, -EBADMSG or -ENOMEM. */
int init_launch_decode(const void *payload, size_t size, const int *fds, size_t n_fds, LaunchRequest **ret);

/* The text that is a payload, as a string in ret (INIT_TEXT_MAX + 1 bytes). Its
 * bytes are any but NUL. Returns 0, or -EBADMSG where it is longer or holds one. */
int init_text_decode(const void *payload, size_t size, char *ret);
