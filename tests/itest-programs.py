#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that ask much of a terminal and of the kernel behave in an instance
as they do on the host.

Each scenario is played twice on a terminal emulator (tmux), in an interactive
shell of the host: with a local program, then with one of a Debian under `lxctl
launch`. What it expects holds for both, and what it leaves on the terminal is
compared: the screen, the cursor, the modes that stty(1) prints.

Python's own tests run twice too. They know more of what a kernel owes a program
than we would think of, and count every method's outcome."""

import collections
import fcntl
import os
import re
import shlex
import shutil
import struct
import subprocess
import termios
import xml.etree.ElementTree as ElementTree

from lxss_test import (
    Command, Failure, Skip, command_line, contains, descendants, equal, expect, in_foreground, listens, main, modes, processes_saying,
    program, program_of, read, sentence, wait_for,
)  # fmt: skip

rootless = modes("rootless")

ROWS, COLUMNS = 24, 100
PROMPT = "host> "


class Screen:
    """A terminal with an interactive shell of the host in it, in which "run"
    stands for what comes before a program's name."""

    def __init__(self, world, runner):
        missing = [name for name in ("tmux", "vim", "less", "top") if not shutil.which(name)]
        if missing:
            raise Skip(f"not installed here: {', '.join(missing)}")
        self.world, self.runner = world, runner
        self.folder = os.path.join(world.work, "screen")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        self.socket = os.path.join(world.work, "tmux")
        path = os.path.dirname(program("lxctl")) + ":" + world.environment()["PATH"]
        self.environment = world.environment({
            "PATH": path, "SHELL": "/bin/bash", "TERM": "xterm", "TMUX_TMPDIR": self.folder,
        })  # fmt: skip
        self.server = Command(["tmux", "-S", self.socket, "-f", "/dev/null", "-D"], env=self.environment, cwd=self.folder)
        wait_for("tmux listens", lambda: listens(self.socket))
        shell = f"unset TMUX TMUX_PANE; PS1='{PROMPT}' exec bash --norc --noprofile -i"
        self.tmux("start-server", ";", "set", "-g", "status", "off", ";", "set", "-g", "escape-time", "0")
        self.tmux("new-session", "-d", "-c", self.folder, "-x", f"{COLUMNS}", "-y", f"{ROWS}", shell)
        self.tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        self.prompts()
        self.clears(f"alias run='{runner}'")

    def tmux(self, *words):
        words = ["tmux", "-S", self.socket, *words]
        return subprocess.run(words, env=self.environment, stdout=subprocess.PIPE, check=True).stdout.decode()

    def close(self):
        self.tmux("kill-server")
        self.server.ended()

    # -- keys

    def types(self, text):
        self.tmux("send-keys", "-l", text)

    def presses(self, *keys):
        self.tmux("send-keys", *keys)

    def enters(self, line):
        self.types(line)
        self.presses("Enter")

    def clears(self, command):
        """Enters a command of the shell and has an empty screen afterwards."""
        self.enters(f"{command}; clear")
        self.waits("an empty screen", lambda: self.text() == PROMPT.rstrip())

    def resizes(self, rows, columns):
        """Changes the window's size and waits until its terminal knows."""

        def arrived():
            with open(self.tty, "rb", buffering=0, opener=lambda path, flags: os.open(path, flags | os.O_NOCTTY)) as tty:
                return struct.unpack("HHHH", fcntl.ioctl(tty, termios.TIOCGWINSZ, bytes(8)))[:2] == (rows, columns)

        self.tmux("resize-window", "-x", f"{columns}", "-y", f"{rows}")
        self.waits("the new size", arrived)

    # -- what is to be seen

    def text(self):
        """The screen, and with it what only the runner makes different taken away."""
        lines = [line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines()]
        return "\n".join(lines).rstrip().replace(self.runner + " ", "run ")

    def shows(self, pattern):
        """Waits until pattern is on the screen (^ and $: of a line)."""
        return self.waits(f"{pattern!r} on the screen", lambda: re.search(pattern, self.text(), re.M))

    def hides(self, pattern):
        self.waits(f"no {pattern!r} on the screen", lambda: not re.search(pattern, self.text(), re.M))

    def waits(self, what, predicate):
        try:
            return wait_for(what, predicate)
        except Failure as failure:
            raise Failure(f"{self.runner}: {failure}; it shows:\n{self.text()}")

    def repeats(self, action, pattern):
        """Does something until pattern is on the screen."""
        self.waits(f"{pattern!r} on the screen", lambda: (action(), re.search(pattern, self.text(), re.M))[1])

    def runs(self, *lines):
        """Waits until each of the command lines is a process's. Ctrl-Z and Ctrl-C
        take along what the terminal holds of earlier keys: they must not come
        before the shell has read those."""
        for line in lines:
            self.waits(f"{line} runs", lambda: line in map(command_line, processes_saying(line)))

    def cursor(self):
        return self.tmux("display-message", "-p", "#{cursor_y} #{cursor_x} #{cursor_flag} #{alternate_on}").split()

    def prompts(self):
        """Waits until the shell asks for the next line, on the ordinary screen."""

        def at_prompt():
            row, column, shown, alternate = self.cursor()
            lines = self.text().splitlines()
            return (
                (column, shown, alternate) == (f"{len(PROMPT)}", "1", "0")
                and len(lines) == int(row) + 1 and lines[-1] == PROMPT.rstrip()
            )  # fmt: skip

        self.waits("the shell's prompt", at_prompt)

    def asks(self, command):
        """What a local program, in the shell's foreground, says of the terminal."""
        path = os.path.join(self.folder, "answer")
        self.enters(f"{command} >{path}.part; mv {path}.part {path}")
        self.waits(f"the answer of {command}", lambda: os.path.exists(path))
        answer = read(path, "r")
        os.unlink(path)
        self.prompts()
        return answer

    def put(self, name, data):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(data)

    def get(self, name):
        return read(os.path.join(self.folder, name), "r")


