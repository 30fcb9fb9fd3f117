#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installed service under a real user manager: socket and bus activation,
idle exit, and what kill -9 leaves in the unit's cgroup.

Unlike the other files this one uses what `make install` installed, and the
caller's own lxssd; it leaves the caller's distributions alone. Where there is
no user manager, or no unit, everything is skipped."""

import os
import shutil
import signal
import subprocess

from lxss_test import (
    I_MANAGER, MANAGER, Bus, Command, Skip, contains, equal, expect, main, modes, program_of, read, run,
    sentence, tiny_tar, wait_for,
)  # fmt: skip

IDLE = 90  # seconds within which the idle lxssd must have gone
NAME = f"lxss-test-{os.getpid()}"
SYSTEM = os.getuid() == 0
RUNTIME = "/run/lxss" if SYSTEM else os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "lxss")


def systemctl(*words):
    return run("systemctl", *([] if SYSTEM else ["--user"]), *words)


def show(unit, name):
    return systemctl("show", "--property", name, "--value", unit).good().text


def lxctl(*words, **more):
    return run(shutil.which("lxctl"), *words, **more)


def start(*words):
    return Command([shutil.which("lxctl"), *words], stdin=subprocess.PIPE)


def needs_units():
    if not shutil.which("systemctl") or systemctl("show", "--property=Version").code != 0:
        raise Skip("no user manager runs here")
    if not shutil.which("lxctl") or show("lxssd.socket", "LoadState") != "loaded":
        raise Skip("lxssd.socket is not installed")


def stopped():
    """From here: the socket listens and lxssd does not run."""
    needs_units()
    systemctl("stop", "lxssd.service", "lxssd.socket")
    systemctl("reset-failed", "lxssd.service", "lxssd.socket")
    wait_for("no lxssd runs", lambda: show("lxssd.service", "ActiveState") in ("inactive", "failed"))
    systemctl("start", "lxssd.socket").good()
    equal(show("lxssd.socket", "ActiveState"), "active", "the socket unit")
    equal(show("lxssd.service", "ActiveState"), "inactive", "the service unit")


def with_distribution():
    if NAME not in lxctl("list", "-q").good().text.split():
        lxctl("install", "-", "--name", NAME, input=tiny_tar()).good()


def private():
    return Bus(f"unix:path={RUNTIME}/manager")


def main_pid():
    return int(show("lxssd.service", "MainPID"))


def cgroup_processes():
    """Every process in the service's cgroup and those beneath it."""
    path = show("lxssd.service", "ControlGroup")
    found = []
    for line in read("/proc/self/mountinfo", "r").splitlines():
        fields = line.split()
        if path and fields[fields.index("-") + 1] == "cgroup2":
            for folder, _, files in os.walk(fields[4] + path):
                if "cgroup.procs" in files:
                    found += [int(pid) for pid in (read(os.path.join(folder, "cgroup.procs")) or b"").split()]
    return sorted(set(found))


def marked(mark):
    """Processes with mark in their command line, ours and lxctl aside."""
    return [
        pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if mark.encode() in (read(f"/proc/{pid}/cmdline") or b"") and pid != os.getpid() and program_of(pid) != "lxctl"
    ]  # fmt: skip


def client(mark):
    command = start("launch", "-d", NAME, "--", "sh", "-c", f"echo ready; exec sleep {mark}")
    command.reads("ready")
    return command


@modes("root", "rootless", "single")
def test_a_connection_to_the_socket_starts_the_service():
    stopped()
    lxctl("list").good()
    equal(show("lxssd.service", "ActiveState"), "active", "the service unit")
    bus = private()
    equal(int(bus.get(MANAGER, I_MANAGER, "Pid")), main_pid(), "lxssd's pid, which should be the unit's MainPID")
    contains(lxctl("status").good().text, str(main_pid()), what="lxctl status")
    bus.close()


@modes("root", "rootless", "single")
def test_a_call_on_the_bus_starts_the_service():
    stopped()
    bus = "--system" if SYSTEM else "--user"
    words = ["busctl", bus, "call", "org.lxss.Manager1", MANAGER, "org.lxss.Manager1", "ListDistributions"]
    contains(run(*words).good().text, "a(sso)", what="busctl's answer")
    equal(show("lxssd.service", "ActiveState"), "active", "the service unit")
    peer = private()
    equal(int(peer.get(MANAGER, I_MANAGER, "Pid")), main_pid(), "lxssd's pid, which should be the unit's MainPID")
    peer.close()


@modes("root", "rootless", "single")
def test_both_activations_at_once_end_with_one_service():
    for _ in range(5):
        stopped()
        bus = "--system" if SYSTEM else "--user"
        words = ["busctl", bus, "call", "org.lxss.Manager1", MANAGER, "org.lxss.Manager1", "ListDistributions"]
        commands = [Command(words) for _ in range(3)] + [start("list") for _ in range(3)]
        for command in commands:
            command.finish(None).good()
        equal(show("lxssd.service", "ActiveState"), "active", "the service unit")


