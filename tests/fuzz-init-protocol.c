/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes from /init, and launch requests. Input: a byte that says how many descriptors come along,
 * then a packet. It goes to lxssd's end of a channel, which has to tell of one thing for it, and
 * through each decoder as a packet, as the payload of one, and as a body. A request that is accepted must be
 * encoded to the same bytes again. */

#include <sys/socket.h>

#include "daemon/init-channel.h"
#include "shared/fd-socket.h"
#include "shared/lxbus-packet.h"
#include "tests/fuzz.h"

/* ---- decoders ---- */

static void check_request(const uint8_t *data, size_t size, size_t n_fds) {
        LaunchRequest *request = NULL;
        int fds[256];
        void *again;
        size_t n;

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = -EBADF;
        if (init_launch_decode(data, size, fds, n_fds, &request) < 0)
                return;
        FUZZ_REQUIRE(request->n_fds + (request->terminal_mask != 0) == n_fds);
        if (request->n_fds <= INIT_FDS_MAX) {
                FUZZ_REQUIRE(init_launch_encode(1, request, &again, &n) == 0);
                FUZZ_REQUIRE(n == sizeof(InitMessage) + size);
                FUZZ_REQUIRE(memcmp((char *)again + sizeof(InitMessage), data, size) == 0);
                free(again);
        }
        (void)launch_request_validate(request);
        launch_request_free(request);
}

static void check_body(const uint8_t *data, size_t size, size_t n_fds) {
        char text[INIT_TEXT_MAX + 1];

        check_request(data, size, n_fds);
        if (init_text_decode(data, size, text) == 0)
                FUZZ_REQUIRE(strlen(text) == size && memcmp(text, data, size) == 0);
}

static void check_payload(const uint8_t *data, size_t size, size_t n_fds) {
        InitMessage message;
        const void *body;
        size_t n;

        if (init_message_decode(data, size, &message, &body, &n) < 0)
                return;
        FUZZ_REQUIRE((const uint8_t *)body + n == data + size && n + sizeof(message) == size);
        FUZZ_REQUIRE(init_object_kind(message.type) < LXBUS_KIND_MAX);
        check_body(body, n, n_fds);
}

/* ---- lxssd's end ---- */

static unsigned n_told, n_closed;

static void take_fd(int fd) {
        closep(&fd);
        n_told++;
}

static void on_ready(bool without_host _unused_, const char *user, int bus, void *userdata _unused_) {
        FUZZ_REQUIRE(!user || (*user && strlen(user) <= INIT_TEXT_MAX));
        for (const char *c = user; c && *c; c++)
                FUZZ_REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
        take_fd(bus);
}

static void on_warning(const char *text, void *userdata _unused_) {
        FUZZ_REQUIRE(*text && strlen(text) <= INIT_TEXT_MAX);
        n_told++;
}

static void on_started(uint64_t id _unused_, pid_t pid, int pidfd, void *userdata _unused_) {
        FUZZ_REQUIRE(pid == getpid()); /* as the kernel has it, whatever the packet says */
        take_fd(pidfd);
}

static void on_failed(uint64_t id _unused_, InitStep step, int error, int program, void *userdata _unused_) {
        FUZZ_REQUIRE(step >= 0 && step < INIT_STEP_MAX && error > 0 && error <= 4095);
        take_fd(program);
}

static void on_change(uint64_t id _unused_, int signal _unused_, void *userdata _unused_) {
        n_told++;
}

static void on_exited(uint64_t id _unused_, int code _unused_, int status _unused_, void *userdata _unused_) {
        n_told++;
}

static void on_closed(void *userdata _unused_) {
        n_closed++;
}

static int lowest_free_fd(void) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        FUZZ_REQUIRE(fd >= 0 && close(fd) == 0);
        return fd;
}

static void check_channel(const uint8_t *data, size_t size, size_t n_fds) {
        static const InitChannelEvents events = { on_ready,  on_warning, on_started, on_failed,
                                                  on_change, on_exited,  on_closed };
        static sd_event *event;
        const struct iovec part = { (void *)data, size };
        InitChannel *channel = NULL;
        int fds[FD_SOCKET_MAX], pair[2], before;

        FUZZ_REQUIRE(event || sd_event_new(&event) >= 0);
        before = lowest_free_fd();
        FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        FUZZ_REQUIRE(init_channel_new(event, pair[0], &events, NULL, &channel) == 0);
        n_told = n_closed = 0;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = pair[1];
        if (fd_socket_send(pair[1], &part, 1, fds, n_fds < FD_SOCKET_MAX ? n_fds : FD_SOCKET_MAX) == 0) {
                while (sd_event_run(event, 0) > 0)
                        ;
                FUZZ_REQUIRE(n_told + n_closed == 1);
        }
        init_channel_free(channel);
        closep(&pair[1]);
        FUZZ_REQUIRE(lowest_free_fd() == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t n_fds;
        LxbusFrame frame;

        if (size == 0)
                return 0;
        n_fds = *data++;
        size--;
        check_body(data, size, n_fds);
        check_payload(data, size, n_fds);
        if (lxbus_frame_decode(data, size, n_fds, &frame) == 0 && frame.payload)
                check_payload(frame.payload, frame.header.size, n_fds);
        check_channel(data, size, n_fds);
        return 0;
}
