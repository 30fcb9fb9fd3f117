#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A distribution's own settings: /etc/wsl.conf and /etc/fstab are honoured at
the start of an instance, and what cannot be honoured is warned of once, with
file and line, while the program runs all the same."""

import contextlib
import os
import pty
import socket

from lxss_test import (
    I_INSTANCE, contains, equal, everywhere, expect, lengthy, main, processes_saying, read, tiny_tar, wait_for,
)  # fmt: skip

NAMES = (
    ("box", "box"),
    ("Box-1.example.org", "Box-1.example.org"),
    ("-box", "box"),
    ("box-", "box"),
    (".box.", "box"),
    ("--..--box..--..", "box"),
    ("my_box", "mybox"),
    ("my box", "mybox"),
    ("bücher", "bcher"),
    ("a..b", "a.b"),
    ("a.-b", "a.b"),
    ("a-.b", "a-b"),
    ("!$%&/()=box?", "box"),
    ("42", "42"),
    ("0123456789" * 7 + "01234567", ("0123456789" * 7)[:64]),
    ("x" * 63 + "-" + "y" * 14, "x" * 63),
)


@contextlib.contextmanager
def settings(world, conf=None, **files):
    """Files in the distribution's /etc, as they were before in the end."""
    texts = {name: text for name, text in {"wsl.conf": conf, **files}.items() if text is not None}
    before = {name: world.lxctl(*as_root(world, "cat", f"/etc/{name}")).out for name in texts}
    try:
        for name, text in texts.items():
            put(world, name, text)
        yield
    finally:
        for name, text in before.items():
            put(world, name, text)


def as_root(world, *argv):
    return ["launch", "-q", "-d", world.distribution, "-u", "root", "--", *argv]


def put(world, name, text):
    """hosts and resolv.conf are covered and read-only, so what lies beneath is written."""
    script = 'case $1 in hosts|resolv.conf) umount "/etc/$1" 2>/dev/null;; esac; cat >"/etc/$1"'
    text = text.encode() if isinstance(text, str) else text
    world.lxctl(*as_root(world, "sh", "-c", script, "sh", name), input=text).good()


def warnings(result):
    return [line[len("lxctl: warning: ") :] for line in result.said.splitlines() if line.startswith("lxctl: warning: ")]


def no_warnings(result):
    equal(result.good().said, "", "stderr")
    return result


# ------------------------------------------------------------------- warnings


@everywhere
def test_what_is_wrong_is_warned_of_with_file_and_line_and_the_program_runs(tiny):
    conf = "[network]\r\nhostnam=x\r\ngenerateHosts=maybe\r\n[nonsense]\r\nkey=1\r\nword\r\n[boot]\r\nsystemd=true\r\n"
    with settings(tiny, conf):
        result = tiny.launch("sh", "-c", "echo ran; exit 7").good(7)
        equal(result.text, "ran", "stdout")
        equal(
            result.said.splitlines(),
            [
                'lxctl: warning: /etc/wsl.conf:2: There is no "hostnam" in [network].',
                'lxctl: warning: /etc/wsl.conf:3: generateHosts is "true" or "false", not "maybe".',
                "lxctl: warning: /etc/wsl.conf:4: There is no section [nonsense]. What stands in it is ignored.",
                'lxctl: warning: /etc/wsl.conf:6: "word" is neither a [section] nor a key with its value.',
                "lxctl: warning: /etc/wsl.conf:8: systemd is not started: instances have an /init of their own, and no units run in them.",
            ],
            "stderr",
        )


def test_warnings_come_once_for_an_instance_and_not_with_quiet(tiny):
    with settings(tiny, "[nonsense]\n"):
        command = tiny.client()
        no_warnings(tiny.launch("true"))
        result = command.finish()
        equal(len(warnings(result.good())), 1, "the number of warnings of the launch that starts it")
        tiny.reset()
        tiny.hold()
        equal(len(warnings(tiny.launch("true").good())), 1, "the number of warnings of the first launch into a held one")
        no_warnings(tiny.launch("true"))
        tiny.reset()
        no_warnings(tiny.lxctl("launch", "-q", "-d", "tiny", "--", "true"))


def test_a_launch_that_fails_warns_too(tiny):
    with settings(tiny, "[nonsense]\n"):
        result = tiny.launch("no-such-program").good(127)
        contains(result.said, "warning: /etc/wsl.conf:1: There is no section [nonsense]", "no-such-program", what="stderr")


