#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lifetime guarantee: one instance for all clients, gone with the last,
and nothing left whoever is killed. That nothing is left at the end of a test
is the harness's to check, after every test of every file."""

import os
import random
import signal
import subprocess
import time

from lxss_test import (
    I_INSTANCE, I_MANAGER, MANAGER, command_line, contains, descendants, equal, everywhere,
    expect, main, modes, process_table, processes_saying, program_of, read, sentence, wait_for,
)  # fmt: skip


def unique():
    """An argument for sleep that nobody else gives it."""
    return str(random.randrange(10**8, 10**9))


def runs(mark):
    return [pid for pid in processes_saying(mark) if program_of(pid) not in ("lxctl",)]


def gone(mark, seconds=30):
    wait_for(f"no process says {mark}", lambda: not runs(mark), seconds)


def daemonise(world, *options):
    """Launches a program that leaves a daemon behind; returns its mark."""
    mark = unique()
    # The substitution ends when the daemon has let go of the pipe, in a session of its own by then.
    script = f"x=$(setsid sh -c 'exec sleep {mark} >/dev/null' </dev/null 2>/dev/null &); echo left"
    equal(world.launch("sh", "-c", script, options=options).good().text, "left", "the output")
    return mark


# --------------------------------------------------------- one shared instance


@everywhere
def test_two_clients_see_each_others_processes(debian):
    mark = unique()
    first = debian.client("sh", "-c", f"echo ready; exec sleep {mark}")
    listing = debian.launch("ps", "-eo", "args").good().text
    contains(listing, f"sleep {mark}", what="ps of the second client")
    contains(listing, "/init", what="ps of the second client")
    expect(first.poll() is None, "the first client ended")


def test_two_clients_share_tmp_and_every_namespace(debian):
    debian.client()
    debian.launch("sh", "-c", "echo shared >/tmp/between-clients").good()
    equal(debian.launch("cat", "/tmp/between-clients").good().text, "shared", "the file in /tmp")
    script = "readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/uts"
    equal(debian.launch("sh", "-c", script).good().text, debian.launch("sh", "-c", script).good().text, "the namespaces")


def test_a_new_instance_is_fresh(debian):
    # Not by the namespace's number, which the kernel may give to the next one again.
    debian.launch("sh", "-c", "touch /run/first /tmp/first /dev/shm/first", options=["-u", "root"]).good()
    debian.quiet(with_daemon=False)
    left = debian.launch("sh", "-c", "ls /run/first /tmp/first /dev/shm/first 2>/dev/null").text
    equal(left, "", "what the second instance has of the first")


@everywhere
def test_a_daemonised_sleep_dies_with_the_last_client(debian):
    mark = daemonise(debian)
    gone(mark, 5)
    debian.quiet(with_daemon=False)


def test_a_daemonised_sleep_lives_as_long_as_another_client(debian):
    other = debian.client()
    mark = daemonise(debian)
    debian.launch("true").good()
    expect(runs(mark), "the daemonised process is gone although a client is there")
    other.stdin.close()
    other.stdin = None
    equal(other.ended(), 0)
    gone(mark, 5)


def test_linger_keeps_the_instance_for_its_seconds(debian):
    mark = daemonise(debian, "--linger=2")
    ended = time.monotonic()
    expect(runs(mark), "the daemonised process is gone at once")
    gone(mark)
    lasted = time.monotonic() - ended
    expect(1.5 < lasted < 10, f"it lasted {lasted:.1f} s, not 2")


def test_a_launch_within_the_linger_time_finds_the_instance(debian):
    mark = daemonise(debian, "--linger=60")
    contains(debian.launch("ps", "-eo", "args").good().text, mark, what="ps of a later client")
    debian.lxctl("terminate", "debian").good()
    gone(mark, 5)


def test_linger_without_seconds_lasts_until_terminate(debian):
    mark = daemonise(debian, "--linger")
    debian.lxctl("list").good()
    expect(runs(mark), "the instance ended")
    debian.lxctl("terminate", "debian").good()
    gone(mark, 5)