def played_twice(scenario):
    """The test that a scenario is."""

    def test(programs):
        programs.hold()
        local, inside = (played(programs, scenario, runner) for runner in ("env --", "lxctl launch -d programs --"))
        for what in local:
            equal(inside[what], local[what], f"{what} after lxctl")

    test.__name__ = scenario.__name__
    return rootless(test)


def skip_on_another_release(world):
    """Where the host's Python is another one, or the distribution's not at home, both are not to be compared."""
    releases = [read(f"{root}/etc/os-release", "r") for root in ("", world.rootfs("programs"))]
    if None in releases or releases[0] != releases[1]:
        raise Skip("the host has another release than the distribution")


def played(world, scenario, runner):
    """What a scenario leaves; its value says why the screen is another each time."""
    screen = Screen(world, runner)
    modes_before = screen.asks("stty -a")
    screen.enters("clear; echo what was there before")
    screen.shows("^what was there before$")
    screen.prompts()
    differs = scenario(screen)
    screen.prompts()
    left = {} if differs else {"the screen": screen.text(), "the cursor": screen.cursor()}
    equal(screen.asks("stty -a"), modes_before, f"what stty says after {runner}")
    screen.close()
    world.note()
    return left


NUMBERS = "".join(f"line {i}\n" for i in range(1, 3001))


# ------------------------------------------------------------------- programs


def is_empty_vim(screen):
    screen.shows(r"^~\n")
    screen.shows(r" 0,0-1 +All$")


@played_twice
def test_vim_edits_saves_and_leaves_the_screen_as_it_was(screen):
    screen.enters("run vim notes")
    is_empty_vim(screen)
    expect("what was there before" not in screen.text(), "vim is not on a screen of its own")
    screen.types("ifirst line")
    screen.presses("Enter")
    screen.types("zweite Zeile: äöü")
    screen.presses("Escape")
    screen.types("ggyyP:s/first/inserted/")
    screen.presses("Enter")
    screen.shows("^inserted line$")
    screen.enters(":wq")
    screen.prompts()
    contains(screen.text(), "what was there before", what="the screen")
    equal(screen.get("notes"), "inserted line\nfirst line\nzweite Zeile: äöü\n", "the file")


