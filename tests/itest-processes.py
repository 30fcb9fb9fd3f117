#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is around a program is what a real system has: a PID 1 that reaps,
sessions, devices, cgroups, and one core dump where one program crashed.

With a terminal it is in itest-terminal."""

import os
import resource
import signal
import subprocess

from lxss_test import (
    Skip, cgroup_directories, contains, equal, everywhere, expect, main, mode, modes, processes_saying, program, read,
    run, tiny_tar, wait_for,
)  # fmt: skip


def stat_of(text):
    """The fields of /proc/PID/stat from state (3) on, by their numbers in proc(5)."""
    return dict(enumerate(text[text.rindex(")") + 2 :].split(), 3))


# ------------------------------------------------------------------------- PID 1


@everywhere
def test_init_blocks_ignores_and_keeps_nothing(debian):
    text = debian.launch("cat", "/proc/1/status").good().text
    found = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    for name in ("SigBlk", "SigIgn", "SigPnd", "ShdPnd"):
        equal(int(found[name], 16), 0, f"{name} of PID 1")
    equal((found["PPid"], found["Name"], found["Threads"]), ("0", "init", "1"), "parent, name and threads of PID 1")
    equal(debian.launch("readlink", "/proc/1/cwd", options=["-u", "root"]).good().text, "/", "the directory of PID 1")


@everywhere
def test_an_orphan_falls_to_pid_1_which_reaps_it(debian):
    debian.hold()
    script = """
        pipe R, W; my $child = fork;
        if (!$child) {
            if (fork) { exit }
            POSIX::setsid(); select undef, undef, undef, 0.01 until getppid == 1;
            syswrite W, "$$"; close W; close STDOUT; close STDERR; sleep 1000 while 1;
        }
        close W; waitpid $child, 0; sysread R, my $orphan, 20; print $orphan;
    """
    orphan = debian.launch("perl", "-MPOSIX", "-e", script).good().text
    contains(debian.launch("ps", "-o", "ppid=,stat=", "-p", orphan).good().text, "1 S", what="ps of the orphan")
    debian.launch("kill", "-KILL", orphan).good()
    wait_for("the orphan is reaped", lambda: debian.launch("test", "-d", f"/proc/{orphan}").code == 1)


def test_children_that_outlive_their_program_are_reaped_too(debian):
    """Those of a program that ended before them, in a session of their own, all at once."""
    debian.hold()
    script = "my $n = 0; for (1 .. 200) { next if fork; POSIX::setsid(); close STDOUT; close STDERR; select undef, undef, undef, 0.2; exit 3 }"
    debian.launch("perl", "-MPOSIX", "-e", script).good()
    wait_for("they are all gone", lambda: debian.launch("ps", "-C", "perl", "-o", "stat=").text == "")


# ---------------------------------------------------------------------- sessions


@everywhere
def test_without_a_terminal_a_program_leads_a_session_without_one(debian):
    for words in (["cat", "/proc/self/stat"], ["sh", "-c", "exec cat /proc/self/stat"]):
        found = stat_of(debian.launch(*words, start_new_session=True).good().text)
        pid = found[6]
        equal((found[5], found[7], found[8]), (pid, "0", "-1"), "process group, terminal and its foreground group")
    script = 'print getpgrp == $$ ? "leads " : "", open(T, "+<", "/dev/tty") ? "opened" : 0 + $!'
    equal(debian.launch("perl", "-e", script).good().text, "leads 6", "group, and the error of opening /dev/tty (ENXIO)")


def test_a_program_may_start_a_session_of_its_own_silently(debian):
    """WSL's SetSidNoWarning."""
    result = debian.launch("setsid", "--wait", "sh", "-c", "echo inside; exit 3", start_new_session=True).good(3)
    equal((result.out, result.err), (b"inside\n", b""), "stdout and stderr")


def test_two_programs_have_two_sessions(debian):
    debian.hold()
    sessions = [stat_of(debian.launch("cat", "/proc/self/stat").good().text)[6] for _ in range(2)]
    expect(sessions[0] != sessions[1] and "0" not in sessions, f"the sessions are {sessions}")


# ----------------------------------------------------------------------- devices


@everywhere
def test_ptmx_and_tty_are_the_devices_themselves(debian):
    listing = debian.launch("stat", "-c", "%n %F %t:%T %a", "/dev/ptmx", "/dev/tty", "/dev/pts/ptmx").good().text
    equal(
        listing.splitlines(),
        [
            "/dev/ptmx character special file 5:2 666", "/dev/tty character special file 5:0 666",
            "/dev/pts/ptmx character special file 5:2 666",
        ],
        "the devices",
    )  # fmt: skip


@everywhere
def test_a_program_makes_a_terminal_of_its_own(debian):
    """By the way of openpty(3): /dev/ptmx, unlockpt, /dev/pts/N, TIOCSCTTY."""
    debian.hold()
    inner = "tty; ps -o tty=,stat= -p $$; stty size; test -t 0 -a -t 1 -a -t 2 && : </dev/tty && echo controlled"
    out = debian.launch("script", "-qec", inner, "/dev/null").good().text.split()
    equal((out[0], out[1], out[-1]), ("/dev/pts/0", "pts/0", "controlled"), f"name, what ps says and /dev/tty ({out})")
    equal(debian.launch("ls", "/dev/pts").good().text, "ptmx", "the terminals afterwards")