def test_linger_of_the_settings_counts(debian):
    debian.configure("[instance]\nlinger=60\n")
    try:
        mark = daemonise(debian)
        debian.lxctl("list").good()
        expect(runs(mark), "the instance ended")
        debian.lxctl("shutdown").good()
        gone(mark, 5)
    finally:
        debian.configure()


@everywhere
def test_hold_keeps_the_instance(debian):
    hold = debian.hold()
    mark = daemonise(debian)
    debian.lxctl("list").good()
    expect(runs(mark), "the instance ended although it is held")
    hold.terminate()
    hold.ended()
    gone(mark, 5)


def test_a_killed_hold_ends_the_instance(debian):
    hold = debian.hold()
    mark = daemonise(debian)
    hold.kill()
    hold.ended()
    gone(mark, 5)


# ------------------------------------------------------ terminate and shutdown


@everywhere
def test_terminate_ends_the_instance_and_its_clients_learn_it(debian):
    client = debian.client()
    mark = daemonise(debian)
    debian.lxctl("terminate", "debian").good()
    expect(not runs(mark), "terminate answered before the processes were gone")
    result = client.finish()
    expect(result.code != 0, "the client's lxctl returned 0")
    debian.launch("true").good()


def test_terminate_of_what_does_not_run_says_so(debian):
    result = debian.lxctl("terminate", "debian")
    expect(result.code in (0, 125), f"it ended with {result.code}")
    sentence(debian.lxctl("terminate", "nosuch"), "nosuch", code=125)


@everywhere
def test_shutdown_ends_everything(debian):
    clients = [debian.client() for _ in range(3)]
    mark = daemonise(debian)
    debian.lxctl("shutdown").good()
    expect(not runs(mark), "shutdown answered before the processes were gone")
    for client in clients:
        expect(client.finish().code != 0, "a client's lxctl returned 0")
    wait_for("lxssd and its socket are gone", lambda: not debian.leftovers() and not os.path.exists(debian.socket))


def test_an_instance_that_ignores_every_signal_is_terminated(debian):
    mark = unique()
    script = '$SIG{$_} = "IGNORE" for keys %SIG; fork for 1 .. 4; $| = 1; print "ready"; sleep 1 while 1'
    debian.client("perl", "-e", script, mark)
    expect(len(runs(mark)) >= 2, "the programs do not run")
    debian.lxctl("terminate", "debian").good()
    expect(not runs(mark), "terminate answered before the processes were gone")


# --------------------------------------------------------------- what is killed


@everywhere
def test_kill_9_of_a_client_hangs_up_its_program_only(debian):
    marks = [unique(), unique()]
    first, second = (debian.client("sh", "-c", f"echo ready; exec sleep {mark}") for mark in marks)
    first.kill()
    first.ended()
    gone(marks[0])
    expect(runs(marks[1]), "the other client's program is gone too")
    expect(second.poll() is None, "the other client ended")


def test_a_program_that_is_hung_up_gets_sighup_first(debian):
    debian.hold()
    path = os.path.join(debian.work, "told")
    open(path, "w").close()
    os.chmod(path, 0o666)
    script = '$| = 1; $SIG{HUP} = sub { open F, ">>", $ARGV[0]; print F "hup"; close F; exit }; print "ready"; sleep 1 while 1'
    client = debian.client("perl", "-e", script, f"/mnt/host{path}")
    client.kill()
    client.ended()
    wait_for("the program wrote that it was hung up", lambda: read(path) == b"hup")


def test_a_program_that_ignores_the_hangup_is_killed_after_a_grace(debian):
    debian.hold()
    mark = unique()
    client = debian.client("perl", "-e", '$SIG{HUP} = "IGNORE"; $| = 1; print "ready"; sleep 1 while 1', mark)
    client.kill()
    client.ended()
    gone(mark)


def test_a_stopped_program_goes_with_its_client_too(debian):
    debian.hold()
    mark = unique()
    client = debian.client("sh", "-c", f"echo ready; exec sleep {mark}")
    (pid,) = wait_for("sleep runs", lambda: [p for p in runs(mark) if program_of(p) == "sleep"])  # exec is over
    os.kill(pid, signal.SIGSTOP) if os.getuid() == 0 else debian.launch("pkill", "-STOP", "-f", mark)
    client.kill()
    client.ended()
    gone(mark)


