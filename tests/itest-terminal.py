#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terminals: lxctl on a terminal is a local program on a terminal.

Terminal is a terminal emulator with a shell in it that knows job control and
nothing else: lxctl runs as its foreground job, so that Ctrl-Z has someone who
takes the terminal back, as it needs (an orphaned job cannot be stopped)."""

import errno
import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import termios

from lxss_test import (
    Command, Failure, contains, equal, everywhere, expect, main, processes_saying, program, read, show, wait_for,
)  # fmt: skip


class Terminal:
    def __init__(self, world, *arguments, rows=33, columns=101, env=None, odd=False, background=False, **streams):
        """Starts lxctl with arguments. odd: the terminal is in modes that no
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
                self._shell([program("lxctl"), *arguments], environment, streams, state_writer, order_reader)
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
            if not os.read(orders, 1):
                os._exit(0)
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
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def foreground(self):
        os.write(self.order_fd, b"f")

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

    def wrapped(debian):
        try:
            test(debian)
        finally:
            while Terminal.open:
                Terminal.open.pop().close()

    wrapped.__name__ = test.__name__
    wrapped.modes = getattr(test, "modes", ("root", "rootless"))
    return wrapped


@everywhere
@closes_terminals
def test_all_three_are_a_terminal_of_the_instance(debian):
    terminal = on_terminal(debian, "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo three")
    terminal.sees(rb"/dev/pts/\d+\r\n")
    terminal.sees(rb"three\r\n")
    terminal.ends(0)


@everywhere
@closes_terminals
def test_each_of_the_three_is_the_terminal_or_the_very_descriptor(debian):
    debian.hold()
    files = [os.open(os.path.join(debian.work, f"stream-{i}"), os.O_RDWR | os.O_CREAT, 0o666) for i in range(3)]
    script = 'for n in 0 1 2; do test -t $n && t=terminal || t=$(stat -L -c %d:%i /proc/$$/fd/$n); r="$r $t"; done; echo "$r" >/tmp/streams'
    for mask in range(8):
        wanted = []
        streams = {}
        for i, name in enumerate(("stdin", "stdout", "stderr")):
            found = os.fstat(files[i])
            wanted.append("terminal" if mask & 1 << i else f"{found.st_dev}:{found.st_ino}")
            if not mask & 1 << i:
                streams[name] = files[i]
        on_terminal(debian, "sh", "-c", script, **streams).ends(0)
        equal(debian.launch("cat", "/tmp/streams").good().text.split(), wanted, f"the streams, of which {mask:03b} are the terminal")
    for fd in files:
        os.close(fd)


@everywhere
@closes_terminals
def test_the_session_on_the_terminal_is_what_a_shell_would_make(debian):
    """What getsid, getpgrp, tcgetpgrp and ttyname say (credentials(7))."""
    script = """
        use POSIX; my @f = split " ", `cut -d")" -f2 /proc/$$/stat`; my ($pgrp, $session, $tty, $tpgid) = @f[2 .. 5];
        my ($here, $named) = map { (stat $_)[6] } *STDIN, ttyname(0);
        print join " ", "facts", $pgrp == $$ && getpgrp == $$, $tpgid == $$, tcgetpgrp(0) == $$, $session != $$ && $session > 1,
            $tty == $here, $here == $named, ttyname(0) eq ttyname(1), ttyname(0) =~ m{^/dev/pts/[0-9]+$}, POSIX::ctermid() eq "/dev/tty", "end\n";
        open T, "+<", "/dev/tty" or die $!; print "foreground of /dev/tty ", tcgetpgrp(fileno T) == $$, "\n";
    """
    terminal = on_terminal(debian, "perl", "-e", script)
    terminal.sees(r"facts 1 1 1 1 1 1 1 1 1 end\r\n")
    terminal.sees(r"foreground of /dev/tty 1\r\n")
    terminal.ends(0)


