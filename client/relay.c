/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the bytes between the caller's terminal and the pty's master, and decides
 * when the terminal is put into raw mode. Knows nothing of D-Bus and signals.
 *
 * Both directions have one bounded buffer and never block: terminals are opened
 * anew and non-blocking, so that what was read is written at once; other
 * descriptors (under -t) are read and written only when poll(2) says so, in pieces
 * that a pipe then takes at once.
 *
 * Raw from the start is right where stdin and stdout are the terminal. In
 * `lxctl launch -- ls | less` it would be wrong: less owns the keyboard, and finds
 * and restores the modes that it met. There our terminal stays as it is until the
 * program itself asks its pty for keys or hides what is typed (a password). */

#include "client/relay.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#define TICK_MS 100
#define DRAIN_MAX (1024 * 1024) /* more than a pty holds: the rest is not the program's */
/* How many buffers of output pass before keys and signals are looked at again. */
#define BURST 16

static int first_terminal(uint32_t mask) {
        static const int preferred[] = { 1, 2, 0 };

        for (size_t i = 0; i < ELEMENTSOF(preferred); i++)
                if ((mask & 1u << preferred[i]) && isatty(preferred[i]))
                        return preferred[i];
        return -EBADF;
}

static int open_end(int fd) {
        int own;

        if (isatty(fd))
                return tty_reopen(fd);
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return own < 0 ? -errno : own;
}