def test_a_pipeline_of_the_program_goes_with_its_client(debian):
    debian.hold()
    mark = unique()
    client = debian.client("bash", "-c", f"echo ready; sleep {mark} | (sleep {mark}; true)")
    wait_for("both run", lambda: len([p for p in runs(mark) if program_of(p) in ("sleep", None)]) >= 2)
    client.kill()
    client.ended()
    gone(mark)


@everywhere
def test_kill_9_of_the_last_client_ends_the_instance(debian):
    client = debian.client()
    mark = daemonise(debian)
    client.kill()
    client.ended()
    gone(mark)
    debian.quiet(with_daemon=False)


@everywhere
def test_kill_9_of_lxssd_leaves_nothing_and_the_next_launch_works(debian):
    for _ in range(3):
        client = debian.client()
        mark = daemonise(debian)
        pid = debian.daemon()
        os.kill(pid, signal.SIGKILL)
        sentence(client.finish(), code=125)
        wait_for("everything is gone", lambda: not [p for p in descendants()])
        expect(not runs(mark), "a daemonised process is left")
        equal(debian.launch("echo", "again").good().text, "again", "the next launch")


def test_kill_9_of_lxssd_with_thousands_of_processes_leaves_nothing(debian):
    count = 400
    script = f'for (1 .. {count}) {{ next if fork; $SIG{{$_}} = "IGNORE" for keys %SIG; sleep 1000; exit }} $| = 1; print "ready"; sleep 1000'
    client = debian.client("perl", "-e", script)
    wait_for("they all run", lambda: len(descendants()) > count)
    os.kill(debian.daemon(), signal.SIGKILL)
    sentence(client.finish(), code=125)
    wait_for("everything is gone", lambda: not descendants())
    debian.launch("true").good()  # which takes the dead one's socket over


@everywhere
def test_kill_9_of_init_is_told_to_every_client_and_leaves_nothing(debian):
    clients = [debian.client() for _ in range(2)]
    mark = daemonise(debian)
    leader = debian.leader()
    equal(command_line(leader), "/init", "the leader's command line")
    os.kill(leader, signal.SIGKILL)
    for client in clients:
        sentence(client.finish(), code=125)
    gone(mark, 5)
    debian.quiet(with_daemon=False)
    equal(debian.launch("echo", "again").good().text, "again", "the next launch")


def test_root_inside_cannot_kill_init(debian):
    debian.client()
    debian.launch("sh", "-c", "kill -9 1; kill -HUP 1; kill -QUIT 1; kill -SEGV 1; true", options=["-u", "root"]).good()
    debian.launch("true").good()
    expect(debian.leader(), "the instance ended")


def reboot_call(command):
    """reboot(2), as `reboot -f` calls it."""
    return ["perl", "-e", f"syscall(169, 0xfee1dead, 672274793, {command}, 0)"]


def initctl(run_level):
    """What sysvinit's and systemd's commands write where no init of theirs runs."""
    request = f'pack("l4x368", 0x03091969, 1, ord("{run_level}"), 0)'
    return ["perl", "-e", f'open(F, ">", "/run/initctl") or die; syswrite(F, {request}); sleep 100']


def signal_init(name):
    return ["perl", "-e", f"kill({name}, 1); sleep 100"]


@everywhere
def test_poweroff_and_reboot_inside_end_the_instance_and_its_clients_learn_it(debian):
    off, again = "powered off from inside", "rebooted from inside"
    cases = [
        (reboot_call(0x4321FEDC), off), (reboot_call(0xCDEF0123), off), (reboot_call(0x1234567), again),
        (initctl("0"), off), (initctl("6"), again),
        *((signal_init(name), off) for name in ("USR1", "USR2", "PWR", 34 + 3, 34 + 4, 34 + 13, 34 + 14)),
        *((signal_init(name), again) for name in ("TERM", "INT", 34 + 5, 34 + 6, 34 + 15, 34 + 16)),
    ]  # fmt: skip
    for argv, what in cases:
        client = debian.client(options=["--linger"])
        sentence(debian.launch(*argv, options=["-u", "root"]), what, code=125)
        sentence(client.finish(), what, code=125)
        expect(not debian.leader(), f"the instance runs on after {argv}")
    debian.launch("true").good()


