/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports, without lxssd: what arrives, what is kept and what is refused, and that no
 * descriptor stays whichever way it ends. The other end is a stranger. */

#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shared/lxbus-packet.h"
#include "tests/port-fixture.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

/* ---- sizes ---- */

START_TEST(messages_of_every_size_arrive_as_they_were_sent) {
        static const size_t sizes[] = { 0, 1, 7, 32767, 32768, 32769, 1 << 20, LXBUS_MESSAGE_MAX };
        _cleanup_free_ char *data = pattern(LXBUS_MESSAGE_MAX), *received = malloc(LXBUS_MESSAGE_MAX);

        open_ports();
        for (size_t i = 0; i < 2 * ELEMENTSOF(sizes); i++) {
                size_t n = sizes[i / 2], size = 99;

                ck_assert_int_eq(lxbus_port_send(i % 2 ? near : far, data, n), 0);
                memset(received, 0x5a, n);
                ck_assert_int_eq(lxbus_port_receive(i % 2 ? far : near, received, n, &size, -1), 0);
                ck_assert_uint_eq(size, n);
                ck_assert_int_eq(memcmp(received, data, n), 0);
        }
        close_ports();
}
END_TEST

/* The reader looks for the next one where the last one was. */
START_TEST(a_reader_with_much_room_takes_small_and_large_ones_in_any_order) {
        static const size_t sizes[] = { 32768, 5, 4096, 4097, 4096, 32768, 32768, 32769, 1, 0, 32769, 32768, 1 };
        _cleanup_free_ char *data = pattern(LXBUS_MESSAGE_MAX), *received = malloc(LXBUS_MESSAGE_MAX);

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                size_t n = sizes[i], size = 99;

                memset(received, 0x5a, n + 1);
                ck_assert_int_eq(lxbus_port_send(near, data + i, n), 0);
                ck_assert_int_eq(lxbus_port_receive(far, received, LXBUS_MESSAGE_MAX, &size, -1), 0);
                ck_assert_uint_eq(size, n);
                ck_assert_int_eq(memcmp(received, data + i, n), 0);
                ck_assert_int_eq(received[n], 0x5a);
        }
        close_ports();
}
END_TEST

START_TEST(one_byte_or_object_too_many_is_not_sent) {
        LxBusObject objects[LXBUS_MESSAGE_OBJECTS_MAX + 1];
        LxBusMessage message = { .objects = objects, .n_objects = ELEMENTSOF(objects) };
        _cleanup_free_ char *data = pattern(LXBUS_MESSAGE_MAX + 1);
        size_t size;

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxBusObject){ .kind = LXBUS_FD, .fd = 0 };
        ck_assert_int_eq(lxbus_port_send(near, data, LXBUS_MESSAGE_MAX + 1), -EMSGSIZE);
        ck_assert_int_eq(lxbus_port_write(near, &message, -1), -EMSGSIZE);
        ck_assert_int_eq(lxbus_port_receive(far, data, 1, &size, 0), -ETIMEDOUT);
        close_ports();
}
END_TEST

START_TEST(the_largest_message_with_the_most_objects_arrives) {
        LxBusObject objects[LXBUS_MESSAGE_OBJECTS_MAX], received[LXBUS_MESSAGE_OBJECTS_MAX];
        _cleanup_free_ char *data = pattern(LXBUS_MESSAGE_MAX), *copy = malloc(LXBUS_MESSAGE_MAX);
        LxBusMessage out = { data, LXBUS_MESSAGE_MAX, objects, ELEMENTSOF(objects) };
        LxBusMessage in = { copy, LXBUS_MESSAGE_MAX, received, ELEMENTSOF(received) };

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxBusObject){ .kind = LXBUS_FD, .fd = 0 };
        ck_assert_int_eq(lxbus_port_write(near, &out, -1), 0);
        ck_assert_int_eq(lxbus_port_read(far, &in, -1), 0);
        ck_assert_uint_eq(in.n_objects, ELEMENTSOF(objects));
        ck_assert_int_eq(memcmp(copy, data, LXBUS_MESSAGE_MAX), 0);
        for (size_t i = 0; i < in.n_objects; i++) {
                ck_assert_int_eq(fcntl(received[i].fd, F_GETFD), FD_CLOEXEC);
                closep(&received[i].fd);
        }
        close_ports();
}
END_TEST

