/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shared memory and the ring on it: what is written is read, no wake-up is lost, and a peer
 * that writes anything anywhere harms nobody but itself. */

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/port-fixture.h"

#define RING 4096u
#define HEADER 4096u
#define SIDE 64u /* bytes between what is the reader's in the header and what is the writer's */

static LxBusRing *reader, *writer;

/* The writer is here, the reader came over the port. */
static void open_ring(size_t size) {
        open_ports();
        ck_assert_int_eq(lxbus_ring_new(size, LXBUS_RING_WRITER, &writer), 0);
        ck_assert_int_eq(lxbus_ring_send(writer, near, -1), 0);
        ck_assert_int_eq(lxbus_ring_receive(far, -1, &reader), 0);
}

static void close_ring(void) {
        reader = lxbus_ring_free(reader);
        writer = lxbus_ring_free(writer);
        close_ports();
}

static int put(const char *data, size_t n) {
        size_t room;
        void *at;
        int r = lxbus_ring_begin(writer, 0, &at, &room);

        if (r < 0)
                return r;
        if (room > n)
                room = n;
        memcpy(at, data, room);
        r = lxbus_ring_end(writer, room);
        return r < 0 ? r : (int)room;
}

static int get(char *data, size_t n) {
        size_t there;
        void *at;
        int r = lxbus_ring_begin(reader, 0, &at, &there);

        if (r < 0)
                return r;
        if (there > n)
                there = n;
        memcpy(data, at, there);
        r = lxbus_ring_end(reader, there);
        return r < 0 ? r : (int)there;
}

/* ---- what a ring is for ---- */

START_TEST(what_is_written_is_read_around_the_edge) {
        _cleanup_free_ char *data = pattern(100000);
        size_t written = 0, read = 0;
        char copy[RING];

        open_ring(RING);
        while (read < 100000) {
                size_t n = 1 + written * 31 % 3000, left = 100000 - written;
                int r = left > 0 ? put(data + written, n < left ? n : left) : -ETIMEDOUT;

                ck_assert(r > 0 || r == -ETIMEDOUT);
                if (r > 0)
                        written += r;
                r = get(copy, 1 + read * 17 % 2500);
                ck_assert(r > 0 || r == -ETIMEDOUT);
                if (r > 0) {
                        ck_assert_mem_eq(copy, data + read, r);
                        read += r;
                }
        }
        ck_assert_int_eq(get(copy, 1), -ETIMEDOUT);
        close_ring();
}
END_TEST

START_TEST(a_full_ring_has_no_room_and_an_empty_one_no_bytes) {
        char block[RING] = { 0 };

        open_ring(RING);
        ck_assert_int_eq(get(block, 1), -ETIMEDOUT);
        ck_assert_int_eq(put(block, RING), RING);
        ck_assert_int_eq(put(block, 1), -ETIMEDOUT);
        ck_assert_int_eq(get(block, 1), 1);
        ck_assert_int_eq(put(block, 2), 1);
        close_ring();
}
END_TEST

START_TEST(more_than_there_is_cannot_be_ended) {
        size_t n;
        void *at;

        open_ring(RING);
        ck_assert_int_eq(lxbus_ring_begin(writer, 0, &at, &n), 0);
        ck_assert_int_eq(lxbus_ring_end(writer, n + 1), -EINVAL);
        ck_assert_int_eq(lxbus_ring_end(writer, SIZE_MAX), -EINVAL);
        ck_assert_int_eq(lxbus_ring_end(writer, 5), 0);
        ck_assert_int_eq(lxbus_ring_end(reader, 6), -EINVAL);
        ck_assert_int_eq(lxbus_ring_end(reader, 5), 0);
        close_ring();
}
END_TEST

START_TEST(what_was_written_before_the_end_is_read) {
        char data[8];

        open_ring(RING);
        ck_assert_int_eq(put("last", 4), 4);
        writer = lxbus_ring_free(writer);
        ck_assert_int_eq(get(data, 3), 3);
        ck_assert_int_eq(get(data + 3, 3), 1);
        ck_assert_mem_eq(data, "last", 4);
        ck_assert_int_eq(get(data, 1), -EPIPE);
        ck_assert_int_eq(get(data, 1), -EPIPE);
        close_ring();
}
END_TEST