@modes("rootless")  # elsewhere the default user is root
def test_an_ordinary_user_inside_cannot_shut_the_instance_down(debian):
    debian.client()
    for argv in (reboot_call(0x4321FEDC), ["perl", "-e", "exit(kill(USR2, 1) ? 0 : 1)"], ["sh", "-c", "echo >/run/initctl"]):
        debian.launch(*argv)
    debian.launch("true").good()
    expect(debian.leader(), "the instance ended")


def test_what_else_comes_over_initctl_is_ignored(debian):
    debian.client()
    noise = 'pack("l4x368", 0x03091969, 1, ord("3"), 0), pack("l4x368", 0x03091968, 1, ord("0"), 0), "short", "x" x 70000'
    script = f'open(F, ">", "/run/initctl") or die; syswrite(F, $_) for {noise}'
    debian.launch("perl", "-e", script, options=["-u", "root"]).good()
    debian.launch("true").good()
    expect(debian.leader(), "the instance ended")


def test_clients_killed_at_any_moment_leave_nothing(debian):
    for _ in range(60):
        mark = unique()
        client = debian.start_launch("sh", "-c", f"setsid sleep {mark} & exec sleep {mark}", start_new_session=True)
        wait_a_moment(random.uniform(0, 0.08))
        client.kill()
        client.ended()
    debian.quiet(with_daemon=False)
    debian.launch("true").good()


