#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs lxssd and kills one of its processes at one of its system calls.

  kill_at.py FILE ROLE NUMBER PROGRAM [ARGUMENT...]

The process of ROLE dies by SIGKILL when it enters its NUMBER-th system call, which
is not carried out; 0: nothing is killed. ROLE is one of

  lxssd   the program itself, from its first instruction on
  child   what it forks for a worker, until the worker's program is executed
  worker  lxss-worker

To FILE goes {"calls": {role: how many were seen}, "killed": role or null}, once
everything that was traced has ended.

This is ptrace(2) from the first process on, and not strace(1), for three reasons: who
is meant can only be told by what a process has become, since a worker is forked twice
and executed from a descriptor; numbers are to be counted for each role and not for
each process; and what makes the namespaces has to be let go before it executes
newuidmap(1), which has no privileges while it is traced."""

import ctypes
import json
import os
import signal
import sys

TRACEME, DETACH, SYSCALL = 0, 17, 24
SETOPTIONS, GETEVENTMSG, GET_SYSCALL_INFO = 0x4200, 0x4201, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC = 1, 2, 3, 4
# Marks system calls' stops; follows fork, vfork, clone and exec; kills what is left if this process dies.
OPTIONS = 1 | 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE | 1 << EVENT_EXEC | 1 << 20
ENTRY = 1
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address=0, data=0):
    """Negative where the process has died meanwhile, which waitpid() tells."""
    return libc.ptrace(request, pid, address, data)


def event_message(pid):
    message = ctypes.c_ulong()
    ptrace(GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def enters_a_call(pid, buffer=ctypes.create_string_buffer(128)):
    return ptrace(GET_SYSCALL_INFO, pid, len(buffer), ctypes.addressof(buffer)) > 0 and buffer.raw[0] == ENTRY


def role_of_program(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return "worker" if file.read().startswith(b"lxss-worker\0") else None


class Tracer:
    def __init__(self, role, number):
        self.role, self.number = role, number
        self.calls = {"lxssd": 0, "child": 0, "worker": 0}
        self.killed = None
        self.roles = {}  # pid → role
        self.early = set()  # children that stopped before their parents' events came

    def resume(self, pid, number=0):
        ptrace(SYSCALL, pid, 0, number)

    def count(self, pid):
        role = self.roles[pid]
        self.calls[role] = self.calls.get(role, 0) + 1
        if role == self.role and self.calls[role] == self.number:
            self.killed = role
            os.kill(pid, signal.SIGKILL)

    def adopt(self, parent, pid, event):
        """lxssd forks for containers, and only for them."""
        spawned = "child" if event == EVENT_FORK else "other"
        self.roles[pid] = spawned if self.roles[parent] == "lxssd" else self.roles[parent]
        if pid in self.early:
            self.early.remove(pid)
            self.resume(pid)

    def executed(self, pid):
        """A worker is followed; what else lxssd starts (lxss-base, /init, lxss-diagnose) is nobody's here."""
        if self.roles[pid] in ("lxssd", "worker"):
            return True
        role = role_of_program(pid)
        if role:
            self.roles[pid] = role
            return True
        del self.roles[pid]
        ptrace(DETACH, pid)
        return False

    def stopped(self, pid, status):
        number, event = os.WSTOPSIG(status), status >> 16
        if pid not in self.roles:
            self.early.add(pid)
        elif number == signal.SIGTRAP | 0x80:
            if enters_a_call(pid):
                self.count(pid)
            self.resume(pid)
        elif event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            self.adopt(pid, event_message(pid), event)
            self.resume(pid)
        elif event == EVENT_EXEC:
            if self.executed(pid):
                self.resume(pid)
        elif event or number == signal.SIGSTOP:  # a new process's first stop
            self.resume(pid)
        else:
            self.resume(pid, number)

    def run(self, words):
        first = os.fork()
        if first == 0:
            ptrace(TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execv(words[0], words)
        os.waitpid(first, 0)
        ptrace(SETOPTIONS, first, 0, OPTIONS)
        self.roles[first] = "lxssd"
        self.resume(first)
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):
                self.stopped(pid, status)
            else:
                self.roles.pop(pid, None)


def main():
    file, role, number, *words = sys.argv[1:]
    tracer = Tracer(role, int(number))
    tracer.run(words)
    with open(file + ".part", "w") as stream:
        json.dump({"calls": tracer.calls, "killed": tracer.killed}, stream)
    os.rename(file + ".part", file)


if __name__ == "__main__":
    main()