/* Bytes first, objects then, as a reader does who grows what is too small. */
static void read_in_steps(size_t n_bytes, const char *data, size_t n_objects) {
        LxBusObject objects[8];
        _cleanup_free_ char *copy = malloc(n_bytes + 1);
        LxBusMessage m = { .data = copy };

        for (int i = 0; i < 3; i++) {
                m.size = m.n_objects = 0;
                ck_assert_int_eq(lxbus_port_read(far, &m, 0), -EMSGSIZE);
                ck_assert_uint_eq(m.size, n_bytes);
                ck_assert_uint_eq(m.n_objects, n_objects);
        }
        m = (LxBusMessage){ copy, n_bytes - 1, objects, n_objects };
        ck_assert_int_eq(lxbus_port_read(far, &m, 0), -EMSGSIZE);
        ck_assert_uint_eq(m.size, n_bytes);
        m = (LxBusMessage){ copy, n_bytes, objects, n_objects - 1 };
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), -EMSGSIZE);
        ck_assert_uint_eq(m.n_objects, n_objects);
        m = (LxBusMessage){ copy, n_bytes, objects, n_objects };
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_int_eq(memcmp(copy, data, n_bytes), 0);
        for (size_t i = 0; i < n_objects; i++)
                closep(&objects[i].fd);
}

static void assert_next_is(const char *text) {
        size_t size;
        char data[16];

        ck_assert_int_eq(lxbus_port_receive(far, data, sizeof(data), &size, -1), 0);
        ck_assert_uint_eq(size, strlen(text));
        ck_assert_mem_eq(data, text, size);
}

START_TEST(what_does_not_fit_is_told_and_kept_whole) {
        static const size_t sizes[] = { 1, 100, 32768, 32769, 3 << 20 };
        LxBusObject objects[3] = { { .kind = LXBUS_FD },
                                   { .kind = LXBUS_FD, .fd = 1 },
                                   { .kind = LXBUS_FD, .fd = 2 } };
        _cleanup_free_ char *data = pattern(3 << 20);

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                LxBusMessage m = { data, sizes[i], objects, ELEMENTSOF(objects) };

                ck_assert_int_eq(lxbus_port_write(near, &m, -1), 0);
                ck_assert_int_eq(lxbus_port_send(near, "x", 1), 0);
                read_in_steps(sizes[i], data, ELEMENTSOF(objects));
                assert_next_is("x");
        }
        close_ports();
}
END_TEST

START_TEST(what_was_kept_goes_with_the_port) {
        LxBusObject objects[2] = { { .kind = LXBUS_FD }, { .kind = LXBUS_FD } };
        LxBusMessage m = { (char *)"abc", 3, objects, 2 };

        open_ports();
        ck_assert_int_eq(lxbus_port_write(near, &m, -1), 0);
        m = (LxBusMessage){ 0 };
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), -EMSGSIZE);
        close_ports();
}
END_TEST

START_TEST(receive_closes_objects_for_which_nobody_asked) {
        LxBusObject objects[2] = { { .kind = LXBUS_FD }, { .kind = LXBUS_FD } };
        LxBusMessage m = { (char *)"abc", 3, objects, 2 };
        size_t size = 0;
        char data[3];

        open_ports();
        ck_assert_int_eq(lxbus_port_write(near, &m, -1), 0);
        ck_assert_int_eq(lxbus_port_receive(far, data, 2, &size, -1), -EMSGSIZE);
        ck_assert_int_eq(lxbus_port_receive(far, data, size, &size, -1), 0);
        ck_assert_uint_eq(size, 3);
        close_ports();
}
END_TEST

/* ---- objects ---- */

