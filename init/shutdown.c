/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The four families of init programs each listen to their own commands: systemd
 * and BusyBox to signals, sysvinit to its FIFO, to which systemd's commands turn
 * as well where nothing else answers. Whoever forces it (reboot -f) calls
 * reboot(2) and needs none of this. */

#include "init/shutdown.h"

#include <signal.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#include "shared/util.h"

#define FIFO "/run/initctl"
/* As the kernel numbers them, and systemd does: musl's own SIGRTMIN is another one. */
#define REALTIME(n) (34 + (n))

/* struct init_request of sysvinit's initreq.h. */
typedef struct FifoRequest {
        int32_t magic, command, run_level, sleep_time;
        char more[368];
} FifoRequest;

#define FIFO_MAGIC 0x03091969
#define FIFO_RUN_LEVEL 1

_Noreturn static void end_instance(int how) {
        (void)reboot(how);
        _exit(EXIT_FAILURE); /* an instance whose root may not: it ends all the same */
}

static void die_as_by_default(int signo) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        (void)sigaction(signo, &action, NULL);
        (void)raise(signo);
}

static void on_power_off(int signo) {
        if (getpid() == 1)
                end_instance(RB_POWER_OFF);
        die_as_by_default(signo);
}

static void on_reboot(int signo) {
        if (getpid() == 1)
                end_instance(RB_AUTOBOOT);
        die_as_by_default(signo);
}

int shutdown_catch_signals(void) {
        static const struct {
                int signo;
                void (*handler)(int);
        } signals[] = {
                { SIGUSR1, on_power_off },      /* BusyBox: halt */
                { SIGUSR2, on_power_off },      /* BusyBox: poweroff */
                { SIGTERM, on_reboot },         /* BusyBox: reboot */
                { SIGINT, on_reboot },          /* Ctrl-Alt-Del */
                { SIGPWR, on_power_off },       /* sysvinit: the power fails; LXC's way to halt a container */
                { REALTIME(3), on_power_off },  /* systemd: halt.target */
                { REALTIME(4), on_power_off },  /* systemd: poweroff.target */
                { REALTIME(5), on_reboot },     /* systemd: reboot.target */
                { REALTIME(6), on_reboot },     /* systemd: kexec.target */
                { REALTIME(13), on_power_off }, /* systemd: and these four at once */
                { REALTIME(14), on_power_off },
                { REALTIME(15), on_reboot },
                { REALTIME(16), on_reboot },
        };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                struct sigaction action = { .sa_handler = signals[i].handler, .sa_flags = SA_RESTART };

                if (sigaction(signals[i].signo, &action, NULL) < 0)
                        return -errno;
        }
        return 0;
}

int shutdown_open_fifo(void) {
        int fd;

        if (mkfifo(FIFO, 0600) < 0 && errno != EEXIST)
                return -errno;
        fd = open(FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

void shutdown_read_fifo(int fd) {
        FifoRequest request;

        while (read(fd, &request, sizeof(request)) == sizeof(request)) {
                if (request.magic != FIFO_MAGIC || request.command != FIFO_RUN_LEVEL)
                        continue;
                if (request.run_level == '0')
                        end_instance(RB_POWER_OFF);
                if (request.run_level == '6')
                        end_instance(RB_AUTOBOOT);
        }
}