START_TEST(a_writer_without_a_reader_is_told_even_where_there_is_room) {
        open_ring(RING);
        ck_assert_int_eq(put("x", 1), 1);
        reader = lxbus_ring_free(reader);
        ck_assert_int_eq(put("x", 1), -EPIPE);
        close_ring();
}
END_TEST

START_TEST(sizes_are_powers_of_two_within_limits) {
        static const size_t bad[] = { 0, 1, 2048, 4095, 4097, 12288, (size_t)1 << 31, SIZE_MAX, (size_t)1 << 63 };
        LxBusRing *ring = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(lxbus_ring_new(bad[i], LXBUS_RING_READER, &ring), -EINVAL);
        ck_assert_int_eq(lxbus_ring_new(RING, 2, &ring), -EINVAL);
        ck_assert_ptr_null(ring);
}
END_TEST

/* ---- threads ---- */

typedef struct Load {
        LxBusRing *ring;
        size_t total, step;
        uint64_t sum;
        int error;
} Load;

static uint64_t add(uint64_t sum, const unsigned char *data, size_t n) {
        for (size_t i = 0; i < n; i++)
                sum = (sum ^ data[i]) * UINT64_C(1099511628211);
        return sum;
}

static void *move(Load *load, bool writes) {
        unsigned char next = 0;

        for (size_t done = 0; done < load->total && load->error == 0;) {
                size_t n;
                void *at;

                load->error = lxbus_ring_begin(load->ring, -1, &at, &n);
                if (load->error < 0)
                        break;
                if (n > load->step)
                        n = load->step;
                if (n > load->total - done)
                        n = load->total - done;
                for (size_t i = 0; writes && i < n; i++)
                        ((unsigned char *)at)[i] = next += 7;
                load->sum = add(load->sum, at, n);
                load->error = lxbus_ring_end(load->ring, n);
                done += n;
        }
        return NULL;
}

static void *write_all_of_it(void *load) {
        return move(load, true);
}

static void *read_all_of_it(void *load) {
        return move(load, false);
}

static void carry(size_t total, size_t write_step, size_t read_step) {
        Load out = { writer, total, write_step, 1, 0 }, in = { reader, total, read_step, 1, 0 };
        pthread_t threads[2];

        ck_assert_int_eq(pthread_create(&threads[0], NULL, write_all_of_it, &out), 0);
        ck_assert_int_eq(pthread_create(&threads[1], NULL, read_all_of_it, &in), 0);
        ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
        ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
        ck_assert_int_eq(out.error, 0);
        ck_assert_int_eq(in.error, 0);
        ck_assert_uint_eq(out.sum, in.sum);
}

START_TEST(megabytes_arrive_unchanged) {
        open_ring(65536);
        carry(8 << 20, 65536, 65536);
        carry(4 << 20, 1000, 65536);
        carry(4 << 20, 65536, 777);
        close_ring();
}
END_TEST

/* Each step fills or empties the whole ring, so that each waits for the other; a lost wake-up would wait for ever. */
START_TEST(no_wake_up_is_lost) {
        open_ring(RING);
        for (int i = 0; i < 20; i++)
                carry(1000 * RING, RING, RING);
        close_ring();
}
END_TEST

#define TURNS 20000

/* A moment that is another one each time. */
static void dawdle(unsigned n) {
        for (volatile unsigned i = 0; i < n; i++)
                ;
}

/* One byte there and one back, nothing after it that would wake who slept over it; each end begins to wait at any
 * moment of what the other does. */
static void *echo(void *argument) {
        LxBusRing **rings = argument; /* what comes, what goes */

        for (unsigned i = 0; i < TURNS; i++) {
                char byte;
                size_t n;
                void *at;

                dawdle(i * 7919 % 1009);
                if (lxbus_ring_begin(rings[0], -1, &at, &n) < 0)
                        return (void *)1;
                byte = *(char *)at;
                if (lxbus_ring_end(rings[0], 1) < 0 || lxbus_ring_begin(rings[1], -1, &at, &n) < 0)
                        return (void *)2;
                *(char *)at = byte;
                if (lxbus_ring_end(rings[1], 1) < 0)
                        return (void *)3;
        }
        return NULL;
}

