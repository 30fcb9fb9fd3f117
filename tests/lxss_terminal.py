#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal emulator for tests, with a shell in it that knows job control and
nothing else: lxctl runs as its foreground job, so that Ctrl-Z has someone who
takes the terminal back, as it needs (an orphaned job cannot be stopped)."""

import errno
import fcntl
import functools
import os
import pty
import re
import select
import signal
import struct
import termios

from lxss_test import Command, Failure, equal, program, show, wait_for


class Terminal:
    def __init__(self, world, *arguments, rows=33, columns=101, env=None, odd=False, background=False, command=None, **streams):
        """Starts lxctl with arguments, or another command. odd: the terminal is in modes that no
        program would guess. background: as the shell's `lxctl … &`. streams:
        what stdin, stdout or stderr is instead of the terminal, as a descriptor."""
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.background = background
        if odd:
            self.make_odd()
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.states = b""
        self.state_fd, state_writer = os.pipe()
        order_reader, self.order_fd = os.pipe()
        environment = world.environment({"TERM": "xterm", **(env or {})})
        streams = [streams.get(name, self.slave) for name in ("stdin", "stdout", "stderr")]
        self.shell = os.fork()
        if self.shell == 0:
            try:
                os.chdir(world.work)
                self._shell(command or [program("lxctl"), *arguments], environment, streams, state_writer, order_reader)
            finally:
                os._exit(99)
        Command.own.add(self.shell)
        os.close(state_writer)
        os.close(order_reader)
        self.pid = int(self.state(b"started (\\d+)").group(1))
        Terminal.open.append(self)

    open = []

    def _shell(self, arguments, environment, streams, states, orders):
        """In the child: a session leader that runs one job."""
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.close(self.master)
        os.close(self.state_fd)
        os.close(self.order_fd)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getppid() if self.background else os.getpid())
            for number in (signal.SIGTTOU, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            for number, fd in enumerate(streams):
                os.dup2(fd, number + 200)
            for number in range(3):
                os.dup2(number + 200, number)
            os.closerange(3, 300)
            os.execve(arguments[0], [os.fsencode(a) for a in arguments], environment)
        os.write(states, b"started %d\n" % job)
        for fd in set(streams) - {self.slave}:
            os.close(fd)
        while True:
            _, status = os.waitpid(job, os.WUNTRACED)
            try:
                os.tcsetpgrp(self.slave, os.getpid())
            except OSError:
                pass
            if not os.WIFSTOPPED(status):
                os.write(states, b"ended %d\n" % os.waitstatus_to_exitcode(status))
                os._exit(0)
            os.write(states, b"stopped %d\n" % os.WSTOPSIG(status))
            order = os.read(orders, 1)
            if not order:
                os._exit(0)
            if order == b"f":
                os.tcsetpgrp(self.slave, job)
            os.killpg(job, signal.SIGCONT)

    def state(self, pattern, seconds=30):
        """Waits for what the shell reports and returns the match."""

        def arrived():
            if select.select([self.state_fd], [], [], 0)[0]:
                self.states += os.read(self.state_fd, 4096)
            self.drain()
            found = re.search(pattern, self.states)
            if found:
                self.states = self.states[found.end() :]
            return found

        try:
            return wait_for(f"the job {pattern.decode()}", arrived, seconds)
        except Failure as failure:
            raise Failure(f"{failure}; reported: {self.states!r}; on the terminal: {show(self.seen)!r}")

    def drain(self):
        """Takes what is on the terminal, without waiting."""
        while self.master >= 0 and select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError as error:
                if error.errno == errno.EIO:
                    return
                raise
            if not data:
                return
            self.seen += data

    def sees(self, pattern, seconds=30):
        """Waits until pattern is on the terminal; takes it and what precedes it away."""
        pattern = pattern.encode() if isinstance(pattern, str) else pattern

        def arrived():
            self.drain()
            return re.search(pattern, self.seen)

        try:
            found = wait_for(f"{pattern!r} on the terminal", arrived, seconds)
        except Failure as failure:
            raise Failure(f"{failure}; it shows {show(self.seen)!r}; reported: {self.states!r}")
        self.seen = self.seen[found.end() :]
        return found

    def types(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            _, ready, _ = select.select([], [self.master], [], 0.05)
            if ready:
                data = data[os.write(self.master, data[:2048]) :]
            self.drain()

    def make_odd(self):
        modes = termios.tcgetattr(self.slave)
        modes[0] ^= termios.IXANY | termios.INLCR | termios.ICRNL
        modes[1] ^= termios.ONOCR
        modes[3] ^= termios.NOFLSH | termios.ECHOCTL | termios.ECHOK
        modes[6][termios.VERASE], modes[6][termios.VWERASE] = b"\x08", b"\x19"
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 3, 7
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)

    def resize(self, rows, columns):
        """To so many characters of 10 by 20 pixels."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * 10, rows * 20))

    def foreground(self):
        """As the shell's fg with a job that is stopped."""
        os.write(self.order_fd, b"f")

    def go_on_in_the_background(self):
        """As its bg."""
        os.write(self.order_fd, b"b")

    def ends(self, code, seconds=30):
        """The job ends with code (negative: the signal), and the terminal is as it was."""
        found = int(self.state(rb"ended (-?\d+)", seconds).group(1))
        os.waitpid(self.shell, 0)
        Command.own.discard(self.shell)
        self.shell = None
        self.drain()
        equal(found, code, f"the exit code (on the terminal: {show(self.seen)!r})")
        self.unchanged()

    def unchanged(self):
        equal(termios.tcgetattr(self.slave), self.before, "the terminal's settings (termios)")

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self):
        if self.shell:
            for pid in (self.pid, self.shell):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            os.waitpid(self.shell, 0)
            Command.own.discard(self.shell)
        for fd in (self.master, self.slave, self.state_fd, self.order_fd):
            if fd >= 0:
                os.close(fd)


def on_terminal(world, *argv, options=(), **more):
    return Terminal(world, *world.words(argv, options), **more)


def closes_terminals(test):
    """Closes a test's terminals, however it ends."""

    @functools.wraps(test)
    def wrapped(*worlds, **named):
        try:
            test(*worlds, **named)
        finally:
            while Terminal.open:
                Terminal.open.pop().close()

    return wrapped


def size_of(world, terminal):
    """The instance terminal's size, asked by another client."""
    tty = world.launch("sh", "-c", "for t in /dev/pts/[0-9]*; do stty size <$t; done", options=["-u", "root"])
    return tty.text
