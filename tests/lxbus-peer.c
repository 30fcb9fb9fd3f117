/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An end of LxBus that uses everything its role has, and one that is killed in the middle of it. With
 * liblxss alone, as anybody's program, on the host and in an instance (itest-lxbus-faults.py):
 *
 *   lxbus-peer serve NAME          serves one client after another until one says "quit"
 *   lxbus-peer once NAME           serves one
 *   lxbus-peer work NAME           is a client; waits for the server
 *   lxbus-peer quit NAME           is the client that says so
 *   lxbus-peer kill N ROLE NAME    is the second or third, and dies as it enters its N-th system call
 *
 * A line says what each conversation came to: the step and 0 or the negative errno. That of "kill" says how many
 * calls there were, and whether the N-th was among them. Of a peer that died a server or client that lives
 * has no descriptor left, or it says so and fails. */

#include <dirent.h>
#include <errno.h>
#include <lxbus.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE 100000u /* bytes of a message that no packet holds */
#define RING 4096u
#define STREAM (3u * RING) /* bytes that go through a ring */

static const char *step = "begin";

static int at(const char *name, int r) {
        step = name;
        return r;
}

static unsigned count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        while (dir && readdir(dir))
                n++;
        if (dir)
                closedir(dir);
        return n;
}

/* ---- rings ---- */

static int stream_out(LxBusPort *port) {
        size_t sum = 0, size;
        LxBusRing *ring;
        void *place;
        int r;

        r = lxbus_ring_new(RING, LXBUS_RING_WRITER, &ring);
        if (r < 0)
                return r;
        r = at("ring_send", lxbus_ring_send(ring, port, -1));
        while (r == 0 && sum < STREAM && (r = at("ring_write", lxbus_ring_begin(ring, -1, &place, &size))) == 0) {
                size = size < STREAM - sum ? size : STREAM - sum;
                memset(place, 'x', size);
                sum += size;
                r = lxbus_ring_end(ring, size);
        }
        lxbus_ring_free(ring);
        return r;
}

/* Where it is too short its writer is gone. */
static int stream_in(LxBusPort *port) {
        size_t sum = 0, size;
        LxBusRing *ring;
        void *place;
        int r;

        r = at("ring_receive", lxbus_ring_receive(port, -1, &ring));
        if (r < 0)
                return r;
        while ((r = at("ring_read", lxbus_ring_begin(ring, -1, &place, &size))) == 0) {
                sum += size;
                r = lxbus_ring_end(ring, size);
                if (r < 0)
                        break;
        }
        lxbus_ring_free(ring);
        return r == -EPIPE && sum == STREAM ? 0 : r;
}

/* ---- messages ---- */

static int send_objects(LxBusPort *port, const char *word) {
        LxBusObject objects[3] = { { .kind = LXBUS_FD, .fd = STDIN_FILENO },
                                   { .kind = LXBUS_PROCESS, .fd = -1, .pid = getpid() },
                                   { .kind = LXBUS_MEMORY } };
        const LxBusMessage message = { (void *)word, strlen(word), objects, 3 };
        void *address;
        int r;

        r = lxbus_memory_new(RING, &objects[2].fd, &address);
        if (r < 0)
                return r;
        munmap(address, RING);
        r = at("write", lxbus_port_write(port, &message, -1));
        close(objects[2].fd);
        return r;
}

/* 1: it says "quit". */
static int take_objects(LxBusPort *port) {
        LxBusObject objects[3];
        char word[16] = "";
        LxBusMessage message = { word, sizeof(word) - 1, objects, 3 };
        int r;

        r = at("read", lxbus_port_read(port, &message, -1));
        if (r < 0)
                return r;
        for (size_t i = 0; i < message.n_objects; i++)
                close(objects[i].fd);
        if (message.n_objects != 3)
                return -EBADMSG;
        return strcmp(word, "quit") == 0;
}

static int exchange(LxBusPort *port, bool sends) {
        static char large[LARGE];
        size_t size = LARGE;
        int r;

        r = sends ? at("send", lxbus_port_send(port, large, LARGE))
                  : at("receive", lxbus_port_receive(port, large, LARGE, &size, -1));
        return r < 0 ? r : size == LARGE ? 0 : -EBADMSG;
}