def wait_a_moment(seconds):
    """Not for anything to happen: it spreads kills over the phases of a launch."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_lxssd_killed_at_any_moment_leaves_nothing(debian):
    for _ in range(30):
        client = debian.start_launch("sh", "-c", "setsid sleep 10000 & exec sleep 10000")
        wait_a_moment(random.uniform(0, 0.15))
        for pid in descendants():
            if program_of(pid) == "lxssd" and process_table().get(pid, (0,))[0] == os.getpid():
                os.kill(pid, signal.SIGKILL)
                break
        else:
            client.kill()
        client.kill()
        client.ended()
        debian.lxctl("list").good()
    debian.launch("true").good()
    debian.quiet()


# ----------------------------------------------------------------------- races


@everywhere
def test_a_launch_that_races_the_end_of_an_instance_gets_a_live_one(debian):
    bad = []
    before = None
    for i in range(100):
        command = debian.start_launch("sh", "-c", f"exit {i}")
        if before:
            wait_a_moment(random.uniform(0, 0.02))
        if before and before[1].ended() != before[0]:
            bad.append(f"launch {before[0]} returned {before[1].returncode}: {before[1].stderr.read()}")
        before = (i, command)
    before[1].ended()
    expect(not bad, f"{len(bad)} of 100 went wrong: {'; '.join(bad[:3])}")


def test_launches_one_after_the_other_each_get_an_instance(debian):
    for i in range(100):
        debian.launch("sh", "-c", f"exit {i}").good(i)


def test_a_launch_that_races_terminate_gets_a_live_one_or_learns_it(debian):
    for _ in range(25):
        client = debian.start_launch("sh", "-c", "exit 7")
        wait_a_moment(random.uniform(0, 0.05))
        debian.lxctl("terminate", "debian")
        result = client.finish()
        expect(result.code in (7, 125, -9, -1, -15), f"it returned {result.code}: {result.said}")
        if result.code == 125:
            sentence(result)


@everywhere
def test_twenty_parallel_first_launches_share_one_lxssd(debian):
    expect(not [p for p in descendants() if program_of(p) == "lxssd"], "an lxssd runs before the test")
    commands = [debian.start_launch("sh", "-c", "echo ready; exec cat", stdin=subprocess.PIPE) for _ in range(20)]
    for command in commands:
        command.reads("ready")
    leaders = [p for p in descendants() if command_line(p) == "/init"]
    table = process_table()
    daemons = [p for p in descendants() if program_of(p) == "lxssd" and table[p][0] not in (os.getpid(),) + tuple(leaders)]
    tops = [p for p in descendants() if program_of(p) == "lxssd" and table[p][0] == os.getpid()]
    equal(len(tops), 1, f"the number of daemons (others: {daemons})")
    bus = debian.bus()
    equal(len(bus.manager("ListInstances")), 1, "the number of instances")
    for command in commands:
        equal(command.finish(b"").code, 0)


def test_lxssd_exits_when_it_is_idle_and_its_socket_is_gone(debian):
    debian.launch("true").good()
    wait_for("lxssd and its socket are gone", lambda: not debian.leftovers() and not os.path.exists(debian.socket))


def test_lxssd_stays_while_a_client_of_the_bus_is_connected(debian):
    bus = debian.awake()
    pid = int(bus.get(MANAGER, I_MANAGER, "Pid"))
    end = time.monotonic() + 3
    wait_for("three times the idle time passed", lambda: time.monotonic() > end)
    equal(int(bus.get(MANAGER, I_MANAGER, "Pid")), pid, "lxssd's pid")


def test_an_lxctl_that_races_the_exit_of_lxssd_finds_one(debian):
    debian.configure("exit-idle=0\n")
    try:
        for _ in range(50):
            debian.lxctl("list").good()
            wait_a_moment(random.uniform(0, 0.01))
    finally:
        debian.configure()


# ------------------------------------------------------------- others unharmed


def test_a_thousand_orphans_are_reaped(debian):
    debian.hold()
    script = "for (1 .. 1000) { my $p = fork; if (!$p) { exit if fork; exit } waitpid $p, 0 } print scalar `ps -eo stat=`"
    debian.launch("perl", "-e", script).good()

    def zombies():
        return [line for line in debian.launch("ps", "-eo", "stat=,pid=").good().text.split("\n") if line.startswith("Z")]

    wait_for("no zombie is left inside", lambda: not zombies())


@everywhere
def test_a_stopped_client_with_a_full_pipe_does_not_stop_others(debian):
    stuck = debian.start_launch("yes")
    stuck.reads("y")
    stuck.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    equal(debian.launch("echo", "alive").good().text, "alive", "another client's launch")
    debian.lxctl("list").good()
    debian.lxctl("status").good()
    expect(time.monotonic() - started < 10, "the others were slow")
    stuck.send_signal(signal.SIGCONT)


def test_a_client_that_never_reads_its_messages_does_not_stop_others(debian):
    debian.hold()
    bus = debian.bus()
    bus.manager("Subscribe")
    for _ in range(30):
        debian.launch("true").good()
    equal(int(bus.get(MANAGER, I_MANAGER, "Instances")), 1, "the number of instances")


def test_a_thousand_idle_connections_are_no_harm(debian):
    import socket

    debian.awake()
    connections = []
    for _ in range(200):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(debian.socket)
        connections.append(connection)
    debian.launch("true").good()
    for connection in connections:
        connection.sendall(b"rubbish\r\n\0" * 100)
    debian.launch("true").good()
    for connection in connections:
        connection.close()


def test_the_instances_clients_and_processes_are_counted(debian):
    bus = debian.awake()
    bus.dbus  # connected, but no client of an instance
    equal(int(bus.get(MANAGER, I_MANAGER, "Instances")), 0, "instances")
    clients = [debian.client() for _ in range(3)]
    ((_, state, _, path),) = bus.manager("ListInstances")
    equal(str(state), "running", "the state")
    equal(int(bus.get(path, I_INSTANCE, "Clients")), 3, "clients")
    equal(int(bus.get(path, I_INSTANCE, "Processes")), 3, "processes")
    equal(int(bus.get(MANAGER, I_MANAGER, "Processes")), 3, "processes of the manager")
    for client in clients:
        client.finish(b"")
    wait_for("the instance is gone", lambda: int(bus.get(MANAGER, I_MANAGER, "Instances")) == 0)


if __name__ == "__main__":
    main(globals())
