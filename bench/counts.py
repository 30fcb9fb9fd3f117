# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a launch costs in system calls and instructions: numbers that the next run
finds again, so that growth shows at once, whatever else the machine does. They are
those of lxctl, of lxssd and /init, and of every helper, up to the program's start."""

import os
import subprocess

TRUE = "/bin/true"
LAUNCH = ["lxctl", "-q", "launch", "--", TRUE]  # -q: however slow it is, it does not ask why
LINKED = ("lxssd", "newuidmap", "newgidmap")  # whose numbers are also those of the libraries at hand
RUNS = {"syscalls": 5, "instructions": 1}


def count(machine, world, what, pids=()):
    """{program: number} of one launch; pids are daemons to count as well."""
    options = {"env": world.environment(), "cwd": "/", "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    tool = os.path.join(machine.programs, "count")
    words = [tool, what, f"{machine.uid}:{machine.gid}", os.path.basename(TRUE), ",".join(map(str, pids)) or "-", *LAUNCH]
    done = subprocess.run(words, stdout=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    pairs = (line.split("\t") for line in done.stdout.decode().splitlines())
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


def bound(program, what, reference):
    """A count may waver by a wake-up, or a file that became longer."""
    if what.endswith("syscalls"):
        return reference * (1.5 if program in LINKED else 1.05) + 4
    return reference * (1.5 if program in LINKED else 1.1) + 500


def compare(found, reference):
    """Prints, in TAP, whether each number is within what is known of it; returns how many are not. A
    program that the reference does not know has grown from nothing."""
    n = n_bad = 0
    for what, programs in found.items():
        for program, number in sorted(programs.items()):
            known = reference[what].get(program, 0)
            limit = int(bound(program, what, known)) if known else 0
            n, n_bad = n + 1, n_bad + (number > limit)
            print(f"{'not ok' if number > limit else 'ok'} {n} - {what} of {program}: {number} of at most {limit}")
    print(f"1..{n}")
    return n_bad
