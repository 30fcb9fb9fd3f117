/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages to and from /init. It cannot tell who runs or what a message means for
 * them: instance.c does. */

#include "daemon/init-channel.h"

#include <sys/socket.h>

#include "shared/lxbus-packet.h"
#include "shared/text.h"

/* The largest that /init may send: an object and a text. What would need memory is refused. */
#define PACKET_MAX (sizeof(LxbusHeader) + sizeof(LxbusWireObject) + sizeof(InitMessage) + INIT_TEXT_MAX)

#define LATER_USEC (5 * G_TIME_SPAN_MILLISECOND)
#define LATER_MAX 400

struct InitChannel {
        int fd;
        InitChannelEvents events;
        void *userdata;
        sd_event_source *source;
        sd_event_source *later; /* NULL: never needed yet */
        unsigned n_later;       /* so often in succession */
        GQueue waiting;         /* Outgoing, for room in the socket, or until descriptors can be sent again */
};

typedef struct Outgoing {
        uint64_t id; /* of the program that it is about */
        void *payload;
        size_t size;
        int memory;             /* with the payload, where a packet is too small for it */
        LaunchRequest *request; /* owns the descriptors that go along */
} Outgoing;

static void outgoing_free(void *p) {
        Outgoing *out = p;

        free(out->payload);
        closep(&out->memory);
        launch_request_free(out->request);
        g_free(out);
}

static int send_now(InitChannel *channel, const Outgoing *out) {
        const LaunchRequest *request = out->request;
        LxbusWireObject objects[LXBUS_OBJECTS_MAX];
        int fds[LXBUS_OBJECTS_MAX];
        LxbusOutgoing message = {
                .payload = out->payload,
                .size = out->size,
                .memory = out->memory,
                .objects = objects,
                .fds = fds,
                .now = true,
        };

        for (size_t i = 0; request && i < request->n_fds; i++)
                fds[message.n_objects++] = request->fds[i].fd;
        if (request && request->terminal_mask)
                fds[message.n_objects++] = request->terminal_socket;
        for (size_t i = 0; i < message.n_objects; i++)
                objects[i] = (LxbusWireObject){ .kind = init_object_kind(INIT_LAUNCH) };
        return lxbus_packet_send(channel->fd, &message);
}

static void flush(InitChannel *channel);

static int flush_later(InitChannel *channel);

/* What waited for too long is a launch: nothing else has descriptors. */
static int on_later(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        InitChannel *channel = userdata;
        Outgoing *out = g_queue_peek_head(&channel->waiting);
        uint64_t id;

        if (!out || channel->n_later++ < LATER_MAX) {
                flush(channel);
                return 0;
        }
        channel->n_later = 0;
        id = out->id;
        outgoing_free(g_queue_pop_head(&channel->waiting));
        (void)flush_later(channel);
        channel->events.failed(id, INIT_STEP_REQUEST, ETOOMANYREFS, -EBADF, channel->userdata);
        return 0;
}