static bool same_file(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

START_TEST(objects_of_each_kind_pass_both_ways) {
        if (!has_pidfds())
                return;

        int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), memory = make_memory(12345, F_SEAL_SHRINK), pipes[2];
        pid_t child = start_sleeper();
        LxBusObject in[5];

        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        open_ports();
        for (int turn = 0; turn < 2; turn++) {
                int pidfd = syscall(SYS_pidfd_open, child, 0);
                LxBusObject out[5] = { { .kind = LXBUS_FD, .fd = pipes[0] },
                                       { .kind = LXBUS_PROCESS, .fd = pidfd },
                                       { .kind = LXBUS_PROCESS, .fd = -1, .pid = child },
                                       { .kind = LXBUS_TERMINAL, .fd = pty },
                                       { .kind = LXBUS_MEMORY, .fd = memory } };
                LxBusMessage m = { (char *)"five", 4, out, 5 };
                char data[4];

                ck_assert_int_eq(lxbus_port_write(turn ? near : far, &m, -1), 0);
                m = (LxBusMessage){ data, 4, in, 5 };
                ck_assert_int_eq(lxbus_port_read(turn ? far : near, &m, -1), 0);
                for (size_t i = 0; i < 5; i++)
                        ck_assert_int_eq(in[i].kind, out[i].kind);
                ck_assert(same_file(in[0].fd, pipes[0]) && same_file(in[3].fd, pty) && same_file(in[4].fd, memory));
                ck_assert_int_eq(in[1].pid, child);
                ck_assert_int_eq(in[2].pid, child);
                ck_assert_uint_eq(in[4].size, 12345);
                for (size_t i = 0; i < 5; i++)
                        closep(&in[i].fd);
                closep(&pidfd);
        }
        close_ports();
        ck_assert_int_eq(kill(child, SIGUSR1), 0);
        ck_assert_int_eq(died_of(child), SIGUSR1);
        closep(&pty);
        closep(&memory);
        closep(&pipes[0]);
        closep(&pipes[1]);
}
END_TEST

static void assert_not_sent(LxBusObject object) {
        LxBusObject objects[2] = { { .kind = LXBUS_FD }, object };
        LxBusMessage m = { (char *)"x", 1, objects, 2 };
        int r = lxbus_port_write(near, &m, -1);
        size_t size;
        char byte;

        ck_assert_msg(r == -EINVAL, "kind %d, flags %d, fd %d: %d", object.kind, object.flags, object.fd, r);
        ck_assert_int_eq(lxbus_port_receive(far, &byte, 1, &size, 0), -ETIMEDOUT);
}

START_TEST(objects_that_are_not_what_they_are_called_are_not_sent) {
        int unsealed = make_memory(10, 0), null = open("/dev/null", O_RDWR | O_CLOEXEC),
            event = eventfd(0, EFD_CLOEXEC);

        open_ports();
        assert_not_sent((LxBusObject){ .kind = LXBUS_FD, .fd = -1 });
        assert_not_sent((LxBusObject){ .kind = LXBUS_FD, .fd = 1 << 20 });
        assert_not_sent((LxBusObject){ .kind = LXBUS_PROCESS, .fd = event });
        assert_not_sent((LxBusObject){ .kind = LXBUS_PROCESS, .fd = -1 });
        assert_not_sent((LxBusObject){ .kind = LXBUS_TERMINAL, .fd = null });
        assert_not_sent((LxBusObject){ .kind = LXBUS_MEMORY, .fd = null });
        assert_not_sent((LxBusObject){ .kind = LXBUS_MEMORY, .fd = unsealed });
        assert_not_sent((LxBusObject){ .kind = 0, .fd = null });
        assert_not_sent((LxBusObject){ .kind = LXBUS_MEMORY + 1, .fd = null });
        assert_not_sent((LxBusObject){ .kind = LXBUS_FD, .fd = null, .flags = LXBUS_TERMINATE });
        assert_not_sent((LxBusObject){ .kind = LXBUS_FD, .fd = null, .flags = 2 });
        close_ports();
        closep(&unsealed);
        closep(&null);
        closep(&event);
}
END_TEST

/* ---- lies ---- */

static void assert_refused(LxbusHeader header, const LxbusWireObject *objects, size_t n_objects, size_t n_payload,
                           const int *fds, size_t n_fds) {
        _cleanup_free_ char *payload = pattern(n_payload);
        static char data[1 << 16];
        LxBusObject in[LXBUS_MESSAGE_OBJECTS_MAX];
        LxBusMessage m = { data, sizeof(data), in, ELEMENTSOF(in) };
        size_t before = count_fds();

        send_raw(near, header, objects, n_objects, payload, n_payload, fds, n_fds);
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), -EPROTO);
        ck_assert_uint_eq(count_fds(), before);
        assert_byte_passes(near, far);
}

static void assert_object_refused(uint32_t kind, uint64_t size, int fd) {
        const LxbusWireObject objects[2] = { { .kind = LXBUS_KIND_FD }, { .kind = kind, .size = size } };
        const int fds[2] = { fd, fd };

        assert_refused((LxbusHeader){ .size = 3, .n_objects = 2 }, objects, 2, 3, fds, 2);
}