def test_on_a_terminal_warnings_are_lines_of_their_own(tiny):
    with settings(tiny, "[nonsense]\n"):
        master, slave = pty.openpty()
        command = tiny.start_launch("echo", "ran", stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):  # EIO: everybody has closed it
            while True:
                text += os.read(master, 4096)
        os.close(master)
        equal(command.ended(), 0, "the exit code")
        lines = text.decode().split("\r\n")
        equal((len(lines), lines[1:]), (3, ["ran", ""]), f"the lines on the terminal ({text!r})")
        expect(lines[0].startswith("lxctl: warning: /etc/wsl.conf:1: "), f"the first line is {lines[0]!r}")


def test_escapes_in_the_file_do_not_reach_the_terminal(tiny):
    with settings(tiny, b"[\x1b[31m\xff]\nnul\0\n"):
        result = tiny.launch("true").good()
        expect(b"\x1b" not in result.err and b"\xff" not in result.err, f"stderr is {result.err!r}")
        contains(result.said, r"[\x1b[31m\xff]", "/etc/wsl.conf:2: This line holds a byte that is no text.", what="stderr")


def test_a_file_without_mistakes_is_honoured_in_silence(tiny):
    conf = "# comment\r\n; comment\r\n[interop]\r\nappendWindowsPath=false\r\n[AUTOMOUNT]\r\nOptions = \"metadata\"\r\n[time]\r\nuseWindowsTimezone=false\r\n"
    with settings(tiny, conf):
        no_warnings(tiny.launch("true"))


def test_a_file_of_mistakes_is_bounded(tiny):
    with settings(tiny, "x\n" * 1000):
        said = warnings(tiny.launch("true").good())
        equal((len(said), said[-1]), (17, "/etc/wsl.conf:17: There are more mistakes."), "the warnings")


def test_a_file_of_unreasonable_size_is_ignored_with_a_warning(tiny):
    with settings(tiny, "[filesystem]\numask=077\n" + "#" * 65536):
        result = tiny.launch("sh", "-c", "umask").good()
        equal(result.text, "0022", "the umask")
        equal(warnings(result), ["/etc/wsl.conf is ignored: it has more than 64 KiB."], "the warnings")


def test_warnings_are_in_the_status_the_log_and_on_the_bus(tiny):
    with settings(tiny, "[nonsense]\n"):
        text = "/etc/wsl.conf:1: There is no section [nonsense]. What stands in it is ignored."
        tiny.hold()
        contains(tiny.lxctl("status").good().text, f"    warning: {text}", what="lxctl status")
        equal(tiny.lxctl("status", "--json").json()["instances"][0]["warnings"], [text], "warnings of lxctl status --json")
        if not os.path.exists("/run/systemd/journal/socket"):
            contains(read(tiny.log), f"tiny: {text}", what="the log")
        bus = tiny.bus()
        instance = bus.manager("ListInstances")[0][3]
        equal([str(w) for w in bus.get(instance, I_INSTANCE, "Warnings")], [text], "the property Warnings")
    no_warnings(tiny.launch("true"))


def test_a_client_on_the_bus_gets_the_warnings_before_the_answer(tiny):
    with settings(tiny, "[nonsense]\n"):
        bus = tiny.awake()
        bus.launch("tiny", [b"true"])
        bus.turn()
        path, (said,) = [(p, a) for p, name, a in bus.signals if name == "Warned"][0]
        equal((path.rsplit("/", 1)[1], len(said)), ("tiny", 1), "the signal Warned")
        bus.launch("tiny", [b"true"])
        bus.turn()
        equal([name for _, name, _ in bus.signals].count("Warned"), 1, "the number of such signals")


# -------------------------------------------------------------------- network


@everywhere
def test_odd_host_names_are_made_good_ones(tiny):
    for name, wanted in NAMES:
        with settings(tiny, f"[network]\nhostname={name}\n"):
            result = no_warnings(tiny.launch("cat", "/proc/sys/kernel/hostname", "/etc/hosts"))
            lines = result.text.splitlines()
            equal(lines[0], wanted, f"the host name from {name!r}")
            expect(f"127.0.1.1\t{wanted}" in lines, f"{wanted} does not stand in /etc/hosts: {lines}")


