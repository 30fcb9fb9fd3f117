/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The terminal that lxctl was started on. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

typedef struct Tty {
        int fd;               /* borrowed; negative: there is none */
        bool raw;             /* our modes are set */
        struct termios saved; /* what to go back to, while raw */
        struct termios ours;  /* what was set */
} Tty;

/* A non-blocking description of our own of the terminal behind fd: flags set on the
 * one that we were given would show in every process that shares it. Where the
 * terminal cannot be opened again, a duplicate, which blocks. Negative errno on failure. */
int tty_reopen(int fd);

/* Whether we may read and set it without being stopped: we are in its foreground
 * process group, or it is not our controlling terminal. */
bool tty_is_foreground(int fd);

/* Sets raw modes, where they are not set or somebody (a shell, while we were
 * stopped) has replaced them. Does nothing in the background. */
void tty_set_raw(Tty *tty);

/* Sets exactly the modes that were there before. */
void tty_restore(Tty *tty);

/* Zeros where fd is no terminal or does not know. */
void tty_get_size(int fd, struct winsize *ret);
