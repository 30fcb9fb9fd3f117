# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a launch costs in system calls and instructions: numbers that the next run
finds again, so that growth shows at once, whatever else the machine does. They are
those of lxctl, of lxssd and /init, and of every helper, up to the program's start.

And what LxBus costs in system calls, which is exact: each thing is done once for it."""

import os
import subprocess

import messages

TRUE = "/bin/true"
LAUNCH = ["lxctl", "-q", "launch", "--", TRUE]  # -q: however slow it is, it does not ask why
LINKED = ("lxssd", "newuidmap", "newgidmap")  # whose numbers are also those of the libraries at hand
RUNS = {"syscalls": 5, "instructions": 1}
# Of a connection with its first message there and back and its end, and of a message there and back: the client is on
# the host, the server in an instance. Two of lxssd's are its event loop's own.
LXBUS = {
    "connect": {messages.CLIENT: 8, "lxssd": 11, messages.SERVER: 4},
    "roundtrip": {messages.CLIENT: 2, "lxssd": 0, messages.SERVER: 2},
}
TIMES = 1000


def count(machine, world, what, pids=(), command=LAUNCH):
    """{program: number} of one command, up to the program where it is a launch; pids are daemons to count as well."""
    options = {"env": world.environment(), "cwd": "/", "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    tool = os.path.join(machine.programs, "count")
    words = [tool, what, f"{machine.uid}:{machine.gid}", os.path.basename(TRUE), ",".join(map(str, pids)) or "-", *command]
    done = subprocess.run(words, stdout=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    pairs = (line.split("\t") for line in done.stdout.decode().splitlines() if "\t" in line)  # others are the command's
    # What the counting program does itself until it executes lxctl is not ours.
    return {name: int(number) for name, number in pairs if name != "count"}


def least(runs):
    """Of several runs: a wake-up more or less depends on who was first."""
    return min(runs, key=lambda run: sum(run.values()))


def measure(machine, quick):
    """{"warm syscalls": {program: number}, ...}; quick: without the longest of them."""
    found = {}
    cold = machine.world("counts-cold", exit_idle=0)
    cold.install(machine.archive)
    warm = machine.world("counts-warm")
    warm.install(machine.archive)
    holder = warm.hold()
    daemons = [warm.status()["pid"], warm.leader()]
    for what, runs in RUNS.items():
        found[f"warm {what}"] = least([count(machine, warm, what, daemons) for _ in range(runs + 1)][1:])
        if what == "syscalls" or not quick:
            found[f"cold {what}"] = least([count(machine, cold, what) for _ in range(runs)])
    holder.kill()
    warm.close()
    cold.close()
    return found


def lxbus(machine):
    """{"connect": {program: number}, ...}: system calls of one of them."""
    world = machine.world("counts-lxbus")
    world.install(machine.archive)
    with messages.server(machine, world) as pid:
        daemons = [world.status()["pid"], pid]
        return {kind: per_call(machine, world, kind, daemons) for kind in LXBUS}


def per_call(machine, world, kind, daemons):
    """Of what is done once for the whole run, such as opening the bus, next to nothing is left in the difference of two."""
    short, long = (
        count(machine, world, "syscalls", daemons, [messages.CLIENT, kind, messages.NAME, str(n)]) for n in (TIMES, 2 * TIMES)
    )
    found = {program: round((long.get(program, 0) - short.get(program, 0)) / TIMES) for program in LXBUS[kind]}
    assert all(found[program] for program, known in LXBUS[kind].items() if known), f"of {found} something was not traced"
    return found


def bound(program, what, reference):
    """A count may waver by a wake-up, or a file that became longer."""
    if what.endswith("syscalls"):
        return reference * (1.5 if program in LINKED else 1.05) + 4
    return reference * (1.5 if program in LINKED else 1.1) + 500


def limits(found, reference):
    """(what, program, number, limit) of launches. A program that the reference does not know has grown from nothing."""
    for what, programs in found.items():
        for program, number in sorted(programs.items()):
            known = reference[what].get(program, 0)
            yield what, program, number, int(bound(program, what, known)) if known else 0


def lxbus_limits(found):
    for kind, programs in found.items():
        for program, number in programs.items():
            yield f"syscalls of a LxBus {kind}", program, number, LXBUS[kind][program]


def compare(rows):
    """Prints, in TAP, whether each number is within what is known of it; returns how many are not."""
    n = n_bad = 0
    for what, program, number, limit in rows:
        n, n_bad = n + 1, n_bad + (number > limit)
        print(f"{'not ok' if number > limit else 'ok'} {n} - {what} of {program}: {number} of at most {limit}")
    print(f"1..{n}")
    return n_bad
