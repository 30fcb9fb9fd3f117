/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same call over D-Bus, for LxBus to be measured beside:
 *
 *   dbus serve ADDRESS          a service that returns 64 bytes as they came
 *   dbus roundtrip ADDRESS N    N calls of it; nanoseconds each, on standard output
 *   dbus broker PATH            a bus of dbus-broker(1)'s at that socket, without the launcher and systemd */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define NAME "org.lxss.Bench"
#define MESSAGE 64

static uint64_t now(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static int check(const char *what, int r) {
        if (r < 0) {
                fprintf(stderr, "dbus: %s: %s\n", what, strerror(-r));
                exit(EXIT_FAILURE);
        }
        return r;
}

static sd_bus *connect_to(const char *address) {
        sd_bus *bus;

        check("making a connection", sd_bus_new(&bus));
        check("the address", sd_bus_set_address(bus, address));
        check("the connection", sd_bus_set_bus_client(bus, 1));
        check("connecting", sd_bus_start(bus));
        return bus;
}

static int method_echo(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        sd_bus_message *reply;
        const void *bytes;
        size_t size;

        (void)userdata;
        (void)reterr;
        check("reading", sd_bus_message_read_array(m, 'y', &bytes, &size));
        check("answering", sd_bus_message_new_method_return(m, &reply));
        check("answering", sd_bus_message_append_array(reply, 'y', bytes, size));
        check("answering", sd_bus_send(NULL, reply, NULL));
        sd_bus_message_unref(reply);
        return 1;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Echo", "ay", "ay", method_echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void serve(const char *address) {
        sd_bus *bus = connect_to(address);

        check("serving", sd_bus_add_object_vtable(bus, NULL, "/", NAME, vtable, NULL));
        check("taking the name", sd_bus_request_name(bus, NAME, 0));
        puts("ready");
        fflush(stdout);
        for (;;)
                if (check("processing", sd_bus_process(bus, NULL)) == 0)
                        check("waiting", sd_bus_wait(bus, UINT64_MAX));
}

static void call(sd_bus *bus) {
        static const char bytes[MESSAGE];
        sd_bus_message *m, *reply;

        check("calling", sd_bus_message_new_method_call(bus, &m, NAME, "/", NAME, "Echo"));
        check("calling", sd_bus_message_append_array(m, 'y', bytes, sizeof(bytes)));
        check("calling", sd_bus_call(bus, m, 0, NULL, &reply));
        sd_bus_message_unref(m);
        sd_bus_message_unref(reply);
}

/* ---- dbus-broker ---- */

/* Its policy, as AddListener of its controller's interface takes it: everybody may everything. */
#define RULES "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "(a(u(" RULES "))a(buu(" RULES "))a(ss)bs)"
#define EVERYBODY UINT32_MAX
#define ANY_MESSAGE 1, 1, UINT64_C(1), "", "", "", "", 0, 0, UINT64_C(0), UINT64_MAX

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = check("a socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

        check("the path", snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) < 108 ? 0 : -ENAMETOOLONG);
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
                check("listening", -errno);
        return fd;
}

/* Returns our end, as its controller. */
static int start_broker(void) {
        char number[16];
        pid_t pid = -1;
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
                pid = fork();
        if (pid < 0)
                check("starting dbus-broker", -errno);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)close(pair[0]);
                snprintf(number, sizeof(number), "%d", pair[1]);
                execlp("dbus-broker", "dbus-broker", "--controller", number, "--machine-id",
                       "00000000000000000000000000000001", (char *)NULL);
                check("dbus-broker", -errno);
        }
        (void)close(pair[1]);
        return pair[0];
}

static void run_broker(const char *path) {
        int listener = listen_at(path), controller = start_broker();
        sd_bus_message *m;
        sd_bus *bus;

        check("making a connection", sd_bus_new(&bus));
        check("the connection", sd_bus_set_fd(bus, controller, controller));
        check("connecting", sd_bus_start(bus));
        check("the bus", sd_bus_message_new_method_call(bus, &m, NULL, "/org/bus1/DBus/Broker", "org.bus1.DBus.Broker",
                                                        "AddListener"));
        check("the bus", sd_bus_message_append(m, "ohv", "/org/bus1/DBus/Listener/0", listener, POLICY, 1, EVERYBODY,
                                               1, UINT64_C(1), 1, 1, UINT64_C(1), 1, "", ANY_MESSAGE, ANY_MESSAGE, 0,
                                               0, 0, "session"));
        check("the bus", sd_bus_call(bus, m, 0, NULL, NULL));
        sd_bus_message_unref(m);
        puts("ready");
        fflush(stdout);
        for (;;) /* until the bus hangs up */
                if (check("dbus-broker", sd_bus_process(bus, NULL)) == 0)
                        check("waiting", sd_bus_wait(bus, UINT64_MAX));
}

int main(int argc, char **argv) {
        uint64_t start;
        sd_bus *bus;
        unsigned n;

        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                serve(argv[2]);
        if (argc == 3 && strcmp(argv[1], "broker") == 0)
                run_broker(argv[2]);
        if (argc != 4 || strcmp(argv[1], "roundtrip") != 0)
                return EXIT_FAILURE;
        n = strtoul(argv[3], NULL, 10);
        bus = connect_to(argv[2]);
        call(bus);
        start = now();
        for (unsigned i = 0; i < n; i++)
                call(bus);
        printf("%llu\n", (unsigned long long)((now() - start) / n));
        sd_bus_flush_close_unref(bus);
        return EXIT_SUCCESS;
}