@modes("root", "rootless", "single")
def test_the_service_stops_when_it_is_idle_and_the_socket_stays():
    stopped()
    lxctl("list").good()
    wait_for("the service is inactive", lambda: show("lxssd.service", "ActiveState") == "inactive", IDLE)
    equal(show("lxssd.service", "Result"), "success", "its result")
    equal(show("lxssd.socket", "ActiveState"), "active", "the socket unit")
    lxctl("list").good()


@modes("root", "rootless", "single")
def test_programs_run_under_the_service_and_in_its_cgroup():
    stopped()
    with_distribution()
    command = client("35353535")
    (pid,) = marked("sleep\x0035353535") or marked("35353535")[-1:]
    expect(pid in cgroup_processes(), "the program is not in the service's cgroup")
    code = lxctl("launch", "-d", NAME, "--", "sh", "-c", "exit 7").code
    equal(code, 7, "an exit code")
    command.kill()
    command.ended()
    wait_for("only lxssd is left in the cgroup", lambda: cgroup_processes() == [main_pid()])


@modes("root", "rootless", "single")
def test_kill_9_of_lxssd_leaves_no_process_and_no_cgroup():
    stopped()
    with_distribution()
    for _ in range(3):
        command = client("46464646")
        pid = main_pid()
        path = show("lxssd.service", "ControlGroup")
        os.kill(pid, signal.SIGKILL)
        sentence(command.finish(None), code=125)
        wait_for("the program is gone", lambda: not marked("46464646"))
        wait_for("the cgroup is gone or a new service's", lambda: not cgroup_processes() or main_pid() not in (0, pid))
        expect(path, "the service has no cgroup")
        equal(lxctl("launch", "-d", NAME, "--", "echo", "again").good().text, "again", "the next launch")


@modes("root", "rootless", "single")
def test_stopping_the_service_ends_every_instance():
    stopped()
    with_distribution()
    command = client("57575757")
    systemctl("stop", "lxssd.service").good()
    expect(command.finish(None).code != 0, "lxctl returned 0")
    expect(not marked("57575757"), "the program is left")
    equal(show("lxssd.service", "Result"), "success", "the service's result")


def controllers():
    """The kernel's controllers that the unit was given."""
    path = show("lxssd.service", "ControlGroup")
    for line in read("/proc/self/mountinfo", "r").splitlines():
        fields = line.split()
        if path and fields[fields.index("-") + 1] == "cgroup2":
            return (read(f"{fields[4]}{path}/cgroup.controllers", "r") or "").split()
    return []


# With the setting, what it does: a script in the instance, and how that ends.
LIMITS = {
    "pids": ("30", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do sleep 100 & done", 2),
    "memory": ("32M", "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do x=$x$x; done", -signal.SIGKILL),
    "processors": ("0.25", 'read quota period </sys/fs/cgroup/cpu.max; [ "$quota $period" = "25000 100000" ] || exit 1; exit 7', 7),
}
CONTROLLERS = {"pids": "pids", "memory": "memory", "processors": "cpu"}


@modes("root", "rootless", "single")
def test_limits_hold_in_the_instance_and_not_beyond():
    stopped()
    with_distribution()
    lxctl("list").good()
    there = controllers()
    for key, (value, script, code) in LIMITS.items():
        lxctl("config", NAME, key, value).good()
        held = CONTROLLERS[key] in there
        result = lxctl("launch", "-d", NAME, "--", "sh", "-c", script if held else "true")
        equal(result.code, code if held else 0, f"how the program ends with {key}={value} ({result.said})")
        if held:
            expect("enforced" not in result.said, f"it says {result.said}")
        else:
            contains(result.said, "not enforced", key)
        lxctl("config", NAME, "--unset", key).good()
        equal(lxctl("launch", "-d", NAME, "--", "sh", "-c", "exit 3").code, 3, "without the limit")
    expect(main_pid() in cgroup_processes(), "lxssd left its unit")
    lxctl("shutdown").good()
    wait_for("the service is inactive", lambda: show("lxssd.service", "ActiveState") == "inactive")
    equal(show("lxssd.service", "Result"), "success", "its result")
    equal(lxctl("launch", "-d", NAME, "--", "echo", "again").good().text, "again", "after a new start")
    if not there:
        raise Skip("the unit was given no controllers: only the warnings were seen")


@modes("root", "rootless", "single")
def test_the_log_is_where_status_says():
    stopped()
    lxctl("list").good()
    bus = private()
    target = str(bus.get(MANAGER, I_MANAGER, "LogTarget"))
    bus.close()
    contains(lxctl("status").good().text, target, what="lxctl status")
    if target != "journal":
        expect(os.path.exists(target), f"{target} is not there")


@modes("root", "rootless", "single")
def test_what_these_tests_installed_can_be_removed_again():
    stopped()
    with_distribution()
    lxctl("uninstall", NAME, "--terminate").good()
    expect(NAME not in lxctl("list", "-q").good().text.split(), "it is still listed")


if __name__ == "__main__":
    main(globals())