START_TEST(objects_that_are_not_what_they_are_called_are_refused) {
        int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), bare = make_memory(10, 0),
            grow = make_memory(10, F_SEAL_GROW);

        open_ports();
        assert_object_refused(LXBUS_KIND_MEMORY, 10, file);
        assert_object_refused(LXBUS_KIND_MEMORY, 10, bare);
        assert_object_refused(LXBUS_KIND_MEMORY, 10, grow);
        assert_object_refused(LXBUS_KIND_MEMORY, UINT64_MAX, bare);
        assert_object_refused(LXBUS_KIND_PROCESS, 0, file);
        assert_object_refused(LXBUS_KIND_TERMINAL, 0, file);
        assert_object_refused(LXBUS_KIND_FD, 1, file);
        assert_object_refused(LXBUS_KIND_MAX, 0, file);
        close_ports();
        closep(&file);
        closep(&bare);
        closep(&grow);
}
END_TEST

START_TEST(a_size_of_memory_is_what_it_is_whatever_was_said) {
        int memory = make_memory(4096, F_SEAL_SHRINK);
        const LxbusWireObject object = { .kind = LXBUS_KIND_MEMORY, .size = 1 << 30 };
        LxBusObject in;
        LxBusMessage m = { .objects = &in, .n_objects = 1 };

        open_ports();
        send_raw(near, (LxbusHeader){ .n_objects = 1 }, &object, 1, NULL, 0, &memory, 1);
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_uint_eq(in.size, 4096);
        closep(&in.fd);
        close_ports();
        closep(&memory);
}
END_TEST

START_TEST(a_payload_in_memory_must_be_sealed_and_as_long_as_it_says) {
        const int whole = F_SEAL_SHRINK | F_SEAL_WRITE;
        const LxbusHeader header = { .size = 40000, .flags = LXBUS_MESSAGE_MEMFD };
        const struct {
                size_t size;
                int seals;
        } lies[] = { { 40000, 0 },          { 40000, F_SEAL_SHRINK }, { 40000, F_SEAL_WRITE },
                     { 39999, whole },      { 40001, whole },         { 0, whole },
                     { 40000, F_SEAL_SEAL } };
        int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                int fd = make_memory(lies[i].size, lies[i].seals);

                assert_refused(header, NULL, 0, 0, &fd, 1);
                closep(&fd);
        }
        assert_refused(header, NULL, 0, 0, &file, 1);
        close_ports();
        closep(&file);
}
END_TEST

START_TEST(packets_that_do_not_add_up_are_refused) {
        const LxbusWireObject two[2] = { { .kind = LXBUS_KIND_FD }, { .kind = LXBUS_KIND_FD } };
        int fds[FD_SOCKET_MAX] = { 0 };

        open_ports();
        assert_refused((LxbusHeader){ .size = 3 }, NULL, 0, 3, fds, 1);                            /* one too many */
        assert_refused((LxbusHeader){ .size = 3, .n_objects = 2 }, two, 2, 3, fds, 1);             /* one too few */
        assert_refused((LxbusHeader){ .size = 3, .n_objects = 2 }, two, 2, 3, fds, FD_SOCKET_MAX); /* a crowd */
        assert_refused((LxbusHeader){ .size = 4 }, NULL, 0, 3, NULL, 0);
        assert_refused((LxbusHeader){ .size = 2 }, NULL, 0, 3, NULL, 0);
        assert_refused((LxbusHeader){ .n_objects = 1 }, NULL, 0, 0, NULL, 0);
        assert_refused((LxbusHeader){ .n_objects = UINT16_MAX }, NULL, 0, 0, fds, FD_SOCKET_MAX);
        assert_refused((LxbusHeader){ .size = UINT32_MAX }, NULL, 0, 100, NULL, 0);
        assert_refused((LxbusHeader){ .flags = 4 }, NULL, 0, 0, NULL, 0);
        assert_refused((LxbusHeader){ .size = 3, .flags = LXBUS_MESSAGE_ANNOUNCE }, NULL, 0, 3, NULL, 0);
        assert_refused((LxbusHeader){ .size = 50000 }, NULL, 0, 50000, NULL, 0); /* larger than any packet is */
        assert_refused((LxbusHeader){ .size = 100000 }, NULL, 0, 100000, fds, 5);
        close_ports();
}
END_TEST