@closes_terminals
def test_a_terminal_that_controls_nobody_is_served_silently(debian):
    """WSL's SetSidNoWarning: lxctl in a session that has no terminal of its own."""
    master, slave = pty.openpty()
    modes = termios.tcgetattr(slave)
    script = "stty -onlcr; tty; bash --norc -ic 'echo interactive'; read x; echo read $x; exit 5"
    command = debian.start_launch("sh", "-c", script, stdin=slave, stdout=slave, start_new_session=True)
    seen = b""
    while b"interactive\n" not in seen:
        seen += os.read(master, 4096)
    expect(re.match(rb"/dev/pts/\d+\r?\ninteractive", seen), f"the terminal shows {seen!r}")
    os.write(master, b"word\r")
    result = command.finish()
    equal((result.code, result.err), (5, b""), "the exit code and stderr")
    equal(termios.tcgetattr(slave), modes, "the terminal's settings")
    os.close(master)
    os.close(slave)


@closes_terminals
def test_the_exit_code_passes_a_terminal_too(debian):
    on_terminal(debian, "sh", "-c", "exit 42").ends(42)
    on_terminal(debian, "sh", "-c", "kill -9 $$").ends(-9)
    terminal = on_terminal(debian, "no-such-program")
    terminal.sees("no-such-program")
    terminal.ends(127)


@closes_terminals
def test_the_last_words_are_never_lost(debian):
    debian.hold()
    for i in range(20):
        terminal = on_terminal(debian, "sh", "-c", f"seq 1 2000; echo the last words {i}")
        terminal.ends(0)
        contains(terminal.seen[-40:], f"the last words {i}\r\n", what="the end of the output")


@closes_terminals
def test_the_window_has_the_callers_size_and_follows_it(debian):
    terminal = on_terminal(
        debian, "perl", "-e", '$| = 1; $SIG{WINCH} = sub { print "now ", `stty size` }; print "at ", `stty size`; sleep 1 while 1'
    )
    terminal.sees("at 33 101\r\n")
    terminal.resize(44, 120)
    terminal.sees("now 44 120\r\n")
    terminal.types(b"\x03")
    terminal.ends(-2)


