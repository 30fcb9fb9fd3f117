/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See client/bus-relay.h. */

#include "client/bus-relay.h"

#include <poll.h>

#include "shared/util.h"

#define PIECE 32768
/* What a pipe that has room at all has room for. */
#define WRITE_MAX 4096

typedef struct Relay {
        LxBusPort *port;
        int in, out;      /* negative: it ended */
        bool port_ended;
        char up[PIECE];   /* from in to the port */
        size_t n_up;
        char *down;       /* from the port to out; grows to the largest message */
        size_t down_at, n_down, down_size;
} Relay;

static int read_input(Relay *relay) {
        ssize_t n = read(relay->in, relay->up, sizeof(relay->up));

        if (n > 0)
                relay->n_up = n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
                closep(&relay->in);
                lxbus_port_finish(relay->port);
                return n < 0 ? -errno : 0;
        }
        return 0;
}

static int write_port(Relay *relay) {
        const LxBusMessage message = { .data = relay->up, .size = relay->n_up };
        int r = lxbus_port_write(relay->port, &message, 0);

        if (r == -ETIMEDOUT)
                return 0;
        relay->n_up = 0;
        if (r == -EPIPE) { /* it wants no more */
                closep(&relay->in);
                return 0;
        }
        return r;
}

static int read_port(Relay *relay) {
        size_t size = 0;
        int r = lxbus_port_receive(relay->port, relay->down, relay->down_size, &size, 0);

        if (r == -EMSGSIZE) {
                char *larger = realloc(relay->down, size);

                if (!larger)
                        return -ENOMEM;
                relay->down = larger;
                relay->down_size = size;
                return read_port(relay);
        }
        if (r == -ETIMEDOUT)
                return 0;
        if (r == -EPIPE) {
                relay->port_ended = true;
                return 0;
        }
        relay->down_at = 0;
        relay->n_down = r < 0 ? 0 : size;
        return r;
}

static int write_output(Relay *relay) {
        size_t left = relay->n_down - relay->down_at;
        ssize_t n = write(relay->out, relay->down + relay->down_at, left < WRITE_MAX ? left : WRITE_MAX);

        if (n < 0 && errno != EINTR && errno != EAGAIN) {
                int r = errno == EPIPE ? 0 : -errno;

                closep(&relay->out);
                relay->n_down = relay->down_at = 0;
                return r;
        }
        if (n > 0)
                relay->down_at += n;
        if (relay->down_at == relay->n_down)
                relay->n_down = relay->down_at = 0;
        if (relay->n_down == 0 && relay->port_ended)
                closep(&relay->out);
        return 0;
}

static bool is_over(const Relay *relay, bool until_input_ends) {
        if (until_input_ends)
                return relay->in < 0 && relay->n_up == 0;
        return relay->port_ended && (relay->n_down == 0 || relay->out < 0);
}

/* Without an output, what comes is read and dropped. */
static int step(Relay *relay) {
        struct pollfd polls[] = {
                { .fd = relay->in >= 0 && relay->n_up == 0 ? relay->in : -1, .events = POLLIN },
                { .fd = relay->n_down > 0 ? relay->out : -1, .events = POLLOUT },
                { .fd = lxbus_port_fd(relay->port) },
        };
        int r = 0;

        polls[2].events = (relay->n_up > 0 ? POLLOUT : 0) | (relay->n_down == 0 && !relay->port_ended ? POLLIN : 0);
        if (polls[2].events == 0)
                polls[2].fd = -1;
        if (poll(polls, ELEMENTSOF(polls), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polls[0].revents)
                r = read_input(relay);
        if (r == 0 && polls[1].revents)
                r = write_output(relay);
        if (r == 0 && polls[2].revents && relay->n_up > 0)
                r = write_port(relay);
        if (r == 0 && polls[2].revents && relay->n_down == 0 && !relay->port_ended)
                r = read_port(relay);
        if (relay->out < 0)
                relay->n_down = 0;
        else if (relay->port_ended && relay->n_down == 0)
                closep(&relay->out);
        return r;
}

int bus_relay(LxBusPort *port, int in, int out, bool until_input_ends) {
        Relay relay = { .port = port, .in = in, .out = out, .down = malloc(PIECE), .down_size = PIECE };
        int r = relay.down ? 0 : -ENOMEM;

        if (in < 0)
                lxbus_port_finish(port);
        if (r == 0) /* the port may have kept one, of which poll() knows nothing */
                r = read_port(&relay);
        while (r == 0 && !is_over(&relay, until_input_ends))
                r = step(&relay);
        free(relay.down);
        closep(&relay.in);
        closep(&relay.out);
        return r;
}