START_TEST(descriptors_that_nobody_announced_are_closed) {
        const LxbusHeader header = { .size = 1 };
        const struct iovec parts[] = { { (void *)&header, sizeof(header) }, { (void *)"x", 1 } };
        int fds[] = { 0, 0, 0 };
        char large[SMALL_MAX + 1] = "";
        size_t size, before;

        open_ports();
        before = count_fds();
        for (size_t room = SMALL_MAX; room <= sizeof(large); room++) {
                ck_assert_int_eq(fd_socket_send(lxbus_port_fd(near), parts, ELEMENTSOF(parts), fds, ELEMENTSOF(fds)),
                                 0);
                ck_assert_int_eq(lxbus_port_receive(far, large, room, &size, -1), 0);
                ck_assert_uint_eq(count_fds(), before);
        }
        ck_assert_int_eq(lxbus_port_send(near, large, sizeof(large)), 0); /* another is read as this one will be */
        ck_assert_int_eq(lxbus_port_receive(far, large, sizeof(large), &size, -1), 0);
        ck_assert_int_eq(fd_socket_send(lxbus_port_fd(near), parts, ELEMENTSOF(parts), fds, ELEMENTSOF(fds)), 0);
        ck_assert_int_eq(lxbus_port_receive(far, large, sizeof(large), &size, -1), -EPROTO);
        ck_assert_uint_eq(count_fds(), before);
        close_ports();
}
END_TEST

START_TEST(an_announcement_is_about_the_next_packet_and_comes_once) {
        size_t size;
        char byte;

        open_ports();
        send_announcement(near);
        ck_assert_int_eq(lxbus_port_receive(far, &byte, 1, &size, 0), -ETIMEDOUT);
        assert_byte_passes(near, far); /* the packet may have none after all */
        send_announcement(near);
        send_announcement(near);
        ck_assert_int_eq(lxbus_port_receive(far, &byte, 1, &size, -1), -EPROTO);
        close_ports();
}
END_TEST

START_TEST(a_message_with_objects_that_had_to_wait_is_announced_once) {
        LxBusObject object = { .kind = LXBUS_FD, .fd = 0 }, in;
        const LxBusMessage out = { .objects = &object, .n_objects = 1 };
        LxBusMessage m = { .objects = &in, .n_objects = 1 };

        open_ports();
        send_announcement(near);
        near->announced = true; /* and there was no room for more */
        ck_assert_int_eq(lxbus_port_write(near, &out, -1), 0);
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_uint_eq(m.n_objects, 1);
        closep(&in.fd);
        assert_byte_passes(near, far);
        close_ports();
}
END_TEST

/* As an end of /init's channel does it, which is a port without this library. */
START_TEST(a_port_and_a_reader_that_always_looks_have_one_framing) {
        static const size_t sizes[] = { 0, 1, LXBUS_INLINE_MAX, LXBUS_INLINE_MAX + 1 };
        _cleanup_free_ char *data = pattern(LXBUS_PACKET_MAX), *room = malloc(LXBUS_PACKET_MAX);
        LxBusObject object = { .kind = LXBUS_FD, .fd = 0 };
        const LxbusWireObject wire = { .kind = LXBUS_KIND_FD };

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                const LxBusMessage out = { data, sizes[i], &object, 1 };
                LxBusMessage in = { room, LXBUS_PACKET_MAX, &object, 1 };
                LxbusIncoming incoming = { .memory = -EBADF };
                const void *payload;

                ck_assert_int_eq(lxbus_port_write(near, &out, -1), 0);
                ck_assert_int_eq(lxbus_packet_receive(far->fd, room, LXBUS_PACKET_MAX, &incoming), -EBADMSG);
                ck_assert_int_eq(lxbus_packet_receive(far->fd, room, LXBUS_PACKET_MAX, &incoming), 0);
                ck_assert_int_eq(lxbus_incoming_payload(&incoming, &payload), 0);
                ck_assert_uint_eq(incoming.frame.header.size, sizes[i]);
                ck_assert_int_eq(memcmp(payload, data, sizes[i]), 0);
                send_announcement(far);
                ck_assert_int_eq(lxbus_packet_send(far->fd, &(LxbusOutgoing){ payload, sizes[i], incoming.memory,
                                                                              &wire, incoming.fds, 1 }),
                                 0);
                lxbus_incoming_clear(&incoming);
                ck_assert_int_eq(lxbus_port_read(near, &in, -1), 0);
                ck_assert_uint_eq(in.size, sizes[i]);
                ck_assert_int_eq(memcmp(in.data, data, sizes[i]), 0);
                ck_assert_uint_eq(in.n_objects, 1);
                closep(&object.fd);
                object.fd = 0;
        }
        close_ports();
}
END_TEST

