/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the modes of the caller's terminal: raw and back, exactly. Knows nothing
 * of the pty at the other end. Modes are set with TCSANOW, since output
 * processing happens at write(2) and draining could wait for Ctrl-Q. */

#include "client/tty.h"

#include <stdio.h>

#include "shared/util.h"

int tty_reopen(int fd) {
        char path[32];
        int own;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        own = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (own >= 0)
                return own;
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return own < 0 ? -errno : own;
}

bool tty_is_foreground(int fd) {
        pid_t group = tcgetpgrp(fd);

        return group < 0 || group == getpgrp();
}

static bool modes_equal(const struct termios *a, const struct termios *b) {
        return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
               a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

void tty_set_raw(Tty *tty) {
        struct termios now = {}; /* the kernel may know fewer control characters than the C library */

        if (tty->fd < 0 || !tty_is_foreground(tty->fd) || tcgetattr(tty->fd, &now) < 0)
                return;
        if (tty->raw && modes_equal(&now, &tty->ours))
                return;
        tty->saved = now;
        cfmakeraw(&now);
        if (tcsetattr(tty->fd, TCSANOW, &now) < 0)
                return;
        tty->raw = true;
        (void)tcgetattr(tty->fd, &tty->ours);
}

void tty_restore(Tty *tty) {
        if (!tty->raw)
                return;
        tty->raw = false;
        while (tcsetattr(tty->fd, TCSANOW, &tty->saved) < 0 && errno == EINTR)
                ;
}

void tty_get_size(int fd, struct winsize *ret) {
        if (ioctl(fd, TIOCGWINSZ, ret) < 0)
                *ret = (struct winsize){};
}
