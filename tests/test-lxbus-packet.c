/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages of LxBus's ports on their way: whatever size they are, they arrive as they were sent, and
 * whatever comes else, nothing of it stays open. */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "shared/fd-socket.h"
#include "shared/lxbus-packet.h"
#include "tests/test.h"

static int near, far;
static char buffer[LXBUS_PACKET_MAX];
static size_t fds_before;

static void open_pair(void) {
        int pair[2];

        fds_before = count_fds();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        near = pair[0];
        far = pair[1];
        ck_assert_int_eq(fcntl(far, F_SETFL, O_NONBLOCK), 0);
}

static void close_pair(void) {
        closep(&near);
        closep(&far);
        ck_assert_uint_eq(count_fds(), fds_before);
}

static char *pattern(size_t size) {
        char *data = malloc(size + 1);

        ck_assert_ptr_nonnull(data);
        for (size_t i = 0; i < size; i++)
                data[i] = (char)(i * 7 + i / 251);
        return data;
}

static int make_memory(size_t size, int seals) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static void send_raw(LxbusHeader header, const void *rest, size_t size, const int *fds, size_t n_fds) {
        const struct iovec parts[] = { { &header, sizeof(header) }, { (void *)rest, size } };

        ck_assert_int_eq(fd_socket_send(near, parts, ELEMENTSOF(parts), fds, n_fds), 0);
}

static int receive(LxbusIncoming *ret) {
        return lxbus_packet_receive(far, buffer, sizeof(buffer), ret);
}

/* Takes a packet that is no message, of which nothing may stay. */
static void assert_refused(int expected) {
        LxbusIncoming in = { .memory = -EBADF };
        size_t before = count_fds();

        ck_assert_int_eq(receive(&in), expected);
        lxbus_incoming_clear(&in);
        ck_assert_uint_eq(count_fds(), before);
        ck_assert_int_eq(receive(&in), -EAGAIN); /* it was one packet */
}

static void assert_same_file(int a, int b) {
        struct stat x, y;

        ck_assert_int_eq(fstat(a, &x), 0);
        ck_assert_int_eq(fstat(b, &y), 0);
        ck_assert_uint_eq(x.st_dev, y.st_dev);
        ck_assert_uint_eq(x.st_ino, y.st_ino);
}

/* ---- both ways ---- */

static void check_message(size_t size, size_t n_objects) {
        _cleanup_lxbus_incoming_ LxbusIncoming in = { .memory = -EBADF };
        _cleanup_free_ char *data = pattern(size);
        _cleanup_close_ int memory = -EBADF;
        LxbusWireObject objects[LXBUS_OBJECTS_MAX];
        const int pool[] = { near, far };
        int fds[LXBUS_OBJECTS_MAX];
        const void *payload;

        for (size_t i = 0; i < n_objects; i++) {
                objects[i] = (LxbusWireObject){ .kind = LXBUS_KIND_MEMORY, .size = i };
                fds[i] = pool[i % 2];
        }
        if (size > LXBUS_INLINE_MAX)
                ck_assert_int_eq(lxbus_payload_to_memory(data, size, &memory), 0);
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ data, size, memory, objects, fds, n_objects }), 0);
        ck_assert_int_eq(receive(&in), 0);
        ck_assert_uint_eq(in.frame.header.size, size);
        ck_assert_int_eq(in.memory >= 0, size > LXBUS_INLINE_MAX);
        ck_assert_int_eq(lxbus_incoming_payload(&in, &payload), 0);
        ck_assert_mem_eq(payload, data, size);
        ck_assert_uint_eq(in.n_fds, n_objects);
        ck_assert_uint_eq(in.frame.header.n_objects, n_objects);
        for (size_t i = 0; i < n_objects; i++) {
                ck_assert_uint_eq(lxbus_frame_object(&in.frame, i).size, i);
                assert_same_file(in.fds[i], pool[i % 2]);
        }
}

