/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "shared/init-protocol.h"

/* lxssd's end of the conversation with one /init. What comes in is treated as
 * hostile; what goes out never blocks: it queues. */
typedef struct InitChannel InitChannel;

typedef struct InitChannelEvents {
        /* Programs may be launched. without_host: nothing is at /mnt/host; user: the default one that
         * the distribution wants, printable, or NULL; bus: what came as the socket through which they
         * come to LxBus, the receiver's to close, or negative. */
        void (*ready)(bool without_host, const char *user, int bus, void *userdata);
        /* Any bytes but NUL. */
        void (*warning)(const char *text, void *userdata);
        /* The descriptors are the receiver's to keep or close; pidfd or program may be negative, pid (of the host) 0. */
        void (*started)(uint64_t id, pid_t pid, int pidfd, void *userdata);
        void (*failed)(uint64_t id, InitStep step, int error, int program, void *userdata);
        void (*stopped)(uint64_t id, int signal, void *userdata);
        void (*exited)(uint64_t id, int code, int status, void *userdata);
        /* /init closed its end, or broke the protocol. The last event. */
        void (*closed)(void *userdata);
} InitChannelEvents;

/* Takes fd, a non-blocking SOCK_SEQPACKET socket, over. Returns 0 or negative errno. */
int init_channel_new(sd_event *event, int fd, const InitChannelEvents *events, void *userdata, InitChannel **ret);
InitChannel *init_channel_free(InitChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InitChannel, init_channel_free)

/* Reads what is there at once, for when /init is gone and what it said last is not. */
void init_channel_drain(InitChannel *channel);

/* Asks for a launch; takes the request over. Returns 0, -E2BIG where it has more
 * descriptors or bytes than a launch can carry, or another negative errno. */
int init_channel_launch(InitChannel *channel, uint64_t id, LaunchRequest *request);

/* INIT_SIGNAL, INIT_HANGUP or INIT_FOREGROUND. Returns 0 or negative errno. */
int init_channel_send(InitChannel *channel, InitType type, uint64_t id, int first, int second);