def test_a_host_name_of_which_nothing_is_left_is_warned_of(tiny):
    with settings(tiny, "[network]\nhostname=-._.-\n"):
        result = tiny.launch("cat", "/proc/sys/kernel/hostname").good()
        equal(result.text, socket.gethostname(), "the host name")
        equal(warnings(result), ['/etc/wsl.conf:2: "-._.-" holds nothing that a host name is made of.'], "the warnings")


def test_the_hosts_own_name_stays_without_a_setting(tiny):
    equal(no_warnings(tiny.launch("cat", "/proc/sys/kernel/hostname")).text, socket.gethostname(), "the host name")
    equal(tiny.launch("cat", "/etc/hosts").good().out, read("/etc/hosts"), "/etc/hosts")


def test_generated_hosts_say_who_made_them_and_hold_the_hosts_own_entries(tiny):
    with settings(tiny, "[network]\nhostname=box\n"):
        text = tiny.launch("cat", "/etc/hosts").good().out.decode()
        expect(text.startswith("# Made by LXSS"), f"/etc/hosts begins with {text[:40]!r}")
        contains(text, "/etc/wsl.conf", "generateHosts=false", what="its header")
        expect(text.endswith(read("/etc/hosts", "r")), f"the host's own entries are not in {text!r}")
        equal(tiny.launch("stat", "-c", "%a %u %g", "/etc/hosts").good().text, "644 0 0", "its owner and mode")


def test_names_of_an_instance_resolve(debian):
    with settings(debian, "[network]\nhostname=box.example\n"):
        equal(debian.launch("getent", "hosts", "box.example").good().text.split(), ["127.0.1.1", "box.example"], "getent")
        equal(debian.launch("uname", "-n").good().text, "box.example", "uname -n")


def test_the_distributions_own_hosts_and_resolver_show_where_it_wants_them(debian):
    try:
        put(debian, "hosts", "192.0.2.7 own.example\n")
        put(debian, "resolv.conf", "# own\n")
        expect(b"own.example" not in debian.launch("cat", "/etc/hosts").good().out, "the host's /etc/hosts does not cover it")
        with settings(debian, "[network]\nhostname=box\ngenerateHosts=false\ngenerateResolvConf=false\n"):
            result = no_warnings(debian.launch("cat", "/etc/hosts", "/etc/resolv.conf"))
            equal(result.text, "192.0.2.7 own.example\n# own", "/etc/hosts and /etc/resolv.conf")
            equal(debian.launch("uname", "-n").good().text, "box", "uname -n")
        with settings(debian, "[network]\ngenerateResolvConf=false\n"):
            result = no_warnings(debian.launch("cat", "/etc/hosts", "/etc/resolv.conf"))
            equal(result.out, read("/etc/hosts") + b"# own\n", "/etc/hosts and /etc/resolv.conf")
    finally:
        put(debian, "hosts", "127.0.0.1 localhost\n")
        put(debian, "resolv.conf", "")


# ---------------------------------------------------------------- file systems


@everywhere
def test_a_distribution_may_want_no_host_files(tiny):
    with settings(tiny, "[automount]\nenabled=false\n"):
        result = no_warnings(tiny.launch("sh", "-c", "pwd; echo $HOME; ls /mnt/host; cat /proc/self/mountinfo"))
        directory, home = result.text.splitlines()[:2]
        equal(directory, home, "the working directory")
        expect("/mnt/host" not in result.text, f"/mnt/host is mounted: {result.text}")
    contains(tiny.launch("sh", "-c", "pwd").good().text, "/mnt/host/", what="pwd")


