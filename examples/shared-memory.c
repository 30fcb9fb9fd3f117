/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A producer and a consumer of shared memory. The producer copies its standard input into a
 * ring, the consumer copies it out to its standard output; the kernel is only asked where one waits
 * for the other. They may run on any two sides:
 *
 *   cc shared-memory.c -o shared-memory $(pkg-config --cflags --libs lxss)
 *   ./shared-memory produce <file          and          ./shared-memory consume >copy */

#include <errno.h>
#include <lxbus.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "shared-memory"
#define RING_SIZE (1 << 20)

static int produce(LxBus *bus) {
        LxBusServer *server;
        LxBusPort *port;
        LxBusRing *ring;
        size_t room;
        void *place;
        ssize_t n = 1;
        int r;

        if ((r = lxbus_register(bus, NAME, LXBUS_VISIBLE_ALL, &server)) < 0 ||
            (r = lxbus_server_accept(server, -1, &port)) < 0 ||
            (r = lxbus_ring_new(RING_SIZE, LXBUS_RING_WRITER, &ring)) < 0 || (r = lxbus_ring_send(ring, port, -1)) < 0)
                return r;
        while (n > 0 && (r = lxbus_ring_begin(ring, -1, &place, &room)) == 0) {
                n = read(STDIN_FILENO, place, room); /* straight into the memory of both */
                if (n > 0)
                        r = lxbus_ring_end(ring, n);
                if (r < 0)
                        break;
        }
        lxbus_ring_free(ring); /* the consumer reads what is left */
        lxbus_port_free(port);
        lxbus_server_free(server);
        return r;
}

static int consume(LxBus *bus) {
        LxBusPort *port;
        LxBusRing *ring;
        size_t size;
        void *place;
        int r;

        if ((r = lxbus_connect(bus, NAME, NULL, LXBUS_WAIT, -1, &port)) < 0 ||
            (r = lxbus_ring_receive(port, -1, &ring)) < 0)
                return r;
        while ((r = lxbus_ring_begin(ring, -1, &place, &size)) == 0) {
                ssize_t n = write(STDOUT_FILENO, place, size);

                if (n < 0 || (r = lxbus_ring_end(ring, n)) < 0)
                        break;
        }
        lxbus_ring_free(ring);
        lxbus_port_free(port);
        return r;
}

int main(int argc, char **argv) {
        LxBus *bus;
        int r;

        if (argc != 2 || (strcmp(argv[1], "produce") != 0 && strcmp(argv[1], "consume") != 0)) {
                fprintf(stderr, "shared-memory produce | consume\n");
                return 2;
        }
        r = lxbus_open(&bus);
        if (r == 0) {
                r = strcmp(argv[1], "produce") == 0 ? produce(bus) : consume(bus);
                lxbus_close(bus);
        }
        if (r == -EPIPE) /* how a stream ends */
                r = 0;
        if (r < 0)
                fprintf(stderr, "shared-memory: %s\n", strerror(-r));
        return r < 0 ? 1 : 0;
}
