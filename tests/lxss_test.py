#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every itest-*.py stands on.

A test is a function whose name is a sentence. It asks for what it needs by the
names of its parameters: `debian` (a world with a real Debian installed, shared
by the whole run), `programs` (the same with an editor, a pager and the like in
it), `tiny` (the same with a distribution of a few megabytes) or `fresh` (a world
of its own with nothing installed). A world is one private lxssd with its
directories; see World.

After every test the harness lets go of everything that it started itself and
then insists that nothing is left: no process, mount, cgroup, socket, staged
file. It is the subreaper of whatever the tests start, so that a daemonised
process cannot hide from it. No test sleeps: it waits for a condition, and one
that does not come within the deadline fails the test by its name.

Environment (run-itests sets it; all of it is optional):
  LXSS_TEST_BUILD  directory of lxctl, lxssd, lxinit, lxss-base and the others; "installed"
                   for the ones that make install put in place
  LXSS_TEST_MODE   root, rootless or single
  LXSS_TEST_RUN    directory for this run; kept, so that the next file finds
                   the distributions already installed
  LXSS_TEST_TAR    the Debian root file system; made and cached where unset
  LXSS_TEST_TAR_PROGRAMS  the one with more programs in it; likewise
  LXSS_TEST_SWEEP  set: itest-faults.py and itest-lxbus-faults.py try every point instead of a spread of them
  LXSS_TEST_BRIEF  set: without the tests that are marked as lengthy
  LXSS_TEST_SUITES  which of Python's own tests itest-programs.py compares
"""

import ctypes
import ctypes.util
import fcntl
import functools
import hashlib
import inspect
import io
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE = int(os.environ.get("LXSS_TEST_DEADLINE", "30"))  # seconds that a condition may take on a busy machine
COMMAND_LIMIT = 120  # seconds that one command may take
SUITE = "bookworm"
MARK = "LXSS_TEST_MARK"
PACKAGES = {"debian": ["sudo", "procps"]}
PACKAGES["programs"] = [
    *PACKAGES["debian"], "busybox", "less", "libpython3.11-testsuite", "netbase", "python3", "systemd-sysv", "tmux", "vim",
]  # fmt: skip

MANAGER = "/org/lxss/Manager1"
I_MANAGER = "org.lxss.Manager1"
I_DISTRIBUTION = "org.lxss.Manager1.Distribution"
I_INSTANCE = "org.lxss.Manager1.Instance"
I_PROCESS = "org.lxss.Manager1.Process"
I_OPERATION = "org.lxss.Manager1.Operation"
I_SERVER = "org.lxss.Manager1.Server"
I_PROPERTIES = "org.freedesktop.DBus.Properties"
I_OBJECTS = "org.freedesktop.DBus.ObjectManager"


class Failure(Exception):
    """What a test found wrong, as a sentence."""


class Skip(Exception):
    """Why a test cannot be run here."""


# ---------------------------------------------------------------- expectations


def show(value, limit=2000):
    """value for a human: text where it is text, cut where it is long."""
    if isinstance(value, (bytes, bytearray)):
        text = bytes(value).decode("utf-8", "backslashreplace")
    else:
        text = value if isinstance(value, str) else repr(value)
    text = re.sub(r"[^\n\t -~\u00a0-\U0010ffff]", lambda found: f"\\x{ord(found.group()):02x}", text)
    if len(text) > limit:
        text = text[: limit // 2] + f" […{len(text) - limit} more…] " + text[-limit // 2 :]
    return text


def expect(condition, message):
    if not condition:
        raise Failure(message)


def equal(found, wanted, what="the value"):
    if found != wanted:
        raise Failure(f"{what} is {show(repr(found))}, not {show(repr(wanted))}")


def contains(text, *needles, what="the text"):
    """Every needle stands in text, whatever its case."""
    if isinstance(text, (bytes, bytearray)):
        text = bytes(text).decode("utf-8", "backslashreplace")
    for needle in needles:
        if needle.lower() not in text.lower():
            raise Failure(f"{what} does not say {needle!r}: {show(text)!r}")


def sentence(result, *needles, code=None):
    """result failed with code and told why on stderr: something that a person
    can read, with every needle in it, and no trace of a crash."""
    if code is not None:
        equal(result.code, code, "the exit code")
    expect(result.code != 0, "the command succeeded")
    text = show(result.err, 1 << 30).strip()
    expect(len(text.split()) >= 3, f"stderr holds no sentence: {text!r}")
    expect(len(text.splitlines()) <= 12, f"stderr is a flood, not a sentence: {show(text)!r}")
    for noise in ("Sanitizer", "Assertion", "assert", "core dumped", "(null)"):
        expect(noise not in text, f"stderr says {noise!r}: {show(text)!r}")
    contains(text, *needles, what="stderr")


def wait_for(what, predicate, seconds=DEADLINE):
    """Polls until predicate() is true and returns its value; what names it."""
    end = time.monotonic() + seconds
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"after {seconds} s still not: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


# ------------------------------------------------------------------- processes


def read(path, mode="rb"):
    """A file's contents, or None where it went away or is not ours to read."""
    try:
        with open(path, mode) as file:
            return file.read()
    except OSError:
        return None