@played_twice
def test_vim_follows_the_window(screen):
    screen.enters("run vim notes")
    is_empty_vim(screen)
    for rows, columns in ((40, 120), (12, 60), (ROWS, COLUMNS)):
        screen.resizes(rows, columns)
        # It draws a tilde in all lines but the first, and the last is for messages.
        screen.waits("the new height", lambda: screen.text().count("\n~") == rows - 2)
        screen.enters(":echo 'now' &lines 'by' &columns")
        screen.shows(f"^now {rows} by {columns}")
        screen.enters(":")
    screen.enters(":q")
    screen.prompts()


@played_twice
def test_vim_is_stopped_and_comes_back(screen):
    screen.enters("run vim notes")
    is_empty_vim(screen)
    screen.types("ione")
    screen.presses("Escape")
    for word in ("two", "three"):
        screen.presses("C-z")
        screen.shows(r"^\[1\]\+ +Stopped +run vim notes$")
        screen.prompts()
        screen.enters("jobs; fg")
        screen.shows("^one")
        screen.shows("^~$")
        screen.types(f"A {word}")
        screen.presses("Escape")
        screen.shows(f"{word}$")
    screen.enters(":wq")
    screen.prompts()
    equal(screen.get("notes"), "one two three\n", "the file")


@played_twice
def test_vim_runs_a_shell_command(screen):
    screen.enters("run vim notes")
    is_empty_vim(screen)
    screen.enters(":!echo out of the shell; tty | grep -c /dev/pts")
    screen.shows("^out of the shell$")
    screen.shows("^Press ENTER")
    screen.presses("Enter")
    screen.shows("^~$")
    screen.enters(":q")
    screen.prompts()


def pages(screen):
    """What a reader does in less."""
    screen.shows("^line 1$")
    screen.hides("what was there before")
    screen.types(" ")
    screen.hides("^line 1$")
    screen.shows("^line 40$")
    screen.enters("/line 2500")
    screen.shows("^line 2500$")
    screen.types("G")
    screen.shows("^line 3000$")
    screen.types("g")
    screen.shows("^line 1$")
    screen.types("q")
    screen.prompts()
    contains(screen.text(), "what was there before", what="the screen")