START_TEST(a_packet_shorter_than_a_header_is_refused) {
        size_t size;
        char data[8];

        open_ports();
        for (size_t n = 1; n < sizeof(LxbusHeader); n++) {
                ck_assert_int_eq(send(lxbus_port_fd(near), "\0\0\0\0\0\0\0", n, 0), n);
                ck_assert_int_eq(lxbus_port_receive(far, data, sizeof(data), &size, -1), -EPROTO);
        }
        assert_byte_passes(near, far);
        close_ports();
}
END_TEST

START_TEST(an_empty_packet_is_an_end_and_keeps_no_descriptor) {
        int fds[FD_SOCKET_MAX] = { 0 };
        size_t size, before;
        char data[8];

        open_ports();
        before = count_fds();
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(fd_socket_send(lxbus_port_fd(near), NULL, 0, fds, ELEMENTSOF(fds)), 0);
                ck_assert_int_eq(lxbus_port_receive(far, data, sizeof(data), &size, -1), -EPIPE);
                ck_assert_uint_eq(count_fds(), before);
        }
        close_ports();
}
END_TEST

/* The socket came from the peer, who may have asked it for all kinds of things. */
START_TEST(what_a_peer_asked_of_our_socket_keeps_no_descriptor) {
        int on = 1, fds[FD_SOCKET_MAX - 1] = { 0 };
        LxBusObject objects[LXBUS_MESSAGE_OBJECTS_MAX], in[LXBUS_MESSAGE_OBJECTS_MAX];
        LxBusMessage out = { .objects = objects, .n_objects = ELEMENTSOF(fds) };
        LxBusMessage m = { .objects = in, .n_objects = ELEMENTSOF(in) };

        open_ports();
        ck_assert_int_eq(setsockopt(lxbus_port_fd(far), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
        (void)setsockopt(lxbus_port_fd(far), SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)); /* Linux 6.5 */
        (void)setsockopt(lxbus_port_fd(far), SOL_SOCKET, SO_PASSSEC, &on, sizeof(on));
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxBusObject){ .kind = LXBUS_FD, .fd = fds[i] };
        for (int i = 0; i < 3; i++) {
                size_t before = count_fds();

                assert_byte_passes(near, far);
                ck_assert_uint_eq(count_fds(), before);
        }
        ck_assert_int_eq(lxbus_port_write(near, &out, -1), 0);
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_uint_eq(m.n_objects, out.n_objects);
        for (size_t i = 0; i < m.n_objects; i++)
                closep(&in[i].fd);
        close_ports();
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-port", messages_of_every_size_arrive_as_they_were_sent,
                         a_reader_with_much_room_takes_small_and_large_ones_in_any_order,
                         one_byte_or_object_too_many_is_not_sent, the_largest_message_with_the_most_objects_arrives,
                         what_does_not_fit_is_told_and_kept_whole, what_was_kept_goes_with_the_port,
                         receive_closes_objects_for_which_nobody_asked, objects_of_each_kind_pass_both_ways,
                         objects_that_are_not_what_they_are_called_are_not_sent,
                         objects_that_are_not_what_they_are_called_are_refused,
                         a_size_of_memory_is_what_it_is_whatever_was_said,
                         a_payload_in_memory_must_be_sealed_and_as_long_as_it_says,
                         packets_that_do_not_add_up_are_refused, descriptors_that_nobody_announced_are_closed,
                         an_announcement_is_about_the_next_packet_and_comes_once,
                         a_message_with_objects_that_had_to_wait_is_announced_once,
                         a_port_and_a_reader_that_always_looks_have_one_framing,
                         a_packet_shorter_than_a_header_is_refused, an_empty_packet_is_an_end_and_keeps_no_descriptor,
                         what_a_peer_asked_of_our_socket_keeps_no_descriptor);
}