START_TEST(messages_of_every_size_arrive_with_their_objects) {
        static const size_t sizes[] = { 0, 1, 4097, LXBUS_INLINE_MAX, LXBUS_INLINE_MAX + 1, LXBUS_PAYLOAD_MAX };
        static const size_t counts[] = { 0, 1, 3, LXBUS_OBJECTS_MAX };

        open_pair();
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (size_t j = 0; j < ELEMENTSOF(counts); j++)
                        check_message(sizes[i], counts[j]);
        close_pair();
}
END_TEST

START_TEST(one_byte_or_object_too_many_is_not_sent) {
        LxbusWireObject objects[LXBUS_OBJECTS_MAX + 1];
        int fds[LXBUS_OBJECTS_MAX + 1];
        LxbusIncoming in = { .memory = -EBADF };

        open_pair();
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                objects[i] = (LxbusWireObject){ .kind = LXBUS_KIND_FD };
                fds[i] = near;
        }
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ .size = LXBUS_PAYLOAD_MAX + 1, .memory = near }),
                         -EMSGSIZE);
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ .size = (1ull << 32) + 1, .memory = near }),
                         -EMSGSIZE);
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ "", 0, -1, objects, fds, ELEMENTSOF(fds) }),
                         -EMSGSIZE);
        ck_assert_int_eq(receive(&in), -EAGAIN);
        close_pair();
}
END_TEST

START_TEST(a_payload_in_memory_cannot_be_changed_by_its_writer) {
        int memory = -EBADF;

        fds_before = count_fds();
        ck_assert_int_eq(lxbus_payload_to_memory("abc", 3, &memory), 0);
        ck_assert_int_eq(fcntl(memory, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
        ck_assert_int_eq(pwrite(memory, "x", 1, 0), -1);
        ck_assert_int_eq(ftruncate(memory, 1), -1);
        ck_assert_int_ne(fcntl(memory, F_GETFD) & FD_CLOEXEC, 0);
        closep(&memory);
        ck_assert_uint_eq(count_fds(), fds_before);
}
END_TEST

START_TEST(what_was_taken_of_a_message_stays_its_takers) {
        const LxbusWireObject objects[] = { { .kind = LXBUS_KIND_FD }, { .kind = LXBUS_KIND_FD } };
        LxbusIncoming in = { .memory = -EBADF };
        int taken;

        open_pair();
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ "x", 1, -1, objects, (int[]){ near, far }, 2 }), 0);
        ck_assert_int_eq(receive(&in), 0);
        taken = steal_fd(&in.fds[0]);
        lxbus_incoming_clear(&in);
        assert_same_file(taken, near);
        ck_assert_int_ne(fcntl(taken, F_GETFD) & FD_CLOEXEC, 0);
        closep(&taken);
        lxbus_incoming_clear(&in); /* and again */
        close_pair();
}
END_TEST

/* ---- what strangers send ---- */

static void assert_memory_refused(int memory, uint32_t size) {
        _cleanup_lxbus_incoming_ LxbusIncoming in = { .memory = -EBADF };
        const void *payload = NULL;

        send_raw((LxbusHeader){ size, LXBUS_MESSAGE_MEMFD, 0 }, NULL, 0, &memory, 1);
        ck_assert_int_eq(receive(&in), 0);
        ck_assert_int_eq(lxbus_incoming_payload(&in, &payload), -EBADMSG);
        ck_assert_ptr_null(payload);
        ck_assert_int_eq(lxbus_incoming_payload(&in, &payload), -EBADMSG); /* however often it is asked for */
        closep(&memory);
}

START_TEST(memory_that_is_not_sealed_or_of_another_size_is_no_payload) {
        const int sealed = F_SEAL_SHRINK | F_SEAL_WRITE;

        open_pair();
        assert_memory_refused(make_memory(9000, 0), 9000);
        assert_memory_refused(make_memory(9000, F_SEAL_SHRINK), 9000);
        assert_memory_refused(make_memory(9000, F_SEAL_WRITE), 9000);
        assert_memory_refused(make_memory(9000, sealed), 9001);
        assert_memory_refused(make_memory(9000, sealed), 8999);
        assert_memory_refused(make_memory(0, sealed), 1);
        assert_memory_refused(open("/dev/zero", O_RDONLY | O_CLOEXEC), 10);
        assert_memory_refused(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 10);
        assert_memory_refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 10);
        close_pair();
}
END_TEST

