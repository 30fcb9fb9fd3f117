#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terminals: lxctl on a terminal is a local program on a terminal. Stopping,
continuing and the background are in itest-jobs."""

import hashlib
import os
import pty
import re
import signal
import termios

from lxss_terminal import closes_terminals, on_terminal, size_of
from lxss_test import contains, equal, everywhere, expect, main, processes_saying, read, wait_for  # fmt: skip


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
def test_a_window_that_keeps_its_size_says_nothing_of_it(debian):
    # 0x5413: TIOCGWINSZ. The pixels are there from the start too, or they would be a change.
    script = '$| = 1; $SIG{WINCH} = sub { $n++ }; sub size { my $s = "\\0" x 8; ioctl(STDIN, 0x5413, $s); join " ", unpack("S4", $s) }' \
        'print "first ", size(), "\\n"; $x = <STDIN>; print "then ", size(), " after ", $n + 0, " changes\\n"'  # fmt: skip
    debian.hold()
    for _ in range(10):
        terminal = on_terminal(debian, "perl", "-e", script)
        terminal.sees("first 33 101 1010 660\r\n")
        wait_for("lxctl has the terminal", terminal.is_raw)
        terminal.types("x\n")
        terminal.sees("then 33 101 1010 660 after 0 changes\r\n")
        terminal.ends(0)


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
    debian.launch("pkill", "-KILL", "-f", "sleep 86420$").good()  # before exec or after it
    terminal.ends(-signal.SIGKILL)
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 1000", odd=True)
    terminal.sees("ready")
    wait_for("lxctl has the terminal", terminal.is_raw)
    os.kill(debian.leader(), signal.SIGKILL)
    terminal.ends(125)


@everywhere
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