def process_table():
    """{pid: (parent, state)} of every process of this machine."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            data = read(f"/proc/{entry}/stat")
            if data:
                fields = data[data.rindex(b")") + 2 :].split()
                table[int(entry)] = (int(fields[1]), fields[0].decode())
    return table


def command_line(pid):
    data = read(f"/proc/{pid}/cmdline")
    return (data or b"").rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")


def program_of(pid):
    """The name of what pid runs (comm; /proc/PID/exe of what is not dumpable is
    not ours to read)."""
    name = read(f"/proc/{pid}/comm")
    return name.decode("utf-8", "replace").strip() if name else None


def descendants(root=None):
    """Processes that stem from root (this one), daemonised ones included,
    zombies not. The ones that this process inherited are reaped on the way."""
    root = os.getpid() if root is None else root
    table = process_table()
    children = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], list(children.get(root, []))
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        if table[pid][1] not in "ZX":
            found.append(pid)
        elif table[pid][0] == os.getpid() and pid not in Command.own:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
    return sorted(found)


def processes_saying(text):
    """Descendants with text in their command line."""
    return [pid for pid in descendants() if text in command_line(pid)]


def in_foreground(text):
    """Whether a program that says text, and not only the lxctl that stands for it, runs in the foreground of its
    terminal, where keys find it."""
    for pid in processes_saying(text):
        if program_of(pid) == "lxctl":
            continue
        data = read(f"/proc/{pid}/stat")
        fields = data[data.rindex(b")") + 2 :].split() if data else []
        if fields and fields[2] == fields[5] and fields[0] not in b"TZX":
            return True
    return False


def become_subreaper():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0) != 0:  # PR_SET_CHILD_SUBREAPER
        raise OSError(ctypes.get_errno(), "prctl")


class Result:
    """How a command ended: code (negative: the signal), out, err."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def text(self):
        return (self.out or b"").decode("utf-8", "backslashreplace").strip()

    @property
    def said(self):
        return (self.err or b"").decode("utf-8", "backslashreplace").strip()

    def good(self, code=0):
        """Fails the test where the command did not end with code."""
        if self.code != code:
            raise Failure(f"{shown(self.arguments)} ended with {self.code}, not {code}: {show(self.said)}")
        return self

    def json(self):
        try:
            return json.loads(self.good().out.decode())
        except ValueError as error:
            raise Failure(f"{shown(self.arguments)} printed no JSON ({error}): {show(self.out)!r}")


def shown(arguments):
    words = [show(os.path.basename(arguments[0]))] + [show(a, 200) for a in arguments[1:]]
    return " ".join(w if re.fullmatch(r"[\w@%+=:,./~-]+", w) else repr(w) for w in words)


