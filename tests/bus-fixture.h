/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bus, a server on it, and beside them, in a process of its own, as much of lxssd as brings clients and
 * that server together. begin() … end(), which looks whether a descriptor stayed. */

#include "tests/port-fixture.h"

/* Of one name: whoever registers last has it. */
typedef struct Service {
        int fd;     /* requests come in */
        int server; /* connections go out; negative: nobody serves */
} Service;

/* Who asked may have gone. */
static void reply(int fd, LxbusType type, int error, const int *fds, size_t n_fds) {
        LxbusReply packet = { .type = type, .error = error };
        struct iovec part = { &packet, sizeof(packet) };

        (void)fd_socket_send(fd, &part, 1, fds, n_fds);
}

static void list(int end) {
        const LxbusEntry entry = { .name = "name", .n_ports = 7 };
        int fd = memfd_create("list", MFD_CLOEXEC);

        ck_assert_int_eq(write_all(fd, &entry, sizeof(entry)), 0);
        reply(end, LXBUS_TYPE_REPLY, 0, &fd, 1);
        closep(&fd);
}

static void carry_out(Service *service, const LxbusRequest *request, int *end) {
        if (request->type == LXBUS_TYPE_REGISTER) {
                closep(&service->server);
                service->server = steal_fd(end);
                reply(service->server, LXBUS_TYPE_REPLY, 0, NULL, 0);
        } else if (request->type == LXBUS_TYPE_LIST)
                list(*end);
        else if (service->server < 0)
                reply(*end, LXBUS_TYPE_REPLY, ENOENT, NULL, 0);
        else { /* with something where the peer's pidfd would be */
                reply(*end, LXBUS_TYPE_REPLY, 0, (const int[]){ 0 }, 1);
                reply(service->server, LXBUS_TYPE_CONNECTION, 0, (const int[]){ *end, 0 }, 2);
        }
}

_Noreturn static void run_service(int fd) {
        Service service = { .fd = fd, .server = -EBADF };
        LxbusRequest request;
        int end = -EBADF;
        size_t n;

        while (fd_socket_receive(service.fd, &request, sizeof(request), &end, 1, &n) > 0) {
                carry_out(&service, &request, &end);
                closep(&end);
        }
        _exit(EXIT_SUCCESS);
}

static pid_t service_pid;
static LxBus *bus;
static LxBusServer *server;

static void begin(void) {
        int pair[2];

        fds_before = count_fds();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        service_pid = fork();
        ck_assert_int_ge(service_pid, 0);
        if (service_pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)close(pair[1]);
                run_service(pair[0]);
        }
        ck_assert_int_eq(close(pair[0]), 0);
        ck_assert_int_eq(lxbus_open_fd(pair[1], &bus), 0);
        ck_assert_int_eq(lxbus_register(bus, "name", LXBUS_VISIBLE_ALL, &server), 0);
}

static void end(void) {
        int status = -1;

        bus = lxbus_close(bus);
        ck_assert_int_eq(waitpid(service_pid, &status, 0), service_pid);
        ck_assert_int_eq(status, 0);
        server = lxbus_server_free(server);
        ck_assert_uint_eq(count_fds(), fds_before);
}