static int wait_for_end(LxBusPort *port) {
        size_t size;
        char byte;
        int r = at("end", lxbus_port_receive(port, &byte, 1, &size, -1));

        return r == -EPIPE ? 0 : r < 0 ? r : -EBADMSG;
}

/* ---- roles ---- */

static int answer(LxBusPort *port) {
        int r = take_objects(port);

        if (r != 0)
                return r;
        if ((r = exchange(port, false)) < 0 || (r = stream_in(port)) < 0 || (r = stream_out(port)) < 0 ||
            (r = exchange(port, true)) < 0)
                return r;
        return wait_for_end(port);
}

static int ask(LxBusPort *port) {
        int r;

        if ((r = send_objects(port, "work")) < 0 || (r = exchange(port, true)) < 0 || (r = stream_out(port)) < 0 ||
            (r = stream_in(port)) < 0 || (r = exchange(port, false)) < 0)
                return r;
        lxbus_port_finish(port);
        return 0;
}

/* An exit code. */
static int tell(int r, unsigned fds_before) {
        unsigned fds = count_fds();

        printf("%s %d\n", step, r);
        if (fds != fds_before)
                printf("descriptors %u %u\n", fds_before, fds);
        fflush(stdout);
        return fds == fds_before ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int serve(const char *name, bool once) {
        LxBusServer *server = NULL;
        LxBus *bus = NULL;
        LxBusPort *port;
        unsigned fds;
        int r, code;

        if ((r = at("open", lxbus_open(&bus))) < 0 ||
            (r = at("register", lxbus_register(bus, name, LXBUS_VISIBLE_ALL, &server))) < 0)
                return tell(r, 0);
        fds = count_fds();
        do {
                r = at("accept", lxbus_server_accept(server, -1, &port));
                if (r < 0)
                        return tell(r, fds);
                r = answer(port);
                lxbus_port_free(port);
                code = tell(r > 0 ? 0 : r, fds);
        } while (code == EXIT_SUCCESS && r <= 0 && !once);
        lxbus_server_free(server);
        lxbus_close(bus);
        return code;
}

static int work(const char *name, bool quits) {
        unsigned fds = count_fds();
        LxBus *bus = NULL;
        LxBusPort *port;
        int r;

        if ((r = at("open", lxbus_open(&bus))) == 0 &&
            (r = at("connect", lxbus_connect(bus, name, NULL, LXBUS_WAIT, -1, &port))) == 0) {
                r = quits ? send_objects(port, "quit") : ask(port);
                lxbus_port_free(port);
        }
        lxbus_close(bus);
        return tell(r, fds);
}

static int play(const char *role, const char *name) {
        if (strcmp(role, "serve") == 0 || strcmp(role, "once") == 0)
                return serve(name, role[0] == 'o');
        return work(name, strcmp(role, "quit") == 0);
}

/* ---- dying ---- */

/* Between two calls is where the next one is entered, and not carried out. Where its traced child is stopped; false:
 * it has ended. */
static bool next_stop(pid_t child, int *ret_signal) {
        int status;

        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
                return false;
        *ret_signal = WSTOPSIG(status);
        return true;
}

static int kill_at(unsigned long number, const char *role, const char *name) {
        bool enters = true;
        unsigned long n = 0;
        int signal;
        pid_t child = fork();

        if (child == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                _exit(play(role, name));
        }
        if (child < 0 || !next_stop(child, &signal) ||
            ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
                return EXIT_FAILURE;
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        while (next_stop(child, &signal)) {
                bool call = signal == (SIGTRAP | 0x80);

                n += call && enters;
                if (call && enters && n == number)
                        kill(child, SIGKILL);
                enters ^= call;
                ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)(call ? 0 : signal));
        }
        printf("calls %lu %d\n", n, number > 0 && n == number);
        return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        if (argc == 5 && strcmp(argv[1], "kill") == 0)
                return kill_at(strtoul(argv[2], NULL, 10), argv[3], argv[4]);
        if (argc == 3)
                return play(argv[1], argv[2]);
        fprintf(stderr, "lxbus-peer serve|once|work|quit NAME, or kill N ROLE NAME\n");
        return 2;
}