START_TEST(memory_that_shrinks_under_its_reader_is_an_error_and_no_signal) {
        _cleanup_close_ int memory = make_memory(9000, 0);
        const LxbusFrame frame = { .header = { .size = 9000, .flags = LXBUS_MESSAGE_MEMFD } };
        char data[9000];

        ck_assert_int_eq(lxbus_payload_copy(&frame, memory, data, 9000), 0);
        ck_assert_int_eq(ftruncate(memory, 100), 0);
        ck_assert_int_eq(lxbus_payload_copy(&frame, memory, data, 9000), -EBADMSG);
        ck_assert_int_eq(lxbus_payload_copy(&frame, memory, data, 100), 0); /* what there is of it */
        ck_assert_int_eq(ftruncate(memory, 0), 0);
        ck_assert_int_eq(lxbus_payload_copy(&frame, memory, data, 1), -EBADMSG);
        ck_assert_int_eq(lxbus_payload_copy(&frame, -EBADF, data, 1), -EBADMSG);
}
END_TEST

START_TEST(the_beginning_of_a_payload_can_be_had_alone) {
        const LxbusFrame packet = { .header = { .size = 9000 }, .payload = "abcdef" },
                         memory = { .header = { .size = 9000, .flags = LXBUS_MESSAGE_MEMFD } };
        _cleanup_close_ int fd = -EBADF;
        char data[5] = "12345";

        ck_assert_int_eq(lxbus_payload_copy(&packet, -EBADF, data, 3), 0);
        ck_assert_mem_eq(data, "abc45", 5);
        ck_assert_int_eq(lxbus_payload_to_memory("ghijkl", 6, &fd), 0);
        ck_assert_int_eq(lxbus_payload_copy(&memory, fd, data, 2), 0);
        ck_assert_mem_eq(data, "ghc45", 5);
        ck_assert_int_eq(lxbus_payload_copy(&memory, fd, NULL, 0), 0);
}
END_TEST

START_TEST(packets_that_do_not_add_up_are_refused_and_leave_nothing) {
        const LxbusWireObject one = { .kind = LXBUS_KIND_FD }, unknown = { .kind = LXBUS_KIND_MAX };
        int fds[FD_SOCKET_MAX];

        open_pair();
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = near;
        send_raw((LxbusHeader){ .size = 4 }, "abc", 3, NULL, 0);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .size = 2 }, "abc", 3, NULL, 0);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .flags = LXBUS_MESSAGE_ANNOUNCE }, NULL, 0, NULL, 0);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .size = 3 }, "abc", 3, fds, 1);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .size = 3 }, "abc", 3, fds, FD_SOCKET_MAX);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .n_objects = 1 }, &one, sizeof(one), NULL, 0);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .n_objects = 1 }, &one, sizeof(one), fds, 2);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .n_objects = 1 }, &unknown, sizeof(unknown), fds, 1);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .size = 10, .flags = LXBUS_MESSAGE_MEMFD }, NULL, 0, NULL, 0);
        assert_refused(-EBADMSG);
        send_raw((LxbusHeader){ .size = 10, .flags = LXBUS_MESSAGE_MEMFD }, NULL, 0, fds, 2);
        assert_refused(-EBADMSG);
        ck_assert_int_eq(send(near, "abc", 3, 0), 3);
        assert_refused(-EBADMSG);
        close_pair();
}
END_TEST

START_TEST(a_message_larger_than_the_buffer_is_gone) {
        const LxbusWireObject one = { .kind = LXBUS_KIND_FD };
        LxbusIncoming in = { .memory = -EBADF };
        char data[100] = { 0 }, room[sizeof(LxbusHeader) + sizeof(one) + 99];

        open_pair();
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ data, sizeof(data), -1, &one, &near, 1 }), 0);
        ck_assert_int_eq(lxbus_packet_receive(far, room, sizeof(room), &in), -EMSGSIZE);
        lxbus_incoming_clear(&in);
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ data, sizeof(room) - 24, -1, &one, &near, 1 }), 0);
        ck_assert_int_eq(lxbus_packet_receive(far, room, sizeof(room), &in), 0);
        lxbus_incoming_clear(&in);
        close_pair();
}
END_TEST