static bool blocks(int fd) {
        return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static int open_ends(Relay *relay, uint32_t mask, TerminalChoice choice) {
        int terminal = first_terminal(mask), input = 0;

        if ((mask & 1) && isatty(0))
                relay->mode = choice == TERMINAL_FORCE || ((mask & 2) && isatty(1)) ? RELAY_RAW : RELAY_LINES;
        else if (choice == TERMINAL_FORCE)
                relay->mode = RELAY_RAW;
        else {
                relay->mode = RELAY_WATCH;
                input = terminal;
        }
        relay->base_mode = relay->mode;

        relay->output = open_end(terminal < 0 ? 1 : terminal);
        if (relay->output < 0)
                return relay->output;
        relay->output_blocks = blocks(relay->output);
        relay->input = open_end(input);
        if (relay->input < 0)
                return relay->input;
        relay->input_blocks = blocks(relay->input);
        if (isatty(relay->input))
                relay->tty.fd = relay->input;
        return 0;
}

/* All of it: what relay_resize() finds changed later is a SIGWINCH for the program, which would come at its start. */
static void note_size(const Relay *relay, LxssTerminal *terminal) {
        struct winsize size;

        tty_get_size(isatty(relay->output) ? relay->output : relay->input, &size);
        terminal->rows = size.ws_row;
        terminal->columns = size.ws_col;
        terminal->x_pixels = size.ws_xpixel;
        terminal->y_pixels = size.ws_ypixel;
}

int relay_prepare(Relay *relay, LxssTerminal *terminal, TerminalChoice choice) {
        int r;

        if (terminal->mask == 0)
                return 0;
        r = open_ends(relay, terminal->mask, choice);
        if (r < 0)
                return r;
        relay->foreground = relay->tty.fd < 0 || tty_is_foreground(relay->tty.fd);
        terminal->background = !relay->foreground;
        note_size(relay, terminal);
        return 0;
}

void relay_finish(Relay *relay) {
        tty_restore(&relay->tty);
        relay->tty.fd = -EBADF;
        relay->socket = -EBADF;
        closep(&relay->master);
        closep(&relay->input);
        closep(&relay->output);
}

static bool buffer_empty(const RelayBuffer *buffer) {
        return buffer->start == buffer->end;
}

/* 1: something is in the buffer. 0: end of file. Leaves room for one byte more. */
static int buffer_fill(RelayBuffer *buffer, int fd) {
        ssize_t n = read(fd, buffer->data, sizeof(buffer->data) - 1);

        if (n < 0)
                return -errno;
        buffer->start = 0;
        buffer->end = n;
        return n > 0;
}

static int buffer_flush(RelayBuffer *buffer, int fd) {
        ssize_t n = write(fd, buffer->data + buffer->start, buffer->end - buffer->start);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        buffer->start += n;
        return 0;
}

/* The pty's modes, seen through its master, are the program's. */
static bool program_wants_keys(Relay *relay) {
        struct termios modes;

        if (tcgetattr(relay->master, &modes) < 0)
                return false;
        return (modes.c_lflag & (ICANON | ECHO)) != (ICANON | ECHO);
}

/* EXTPROC (termios(3), RFC 1116): the line was edited and echoed by our terminal,
 * the pty passes it on as it is. Set when a line is really there, and the program
 * thus most likely waits for it, rather than while it sets its own modes. */
static void set_local_echo(Relay *relay, bool on) {
        struct termios modes;

        if (relay->local_echo == on || tcgetattr(relay->master, &modes) < 0)
                return;
        if (on)
                modes.c_lflag |= EXTPROC;
        else
                modes.c_lflag &= ~EXTPROC;
        if (tcsetattr(relay->master, TCSANOW, &modes) == 0)
                relay->local_echo = on;
}

static void take_terminal(Relay *relay) {
        relay->foreground = relay->tty.fd < 0 || tty_is_foreground(relay->tty.fd);
        if (relay->mode == RELAY_RAW)
                tty_set_raw(&relay->tty);
}

static void adapt_mode(Relay *relay) {
        RelayMode mode;

        if (relay->base_mode == RELAY_RAW || relay->master < 0)
                return;
        mode = program_wants_keys(relay) ? RELAY_RAW : relay->base_mode;
        if (mode == relay->mode)
                return;
        relay->mode = mode;
        if (mode == RELAY_RAW) {
                set_local_echo(relay, false);
                take_terminal(relay);
        } else
                tty_restore(&relay->tty);
}

static void accept_master(Relay *relay) {
        int r = lxss_terminal_receive(relay->socket, &relay->master);

        if (r == -EAGAIN)
                return;
        relay->socket = -EBADF;
        if (r < 0)
                return; /* no terminal then: the program still runs, and its end comes */
        relay_resize(relay);
        adapt_mode(relay);
        take_terminal(relay);
}

/* What Ctrl-D at the start of a line does. */
static void send_end_of_file(Relay *relay) {
        RelayBuffer *buffer = &relay->to_program;
        struct termios modes;

        set_local_echo(relay, false);
        if (tcgetattr(relay->master, &modes) < 0 || !(modes.c_lflag & ICANON))
                return;
        buffer->start = buffer->end = 0;
        if (relay->last_input && relay->last_input != '\n')
                buffer->data[buffer->end++] = modes.c_cc[VEOF]; /* the first only ends the line */
        buffer->data[buffer->end++] = modes.c_cc[VEOF];
}

/* Closing the pty's master tells the program, as the end of its own terminal would. */
static void hang_up(Relay *relay) {
        relay->to_terminal.start = relay->to_terminal.end = 0;
        closep(&relay->master);
        relay->drained = true;
}

/* A terminal that hung up reads as an end of file, which Ctrl-D does too. */
static bool terminal_is_lost(const Relay *relay) {
        struct termios modes;

        return relay->tty.fd >= 0 && tcgetattr(relay->tty.fd, &modes) < 0 && errno == EIO;
}

static void read_input(Relay *relay) {
        int r = buffer_fill(&relay->to_program, relay->input);

        if (r == -EAGAIN || r == -EINTR)
                return;
        if (r <= 0 && terminal_is_lost(relay)) {
                relay->lost = true;
                hang_up(relay);
                return;
        }
        if (r > 0) {
                relay->last_input = relay->to_program.data[relay->to_program.end - 1];
                if (relay->mode == RELAY_LINES)
                        set_local_echo(relay, true);
                return;
        }
        if (r == 0 && (relay->tty.fd < 0 || relay->mode == RELAY_LINES))
                send_end_of_file(relay);
        /* A terminal in line mode says "end of file" for one Ctrl-D and goes on afterwards. */
        relay->input_ended = r < 0 || relay->mode != RELAY_LINES;
}

/* Less and its like, beside us in a pipeline, have set the terminal to their needs: its keys are not ours. */
static bool somebody_else_reads(const Relay *relay) {
        struct termios modes;

        return relay->mode == RELAY_LINES && tcgetattr(relay->tty.fd, &modes) == 0 && !(modes.c_lflag & ICANON);
}

static bool wants_input(const Relay *relay) {
        return !relay->input_ended && !relay->draining && relay->mode != RELAY_WATCH && relay->foreground &&
               buffer_empty(&relay->to_program) && !somebody_else_reads(relay);
}

/* Where our terminal makes each line feed "\r\n", as it does unless it is raw, the
 * pty has done so already: one of the two returns is taken back. */
static bool terminal_adds_returns(const Relay *relay) {
        struct termios modes;

        return relay->mode != RELAY_RAW && tcgetattr(relay->output, &modes) == 0 &&
               (modes.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR);
}

static void take_returns_back(Relay *relay) {
        RelayBuffer *buffer = &relay->to_terminal;
        char *to = buffer->data;

        if (relay->held_return && buffer->data[0] != '\n') {
                memmove(buffer->data + 1, buffer->data, buffer->end++);
                buffer->data[0] = '\r';
        }
        relay->held_return = buffer->data[buffer->end - 1] == '\r';
        buffer->end -= relay->held_return;
        for (const char *from = buffer->data; from < buffer->data + buffer->end; from++)
                if (from[0] != '\r' || from + 1 == buffer->data + buffer->end || from[1] != '\n')
                        *to++ = *from;
        buffer->end = to - buffer->data;
}

/* False: there is nothing for now. */
static bool read_master(Relay *relay) {
        int r = buffer_fill(&relay->to_terminal, relay->master);

        if (r > 0) {
                if (relay->held_return || terminal_adds_returns(relay))
                        take_returns_back(relay);
                relay->n_drained += relay->draining ? relay->to_terminal.end : 0;
                adapt_mode(relay);
        } else if (relay->draining && relay->held_return) {
                relay->held_return = false;
                relay->to_terminal = (RelayBuffer){ .end = 1, .data = "\r" };
        } else if (relay->draining)
                relay->drained = true;
        else if (r != -EAGAIN && r != -EINTR)
                relay->hung_up = true;
        return !buffer_empty(&relay->to_terminal);
}

int relay_get_polls(Relay *relay, struct pollfd *polls) {
        polls[0] = (struct pollfd){ .fd = relay->socket, .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = -1 };
        polls[2] = (struct pollfd){ .fd = -1 };
        if (relay->master < 0)
                return -1;

        polls[0].fd = relay->hung_up ? -1 : relay->master;
        polls[0].events = (buffer_empty(&relay->to_terminal) ? POLLIN : 0) |
                          (buffer_empty(&relay->to_program) ? 0 : POLLOUT);
        if (polls[0].events == 0)
                polls[0].fd = -1; /* else its POLLHUP would make us spin */
        if (wants_input(relay))
                polls[1] = (struct pollfd){ .fd = relay->input, .events = POLLIN };
        if (!buffer_empty(&relay->to_terminal))
                polls[2] = (struct pollfd){ .fd = relay->output, .events = POLLOUT };
        if (relay->draining && buffer_empty(&relay->to_terminal))
                return 0;
        return relay->base_mode != RELAY_RAW || !relay->foreground || relay->hung_up ? TICK_MS : -1;
}

/* Our terminal or the reader is gone; the program learns it by SIGHUP, as it would beside it. */
static void lose_output(Relay *relay) {
        relay->lost = terminal_is_lost(relay);
        hang_up(relay);
}

static void process_output(Relay *relay, const struct pollfd *polls) {
        bool writable = polls[2].revents || !relay->output_blocks;
        bool readable = (polls[0].revents & ~POLLOUT) || relay->draining;

        for (unsigned i = 0; i < BURST; i++) {
                if (buffer_empty(&relay->to_terminal) && (!readable || !read_master(relay)))
                        break;
                if (!writable)
                        break;
                if (buffer_flush(&relay->to_terminal, relay->output) < 0) {
                        lose_output(relay);
                        return;
                }
                if (!buffer_empty(&relay->to_terminal))
                        break;
                writable = !relay->output_blocks;
        }
        if (relay->draining && relay->n_drained > DRAIN_MAX)
                relay->drained = true;
}

static void process_input(Relay *relay, bool readable) {
        for (unsigned i = 0; i < BURST; i++) {
                if (buffer_empty(&relay->to_program) && readable)
                        read_input(relay);
                if (relay->master < 0 || buffer_empty(&relay->to_program))
                        return;
                if (buffer_flush(&relay->to_program, relay->master) < 0)
                        relay->to_program.start = relay->to_program.end = 0;
                readable = !relay->input_blocks && wants_input(relay);
                if (!readable)
                        return;
        }
}

void relay_process(Relay *relay, const struct pollfd *polls) {
        if (relay->master < 0) {
                if (relay->socket >= 0 && (polls[0].revents || relay->draining))
                        accept_master(relay);
                if (relay->draining && relay->master < 0)
                        relay->drained = true;
                return;
        }
        if (relay->base_mode != RELAY_RAW || !relay->foreground || relay->hung_up) {
                relay->hung_up = false;
                adapt_mode(relay);
                take_terminal(relay);
        }
        process_output(relay, polls);
        if (relay->master < 0)
                return;
        process_input(relay, polls[1].revents);
}

void relay_catch_up(Relay *relay) {
        if (relay->master < 0 && relay->socket >= 0)
                accept_master(relay);
        for (size_t n = 0; relay->master >= 0 && n < DRAIN_MAX / sizeof(relay->to_terminal.data); n++) {
                struct pollfd polls[RELAY_POLLS];

                (void)relay_get_polls(relay, polls);
                polls[1].fd = -1;
                if (poll(polls, RELAY_POLLS, 0) <= 0 || !((polls[0].revents & POLLIN) || polls[2].revents))
                        return;
                process_output(relay, polls);
        }
}

void relay_suspend(Relay *relay) {
        tty_restore(&relay->tty);
}

void relay_resume(Relay *relay) {
        if (relay->master < 0)
                return;
        take_terminal(relay);
        relay_resize(relay);
}

void relay_resize(Relay *relay) {
        struct winsize size;

        if (relay->master < 0)
                return;
        if (ioctl(relay->output, TIOCGWINSZ, &size) == 0 || ioctl(relay->input, TIOCGWINSZ, &size) == 0)
                (void)ioctl(relay->master, TIOCSWINSZ, &size);
}

void relay_drain(Relay *relay) {
        relay->draining = true;
        relay->hung_up = false;
        if (relay->master < 0 && relay->socket < 0)
                relay->drained = true;
}