def test_taking_the_host_away_takes_it_from_nobody_else(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    for name in ("one", "other"):
        fresh.install(source, name).good()
    fresh.distribution = "one"
    with settings(fresh, "[automount]\nenabled=false\n"):
        fresh.distribution = "other"
        fresh.hold()
        script = ("cat", "/proc/self/mountinfo")
        before = fresh.launch(*script).good().text
        contains(before, " /mnt/host/proc ", what="the mounts of an instance")
        no_warnings(fresh.lxctl("launch", "-d", "one", "--", "true"))
        equal(fresh.launch(*script).good().text, before, "the mounts of another instance afterwards")
        fresh.reset()
        fresh.distribution = "one"


def mounts_at(world, path):
    return [l for l in world.launch("cat", "/proc/self/mounts").good().text.splitlines() if l.split()[1] == path]


def test_an_entry_of_fstab_is_mounted_once(debian):
    debian.lxctl(*as_root(debian, "mkdir", "-p", "/mnt/x")).good()
    with settings(debian, fstab="# comment\n\ntmpfs /mnt/x tmpfs size=1m,mode=755 0 0\n"):
        debian.hold()
        for _ in range(2):
            lines = mounts_at(debian, "/mnt/x")
            equal(len(lines), 1, f"the number of mounts at /mnt/x ({lines})")
            contains(lines[0], "tmpfs", "size=1024k", what="the mount")
        debian.reset()
        no_warnings(debian.launch("true"))
        equal(len(mounts_at(debian, "/mnt/x")), 1, "the number of mounts after a restart")


def test_fstab_is_left_alone_where_the_distribution_says_so(debian):
    debian.lxctl(*as_root(debian, "mkdir", "-p", "/mnt/x")).good()
    with settings(debian, "[automount]\nmountFsTab=false\n", fstab="tmpfs /mnt/x tmpfs size=1m 0 0\n"):
        no_warnings(debian.launch("true"))
        equal(mounts_at(debian, "/mnt/x"), [], "the mounts at /mnt/x")


def test_a_bad_fstab_is_warned_of_once_and_the_program_runs(debian):
    with settings(debian, fstab="LABEL=no-such-label /mnt/nowhere ext4 defaults 0 0\n/no/such/file /mnt/nowhere none bind 0 0\n"):
        result = debian.launch("sh", "-c", "echo ran; exit 3").good(3)
        equal(result.text, "ran", "stdout")
        said = result.said.splitlines()
        equal(len(said), 1, f"the number of lines on stderr ({said})")
        contains(said[0], "lxctl: warning: /etc/fstab: ", "mount -a", "exit status", what="the warning")
        no_warnings(debian.lxctl("launch", "-q", "-d", "debian", "--", "true"))


# Makes a helper that is gone when it has hung once, lest the launches that clean up wait for it.
HANG_ONCE = 'printf \'#!/bin/sh\nrm "$0"\nexec %s\n\' "$1" >/sbin/mount.hanging; chmod 755 /sbin/mount.hanging'


@lengthy
def test_a_mount_that_hangs_does_not_hold_up_the_program_for_ever(debian):
    sleeper = f"sleep 20{os.getpid()}"
    with settings(debian, fstab="x /mnt/nowhere hanging defaults 0 0\n"):
        debian.lxctl(*as_root(debian, "sh", "-c", HANG_ONCE, "sh", sleeper)).good()
        result = debian.launch("sh", "-c", "echo ran").good()
        equal(result.text, "ran", "stdout")
        equal(warnings(result), ['/etc/fstab: "mount -a" goes on; it was not done within 10 seconds.'], "the warnings")
        wait_for("it has ended with the instance", lambda: not processes_saying(sleeper))


def test_an_instance_whose_mounts_hang_ends_with_its_client(debian):
    sleeper = f"sleep 30{os.getpid()}"
    with settings(debian, fstab="x /mnt/nowhere hanging defaults 0 0\n"):
        debian.lxctl(*as_root(debian, "sh", "-c", HANG_ONCE, "sh", sleeper)).good()
        command = debian.start_launch("true")
        wait_for("the mount hangs", lambda: processes_saying(sleeper))
        command.kill()
        command.ended()
        wait_for("it has ended with the instance", lambda: not processes_saying(sleeper), 9)


def test_an_fstab_without_entries_asks_for_no_mount_program(tiny):
    with settings(tiny, fstab="# UNCONFIGURED\n\n  \t# more\n"):
        no_warnings(tiny.launch("true"))
    with settings(tiny, fstab="tmpfs /mnt tmpfs defaults 0 0\n"):
        contains("\n".join(warnings(tiny.launch("true").good())), "/etc/fstab: the distribution's mount(8)", what="the warning")


@everywhere
def test_the_umask_is_that_of_programs(tiny):
    equal(tiny.launch("sh", "-c", "umask").good().text, "0022", "the umask without a setting")
    with settings(tiny, "[filesystem]\numask=077\n"):
        for options in ((), ("-u", "root"), ("-t",)):
            equal(tiny.launch("sh", "-c", "umask", options=options).good().text, "0077", f"the umask with {options}")


# ------------------------------------------------------------ users, commands


@everywhere
def test_the_distributions_default_user_is_used_where_none_is_named(tiny):
    usual = tiny.launch("id", "-u").good().text
    with settings(tiny, "[user]\ndefault=root\n"):
        command = tiny.client()
        equal(tiny.launch("id", "-u").good().text, "0", "the user where none is named")
        equal(tiny.launch("id", "-u", options=("-u", usual)).good().text, usual, "the user that is named")
        bus = tiny.bus()
        users = {str(bus.get(p[3], "org.lxss.Manager1.Process", "User")) for p in bus.manager("ListProcesses")}
        equal(users, {"root"}, "the property User")
        command.stdin.close()
        command.stdin = None
        command.ended()
    equal(tiny.launch("id", "-u").good().text, usual, "the user without the setting")


def test_an_unknown_default_user_is_warned_of_and_the_usual_one_used(tiny):
    usual = tiny.launch("id", "-u").good().text
    with settings(tiny, "[user]\ndefault = nobody-of-that-name\n"):
        result = tiny.launch("id", "-u").good()
        equal(result.text, usual, "the user")
        equal(
            warnings(result),
            ['/etc/wsl.conf:2: There is no user "nobody-of-that-name". Programs run as the usual default user.'],
            "the warnings",
        )


@everywhere
def test_the_boot_command_runs_as_root_beside_the_programs_and_ends_with_the_instance(tiny):
    sleeper = f"sleep 10{os.getpid()}"
    script = f"{{ id -u; echo $HOME $USER; umask; }} >/tmp/what; ls -l /proc/self/fd >/tmp/fds; echo done >/tmp/done; exec {sleeper}"
    with settings(tiny, f'[boot]\ncommand = "{script}"\n[filesystem]\numask=027\n'):
        command = tiny.client()
        wait_for("the command has begun", lambda: tiny.launch("cat", "/tmp/done", options=("-u", "root")).text == "done")
        what = tiny.launch("cat", "/tmp/what", options=("-u", "root")).good().text
        equal(what.splitlines(), ["0", "/root root", "0027"], "its user, environment and umask")
        fds = tiny.launch("cat", "/tmp/fds", options=("-u", "root")).good().text
        equal(fds.count("/dev/null"), 2, f"what of its descriptors is /dev/null, stdout being a file ({fds})")
        equal(len(tiny.lxctl("ps", "--json").json()), 1, "the number of programs in lxctl ps")
        wait_for("the command runs", lambda: processes_saying(sleeper))
        command.stdin.close()
        command.stdin = None
        equal(command.ended(), 0, "the exit code of the program")
        wait_for("the command has ended with the instance", lambda: not processes_saying(sleeper))


def test_a_launch_does_not_wait_for_the_boot_command_nor_does_its_end_matter(tiny):
    with settings(tiny, "[boot]\ncommand=exit 9\n"):
        no_warnings(tiny.launch("true"))
    with settings(tiny, "[boot]\ncommand=kill -STOP $$\n"):
        no_warnings(tiny.launch("true"))


def test_a_boot_command_that_cannot_be_started_is_warned_of(debian):
    with settings(debian, "[boot]\ncommand=true\n"):
        debian.lxctl(*as_root(debian, "mv", "/bin/sh", "/bin/sh.away")).good()
        try:
            said = warnings(debian.launch("/bin/true").good())
        finally:
            debian.lxctl(*as_root(debian, "mv", "/bin/sh.away", "/bin/sh")).good()
        equal(len(said), 1, f"the number of warnings ({said})")
        contains(said[0], "/etc/wsl.conf: the command of [boot]", "/bin/sh", what="the warning")


# ----------------------------------------------------------------------- files


def test_links_are_followed_and_what_is_no_file_is_not_waited_for(debian):
    try:
        debian.lxctl(*as_root(debian, "sh", "-c", "printf '[filesystem]\\numask=077\\n' >/etc/real && ln -sfn real /etc/wsl.conf")).good()
        equal(no_warnings(debian.launch("sh", "-c", "umask")).text, "0077", "the umask")
        debian.lxctl(*as_root(debian, "sh", "-c", "rm /etc/wsl.conf /etc/real; mkfifo /etc/wsl.conf")).good()
        contains("\n".join(warnings(debian.launch("true").good())), "/etc/wsl.conf is ignored", what="the warning")
    finally:
        debian.lxctl(*as_root(debian, "rm", "-f", "/etc/wsl.conf", "/etc/real")).good()


if __name__ == "__main__":
    main(globals())