/* Too many descriptors of this user are under way (unix(7), ETOOMANYREFS), of which no socket tells when that is over. */
static int flush_later(InitChannel *channel) {
        int r;

        if (!channel->later)
                return sd_event_add_time_relative(sd_event_source_get_event(channel->source), &channel->later,
                                                  CLOCK_MONOTONIC, LATER_USEC, 1, on_later, channel);
        r = sd_event_source_set_time_relative(channel->later, LATER_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(channel->later, SD_EVENT_ONESHOT);
}

/* Sends what fits. Sources may go away under us with a lost peer; then nothing is left to be sent. */
static void flush(InitChannel *channel) {
        int r = 0;

        for (Outgoing *out; (out = g_queue_peek_head(&channel->waiting));) {
                r = send_now(channel, out);
                if (r == -EAGAIN || (r == -ETOOMANYREFS && channel->source && flush_later(channel) >= 0))
                        break;
                channel->n_later = 0;
                outgoing_free(g_queue_pop_head(&channel->waiting));
        }
        (void)sd_event_source_set_io_events(channel->source, r == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Takes all of it over. */
static void submit(InitChannel *channel, uint64_t id, void *payload, size_t size, int memory, LaunchRequest *request) {
        Outgoing *out = g_new(Outgoing, 1);

        *out = (Outgoing){ .id = id, .payload = payload, .size = size, .memory = memory, .request = request };
        g_queue_push_tail(&channel->waiting, out);
        flush(channel);
}

int init_channel_launch(InitChannel *channel, uint64_t id, LaunchRequest *request) {
        _cleanup_launch_request_ LaunchRequest *owned = request;
        _cleanup_free_ void *payload = NULL;
        int memory = -EBADF, r;
        size_t size;

        r = init_launch_encode(id, request, &payload, &size);
        if (r < 0)
                return r;
        if (size > LXBUS_INLINE_MAX) {
                r = lxbus_payload_to_memory(payload, size, &memory);
                if (r < 0)
                        return r;
                free(steal_pointer(&payload)); /* which may be megabytes */
        }
        submit(channel, id, steal_pointer(&payload), size, memory, steal_pointer(&owned));
        return 0;
}

int init_channel_send(InitChannel *channel, InitType type, uint64_t id, int first, int second) {
        const InitMessage message = { .type = type, .id = id, .first = first, .second = second };

        submit(channel, id, g_memdup2(&message, sizeof(message)), sizeof(message), -EBADF, NULL);
        return 0;
}

/* Says no more: whatever comes after a broken message means nothing. */
static int close_channel(InitChannel *channel) {
        channel->source = sd_event_source_disable_unref(channel->source);
        channel->later = sd_event_source_disable_unref(channel->later);
        channel->events.closed(channel->userdata);
        return 0;
}

static int dispatch_text(InitChannel *channel, const InitMessage *m, const void *body, size_t size, int *fd) {
        char text[INIT_TEXT_MAX + 1];

        if (init_text_decode(body, size, text) < 0)
                return -EBADMSG;
        if (m->type == INIT_WARNING) {
                if (size == 0)
                        return -EBADMSG;
                channel->events.warning(text, channel->userdata);
                return 0;
        }
        if (m->first < 0 || m->first > 1 || !text_is_printable(text, size))
                return -EBADMSG;
        channel->events.ready(m->first, size > 0 ? text : NULL, steal_fd(fd), channel->userdata);
        return 0;
}

static int dispatch(InitChannel *channel, const InitMessage *m, pid_t pid, int *fd) {
        switch (m->type) {
        case INIT_STARTED:
                channel->events.started(m->id, pid, steal_fd(fd), channel->userdata);
                return 0;
        case INIT_FAILED:
                if (m->first < 0 || m->first >= INIT_STEP_MAX || m->second <= 0 || m->second > 4095)
                        return -EBADMSG;
                channel->events.failed(m->id, m->first, m->second, steal_fd(fd), channel->userdata);
                return 0;
        case INIT_STOPPED:
                channel->events.stopped(m->id, m->first, channel->userdata);
                return 0;
        case INIT_EXITED:
                channel->events.exited(m->id, m->first, m->second, channel->userdata);
                return 0;
        default:
                return -EBADMSG;
        }
}

/* At most one object, of the kind that this event may bring. What a descriptor really is, is for those to find
 * out who use it. */
static bool objects_are_valid(const LxbusFrame *frame, InitType type) {
        LxbusWireObject object;

        if (frame->header.n_objects == 0)
                return true;
        object = lxbus_frame_object(frame, 0);
        return frame->header.n_objects == 1 && object.kind == init_object_kind(type) && object.flags == 0;
}

static int take(InitChannel *channel, LxbusIncoming *in) {
        int none = -EBADF, *fd = in->n_fds > 0 ? &in->fds[0] : &none;
        const void *body;
        InitMessage m;
        size_t size;

        if (!in->frame.payload ||
            init_message_decode(in->frame.payload, in->frame.header.size, &m, &body, &size) < 0 ||
            !objects_are_valid(&in->frame, m.type))
                return -EBADMSG;
        if (m.type == INIT_READY || m.type == INIT_WARNING)
                return dispatch_text(channel, &m, body, size, fd);
        return size == 0 ? dispatch(channel, &m, in->process, fd) : -EBADMSG;
}

/* One packet. 1: it was read, 0: there is none now, negative: there will be no more. */
static int receive(InitChannel *channel) {
        _cleanup_lxbus_incoming_ LxbusIncoming in = { .memory = -EBADF };
        char packet[PACKET_MAX];
        int r;

        r = lxbus_packet_receive(channel->fd, packet, sizeof(packet), &in);
        if (r == -EAGAIN)
                return 0;
        if (r == 0)
                r = take(channel, &in);
        return r < 0 ? r : 1;
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents, void *userdata) {
        if (revents & EPOLLOUT)
                flush(userdata);
        return receive(userdata) < 0 ? close_channel(userdata) : 0;
}

void init_channel_drain(InitChannel *channel) {
        /* Without a source it said its last, or something that it may not say. */
        while (channel->source && receive(channel) > 0)
                ;
}

int init_channel_new(sd_event *event, int fd, const InitChannelEvents *events, void *userdata, InitChannel **ret) {
        g_autoptr(InitChannel) channel = g_new0(InitChannel, 1);
        const int on = 1;
        int r;

        channel->fd = fd;
        channel->events = *events;
        channel->userdata = userdata;
        g_queue_init(&channel->waiting);
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                r = -errno;
        else
                r = sd_event_add_io(event, &channel->source, fd, EPOLLIN, on_io, channel);
        if (r < 0) {
                channel->fd = -EBADF; /* still the caller's */
                return r;
        }
        *ret = g_steal_pointer(&channel);
        return 0;
}

InitChannel *init_channel_free(InitChannel *channel) {
        if (!channel)
                return NULL;
        channel->source = sd_event_source_disable_unref(channel->source);
        channel->later = sd_event_source_disable_unref(channel->later);
        g_queue_clear_full(&channel->waiting, outgoing_free);
        closep(&channel->fd);
        g_free(channel);
        return NULL;
}
