#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ends of LxBus that are killed at any of their system calls: the other end is told, in the words
of lxbus(7), nobody waits for ever, and lxssd has nothing of them afterwards. And lxssd itself.

Each test goes through a spread of those calls, always the same; with LXSS_TEST_SWEEP=1
(make check-faults) through every one."""

import errno
import json
import os
import socket

from lxss_lxbus import (
    BY_HAND, CONNECT, REGISTER, all_descriptors, answer, ask, count_of, entries, inner, install, libraries_of, message, request, serve,
)  # fmt: skip
from lxss_test import (
    SOURCE, Command, Failure, compiled, descendants, equal, everywhere, expect, listens, main, program, wait_for,
)  # fmt: skip

SWEEP = bool(os.environ.get("LXSS_TEST_SWEEP"))
POINTS = 12  # of each, where not all are wanted
SLACK = 2048  # kB that lxssd may grow by in a sweep; what stayed of each death would be more

# As much of everything as one user may have: buses, servers, connections that wait. open_one() is another bus.
FILL = '''
def fill(open_one):
    held, counts = [open_one()], []

    def until_refused(one):
        n = 0
        try:
            while n < 1000:
                held.append(one(n))
                n += 1
        except Exception:
            pass
        counts.append(n)

    def waiter(n):
        end = ask(held[0], request(2, b"nobody", 2))
        connect_refused(end)
        return end

    def connect_refused(end):
        """An answer that is there at once is a refusal; LIST is answered after it."""
        other = ask(held[0], request(3))
        answer(other)
        other.close()
        end.setblocking(False)
        try:
            answer(end)
        except BlockingIOError:
            return
        raise OSError

    def bus(n):
        one = open_one()
        held.append(one)
        answer(ask(one, request(3)))
        return one

    until_refused(lambda n: serve(held[0], b"fill-%d" % n))
    until_refused(waiter)
    until_refused(bus)
    for one in held:
        one.close()
    return counts
'''
exec(FILL)


class Sweep:
    """A host and an instance, whose ends are killed and followed by others."""

    def __init__(self, world):
        self.world = world
        self.program = compiled(world, "tests/lxbus-peer.c")
        files = {**libraries_of(self.program), "bin/lxbus-peer": self.program}
        there = {"usr/lib/" + os.path.basename(name) if "liblxss" in name else name: path for name, path in files.items()}
        install(world, "it", more=there)
        world.hold()
        self.daemon = world.daemon()

    def start(self, side, *words):
        if side == "host":
            return Command([self.program, *words], env=self.world.environment(), cwd=self.world.work)
        return self.world.start("launch", "-d", "it", "--", "/bin/lxbus-peer", *words)

    def quotas(self, side):
        """How much more one user of a side may have."""
        if side == "host":
            connection = self.world.awake()

            def open_one():
                fd = connection.manager("OpenBus", "a{sv}", connection.dbus.Dictionary({}, "sv")).take()
                return socket.socket(fileno=fd)

            with all_descriptors():
                counts = fill(open_one)
            connection.close()
        else:
            script = 'print("ready", flush=True)\nprint(*fill(inside), "end", flush=True)'
            command = inner(self.world, "it", FILL + script)
            counts = [int(n) for n in command.reads(" end\n").split()[1:-1]]
            command.stdin.close()
            command.stdin = None
            command.finish().good()
        wait_for("its servers are gone", lambda: not [e for e in entries(self.world) if e["name"].startswith("fill-")])
        return counts

    def killed(self, side, role, number):
        """(how many system calls it entered, whether it died of the last one)."""
        result = self.start(side, "kill", str(number), role, "name").finish().good()
        calls, died = result.text.splitlines()[-1].split()[1:]
        return int(calls), died == "1"

    def works(self, side):
        """A client of the server that there is, from the beginning to the end."""
        equal(self.start(side, "work", "name").finish().good().text, "receive 0", "what a client came to that nobody killed")

    def quits(self, side, server):
        equal(self.start(side, "quit", "name").finish().good().text, "write 0", "what the last client came to")
        return server.finish().good().text.splitlines()


def told(line):
    """What an end says whose peer may have been killed: that it is gone, if not that all went well."""
    step, result = line.rsplit(" ", 1)
    expect(int(result) in (0, -errno.EPIPE), f"at {step} an end was told {os.strerror(-int(result))!r} when its peer had died")
    return step, int(result)


def points(total):
    """Some more than there were once: who has to wait when takes a call more or less."""
    if SWEEP:
        return range(1, total + 11)
    return [1 + (2 * i + 1) * total // (2 * POINTS) for i in range(POINTS)]


def at_each_point(sweep, side, role, one_point, servers):
    """one_point(number) has somebody killed and others work, and returns whether it was killed."""
    one_point(0)
    before, total, died = count_of(sweep.daemon), sweep.total, 0
    for number in points(total):
        try:
            died += one_point(number)
            equal([e["name"] for e in entries(sweep.world)], servers, "the servers that are left")
            wait_for("lxssd has no more descriptors than before", lambda: count_of(sweep.daemon)[0] <= before[0])
        except Failure as failure:
            raise Failure(f"{role} on the side of the {side}, killed at system call {number} of {total}: {failure}")
    tried, after = len(points(total)), count_of(sweep.daemon)
    print(f"# {role} on the side of the {side}: killed at {died} of {tried} points, of {total} calls; lxssd {before} before, {after} after")
    expect(died > min(tried, total) * 6 // 10, f"only {died} of {tried} points were reached")
    expect(after[1] <= before[1] + SLACK, f"lxssd's memory grew from {before[1]} to {after[1]} kB")


def sweep_clients(sweep, side, other):
    """The server lives through all of them, and serves others in between."""
    server = sweep.start(other, "serve", "name")
    wait_for("it serves", lambda: entries(sweep.world))
    counted = []

    def one_point(number):
        calls, died = sweep.killed(side, "work", number)
        sweep.total = sweep.total if number else calls
        sweep.works(side)
        counted.append(died)
        return died

    at_each_point(sweep, side, "a client", one_point, ["name"])
    said = [told(line) for line in sweep.quits(side, server)[:-1]]
    expect(said.count(("end", 0)) >= len(counted), f"the server says only {said}")
    print(f"# its server was told at {sorted({step for step, result in said if result < 0})}")


def sweep_servers(sweep, side, other):
    """Who was connected is told; who waits is served by the next server of that name."""
    said = []

    def one_point(number):
        client = sweep.start(other, "work", "name")
        calls, died = sweep.killed(side, "once", number)
        sweep.total = sweep.total if number else calls
        following = sweep.start(side, "serve", "name")
        sweep.works(other)
        said.append(told(client.finish().good().text))
        lines = sweep.quits(other, following)
        expect(set(lines[:-1]) == {"end 0"}, f"the server after it says {lines}")
        return died

    at_each_point(sweep, side, "a server", one_point, [])
    print(f"# its client was told at {sorted({step for step, result in said if result < 0})}")
    expect(("receive", 0) in said, f"nobody who waited was served by the next server: {said}")


def swept(world, sweep_ends):
    sweep = Sweep(world)
    before = {side: sweep.quotas(side) for side in ("host", "instance")}
    # Where lxssd may have few descriptors, those of an instance are gone with its servers: what leaks lowers that.
    expect(min(counts[0] for counts in before.values()) > 10, f"the quotas are {before}")
    for side, other in (("host", "instance"), ("instance", "host")):
        sweep_ends(sweep, side, other)
    for side in before:
        equal(sweep.quotas(side), before[side], f"as much as a user of the side of the {side} may have of servers, waiting connections, buses")
    print(f"# quotas: {before}")


@everywhere
def test_a_client_killed_at_any_system_call_is_an_end_to_its_server_and_leaves_nothing(fresh):
    swept(fresh, sweep_clients)


@everywhere
def test_a_server_killed_at_any_system_call_is_an_end_to_its_client_and_leaves_its_name(fresh):
    swept(fresh, sweep_servers)


# ------------------------------------------------------------------------- lxssd


def use_everything(world):
    """All that one lxssd is asked for; how far it came, and what ended it."""
    held, steps = [], 0
    try:
        connection = world.bus()
        held.append(socket.socket(fileno=connection.manager("OpenBus", "a{sv}", connection.dbus.Dictionary({}, "sv")).take()))
        for s in held:
            s.settimeout(20)  # nobody may wait for ever
        bus = held[0]
        steps = 1
        for name in (b"one", b"two"):
            end = ask(bus, request(REGISTER, name, scope=2))
            end.settimeout(20)
            held.append(end)
            equal(answer(end)[0], 0, "the answer to REGISTER")
            steps += 1
            client = ask(bus, request(CONNECT, name))
            client.settimeout(20)
            held.append(client)
            equal(answer(client)[0], 0, "the answer to CONNECT")
            _, _, fds = answer(end)
            port = socket.socket(fileno=fds[0])
            held.append(port)
            os.close(fds[1])
            client.send(message(b"x"))
            equal(port.recv(100), message(b"x"))
            steps += 1
        connection.close()
    except TimeoutError:
        raise Failure(f"after {steps} steps somebody waits for a dead lxssd")
    except (OSError, RuntimeError) as error:
        return steps, error
    except Exception as error:
        if type(error).__name__ != "DBusException":
            raise
        return steps, error
    finally:
        for s in held:
            s.close()
    return steps, None


def traced(world, number):
    report = os.path.join(world.work, "report")
    if os.path.exists(report):
        os.unlink(report)
    words = ["/usr/bin/python3", os.path.join(SOURCE, "tests", "fault_at.py"), report, "lxssd", "SIGKILL", str(number), program("lxssd")]
    tracer = Command(words, env=world.environment())
    wait_for("lxssd listens or is dead", lambda: listens(world.socket) or tracer.poll() is not None)
    result = use_everything(world)
    tracer.finish().good()
    with open(report) as file:
        return result, json.load(file)


@everywhere
def test_lxssd_dies_at_any_system_call_of_a_connection(fresh):
    (steps, error), report = traced(fresh, 0)
    expect(error is None, f"without a fault: {error}")
    total = report["calls"]["lxssd"]
    first = 0 if SWEEP else total // 3  # before it lies the start
    tried = [first + number for number in points(total - first)]
    reached, hit = set(), 0
    for number in tried:
        (came_to, error), report = traced(fresh, number)
        hit += report["hit"] is not None
        expect(error is not None or report["hit"] is None or came_to == steps, f"killed at call {number}, but nobody noticed")
        reached.add(came_to)
        wait_for("nothing runs", lambda: not descendants())
    print(f"# lxssd killed at {hit} of {len(tried)} points, of {total} calls; clients came to {sorted(reached)} of {steps} steps")
    expect(len(reached) >= 3, f"all ended at the same step: {reached}")
    equal(entries(fresh), [], "the servers of the next lxssd")


if __name__ == "__main__":
    main(globals())