# -------------------------------------------------------------------- core dumps


def how_it_ended(command):
    """Waits, without reaping, for (CLD_…, signal)."""
    found = os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
    return found.si_code, found.si_status


def dump_cores():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def test_one_crash_makes_one_core_dump(debian):
    folder = os.path.join(debian.work, "cores")
    os.mkdir(folder)
    if not (read("/proc/sys/kernel/core_pattern", "r") or "|").startswith("core"):
        raise Skip("cores are not written to the directory of what crashed")
    control = subprocess.Popen(["sh", "-c", "kill -SEGV $$"], cwd=folder, preexec_fn=dump_cores)
    if how_it_ended(control)[0] != os.CLD_DUMPED:
        control.wait()
        raise Skip("this machine dumps no cores")
    control.wait()
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))

    debian.hold()
    for name in ("SEGV", "QUIT", "ABRT"):
        number = getattr(signal, f"SIG{name}")
        script = f"rm -rf /tmp/crash; mkdir /tmp/crash; cd /tmp/crash; ulimit -c unlimited; kill -{name} $$"
        command = debian.start_launch("sh", "-c", script, cwd=folder, preexec_fn=dump_cores)
        equal(how_it_ended(command), (os.CLD_KILLED, number), f"how lxctl ended after SIG{name} of the program")
        command.finish()
        expect(debian.launch("ls", "/tmp/crash").good().text.startswith("core"), f"SIG{name} gave the program no core")
    command = debian.client("sh", "-c", "cd /tmp; echo ready; exec sleep 1000", cwd=folder, preexec_fn=dump_cores)
    command.send_signal(signal.SIGQUIT)
    equal(how_it_ended(command), (os.CLD_KILLED, signal.SIGQUIT), "how lxctl ended after SIGQUIT to itself")
    command.finish()
    equal(os.listdir(folder), [], "the cores that lxctl left")


# ------------------------------------------------------------------------- names


def test_a_name_with_parentheses_and_spaces_misleads_nobody(debian):
    """WSL's InteropCornerCases: /proc/PID/stat has the name between parentheses."""
    debian.hold()
    name = "/tmp/(bash( ) R 1"
    debian.launch("cp", "/bin/sleep", name).good()
    client = debian.client("sh", "-c", 'echo ready; exec "$0" 97531', name)
    wait_for("it runs under its name", lambda: any(read(f"/proc/{p}/comm") == b"(bash( ) R 1\n" for p in processes_saying("97531")))
    contains(debian.lxctl("ps").good().out, "97531", what="lxctl ps")
    client.send_signal(signal.SIGTERM)
    equal(client.finish().code, -signal.SIGTERM, "the exit of lxctl")
    client = debian.client("sh", "-c", 'echo ready; exec "$0" 97531', name)
    client.kill()
    client.ended()
    wait_for("it is gone with its client", lambda: not processes_saying("97531"))


# ----------------------------------------------------------------------- cgroups


def own_cgroup_of_the_run():
    """The cgroup that this run was given, marked as delegated the way systemd does."""
    folder = os.environ.get("LXSS_TEST_CGROUP")
    if not folder:
        raise Skip("this run has no cgroup of its own")
    try:
        os.setxattr(folder, "user.delegate", b"1")
    except OSError as error:
        raise Skip(f"{folder} takes no extended attribute: {error.strerror}")
    return folder


@modes("root", "rootless")
def test_each_instance_has_a_cgroup_of_its_own_and_none_is_left(fresh):
    """WSL's IsolatedCgroupLayout."""
    folder = own_cgroup_of_the_run()
    wrapper = []
    if not folder.startswith("/sys/fs/cgroup/lxss"):
        if mode() != "root":
            raise Skip("cgroup2 is not mounted on /sys/fs/cgroup")
        place = os.path.dirname(folder)
        wrapper = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /sys/fs/cgroup && exec "$@"', place]
    fresh.install(made(fresh), "one").good()
    fresh.install(made(fresh), "two").good()
    fresh.quiet()
    try:
        words = [*wrapper, program("lxctl"), "list"]
        run(*words, env=fresh.environment()).good()  # starts lxssd, which sees the mount
        places = {}
        for name in ("one", "two"):
            fresh.distribution = name
            fresh.client()
            inside = fresh.launch("cat", "/proc/self/cgroup").good().text.splitlines()
            equal([line for line in inside if line.startswith("0:")], ["0::/"], f"the cgroup of {name} as it sees it")
            lines = read(f"/proc/{fresh.leader()}/cgroup", "r").splitlines()
            places[name] = [line for line in lines if line.startswith("0::")]
        expect(places["one"] != places["two"], f"both instances are in {places['one']}")
        equal(len(cgroup_directories(places["one"] + places["two"])), 2, "the cgroups beneath the run's own")
        fresh.lxctl("terminate", "one").good()
        wait_for("only the other's is left", lambda: len(cgroup_directories([])) == 1)
        fresh.launch("true").good()
        fresh.lxctl("shutdown").good()
        wait_for("none is left", lambda: not cgroup_directories([]))
    finally:
        os.removexattr(folder, "user.delegate")


def made(world):
    path = os.path.join(world.work, "tiny.tar")
    tiny_tar(path)
    return path


if __name__ == "__main__":
    main(globals())