@played_twice
def test_less_pages_through_a_file(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("run less numbers")
    pages(screen)


@played_twice
def test_less_reads_a_pipe_in_the_instance_and_its_keys_from_the_terminal(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("run sh -c 'cat numbers | less'")
    pages(screen)


@played_twice
def test_less_here_reads_what_a_program_there_writes(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("run cat numbers | less")
    pages(screen)


@played_twice
def test_less_there_reads_what_a_program_here_writes(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("cat numbers | run less")
    pages(screen)


@played_twice
def test_two_programs_there_form_a_pipeline_into_less(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("run cat numbers | run less")
    pages(screen)


@played_twice
def test_less_ends_a_program_that_would_write_forever(screen):
    screen.enters("run yes | less; echo ${PIPESTATUS[@]}")
    screen.shows("^y$")
    screen.types(" ")
    screen.shows("^:$")
    screen.types("q")
    screen.shows("^141 0$")


def sleeps(name):
    """Whether programs of this name do nothing. A SIGWINCH that less gets between its last look and its read of
    the terminal it sees only after the next key."""
    lines = [read(f"/proc/{pid}/stat") for pid in descendants() if program_of(pid) == name]
    return lines and all(line and line[line.rindex(b")") + 2 :][:1] == b"S" for line in lines)


@played_twice
def test_less_follows_the_window(screen):
    screen.put("numbers", NUMBERS)
    screen.enters("cat numbers | run less")
    screen.shows("^line 23$")
    screen.waits("less waits for a key", lambda: sleeps("less"))
    screen.resizes(40, 80)
    screen.shows("^line 39$")
    screen.waits("less waits for a key again", lambda: sleeps("less"))
    screen.resizes(ROWS, COLUMNS)
    screen.hides("^line 39$")
    screen.types("q")
    screen.prompts()


@played_twice
def test_top_refreshes_until_q(screen):
    screen.enters("run top -d 0.2")
    first = screen.shows(r"^top - (\d+:\d+:\d+) up").group(1)
    screen.shows(r"^ +PID USER")
    screen.waits("top refreshes", lambda: screen.shows(r"^top - (\d+:\d+:\d+) up").group(1) != first)
    screen.types("h")
    screen.shows("^Help for Interactive Commands")
    screen.types("q")
    screen.shows(r"^ +PID USER")
    screen.resizes(30, 80)
    screen.shows(r"^ +PID USER")
    screen.resizes(ROWS, COLUMNS)
    screen.types("q")
    screen.prompts()
    equal(screen.cursor()[0], f"{ROWS - 1}", "the cursor's row")
    return "it leaves what it showed"


TMUX = """set -g default-command "PS1='inner> ' exec bash --norc --noprofile -i"
set -g status-right ""
set -g escape-time 0
set -g assume-paste-time 0
"""  # keys that come at once are keys all the same
FLUSHED = "a local tmux drops what its terminal has not read yet, such as the echo of its own command line"


@played_twice
def test_tmux_is_split_detached_reattached_and_killed(screen):
    screen.put("tmux.conf", TMUX)
    screen.enters("run tmux -f tmux.conf new -s one")
    screen.shows(r"^inner> $|^inner>$")
    screen.shows(r"^\[one\]")
    screen.enters("echo $((20 + 1)); stty size")
    screen.shows("^21$")
    screen.shows(f"^{ROWS - 1} {COLUMNS}$")
    screen.presses("C-b", "%")
    screen.shows(r"│ *inner>$")
    screen.enters("stty size")
    screen.shows(r"│ *23 49")
    screen.resizes(30, 120)
    screen.repeats(lambda: screen.enters("clear; stty size"), r"│ *29 59$")
    screen.resizes(ROWS, COLUMNS)
    screen.repeats(lambda: screen.enters("clear; stty size"), r"│ *23 49$")
    screen.presses("C-b", "d")
    screen.shows(r"\[detached \(from session one\)\]$")
    screen.prompts()
    screen.enters("run tmux attach")
    screen.shows("^21 *│")
    screen.shows(r"│ *23 49")
    screen.enters("exit")
    screen.hides("│")
    screen.enters("echo $((20 + 2))")
    screen.shows("^22$")
    screen.presses("C-b", "&")
    screen.shows(r"kill-window one|kill-window \d|\(y/n\)")
    screen.types("y")
    screen.shows(r"\[exited\]$")
    screen.prompts()
    return FLUSHED


@played_twice
def test_tmux_in_the_instance_outlives_its_terminal(screen):
    screen.put("tmux.conf", TMUX)
    screen.enters("run tmux -f tmux.conf new -d -s one; run tmux send-keys -t one 'echo $((40 + 2))' Enter; echo $((1 + 1))")
    screen.shows("^2$")
    screen.enters("run tmux attach")
    screen.shows("^42$")
    screen.enters("tmux kill-server")
    screen.shows(r"\[(server )?exited\]$")
    screen.prompts()
    return FLUSHED


@played_twice
def test_python_edits_lines_and_is_interrupted(screen):
    skip_on_another_release(screen.world)
    screen.enters("run env PYTHON_BASIC_REPL=1 python3 -q")
    screen.shows("^>>>$")
    screen.types("rint(40 + 3)")
    screen.presses("BSpace", "BSpace")
    screen.types("2)")
    screen.presses("Home")
    screen.types("p")
    screen.presses("Enter")
    screen.shows("^42$")
    screen.presses("Up")
    screen.shows(r"^>>> print\(40 \+ 2\)\n42\n>>> print\(40 \+ 2\)$")
    screen.presses("Left")
    screen.types("0")
    screen.presses("Enter")
    screen.shows("^60$")
    screen.types("half a li")
    screen.shows("^>>> half a li$")
    screen.presses("C-c")
    screen.shows("^KeyboardInterrupt\n>>>$")
    screen.enters('import time; print("slee" + "ping"); time.sleep(1000)')
    screen.shows("^sleeping$")
    screen.presses("C-c")
    screen.shows("Traceback")
    screen.shows("^KeyboardInterrupt\n>>>$")
    screen.enters('input("Your na" + "me? ").upper()')
    screen.shows(r"^Your name\?$")
    screen.enters("bob")
    screen.shows("^'BOB'$")
    screen.presses("C-d")
    screen.prompts()


@played_twice
def test_a_shell_controls_its_jobs(screen):
    screen.enters("run env PS1='inner> ' bash --norc --noprofile -i")
    screen.shows("^inner>$")
    screen.enters("sleep 1000")
    screen.runs("sleep 1000")
    screen.presses("C-z")
    screen.shows(r"^\[1\]\+ +Stopped +sleep 1000\ninner>$")
    screen.enters("bg")
    screen.shows(r"^\[1\]\+ sleep 1000 &\ninner>$")
    screen.enters("jobs")
    screen.shows(r"^\[1\]\+ +Running +sleep 1000 &\ninner>$")
    screen.enters("cat &")
    screen.shows(r"^\[2\] \d+$")
    screen.repeats(lambda: screen.presses("Enter"), r"^\[2\]\+ +Stopped +cat$")
    screen.enters("clear; fg")
    screen.shows("^cat$")
    screen.enters("echoed")
    screen.shows("^echoed\nechoed$")
    screen.presses("C-d")
    screen.enters("kill %1; wait; clear; echo $((6 * 7))")
    screen.shows("^42\ninner>$")
    screen.enters("vim notes")
    is_empty_vim(screen)
    screen.presses("C-z")
    screen.shows(r"^\[1\]\+ +Stopped +vim notes\ninner>$")
    screen.enters("fg")
    screen.shows("^~$")
    screen.enters(":q")
    screen.shows("^vim notes\ninner>$")
    screen.enters("sleep 2000 | sleep 3000")
    screen.runs("sleep 2000", "sleep 3000")
    screen.presses("C-z")
    screen.shows(r"^\[1\]\+ +Stopped +sleep 2000 \| sleep 3000\ninner>$")
    screen.enters("fg")
    screen.shows(r"^sleep 2000 \| sleep 3000$")
    screen.waits("it is in the foreground", lambda: in_foreground("sleep 3000"))
    screen.presses("C-c")
    screen.shows(r"^\^C\ninner>$")
    screen.enters("exit")
    screen.prompts()


@played_twice
def test_the_shell_here_controls_a_program_there(screen):
    screen.enters("run sleep 1000 & clear")
    screen.runs("sleep 1000")
    screen.enters("jobs")
    screen.shows(r"^\[1\]\+ +Running +run sleep 1000 &$")
    screen.enters("fg")
    screen.shows("^run sleep 1000$")
    screen.waits("it is in the foreground", lambda: in_foreground("sleep 1000"))
    screen.presses("C-z")
    screen.shows(r"^\[1\]\+ +Stopped +run sleep 1000$")
    screen.enters("bg")
    screen.shows(r"^\[1\]\+ run sleep 1000 &$")
    screen.clears("kill %1; wait")
    screen.enters("run sleep 2000")
    screen.runs("sleep 2000")
    screen.presses("C-c")
    screen.prompts()
    screen.enters("echo it ended with $?")
    screen.shows("^it ended with 130$")


# ------------------------------------------------------------------ shutting down


@rootless
def test_the_commands_of_systemd_and_busybox_shut_the_instance_down(programs):
    off, again = "powered off from inside", "rebooted from inside"
    for command, what in (
        ("poweroff", off), ("halt", off), ("reboot", again), ("shutdown -h now", off), ("poweroff -f", off), ("reboot -f", again),
        ("busybox poweroff", off), ("busybox reboot", again), ("busybox halt -f", off),
    ):  # fmt: skip
        client = programs.client(options=["--linger"])
        programs.launch("sh", "-c", f"{command}; exec sleep 1000", options=["-u", "root"]).good(125)
        sentence(client.finish(), what, code=125)
        expect(not programs.leader(), f"the instance runs on after {command}")


# ---------------------------------------------------------- Python's own tests

# The longest first: two run at a time.
SUITES = "test_signal test_socket test_subprocess test_os test_posix test_pty"
TERMINAL_SUITES = "test_os test_pty test_openpty test_ioctl test_readline test_getpass test_curses"
EXPLAINED = {
    "test.test_os.ChownFileTests.test_chown_gid": "is for members of several groups; a default user is in Debian's",
}


class Pythons:
    """The same interpreter with the same tests, in the instance and, from the
    directory that the instance has as its root, without it."""

    def __init__(self, world):
        self.world = world
        self.here = os.path.realpath(os.path.join(world.rootfs(), "usr/bin/python3"))
        self.there = os.path.join("/usr/bin", os.path.basename(self.here))
        self.folder = os.path.join(world.work, "python")
        self.temporary = os.path.join(os.path.dirname(world.dir), "t")  # short: there will be sockets in it
        for folder in (self.folder, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
        skip_on_another_release(world)

    def lines(self, options):
        """The command lines, {where: words}; both have their temporary files on the same file system, and the
        limits of a login."""
        limits = ["prlimit", "--core=0:", "--nofile=1024:", "--stack=8388608:"]
        there = ["-e", "TMPDIR=/var/tmp", "--", self.there]
        return {
            "here": [*limits, "env", f"TMPDIR={self.temporary}", self.here, "-m", "test", f"--junit-xml={self.folder}/here", *options],
            "there": [program("lxctl"), "launch", "-d", "programs", *there, "-m", "test",
                      f"--junit-xml=/mnt/host{self.folder}/there", *options],
        }  # fmt: skip

    def outcomes(self):
        """{where: {method: outcome}} of what has just run."""
        found = {}
        for where in ("here", "there"):
            path = os.path.join(self.folder, where)
            tree = ElementTree.parse(path)
            os.unlink(path)
            found[where] = {case.get("name"): outcome(case) for case in tree.iter("testcase") if case.get("name")}
        return found

    def run(self, options):
        """Runs both at once."""
        commands = {}
        for where, words in self.lines(options).items():
            with open(os.path.join(self.folder, f"{where}.log"), "wb") as log:
                commands[where] = Command(words, stdout=log, stderr=log, env=self.world.environment(), cwd=self.folder)
        for command in commands.values():
            command.finish(seconds=3000)
        self.world.note()
        return self.outcomes()


def outcome(case):
    """Of an element of JUnit's format."""
    return next((kind for kind in ("error", "failure", "skipped") if case.find(kind) is not None), "passed")


def differences(outcomes):
    here, there = outcomes["here"], outcomes["there"]
    names = sorted(here.keys() | there.keys())
    return [name for name in names if here.get(name) != there.get(name) and name not in EXPLAINED]


def compare(outcomes, again):
    """The outcomes are the same. Many of the tests count seconds: what differs is run again, by itself."""
    different = differences(outcomes)
    for _ in range(2):
        if different:
            outcomes = again([word for name in different for word in ("-m", name)])
            different = differences(outcomes)
    wrong = [f"{name}: {outcomes['there'].get(name)}, on the host {outcomes['here'].get(name)}" for name in different]
    expect(not wrong, "; ".join(wrong))


def summary(outcomes):
    counted = collections.Counter(outcomes["there"].values()).most_common()
    print("# Python's tests: " + ", ".join(f"{number} {what}" for what, number in counted), flush=True)


@rootless
def test_pythons_own_tests_have_the_outcomes_that_they_have_on_the_host(programs):
    pythons = Pythons(programs)
    suites = os.environ.get("LXSS_TEST_SUITES", SUITES).split()
    outcomes = pythons.run(["-j2", *suites])
    expect(outcomes["there"], "no test ran")
    summary(outcomes)
    compare(outcomes, lambda names: pythons.run([*names, *suites]))


@rootless
def test_pythons_own_tests_have_these_outcomes_on_a_terminal_too(programs):
    pythons = Pythons(programs)
    screen = Screen(programs, "env --")
    before = screen.asks("stty -a")

    def on_terminal(names):
        for words in pythons.lines([*names, "-u", "curses", *TERMINAL_SUITES.split()]).values():
            screen.clears(":")
            screen.enters(f"{shlex.join(words)}; echo it ended with $?")
            screen.shows(r"^it ended with \d+$")
            screen.prompts()
        return pythons.outcomes()

    outcomes = on_terminal([])
    expect(len(outcomes["there"]) > 100, f"only {len(outcomes['there'])} tests ran")
    summary(outcomes)
    compare(outcomes, on_terminal)
    equal(screen.asks("stty -a"), before, "what stty says afterwards")
    screen.close()


if __name__ == "__main__":
    main(globals())