@closes_terminals
def test_after_thousands_of_resizes_the_last_one_holds(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; read x; stty size")
    terminal.sees("ready")
    for i in range(3000):
        terminal.resize(10 + i % 50, 20 + i % 70)
    terminal.resize(51, 151)
    wait_for("the size arrives", lambda: size_of(debian, terminal) == "51 151")
    terminal.types("\n")
    terminal.sees("51 151\r\n")
    terminal.ends(0)


def size_of(world, terminal):
    """The instance terminal's size, asked by another client."""
    tty = world.launch("sh", "-c", "for t in /dev/pts/[0-9]*; do stty size <$t; done", options=["-u", "root"])
    return tty.text


@everywhere
@closes_terminals
def test_ctrl_c_interrupts_the_program(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000")
    terminal.sees("ready")
    terminal.types(b"\x03")
    terminal.ends(-signal.SIGINT)


@closes_terminals
def test_ctrl_backslash_quits_the_program(debian):
    terminal = on_terminal(debian, "sh", "-c", "ulimit -c 0; echo ready; exec sleep 1000")
    terminal.sees("ready")
    terminal.types(b"\x1c")
    terminal.ends(-signal.SIGQUIT)


@closes_terminals
def test_ctrl_c_is_the_programs_to_handle(debian):
    terminal = on_terminal(debian, "perl", "-e", '$| = 1; $SIG{INT} = sub { print "caught"; exit 3 }; print "ready"; sleep 1 while 1')
    terminal.sees("ready")
    terminal.types(b"\x03")
    terminal.sees("caught")
    terminal.ends(3)


@everywhere
@closes_terminals
def test_ctrl_d_ends_the_input(debian):
    terminal = on_terminal(debian, "cat")
    terminal.types("hello\n")
    terminal.sees("hello\r\nhello\r\n")
    terminal.types(b"\x04")
    terminal.ends(0)


@everywhere
@closes_terminals
def test_ctrl_z_stops_the_job_and_fg_brings_it_back(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec cat")
    terminal.sees("ready")
    terminal.types("one\n")
    terminal.sees("one\r\none\r\n")
    for _ in range(3):
        terminal.types(b"\x1a")
        terminal.state(rb"stopped (\d+)")
        terminal.unchanged()
        terminal.foreground()
        wait_for("lxctl has the terminal again", terminal.is_raw)
        terminal.types("two\n")
        terminal.sees("two\r\ntwo\r\n")
    terminal.types(b"\x04")
    terminal.ends(0)


@closes_terminals
def test_a_stopped_job_can_be_killed(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 24680")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.foreground()
    terminal.state(rb"ended -9")
    wait_for("the program is gone", lambda: not processes_saying("sleep 24680"))


@closes_terminals
def test_a_window_resized_while_stopped_has_its_size_after_fg(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; read x; stty size")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    terminal.resize(20, 60)
    terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    wait_for("the size arrives", lambda: size_of(debian, terminal) == "20 60")
    terminal.types("\n")
    terminal.sees("20 60\r\n")
    terminal.ends(0)


@closes_terminals
def test_a_shell_inside_controls_its_own_jobs(debian):
    terminal = on_terminal(debian, "bash", "--norc", "--noprofile", "-i", options=["-e", "PS1=<prompt>"])
    terminal.sees("<prompt>")
    expect(b"no job control" not in terminal.seen, "the shell has no job control")
    terminal.types("sleep 1000 | cat\n")
    terminal.sees(r"cat\r\n")
    wait_for("the pipeline runs", lambda: processes_saying("sleep 1000"))
    terminal.types(b"\x03")
    terminal.sees("<prompt>")
    terminal.types("sleep 2000; echo over\n")
    wait_for("sleep runs", lambda: processes_saying("sleep 2000"))
    terminal.types(b"\x1a")
    terminal.sees("Stopped")
    terminal.sees("<prompt>")
    terminal.types("fg\n")
    terminal.sees("sleep 2000")
    terminal.types(b"\x03")
    terminal.sees("<prompt>")
    terminal.types("suspend -f\n")
    terminal.state(rb"stopped (\d+)")
    terminal.foreground()
    terminal.types("echo a\"\"live\n")
    terminal.sees("alive")
    terminal.types("exit 9\n")
    terminal.ends(9)


@closes_terminals
def test_programs_in_the_background_of_a_shell_end_with_it(debian):
    terminal = on_terminal(debian, "bash", "--norc", "--noprofile", "-i", options=["-e", "PS1=<prompt>"])
    terminal.sees("<prompt>")
    terminal.types("sleep 13579 &\n")
    wait_for("the background job runs", lambda: processes_saying("sleep 13579"))
    terminal.types("exit\n")
    terminal.ends(0)
    wait_for("the background job is gone", lambda: not processes_saying("sleep 13579"))


@everywhere
@closes_terminals
def test_stdout_may_be_a_pipe_while_stdin_is_the_terminal(debian):
    reader, writer = os.pipe()
    script = "test -t 0 && ! test -t 1 && test -t 2 && printf 'a\\nb\\n'; echo seen >&2; stty size >&2"
    terminal = on_terminal(debian, "sh", "-c", script, stdout=writer)
    os.close(writer)
    terminal.sees(r"seen\r\n33 101\r\n")
    terminal.ends(0)
    with open(reader, "rb") as stream:
        equal(stream.read(), b"a\nb\n", "what came through the pipe")


@closes_terminals
def test_stderr_may_be_a_file_and_stdin_a_pipe(debian):
    path = os.path.join(debian.work, "err")
    reader, writer = os.pipe()
    os.write(writer, b"from the pipe\n")
    os.close(writer)
    with open(path, "w") as file:
        terminal = on_terminal(debian, "sh", "-c", "cat; test -t 1 && ls /no/such/file", stdin=reader, stderr=file.fileno())
    os.close(reader)
    terminal.sees("from the pipe\r\n")
    terminal.ends(2)
    contains(read(path), "/no/such/file", what="the file")


@closes_terminals
def test_a_pager_reads_its_keys_from_dev_tty(debian):
    reader, writer = os.pipe()
    os.close(writer)
    script = "stty -icanon -echo </dev/tty; echo question; x=$(head -c 1 </dev/tty); stty sane </dev/tty; echo you typed $x"
    terminal = on_terminal(debian, "sh", "-c", script, stdin=reader)
    os.close(reader)
    terminal.sees("question")
    wait_for("lxctl has the terminal", terminal.is_raw)
    terminal.types("q")
    terminal.sees("you typed q")
    terminal.ends(0)


@closes_terminals
def test_the_terminal_passes_every_byte(debian):
    script = "stty raw -echo; echo ready; head -c 200000 | sha256sum; head -c 300000 /dev/zero; echo done"
    terminal = on_terminal(debian, "bash", "-c", script)
    terminal.sees("ready\n")
    data = os.urandom(200000)
    terminal.types(data)
    terminal.sees(hashlib.sha256(data).hexdigest().encode())
    terminal.sees(b"\0{300000}done")
    terminal.ends(0)


@closes_terminals
def test_the_terminal_type_passes(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo $TERM,", env={"TERM": "xterm-256color"})
    terminal.sees("xterm-256color,")
    terminal.ends(0)


@closes_terminals
def test_a_closed_terminal_hangs_the_program_up_once(debian):
    debian.hold()
    path = os.path.join(debian.work, "hangups")
    open(path, "w").close()
    os.chmod(path, 0o666)
    script = '$| = 1; $SIG{HUP} = sub { open F, ">>", $ARGV[0]; print F "hup\\n"; close F; $n++ };' \
        'print "ready"; for (1 .. 600) { select undef, undef, undef, 0.05; last if $n && ++$m > 10 }'  # fmt: skip
    terminal = on_terminal(debian, "perl", "-e", script, f"/mnt/host{path}")
    terminal.sees("ready")
    terminal.hang_up()
    wait_for("the program is hung up", lambda: read(path))
    wait_for("the program is gone", lambda: not processes_saying("hangups"))
    equal(read(path), b"hup\n", "the hangups that it counted")


@everywhere
@closes_terminals
def test_the_terminal_is_restored_when_lxssd_is_killed(debian):
    for number in (signal.SIGKILL, signal.SIGTERM):
        terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000")
        terminal.sees("ready")
        wait_for("lxctl has the terminal", terminal.is_raw)
        os.kill(debian.daemon(), number)
        code = int(terminal.state(rb"ended (-?\d+)").group(1))
        expect(code != 0, f"lxctl ended with 0 after {number.name} to lxssd")
        terminal.unchanged()
        terminal.drain()
        if number == signal.SIGKILL:  # SIGTERM ends the program, and lxctl, by a signal as Shutdown does
            contains(terminal.seen, "lxssd ended", what="the terminal")
        debian.launch("true").good()  # a killed lxssd's socket is taken over by the next
        debian.quiet()


@closes_terminals
def test_the_terminal_is_restored_when_lxctl_is_terminated(debian):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000")
        terminal.sees("ready")
        os.kill(terminal.pid, number)
        terminal.ends(-number)


@closes_terminals
def test_the_terminal_is_restored_when_the_instance_is_terminated(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000")
    terminal.sees("ready")
    debian.lxctl("terminate", "debian").good()
    expect(int(terminal.state(rb"ended (-?\d+)").group(1)) != 0, "lxctl ended with 0")
    terminal.unchanged()


@everywhere
@closes_terminals
def test_modes_that_nobody_would_guess_are_restored_whatever_ends_lxctl(debian):
    """A program may leave its own terminal as it likes, too."""
    debian.hold()
    for code, script in (
        (0, "stty raw -echo; echo x"), (3, "stty sane; exit 3"), (-9, "stty raw; kill -KILL $$"), (-11, "ulimit -c 0; kill -SEGV $$"),
        (127, "exec /no/such/program"), (-13, "kill -PIPE $$"),
    ):  # fmt: skip
        on_terminal(debian, "sh", "-c", script, odd=True).ends(code)
    on_terminal(debian, "/no/such/program", odd=True).ends(127)
    on_terminal(debian, "/etc", odd=True).ends(126)
    on_terminal(debian, "true", options=["-u", "nosuchperson"], odd=True).ends(125)
    for name in ("QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "XCPU", "IO", "TERM", "HUP", "INT"):
        number = getattr(signal, f"SIG{name}")
        terminal = on_terminal(debian, "sh", "-c", "ulimit -c 0; echo ready; exec sleep 1000", odd=True)
        terminal.sees("ready")
        wait_for("lxctl has the terminal", terminal.is_raw)
        os.kill(terminal.pid, number)
        terminal.ends(-number)


@everywhere
@closes_terminals
def test_the_terminal_is_restored_when_init_or_the_program_is_killed(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 86420", odd=True)
    terminal.sees("ready")
    wait_for("lxctl has the terminal", terminal.is_raw)
    debian.launch("pkill", "-KILL", "-f", "^sleep 86420").good()
    terminal.ends(-signal.SIGKILL)
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000", odd=True)
    terminal.sees("ready")
    wait_for("lxctl has the terminal", terminal.is_raw)
    os.kill(debian.leader(), signal.SIGKILL)
    terminal.ends(125)


@closes_terminals
def test_modes_that_nobody_would_guess_are_there_while_the_job_is_stopped(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec cat", odd=True)
    terminal.sees("ready")
    for _ in range(2):
        wait_for("lxctl has the terminal", terminal.is_raw)
        terminal.types(b"\x1a")
        terminal.state(rb"stopped (\d+)")
        terminal.unchanged()
        terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    terminal.types(b"\x04")
    terminal.ends(0)


@closes_terminals
def test_modes_set_while_the_job_was_stopped_are_kept(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec cat")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    terminal.make_odd()
    terminal.before = termios.tcgetattr(terminal.slave)
    terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    terminal.types(b"\x04")
    terminal.ends(0)


@everywhere
@closes_terminals
def test_a_job_in_the_background_runs_and_writes_and_leaves_the_terminal_alone(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo one; stty size; echo two >&2; exit 6", background=True)
    terminal.sees(r"one\s+33 101\s+two\s")
    terminal.ends(6)
    terminal = on_terminal(debian, "sh", "-c", "echo ready; until [ -e /tmp/go ]; do sleep 0.05; done; echo done", background=True)
    terminal.sees("ready")
    terminal.unchanged()
    terminal.types("for the shell\n")
    debian.launch("touch", "/tmp/go").good()
    terminal.sees("done")
    terminal.ends(0)
    equal(os.read(terminal.slave, 100), b"for the shell\n", "what was typed meanwhile")


@closes_terminals
def test_two_terminals_have_two_numbers_and_no_others_are_seen(debian):
    debian.hold()
    first = on_terminal(debian, "sh", "-c", "tty; read x")
    one = first.sees(rb"(/dev/pts/\d+)\r\n").group(1)
    second = on_terminal(debian, "sh", "-c", "tty; ls /dev/pts; read x")
    two = second.sees(rb"(/dev/pts/\d+)\r\n").group(1)
    expect(one != two, f"both are {one!r}")
    second.sees(rb"0\s+1\s+ptmx\r\n")
    for terminal in (first, second):
        terminal.types("\n")
        terminal.ends(0)


@closes_terminals
def test_the_terminal_belongs_to_the_user_and_others_may_not_read_it(debian):
    terminal = on_terminal(debian, "sh", "-c", 'stat -c "%u %a" $(tty); id -u')
    found = terminal.sees(rb"(\d+) (\d+)\r\n(\d+)\r\n")
    equal(found.group(1), found.group(3), "the owner")
    expect(found.group(2) in (b"620", b"600"), f"its mode is {found.group(2)!r}")
    terminal.ends(0)


if __name__ == "__main__":
    main(globals())