START_TEST(a_byte_goes_there_and_back_thousands_of_times) {
        LxBusRing *there[2], *back[2], *echo_rings[2];
        pthread_t thread;
        void *result;

        open_ports();
        ck_assert_int_eq(lxbus_ring_new(RING, LXBUS_RING_WRITER, &there[0]), 0);
        ck_assert_int_eq(lxbus_ring_new(RING, LXBUS_RING_READER, &back[0]), 0);
        ck_assert_int_eq(lxbus_ring_send(there[0], near, -1), 0);
        ck_assert_int_eq(lxbus_ring_send(back[0], near, -1), 0);
        ck_assert_int_eq(lxbus_ring_receive(far, -1, &there[1]), 0);
        ck_assert_int_eq(lxbus_ring_receive(far, -1, &back[1]), 0);
        echo_rings[0] = there[1];
        echo_rings[1] = back[1];
        ck_assert_int_eq(pthread_create(&thread, NULL, echo, echo_rings), 0);
        for (unsigned i = 0; i < TURNS; i++) {
                size_t n;
                void *at;

                ck_assert_int_eq(lxbus_ring_begin(there[0], -1, &at, &n), 0);
                *(char *)at = (char)i;
                ck_assert_int_eq(lxbus_ring_end(there[0], 1), 0);
                dawdle(i * 104729 % 30011);
                ck_assert_int_eq(lxbus_ring_begin(back[0], -1, &at, &n), 0);
                ck_assert_int_eq(*(char *)at, (char)i);
                ck_assert_int_eq(lxbus_ring_end(back[0], 1), 0);
        }
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_null(result);
        for (int i = 0; i < 2; i++) {
                lxbus_ring_free(there[i]);
                lxbus_ring_free(back[i]);
        }
        close_ports();
}
END_TEST

static void *begin_reading(void *ring) {
        size_t n;
        void *at;

        return (void *)(intptr_t)lxbus_ring_begin(ring, -1, &at, &n);
}

START_TEST(who_waits_is_woken_by_the_end_of_the_other) {
        for (int i = 0; i < 500; i++) {
                pthread_t thread;
                void *result;

                open_ring(RING);
                ck_assert_int_eq(pthread_create(&thread, NULL, begin_reading, reader), 0);
                writer = lxbus_ring_free(writer);
                ck_assert_int_eq(pthread_join(thread, &result), 0);
                ck_assert_int_eq((intptr_t)result, -EPIPE);
                close_ring();
        }
}
END_TEST

START_TEST(its_descriptor_can_be_polled) {
        struct pollfd poll_fd = { .events = POLLIN };
        char byte;

        open_ring(RING);
        poll_fd.fd = lxbus_ring_fd(reader);
        for (int i = 0; i < 1000; i++) {
                ck_assert_int_eq(get(&byte, 1), -ETIMEDOUT); /* says that we wait */
                ck_assert_int_eq(put("x", 1), 1);
                ck_assert_int_eq(poll(&poll_fd, 1, -1), 1);
                ck_assert_int_eq(get(&byte, 1), 1);
        }
        close_ring();
}
END_TEST

/* ---- strangers ---- */

/* The header as a hostile peer sees it. */
static uint64_t *map_header(int memory) {
        uint64_t *header = mmap(NULL, HEADER, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);

        ck_assert_ptr_ne(header, MAP_FAILED);
        return header;
}

/* What was sent, instead of a ring: its memory and the socket that wakes. */
static int receive_parts(int fds[2]) {
        char offer[16];
        LxBusObject objects[2];
        LxBusMessage m = { offer, sizeof(offer), objects, 2 };

        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_uint_eq(m.n_objects, 2);
        for (int i = 0; i < 2; i++)
                fds[i] = objects[i].fd;
        return fds[0];
}

START_TEST(wild_positions_are_refused_at_either_end) {
        static const uint64_t wild[] = { RING + 1, UINT64_MAX / 2, UINT64_C(1) << 63, UINT64_C(1) << 32,
                                         UINT64_MAX - RING };

        for (int end = 0; end < 2; end++)
                for (size_t i = 0; i < ELEMENTSOF(wild); i++) {
                        LxBusRing *ring;
                        uint64_t *header;
                        int fds[2];
                        size_t n;
                        void *at;

                        open_ports();
                        ck_assert_int_eq(lxbus_ring_new(RING, end, &ring), 0);
                        ck_assert_int_eq(lxbus_ring_send(ring, near, -1), 0);
                        header = map_header(receive_parts(fds));
                        header[!end * SIDE / sizeof(*header)] = wild[i];
                        ck_assert_int_eq(lxbus_ring_begin(ring, 0, &at, &n), -EPROTO);
                        ck_assert_int_eq(lxbus_ring_end(ring, 1), -EPROTO);
                        header[!end * SIDE / sizeof(*header)] = 0;
                        header[end * SIDE / sizeof(*header)] = wild[i]; /* what is ours we know better */
                        ck_assert_int_eq(lxbus_ring_begin(ring, 0, &at, &n),
                                         end == LXBUS_RING_WRITER ? 0 : -ETIMEDOUT);
                        ck_assert_int_eq(munmap(header, HEADER), 0);
                        for (int j = 0; j < 2; j++)
                                closep(&fds[j]);
                        lxbus_ring_free(ring);
                        close_ports();
                }
}
END_TEST