START_TEST(the_end_is_epipe_and_an_empty_socket_is_eagain) {
        LxbusIncoming in = { .memory = -EBADF };

        open_pair();
        ck_assert_int_eq(receive(&in), -EAGAIN);
        closep(&near);
        ck_assert_int_eq(receive(&in), -EPIPE);
        ck_assert_int_eq(lxbus_packet_send(far, &(LxbusOutgoing){ .payload = "x", .size = 1 }), -EPIPE);
        close_pair();
}
END_TEST

START_TEST(what_a_peer_sent_that_went_without_reading_all_is_read) {
        LxbusIncoming in = { .memory = -EBADF };

        open_pair();
        ck_assert_int_eq(lxbus_packet_send(far, &(LxbusOutgoing){ .payload = "x", .size = 1 }), 0);
        ck_assert_int_eq(lxbus_packet_send(near, &(LxbusOutgoing){ .payload = "y", .size = 1 }), 0);
        closep(&near);
        ck_assert_int_eq(receive(&in), 0);
        ck_assert_mem_eq(in.frame.payload, "y", 1);
        ck_assert_int_eq(receive(&in), -EPIPE);
        close_pair();
}
END_TEST

/* ---- sending ---- */

START_TEST(who_does_not_wait_is_told_that_there_is_no_room) {
        LxbusOutgoing message = { .payload = buffer, .size = LXBUS_INLINE_MAX, .now = true };
        int n = 0, r;

        open_pair();
        while ((r = lxbus_packet_send(near, &message)) == 0)
                ck_assert_int_lt(n++, 1000);
        ck_assert_int_eq(r, -EAGAIN);
        ck_assert_int_gt(n, 0);
        close_pair();
}
END_TEST

START_TEST(a_message_may_name_a_process_that_is_no_more) {
        LxbusOutgoing message = { .payload = "x", .size = 1 };
        LxbusIncoming in = { .memory = -EBADF };
        siginfo_t info;
        pid_t child;

        open_pair();
        ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
        ck_assert_int_eq(lxbus_packet_send(near, &message), 0);
        ck_assert_int_eq(receive(&in), 0);
        ck_assert_int_eq(in.process, getpid());
        child = fork();
        if (child == 0)
                _exit(0);
        ck_assert_int_eq(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
        message.process = child;
        if (geteuid() == 0) {
                ck_assert_int_eq(lxbus_packet_send(near, &message), 0); /* a zombie can be named */
                ck_assert_int_eq(receive(&in), 0);
                ck_assert_int_eq(in.process, child);
        }
        ck_assert_int_eq(waitid(P_PID, child, &info, WEXITED), 0);
        ck_assert_int_eq(lxbus_packet_send(near, &message), geteuid() == 0 ? -ESRCH : -EPERM);
        ck_assert_int_eq(receive(&in), -EAGAIN);
        close_pair();
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-packet", messages_of_every_size_arrive_with_their_objects,
                         one_byte_or_object_too_many_is_not_sent, a_payload_in_memory_cannot_be_changed_by_its_writer,
                         what_was_taken_of_a_message_stays_its_takers,
                         memory_that_is_not_sealed_or_of_another_size_is_no_payload,
                         memory_that_shrinks_under_its_reader_is_an_error_and_no_signal,
                         the_beginning_of_a_payload_can_be_had_alone,
                         packets_that_do_not_add_up_are_refused_and_leave_nothing,
                         a_message_larger_than_the_buffer_is_gone, the_end_is_epipe_and_an_empty_socket_is_eagain,
                         what_a_peer_sent_that_went_without_reading_all_is_read,
                         who_does_not_wait_is_told_that_there_is_no_room,
                         a_message_may_name_a_process_that_is_no_more);
}
