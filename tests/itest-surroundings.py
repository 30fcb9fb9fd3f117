#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What surrounds a launched program is what a login gives: limits, umask,
scheduling, whatever those of the client are and of the client that started lxssd."""

import ctypes
import os
import resource
import signal

from lxss_test import equal, everywhere, listens, main, read, wait_for

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_IOPRIO_SET = 251
IDLE = 3 << 13  # IOPRIO_CLASS_IDLE
ADDR_NO_RANDOMIZE = 0x0040000


def at_hard(name):
    """What `ulimit` says of a limit that is as high as it may be."""
    hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
    return "unlimited" if hard == resource.RLIM_INFINITY else str(hard)


def make_strange():
    """Before exec of the client: nothing is as a login leaves it, but can be set back without a privilege."""
    os.umask(0)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    LIBC.syscall(SYS_IOPRIO_SET, 1, 0, IDLE)
    LIBC.prctl(29, 12345678)  # PR_SET_TIMERSLACK
    LIBC.personality(ADDR_NO_RANDOMIZE)
    if os.getuid() == 0:
        os.nice(7)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("700")
    for name, soft in (("CORE", 4096), ("NOFILE", 256), ("STACK", 1 << 20), ("FSIZE", 1 << 30), ("CPU", 500)):
        number = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGCHLD})


def surroundings(world, **more):
    script = """
    umask
    for i in c n s f t; do ulimit -S$i; done
    chrt -p $$ | head -1; nice; taskset -p $$; ionice -p $$ | cut -d: -f1
    cat /proc/self/personality /proc/self/timerslack_ns /proc/self/oom_score_adj
    grep -E '^Sig(Blk|Ign)' /proc/self/status
    """
    lines = world.launch("sh", "-c", script, **more).good().text.splitlines()
    return [line.split(":")[-1].strip() for line in lines]


def all_processors():
    """As a mask: those that a process may choose."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, mine)
    return sum(1 << processor for processor in every)


def wanted():
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard // 1024)
    return [
        "0022", "0", str(min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])), str(stack),
        at_hard("FSIZE"), at_hard("CPU"), "SCHED_OTHER", "0", f"{all_processors():x}", "none",
        "00000000", "50000", read("/proc/self/oom_score_adj", "r").strip(), "0" * 16, "0" * 16,
    ]  # fmt: skip


@everywhere
def test_a_program_has_what_a_login_gives_whoever_started_lxssd(debian):
    for usual in (False, True):
        debian.lxctl("shutdown").good()
        wait_for("lxssd has ended", lambda: not listens(debian.socket))
        if usual:
            debian.hold()
        equal(surroundings(debian, preexec_fn=make_strange), wanted(), "umask, limits, scheduling, signals")


if __name__ == "__main__":
    main(globals())
