/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames to and from /init. It cannot tell who runs or what a frame means for
 * them: instance.c does. */

#include "daemon/init-channel.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include "shared/fd-socket.h"
#include "shared/text.h"

struct InitChannel {
        int fd;
        InitChannelEvents events;
        void *userdata;
        sd_event_source *source;
        GQueue frames; /* Frame, waiting for room in the socket */
};

typedef struct Frame {
        InitHeader header;
        void *payload;          /* NULL where there is none, or it is in the memfd */
        int memfd;
        LaunchRequest *request; /* owns the descriptors that go along */
} Frame;

static void frame_free(void *p) {
        Frame *frame = p;

        free(frame->payload);
        closep(&frame->memfd);
        launch_request_free(frame->request);
        g_free(frame);
}

/* A copy that nobody can change or shorten any more, /init's mapping of it least of all. */
static int payload_to_memfd(const void *payload, size_t size, int *ret) {
        _cleanup_close_ int fd = memfd_create("lxss-launch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, payload, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        *ret = steal_fd(&fd);
        return 0;
}

static size_t collect_fds(const Frame *frame, int *ret) {
        const LaunchRequest *request = frame->request;
        size_t n = 0;

        if (frame->memfd >= 0)
                ret[n++] = frame->memfd;
        for (size_t i = 0; request && i < request->n_fds; i++)
                ret[n++] = request->fds[i].fd;
        if (request && request->terminal_mask)
                ret[n++] = request->terminal_socket;
        return n;
}

static int send_frame(InitChannel *channel, const Frame *frame) {
        struct iovec parts[2] = {
                { .iov_base = (void *)&frame->header, .iov_len = sizeof(frame->header) },
                { .iov_base = frame->payload, .iov_len = frame->payload ? frame->header.size : 0 },
        };
        int fds[FD_SOCKET_MAX];
        size_t n_fds = collect_fds(frame, fds);

        return fd_socket_send(channel->fd, parts, ELEMENTSOF(parts), fds, n_fds);
}

/* Sends what fits. Sources may go away under us with a lost peer; then nothing is left to be sent. */
static void flush(InitChannel *channel) {
        int r = 0;

        for (Frame *frame; (frame = g_queue_peek_head(&channel->frames));) {
                r = send_frame(channel, frame);
                if (r == -EAGAIN || r == -ETOOMANYREFS)
                        break;
                frame_free(g_queue_pop_head(&channel->frames));
        }
        (void)sd_event_source_set_io_events(channel->source, r == -EAGAIN || r == -ETOOMANYREFS ? EPOLLIN | EPOLLOUT :
                                                                                                   EPOLLIN);
}

static void submit(InitChannel *channel, Frame *frame) {
        g_queue_push_tail(&channel->frames, frame);
        flush(channel);
}

int init_channel_launch(InitChannel *channel, uint64_t id, LaunchRequest *request) {
        _cleanup_launch_request_ LaunchRequest *owned = request;
        _cleanup_free_ void *payload = NULL;
        _cleanup_close_ int memfd = -EBADF;
        Frame *frame;
        size_t size;
        int r;

        if (request->n_fds > INIT_FDS_MAX)
                return -E2BIG;
        r = init_launch_encode(request, &payload, &size);
        if (r < 0)
                return r;
        if (size > INIT_INLINE_MAX) {
                r = payload_to_memfd(payload, size, &memfd);
                if (r < 0)
                        return r;
        }
        frame = g_new(Frame, 1);
        *frame = (Frame){
                .header = { .type = INIT_LAUNCH, .id = id, .size = size, .flags = memfd >= 0 ? INIT_FLAG_MEMFD : 0 },
                .payload = memfd >= 0 ? NULL : steal_pointer(&payload),
                .request = steal_pointer(&owned),
        };
        frame->memfd = steal_fd(&memfd);
        submit(channel, frame);
        return 0;
}

int init_channel_send(InitChannel *channel, InitType type, uint64_t id, int first, int second) {
        Frame *frame = g_new(Frame, 1);

        *frame = (Frame){ .header = { .type = type, .id = id, .first = first, .second = second }, .memfd = -EBADF };
        submit(channel, frame);
        return 0;
}

/* Says no more: whatever comes after a broken frame means nothing. */
static int close_channel(InitChannel *channel) {
        channel->source = sd_event_source_disable_unref(channel->source);
        channel->events.closed(channel->userdata);
        return 0;
}

static int dispatch_text(InitChannel *channel, const InitHeader *h, const void *payload, int *fd) {
        char text[INIT_TEXT_MAX + 1];

        if (h->flags != 0 || init_text_decode(payload, h->size, text) < 0)
                return -EBADMSG;
        if (h->type == INIT_WARNING) {
                if (h->size == 0)
                        return -EBADMSG;
                channel->events.warning(text, channel->userdata);
                return 0;
        }
        if (h->first < 0 || h->first > 1 || !text_is_printable(text, h->size))
                return -EBADMSG;
        channel->events.ready(h->first, h->size > 0 ? text : NULL, steal_fd(fd), channel->userdata);
        return 0;
}

static int dispatch(InitChannel *channel, const InitHeader *h, const void *payload, pid_t pid, int *fd) {
        if (h->type == INIT_READY || h->type == INIT_WARNING)
                return dispatch_text(channel, h, payload, fd);
        if (h->size != 0 || h->flags != 0)
                return -EBADMSG;
        switch (h->type) {
        case INIT_STARTED:
                channel->events.started(h->id, pid, steal_fd(fd), channel->userdata);
                return 0;
        case INIT_FAILED:
                if (h->first < 0 || h->first >= INIT_STEP_MAX || h->second <= 0 || h->second > 4095)
                        return -EBADMSG;
                channel->events.failed(h->id, h->first, h->second, steal_fd(fd), channel->userdata);
                return 0;
        case INIT_STOPPED:
                channel->events.stopped(h->id, h->first, channel->userdata);
                return 0;
        case INIT_EXITED:
                channel->events.exited(h->id, h->first, h->second, channel->userdata);
                return 0;
        default:
                return -EBADMSG;
        }
}

/* One packet. 1: it was read, 0: there is none now, negative: there will be no more. */
static int receive(InitChannel *channel) {
        _cleanup_close_ int received = -EBADF;
        const void *payload;
        InitHeader header;
        char packet[sizeof(InitHeader) + INIT_TEXT_MAX];
        size_t n_fds = 0;
        pid_t pid = 0;
        ssize_t n;

        n = fd_socket_receive_process(channel->fd, packet, sizeof(packet), &received, 1, &n_fds, &pid);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0)
                return n < 0 ? (int)n : -EPIPE;
        if (init_frame_decode(packet, n, &header, &payload) < 0 || dispatch(channel, &header, payload, pid, &received) < 0)
                return -EBADMSG;
        return 1;
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
        g_queue_init(&channel->frames);
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
        g_queue_clear_full(&channel->frames, frame_free);
        closep(&channel->fd);
        g_free(channel);
        return NULL;
}