class Command(subprocess.Popen):
    """A program that a test started; the harness ends it if the test does not."""

    running = []  # of this test
    history = []  # (Command, Result or None) of this test
    own = set()  # pids that Popen reaps

    def __init__(self, arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        self.arguments = list(arguments)
        self.result = None
        self.seen = b""
        super().__init__(self.arguments, **options)
        Command.own.add(self.pid)
        Command.running.append(self)
        Command.history.append(self)

    def finish(self, input=None, seconds=COMMAND_LIMIT):
        """Waits for its end and returns the Result."""
        try:
            out, err = self.communicate(input, timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.communicate()
            self.result = Result(self.arguments, self.returncode, out, err)
            raise Failure(f"{shown(self.arguments)} did not end within {seconds} s")
        self.result = Result(self.arguments, self.returncode, self.seen + (out or b""), err)
        return self.result

    def ended(self, seconds=DEADLINE):
        """Waits for its end alone, whatever still holds its pipes."""
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{shown(self.arguments)} did not end within {seconds} s")
        return self.returncode

    def reads(self, wanted, seconds=DEADLINE):
        """Waits until wanted stands in its output, and returns what came."""
        wanted = wanted.encode() if isinstance(wanted, str) else wanted
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            ready, _, _ = select.select([self.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Failure(f"{shown(self.arguments)} did not print {wanted!r} within {seconds} s, but {self.seen!r}")
            data = os.read(self.stdout.fileno(), 65536)
            if not data:
                self.ended()
                raise Failure(
                    f"{shown(self.arguments)} ended with {self.returncode} before it printed {wanted!r}: "
                    f"{show(self.seen)} {show(self.stderr.read() if self.stderr else b'')}"
                )
            self.seen += data
        return self.seen

    def says(self, wanted, seconds=DEADLINE):
        """Waits until wanted stands on its stderr."""
        wanted = wanted.encode() if isinstance(wanted, str) else wanted
        end = time.monotonic() + seconds
        text = b""
        while wanted.lower() not in text.lower():
            ready, _, _ = select.select([self.stderr], [], [], max(0, end - time.monotonic()))
            data = os.read(self.stderr.fileno(), 65536) if ready else b""
            if not data:
                raise Failure(f"{shown(self.arguments)} did not say {wanted!r} on stderr, but {show(text)!r}")
            text += data
        return text

    @staticmethod
    def rest(stream):
        """What is in a pipe right now."""
        data = b""
        try:
            while stream and len(data) < 1 << 20 and select.select([stream], [], [], 0)[0]:
                piece = os.read(stream.fileno(), 65536)
                if not piece:
                    break
                data += piece
        except (OSError, ValueError):
            pass
        return data

    def let_go(self):
        """Ends it the hard way, and forgets it."""
        if self.poll() is None:
            self.kill()
            self.wait()
        if not self.result:
            self.result = Result(self.arguments, self.returncode, self.seen + self.rest(self.stdout), self.rest(self.stderr))
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass
        Command.own.discard(self.pid)


def run(*arguments, input=None, seconds=COMMAND_LIMIT, **options):
    """Runs a program to its end."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    return Command(arguments, **options).finish(input, seconds)


# ----------------------------------------------------------------------- D-Bus


class Bus:
    """A connection of our own to lxssd: its private socket (name None), or a
    bus where name is who answers. GLib's loop is turned through ctypes, since
    the tests ask for python3-dbus and nothing else."""

    def __init__(self, address, name=None):
        try:
            import dbus
            import dbus.bus
            import dbus.connection
            import dbus.mainloop.glib
        except ImportError:
            raise Skip("python3-dbus is not installed")
        self.dbus, self.name = dbus, name
        self.glib = ctypes.CDLL("libglib-2.0.so.0")
        loop = dbus.mainloop.glib.DBusGMainLoop()
        if name:
            self.connection = dbus.bus.BusConnection(address, mainloop=loop)
            self.connection.set_exit_on_disconnect(False)
            self.connection.add_match_string(f"sender='{name}'")
        else:
            self.connection = dbus.connection.Connection(address, mainloop=loop)
        self.signals = []
        self.connection.add_message_filter(self._on_message)
        World.buses.append(self)
        if not name:  # libdbus sends no descriptor before it knows that the other side takes them
            self.call(MANAGER, "org.freedesktop.DBus.Peer", "Ping")

    def _on_message(self, connection, message):
        if message.get_type() == 4:  # signal
            self.signals.append(
                (str(message.get_path()), str(message.get_member()), message.get_args_list(byte_arrays=True))
            )
        return self.dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED

    def call(self, path, interface, method, signature="", *arguments, timeout=60):
        return self.connection.call_blocking(
            self.name, path, interface, method, signature, arguments, timeout=timeout, byte_arrays=True
        )

    def error(self, path, interface, method, signature="", *arguments):
        """The name of the error with which the call fails; None where it does not."""
        try:
            self.call(path, interface, method, signature, *arguments)
        except self.dbus.DBusException as exception:
            return exception.get_dbus_name()
        return None

    def fails(self, error, path, interface, method, signature="", *arguments):
        """The call fails with org.lxss.Error.<error> and a sentence."""
        try:
            self.call(path, interface, method, signature, *arguments)
        except self.dbus.DBusException as exception:
            equal(exception.get_dbus_name(), f"org.lxss.Error.{error}", f"the error of {method} ({exception})")
            expect(len(str(exception.get_dbus_message()).split()) >= 3, f"the error says only {exception}")
            return str(exception.get_dbus_message())
        raise Failure(f"{method} succeeded, instead of failing with {error}")

    def manager(self, method, signature="", *arguments):
        return self.call(MANAGER, I_MANAGER, method, signature, *arguments)

    def get(self, path, interface, name):
        return self.call(path, I_PROPERTIES, "Get", "ss", interface, name)

    def turn(self):
        """Dispatches what has arrived."""
        while self.glib.g_main_context_iteration(None, 0):
            pass

    def signal(self, member, path=None, seconds=DEADLINE):
        """Waits for a signal (of an object) and returns its arguments."""

        def arrived():
            self.turn()
            for at, name, arguments in self.signals:
                if name == member and path in (None, at):
                    return (arguments,)
            return None

        return wait_for(f"signal {member} of {path or 'any object'}", arrived, seconds)[0]

    def launch(self, distribution, argv, fds=None, env=(), cwd=b"", **options):
        """Launch() with fds {number: descriptor}; returns (object, pid)."""
        dbus = self.dbus
        table = dbus.Dictionary({dbus.UInt32(n): dbus.types.UnixFd(fd) for n, fd in (fds or {}).items()}, "uh")
        words = dbus.Array([dbus.ByteArray(a) for a in argv], "ay")
        environment = dbus.Array([dbus.ByteArray(e) for e in env], "ay")
        path, pid = self.manager(
            "Launch", "sayaaya{uh}aaya{sv}", distribution, dbus.ByteArray(cwd), words, table, environment,
            dbus.Dictionary(options, "sv"),
        )
        return str(path), int(pid)

    def close(self):
        self.connection.close()


# ---------------------------------------------------------------------- worlds


def mode():
    """root, rootless (with subordinate ids) or single (without)."""
    if "LXSS_TEST_MODE" in os.environ:
        return os.environ["LXSS_TEST_MODE"]
    if os.getuid() == 0:
        return "root"
    name = pwd.getpwuid(os.getuid()).pw_name
    lines = (read("/etc/subuid", "r") or "").splitlines()
    return "rootless" if any(l.split(":")[0] in (name, str(os.getuid())) for l in lines) else "single"


def run_directory():
    if "LXSS_TEST_RUN" not in os.environ:
        base = f"/var/tmp/lxss-tests-{os.getuid()}"
        os.makedirs(base, exist_ok=True)
        os.environ["LXSS_TEST_RUN"] = tempfile.mkdtemp(prefix="r", dir=base)
        os.chmod(os.environ["LXSS_TEST_RUN"], 0o755)
        World.own_run = os.environ["LXSS_TEST_RUN"]
    return os.environ["LXSS_TEST_RUN"]


def remove_tree(path):
    """rm -r, of trees whose owners only a user namespace can name, too."""
    if not os.path.lexists(path):
        return
    for wrapper in ([], ["unshare", "--map-root-user", "--map-auto"], ["unshare", "--map-root-user"]):
        subprocess.run(wrapper + ["rm", "-rf", "--one-file-system", path], stderr=subprocess.DEVNULL)
        if not os.path.lexists(path):
            return
    raise Failure(f"{path} cannot be removed")


def program(name):
    """Where one of our programs is."""
    build = os.environ.get("LXSS_TEST_BUILD") or SOURCE
    if build != "installed":
        return os.path.join(build, name)
    if name == "lxctl" and shutil.which(name):
        return shutil.which(name)
    for folder in ("/usr/libexec/lxss", "/usr/local/libexec/lxss", "/usr/lib/lxss", "/usr/libexec", "/usr/local/libexec"):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise Skip(f"{name} is not installed")


def library():
    """liblxss, for a program that is not ours."""
    folder = os.path.dirname(program("lxctl"))
    if os.environ.get("LXSS_TEST_BUILD") == "installed":
        folder = os.path.join(os.path.dirname(folder), "lib")
    path = os.path.join(folder, "liblxss.so.0")
    if b"__asan_init" in read(path):
        raise Skip("the library has a sanitizer in it, which wants to be the first in a process")
    return path


def pkg_config(*packages):
    words = ["pkg-config", "--cflags", "--libs", *packages]
    return subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.decode().split()


def compiled(world, source, *packages):
    """A C source of this tree on liblxss, as its users compile theirs, or against the build. Returns the program."""
    target = os.path.join(world.work, os.path.basename(source)[: -len(".c")])
    path = library()
    if os.environ.get("LXSS_TEST_BUILD") == "installed":
        flags = pkg_config("lxss", *packages)
    else:
        flags = [f"-I{SOURCE}/client/lxss", path, f"-Wl,-rpath,{os.path.dirname(path)}"]
        flags += pkg_config(*packages) if packages else []
    words = ["cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", os.path.join(SOURCE, source), "-o", target]
    subprocess.run([*words, *flags], check=True)
    return target


def example(world, name, *packages):
    return compiled(world, f"examples/{name}.c", *packages)


class World:
    """One private lxssd: its runtime, data and settings directories, and the
    environment in which lxctl finds it. Nothing of the caller's environment
    comes in."""

    all = []  # that this process made
    buses = []  # Bus objects of this test
    own_run = None

    def __init__(self, name, settings=""):
        self.dir = os.path.join(run_directory(), mode(), name)
        self.runtime = os.path.join(self.dir, "run", "lxss")
        self.data = os.path.join(self.dir, "data", "lxss")
        self.config = os.path.join(self.dir, "config", "lxss", "lxss.conf")
        self.home = os.path.join(self.dir, "home")
        self.work = os.path.join(self.dir, "work")  # for the tests' own files
        self.distribution = None  # what launch() launches in
        self.daemons = []
        self.cgroups = set()
        self.bus_address = None
        remove_tree(self.work)
        for folder in (self.dir, self.home, self.work, os.path.dirname(self.config)):
            os.makedirs(folder, exist_ok=True)
        for folder in ("run", "data"):
            os.makedirs(os.path.join(self.dir, folder), exist_ok=True)
            os.chmod(os.path.join(self.dir, folder), 0o700)
        self.configure(settings)
        World.all.append(self)

    def configure(self, settings=""):
        nowhere = "" if "catalogue" in settings else "catalogue=\n"  # no test asks the network what a name is
        with open(self.config, "w") as file:
            file.write("[manager]\nexit-idle=0.1\n" + nowhere + settings)

    @property
    def socket(self):
        return os.path.join(self.runtime, "manager")

    @property
    def log(self):
        return os.path.join(self.runtime, "lxssd.log")

    def environment(self, extra=None):
        name = pwd.getpwuid(os.getuid()).pw_name
        environment = {
            "HOME": self.home, "USER": name, "LOGNAME": name, "SHELL": "/bin/sh", "LANG": "C.UTF-8",
            "TERM": "dumb", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            MARK: self.dir,
        }  # fmt: skip
        if os.getuid() == 0:
            environment["LXSS_RUNTIME_DIR"] = self.runtime
            environment["LXSS_DATA_DIR"] = self.data
            environment["LXSS_CONFIG_FILE"] = self.config
            variable = "DBUS_SYSTEM_BUS_ADDRESS"
        else:
            environment["XDG_RUNTIME_DIR"] = os.path.join(self.dir, "run")
            environment["XDG_DATA_HOME"] = os.path.join(self.dir, "data")
            environment["XDG_CONFIG_HOME"] = os.path.join(self.dir, "config")
            variable = "DBUS_SESSION_BUS_ADDRESS"
        # An address at which nobody listens, or else root would find the machine's own bus.
        environment[variable] = self.bus_address or f"unix:path={self.dir}/no-bus"
        if os.environ.get("LXSS_TEST_BUILD") != "installed":
            environment["LXSS_LIBEXEC_DIR"] = os.path.dirname(program("lxssd"))
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH", "http_proxy", "https_proxy"):
            if name in os.environ:
                environment[name] = os.environ[name]
        for name, value in (extra or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment

    # -- lxctl

    def start(self, *arguments, env=None, **options):
        """lxctl, not waited for."""
        options.setdefault("cwd", self.work)
        return Command([program("lxctl"), *arguments], env=self.environment(env), **options)

    def lxctl(self, *arguments, input=None, seconds=COMMAND_LIMIT, **options):
        """lxctl, run to its end."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        result = self.start(*arguments, **options).finish(input, seconds)
        self.note()
        return result

    def words(self, argv, options=()):
        return ["launch", "-d", self.distribution, *options, "--", *argv]

    def launch(self, *argv, options=(), **more):
        return self.lxctl(*self.words(argv, options), **more)

    def start_launch(self, *argv, options=(), **more):
        return self.start(*self.words(argv, options), **more)

    def client(self, *argv, options=(), **more):
        """A program that says "ready" once it runs, and its lxctl. Without
        argv it lives until its stdin is closed."""
        more.setdefault("stdin", subprocess.PIPE)
        command = self.start_launch(*(argv or ("sh", "-c", "echo ready; exec cat")), options=options, **more)
        command.reads("ready")
        self.note()
        return command

    def hold(self):
        """Keeps the instance up until let_go()."""
        command = self.start("hold", self.distribution)
        wait_for("a held instance runs", lambda: command.poll() is not None or self.leader())
        expect(command.poll() is None, f"hold ended with {command.returncode}")
        self.note()
        return command

    def put(self, path, data, mode="755"):
        """Writes a file in the distribution, as its default user."""
        script = 'cat >"$1" && chmod "$2" "$1"'
        self.launch("sh", "-c", script, "sh", path, mode, input=data).good()

    def install(self, source, name, *options):
        return self.lxctl("install", source, "--name", name, *options, seconds=300)

    # -- what lxssd says and what the disk shows

    def bus(self):
        """A connection to the private socket; lxssd must run."""
        return Bus(f"unix:path={self.socket}")

    def awake(self, env=None):
        """The same, with lxssd started first; it may be leaving just when we come."""

        def connected():
            self.lxctl("list", env=env)
            try:
                return self.bus()
            except Exception as error:
                if type(error).__name__ != "DBusException":
                    raise
                return None

        return wait_for("a connection to lxssd", connected)

    def leader(self):
        """The host's pid of the running instance's /init, or None."""
        if not os.path.exists(self.socket):
            return None
        try:
            bus = self.bus()
        except Exception as error:  # lxssd may be leaving just now
            if type(error).__name__ != "DBusException":
                raise
            return None
        try:
            for name, state, leader, _ in bus.manager("ListInstances"):
                if name == self.distribution and state == "running":
                    return int(leader)
        except bus.dbus.DBusException:
            pass
        finally:
            bus.close()
        return None

    def daemon(self):
        """lxssd's pid."""
        bus = self.bus()
        try:
            return int(bus.get(MANAGER, I_MANAGER, "Pid"))
        finally:
            bus.close()

    def installed(self):
        folder = os.path.join(self.data, "distributions")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def staged(self):
        folder = os.path.join(self.data, "staging")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def rootfs(self, name=None):
        return os.path.join(self.data, "distributions", name or self.distribution, "rootfs")

    # -- leaving nothing

    def note(self):
        """Remembers the cgroups that are in use, to see later that they went."""
        ours = read("/proc/self/cgroup", "r")
        for pid in descendants():
            lines = read(f"/proc/{pid}/cgroup", "r")
            if lines and lines != ours:
                self.cgroups |= set(lines.splitlines()) - set(ours.splitlines())

    def leftovers(self, with_daemon=True):
        """What is there that should not be, in words."""
        left = []
        keep = {pid for command in Command.running for pid in [command.pid]} | set(self.daemons)
        for pid in descendants():
            if pid in keep or (not with_daemon and program_of(pid) == "lxssd"):
                continue
            left.append(f"process {pid}: {command_line(pid) or program_of(pid)}")
        for line in (read("/proc/self/mountinfo", "r") or "").splitlines():
            if self.data in line or self.runtime in line:
                left.append(f"mount {line}")
        for line in (read("/proc/1/mountinfo", "r") or "").splitlines():
            if self.data in line:
                left.append(f"mount of the host {line}")
        for path in cgroup_directories(self.cgroups):
            left.append(f"cgroup {path}")
        left += [f"staged file {name}" for name in self.staged()]
        if with_daemon and listens(self.socket):
            left.append(f"a listener on {self.socket}")
        return left

    def quiet(self, with_daemon=True):
        """Waits until nothing is left; without lxssd, only its instances'."""
        try:
            wait_for("nothing is left", lambda: not self.leftovers(with_daemon))
        except Failure as failure:
            left = self.leftovers(with_daemon)
            if left:
                raise Failure(f"{failure}. Left: " + "; ".join(left[:12]))

    def reset(self):
        """After a test: lets go of what it holds, then looks whether anything
        outlives it. Raises Failure; nothing is there afterwards either way."""
        let_go()
        try:
            self.quiet()
        finally:
            self.clear()

    def clear(self):
        """Kills and removes what is left."""
        for _ in range(100):
            pids = [pid for pid in descendants() if pid not in self.daemons]
            if not pids:
                break
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.02)
        for path in sorted(cgroup_directories(self.cgroups), reverse=True):
            try:
                os.rmdir(path)
            except OSError:
                pass
        self.cgroups.clear()
        try:
            os.unlink(self.socket)
        except OSError:
            pass

    def remove(self):
        for pid in self.daemons:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.daemons.clear()
        remove_tree(self.dir)
        if self in World.all:
            World.all.remove(self)

    # -- buses

    def start_bus(self, services=()):
        """A message bus of this world's own. services: files for bus
        activation, {name: text}. Its kind (session, for root system) is what
        the environment calls it; what it allows is the same."""
        address = f"unix:path={self.dir}/bus"
        share = os.path.join(self.dir, "share")
        os.makedirs(os.path.join(share, "dbus-1", "services"), exist_ok=True)
        for name, text in dict(services).items():
            with open(os.path.join(share, "dbus-1", "services", name), "w") as file:
                file.write(text)
        config = os.path.join(self.dir, "bus.conf")
        with open(config, "w") as file:
            file.write(BUS_CONFIG.format(address=address))
        self.bus_address = address
        environment = self.environment({"XDG_DATA_DIRS": share, "XDG_DATA_HOME": None})
        if os.getuid() != 0:  # activation must come back to this world all the same
            environment["XDG_DATA_HOME"] = os.path.join(self.dir, "data")
        daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        Command.own.add(daemon.pid)
        self.daemons.append(daemon.pid)

        wait_for("the test's own dbus-daemon listens", lambda: listens(f"{self.dir}/bus"))
        return address

    def stop_bus(self):
        for pid in self.daemons:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            Command.own.discard(pid)
        self.daemons.clear()
        self.bus_address = None


def listens(path):
    """Whether a server has path; asked of the kernel, since a connection would
    be a client, which keeps lxssd up."""
    for line in (read("/proc/net/unix", "r") or "").splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & 0x10000:  # __SO_ACCEPTCON
            return True
    return False


def let_go():
    """Ends what a test started itself: its connections and its commands."""
    for bus in World.buses:
        try:
            bus.close()
        except Exception:
            pass
    World.buses.clear()
    for command in Command.running:
        command.let_go()
    Command.running.clear()


BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <standard_session_servicedirs/>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def cgroup_directories(lines):
    """The directories of /proc/PID/cgroup lines, as far as they still exist,
    and every one beneath our own cgroup: there is nobody else's there."""
    mounts = {}
    for line in (read("/proc/self/mountinfo", "r") or "").splitlines():
        fields = line.split()
        tail = fields[fields.index("-") + 1 :]
        if tail[0] == "cgroup2":
            mounts[""] = fields[4]
        elif tail[0] == "cgroup":
            for option in tail[2].split(","):
                mounts[option] = fields[4]
    found = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "lxss" in path and "/../" not in path:
            place = mounts.get(controllers.split(",")[0])
            if place and os.path.isdir(place + path):
                found.add(place + path)
    own = os.environ.get("LXSS_TEST_CGROUP")  # delegated to this run alone
    if own:
        for folder, names, _ in os.walk(own):
            found |= {os.path.join(folder, name) for name in names}
    return sorted(found)


# ------------------------------------------------------- root file systems


TINY_PROGRAMS = (
    "sh", "cat", "sleep", "true", "false", "echo", "id", "ls", "stat", "env", "kill", "touch", "mkdir", "rm", "chmod",
)  # fmt: skip


def tiny_files():
    """{path in the archive: host's file} of a distribution of a few megabytes
    that really runs: the host's own dash and coreutils with their libraries."""
    files = {}
    for name in TINY_PROGRAMS:
        path = os.path.realpath(shutil.which(name, path="/usr/bin:/bin"))
        files[f"bin/{name}"] = path
        listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True).stdout.decode()
        for library in re.findall(r"(/\S+) \(0x", listing):
            files[library.lstrip("/")] = os.path.realpath(library)
    return files


def tiny_tar(path=None, marker="tiny", change=None, compress=None):
    """Writes such a distribution as a tar and returns its bytes. change(add)
    may add members: add(name, data=None, **attributes of TarInfo)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        seen = set()

        def add(name, data=None, **attributes):
            member = tarfile.TarInfo(name)
            member.mtime = 1700000000
            member.mode = 0o755
            if data is not None:
                member.size = len(data)
            for key, value in attributes.items():
                setattr(member, key, value)
            seen.add(name)
            archive.addfile(member, io.BytesIO(data) if data is not None else None)

        def folders(name):
            parts = name.split("/")[:-1]
            for i in range(1, len(parts) + 1):
                folder = "/".join(parts[:i])
                if folder not in seen:
                    add(folder, type=tarfile.DIRTYPE)

        first = []
        if change:
            change(add, first.append)
        for folder in ("etc", "root", "home", "var", "usr", "tmp", "proc", "sys", "dev", "run", "mnt"):
            if folder not in seen:
                add(folder, type=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        if "etc" not in first:
            add("etc/os-release", b'ID=tiny\nPRETTY_NAME="Tiny test distribution"\n', mode=0o644)
            add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", mode=0o644)
            add("etc/group", b"root:x:0:\nnogroup:x:65534:\n", mode=0o644)
            add("etc/marker", marker.encode() + b"\n", mode=0o644)
        if "bin" not in first:
            for name, source in sorted(tiny_files().items()):
                folders(name)
                add(name, read(source))
    data = buffer.getvalue()
    if compress:
        data = subprocess.run(compress, input=data, stdout=subprocess.PIPE, check=True).stdout
    if path:
        with open(path, "wb") as file:
            file.write(data)
    return data


def tar_variable(name):
    """The environment variable that tells where a Debian is."""
    return "LXSS_TEST_TAR" + ("" if name == "debian" else f"_{name.upper()}")


def debian_tar(name="debian"):
    """The real Debian with the packages of its name, made once for each machine
    and kept in a cache whose key is what went into it."""
    if os.environ.get(tar_variable(name)):
        return os.environ[tar_variable(name)]
    if not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap is not installed")
    if os.environ.get("LXSS_TEST_NO_TAR"):
        raise Skip(os.environ["LXSS_TEST_NO_TAR"])
    recipe = ["--variant=minbase", "--include=" + ",".join(PACKAGES[name]), SUITE]
    key = hashlib.sha256(" ".join(recipe + [os.uname().machine]).encode()).hexdigest()[:16]
    cache = f"/var/tmp/lxss-tests-{os.getuid()}/cache"
    path = f"{cache}/{key}.tar"
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        for folder in (os.path.dirname(cache), cache):
            os.chmod(folder, 0o755)
        print(f"# making the distribution {path}", flush=True)
        made = subprocess.run(
            ["mmdebstrap", "--quiet", *recipe, path + ".part.tar"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if made.returncode != 0:
            raise Skip("mmdebstrap made no distribution: " + show(made.stderr, 400).replace("\n", " "))
        os.rename(path + ".part.tar", path)
    os.environ[tar_variable(name)] = path
    return path


class Fixtures:
    """Worlds by the name under which tests ask for them."""

    made = {}
    failed = {}
    count = 0

    @classmethod
    def get(cls, name):
        if name == "fresh":
            cls.count += 1
            return World(f"fresh-{os.getpid()}-{cls.count}")
        if name in cls.failed:
            raise type(cls.failed[name])(f"{cls.failed[name]}")
        if name not in cls.made:
            try:
                cls.made[name] = cls.build(name)
            except (Failure, Skip) as reason:
                cls.failed[name] = type(reason)(f"no world {name!r}: {reason}")
                raise cls.failed[name]
        return cls.made[name]

    @staticmethod
    def build(name):
        world = World(f"{name}-{os.environ.get('LXSS_TEST_LANE', '0')}")  # which outlives a file, in its own lane
        world.distribution = name
        if name not in world.installed():
            if name in PACKAGES:
                source = debian_tar(name)
            else:
                source = os.path.join(world.work, "tiny.tar")
                tiny_tar(source)
            world.install(source, name).good()
            world.reset()
        return world


# ---------------------------------------------------------------- the test run


def modes(*names):
    """The test runs in these modes (without it: root and rootless)."""

    def mark(function):
        function.modes = names
        return function

    return mark


def counts_descriptors(function):
    """Of these tests one runs at a time: descriptors under way are counted by the kernel for each user, whose tests
    many are (unix(7), ETOOMANYREFS)."""

    @functools.wraps(function)
    def locked(**arguments):
        fd = os.open(run_directory(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            function(**arguments)
        finally:
            os.close(fd)

    return locked


everywhere = modes("root", "rootless", "single")
once = modes("rootless")  # for what shows the same whoever runs it


def lengthy(function):
    """Left out of brief runs (run-itests --brief): others go the same ways of our code in less time."""
    function.lengthy = True
    return function


def needs_network(world=None):
    """Skips the test where Debian's mirror cannot be reached."""
    import urllib.request

    try:
        urllib.request.urlopen("http://deb.debian.org/debian/dists/bookworm/Release", timeout=20).read(64)
    except OSError as error:
        raise Skip(f"no way to deb.debian.org: {error}")


def diagnose(worlds):
    """What to know about a failed test."""
    lines = []
    for command in Command.history[-12:]:
        result = command.result
        lines.append(f"$ {shown(command.arguments)}  -> {result.code if result else None}")
        if result:
            for label, data in (("out", result.out), ("err", result.err)):
                lines += [f"  {label}: {line}" for line in show(data or b"", 3000).splitlines()]
    for world in worlds:
        text = read(world.log)
        if text:
            lines.append(f"end of {world.log}:")
            lines += ["  " + line for line in text.decode("utf-8", "replace").splitlines()[-40:]]
    return lines


def run_test(function):
    """(state, message, diagnostics): ok, skip or not ok."""
    Command.history.clear()
    worlds, failure, skip, where = [], None, None, []
    try:
        arguments = {}
        for name in inspect.signature(function).parameters:
            arguments[name] = Fixtures.get(name)
            worlds.append(arguments[name])
        function(**arguments)
    except Skip as reason:
        skip = str(reason)
    except Failure as reason:
        failure = str(reason)
        where = [l for f in traceback.extract_tb(sys.exc_info()[2]) if "itest-" in f.filename for l in (f"{os.path.basename(f.filename)}:{f.lineno}: {f.line}",)]
    except Exception:
        failure = traceback.format_exc().strip()
    let_go()
    details = where + diagnose(worlds) if failure else []
    for world in worlds or World.all[-1:]:
        try:
            world.reset()
        except Failure as reason:
            if not failure:
                details = diagnose(worlds)
            failure = f"{failure}\nand afterwards: {reason}" if failure else str(reason)
        if world.bus_address:
            world.stop_bus()
        if os.path.basename(world.dir).startswith("fresh-"):
            world.remove()
    if failure:
        return "not ok", failure, details
    return ("skip", skip, []) if skip else ("ok", "", [])


def find_tests(names):
    return [
        function
        for name, function in names.items()
        if name.startswith("test_") and callable(function)
    ]  # fmt: skip


def main(names):
    """Runs the tests among names (a module's globals()) as TAP."""
    words = sys.argv[1:]
    if "-l" in words:
        for function in find_tests(names):
            print(function.__name__)
        sys.exit(0)
    wanted = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "-k"]
    tests = [
        function
        for function in find_tests(names)
        if mode() in getattr(function, "modes", ("root", "rootless"))
        and not ("LXSS_TEST_BRIEF" in os.environ and hasattr(function, "lengthy"))
        and (not wanted or any(w.replace(" ", "_") in function.__name__ for w in wanted))
    ]
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    for number in signal.valid_signals():  # a shell ignores some for what it runs in the background
        if signal.getsignal(number) == signal.SIG_IGN and number != signal.SIGPIPE:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(3))
    os.umask(0o022)  # some distributions have another one for a user whose group is his own
    become_subreaper()
    bad = 0
    print(f"1..{len(tests)}", flush=True)
    try:
        for number, function in enumerate(tests, 1):
            name = function.__name__[len("test_") :].replace("_", " ")
            started = time.monotonic()
            state, message, details = run_test(function)
            seconds = time.monotonic() - started
            if state == "skip":
                print(f"ok {number} - {name} # SKIP {message}", flush=True)
            else:
                print(f"{state} {number} - {name}", flush=True)
                if seconds > 10:
                    print(f"# that took {seconds:.0f} s", flush=True)
            if state == "not ok":
                bad += 1
                for line in [*message.splitlines(), *details]:
                    print(f"    # {line}", flush=True)
    finally:
        for world in list(World.all):
            world.clear()
            if World.own_run:
                world.remove()
        if World.own_run:
            remove_tree(World.own_run)
    sys.exit(1 if bad else 0)