/* An offer of a ring, put together by hand. */
static int offer(uint64_t size, uint32_t end, int memory, int wake, LxbusKind kind) {
        const uint64_t bytes[2] = { size, end };
        const LxbusWireObject objects[2] = { { .kind = LXBUS_KIND_MEMORY }, { .kind = kind } };
        const int fds[2] = { memory, wake };
        size_t before = count_fds();
        LxBusRing *ring = NULL;
        int r;

        send_raw(near, (LxbusHeader){ .size = sizeof(bytes), .n_objects = 2 }, objects, 2, bytes, sizeof(bytes), fds,
                 2);
        r = lxbus_ring_receive(far, -1, &ring);
        ck_assert(r < 0 || ring);
        lxbus_ring_free(ring);
        ck_assert_uint_eq(count_fds(), before);
        return r;
}

/* Something that reading or writing could stop at, or that is no socket of ours. */
static void assert_no_wake_socket(int memory, int fd) {
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(offer(RING, 0, memory, fd, LXBUS_KIND_FD), -EPROTO);
        ck_assert_int_eq(close(fd), 0);
}

START_TEST(an_offer_that_is_none_is_refused_and_nothing_of_it_stays) {
        int memory = make_memory(HEADER + RING, F_SEAL_SHRINK), small = make_memory(HEADER + RING - 1, F_SEAL_SHRINK);
        int sealed = make_memory(HEADER + RING, F_SEAL_SHRINK | F_SEAL_WRITE), pair[2];
        LxBusRing *ring = NULL;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        open_ports();
        ck_assert_int_eq(offer(RING, 0, memory, pair[0], LXBUS_KIND_FD), 0);
        ck_assert_int_eq(offer(RING, 2, memory, pair[0], LXBUS_KIND_FD), -EPROTO);
        ck_assert_int_eq(offer(RING, 0, memory, memory, LXBUS_KIND_MEMORY), -EPROTO);
        ck_assert_int_eq(offer(3000, 0, memory, pair[0], LXBUS_KIND_FD), -EPROTO);
        ck_assert_int_eq(offer(UINT64_MAX, 0, memory, pair[0], LXBUS_KIND_FD), -EPROTO);
        ck_assert_int_eq(offer(2 * RING, 0, memory, pair[0], LXBUS_KIND_FD), -ERANGE);
        ck_assert_int_eq(offer(RING, 0, small, pair[0], LXBUS_KIND_FD), -ERANGE);
        ck_assert_int_eq(offer(RING, 0, sealed, pair[0], LXBUS_KIND_FD), -EPROTO); /* its end could not be told */
        assert_no_wake_socket(memory, open("/dev/zero", O_RDWR | O_CLOEXEC));
        assert_no_wake_socket(memory, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        assert_no_wake_socket(memory, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ck_assert_int_eq(lxbus_port_send(near, "hello", 5), 0);
        ck_assert_int_eq(lxbus_ring_receive(far, -1, &ring), -EPROTO);
        ck_assert_ptr_null(ring);
        close_ports();
        closep(&memory);
        closep(&small);
        closep(&sealed);
        closep(&pair[0]);
        closep(&pair[1]);
}
END_TEST

START_TEST(a_fifo_for_a_wake_socket_is_refused) {
        int memory = make_memory(HEADER + RING, F_SEAL_SHRINK), pipes[2];

        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        open_ports();
        for (int i = 0; i < 2; i++)
                ck_assert_int_eq(offer(RING, i, memory, pipes[i], LXBUS_KIND_FD), -EPROTO);
        close_ports();
        closep(&memory);
        closep(&pipes[0]);
        closep(&pipes[1]);
}
END_TEST

START_TEST(memory_cannot_be_truncated_under_a_mapping) {
        size_t before = count_fds();
        void *address, *other;
        int fd;

        ck_assert_int_eq(lxbus_memory_new(10000, &fd, &address), 0);
        ck_assert_int_eq(ftruncate(fd, 0), -1);
        ck_assert_int_eq(errno, EPERM);
        ck_assert_int_eq(ftruncate(fd, 20000), -1);
        ck_assert_int_eq(lxbus_memory_map(fd, 10000, &other), 0);
        memset(address, 'x', 10000);
        ck_assert_int_eq(((char *)other)[9999], 'x');
        ck_assert_int_eq(munmap(other, 10000), 0);
        ck_assert_int_eq(lxbus_memory_map(fd, 10001, &other), -ERANGE);
        ck_assert_int_eq(lxbus_memory_map(fd, 0, &other), -EINVAL);
        ck_assert_int_eq(munmap(address, 10000), 0);
        ck_assert_int_eq(close(fd), 0);
        fd = make_memory(10000, F_SEAL_GROW);
        ck_assert_int_eq(lxbus_memory_map(fd, 10000, &other), -EPERM);
        ck_assert_int_eq(close(fd), 0);
        ck_assert_int_eq(lxbus_memory_map(0, 1, &other), -EPERM);
        ck_assert_int_eq(lxbus_memory_new(0, &fd, &address), -EINVAL);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* A peer that never takes what wakes it, and says all the time that it waits. */
START_TEST(a_peer_that_does_not_read_its_wake_ups_stops_nobody) {
        uint32_t *header;
        LxBusRing *ring;
        int fds[2];

        open_ports();
        ck_assert_int_eq(lxbus_ring_new(RING, LXBUS_RING_WRITER, &ring), 0);
        ck_assert_int_eq(lxbus_ring_send(ring, near, -1), 0);
        ck_assert_int_eq(lxbus_ring_send(ring, near, -1), -EINVAL); /* there is one other end */
        header = (uint32_t *)map_header(receive_parts(fds));
        for (uint64_t i = 0; i < 100000; i++) {
                size_t n;
                void *at;

                header[2] = 1;
                ck_assert_int_eq(lxbus_ring_begin(ring, 0, &at, &n), 0);
                ck_assert_int_eq(lxbus_ring_end(ring, 1), 0);
                *(uint64_t *)header = i + 1;
        }
        lxbus_ring_free(ring);
        ck_assert_int_eq(munmap(header, HEADER), 0);
        for (int j = 0; j < 2; j++)
                closep(&fds[j]);
        close_ports();
}
END_TEST

START_TEST(a_peer_that_dies_is_an_end_too) {
        size_t n;
        void *at;

        for (int end = 0; end < 2; end++) {
                LxBusRing *ring;
                int fds[2];

                open_ports();
                ck_assert_int_eq(lxbus_ring_new(RING, end, &ring), 0);
                ck_assert_int_eq(lxbus_ring_send(ring, near, -1), 0);
                (void)receive_parts(fds);
                if (end == LXBUS_RING_WRITER) {
                        ck_assert_int_eq(lxbus_ring_begin(ring, 0, &at, &n), 0);
                        ck_assert_int_eq(lxbus_ring_end(ring, RING), 0);
                }
                ck_assert_int_eq(lxbus_ring_begin(ring, 0, &at, &n), -ETIMEDOUT);
                for (int j = 0; j < 2; j++)
                        closep(&fds[j]);
                ck_assert_int_eq(lxbus_ring_begin(ring, -1, &at, &n), -EPIPE);
                lxbus_ring_free(ring);
                close_ports();
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-ring", what_is_written_is_read_around_the_edge,
                         a_full_ring_has_no_room_and_an_empty_one_no_bytes, more_than_there_is_cannot_be_ended,
                         what_was_written_before_the_end_is_read,
                         a_writer_without_a_reader_is_told_even_where_there_is_room,
                         sizes_are_powers_of_two_within_limits, megabytes_arrive_unchanged, no_wake_up_is_lost,
                         a_byte_goes_there_and_back_thousands_of_times, who_waits_is_woken_by_the_end_of_the_other,
                         its_descriptor_can_be_polled, wild_positions_are_refused_at_either_end,
                         an_offer_that_is_none_is_refused_and_nothing_of_it_stays,
                         memory_cannot_be_truncated_under_a_mapping, a_fifo_for_a_wake_socket_is_refused,
                         a_peer_that_does_not_read_its_wake_ups_stops_nobody, a_peer_that_dies_is_an_end_too);
}
