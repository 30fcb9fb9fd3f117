/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service of the host for programs in instances: it says who asked. Start it on the
 * host, and in an instance: echo | lxbus connect greeter
 *
 *   cc host-service.c -o host-service $(pkg-config --cflags --libs lxss) */

#include <lxbus.h>
#include <stdio.h>
#include <string.h>

static int answer(LxBusPort *port) {
        char text[256];
        LxBusPeer peer;
        int r;

        r = lxbus_port_peer(port, &peer);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "hello, user %u of %s\n", (unsigned)peer.uid,
                 peer.instance ? peer.instance : "the host");
        return lxbus_port_send(port, text, strlen(text));
}

int main(void) {
        LxBus *bus = NULL;
        LxBusServer *server = NULL;
        LxBusPort *port;
        int r;

        r = lxbus_open(&bus);
        if (r == 0)
                r = lxbus_register(bus, "greeter", LXBUS_VISIBLE_ALL, &server);
        while (r == 0) {
                r = lxbus_server_accept(server, -1, &port);
                if (r == 0) {
                        (void)answer(port); /* who has gone already gets none */
                        lxbus_port_free(port);
                }
        }
        fprintf(stderr, "host-service: %s\n", strerror(-r));
        lxbus_server_free(server);
        lxbus_close(bus);
        return 1;
}
