#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs lxssd and lets one system call of one of its processes go wrong.

  fault_at.py FILE ROLE FAULT NUMBER PROGRAM [ARGUMENT...]

ROLE says whose:

  lxssd   the program itself, from its first instruction on
  child   what it forks for a worker, until the worker's program is executed
  worker  lxss-worker

FAULT says how, and which calls are counted. SIGKILL: all; the process dies when it
enters its NUMBER-th one, which is not carried out. ENOSPC, EDQUOT: those that may
want room on a disk; the call fails with that error. EIO: those that use a disk. Of
lxssd's only those count that concern what is below the data directory, LXSS_TEST_DISK.
NUMBER 0: nothing goes wrong.

To FILE goes {"calls": {role: how many were counted}, "hit": role or null}, once
everything that was traced has ended.

This is ptrace(2) from the first process on, and not strace(1), for three reasons: who
is meant can only be told by what a process has become, since a worker is forked twice
and executed from a descriptor; numbers are to be counted for each role and not for
each process; and what makes the namespaces has to be let go before it executes
newuidmap(1), which has no privileges while it is traced."""

import ctypes
import errno
import json
import os
import signal
import stat
import struct
import sys

TRACEME, PEEKDATA, POKEUSER, DETACH, SYSCALL = 0, 2, 6, 17, 24
PIDFD_GETFD = 438
SETOPTIONS, GETEVENTMSG, GET_SYSCALL_INFO = 0x4200, 0x4201, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC = 1, 2, 3, 4
# Marks system calls' stops; follows fork, vfork, clone and exec; kills what is left if this process dies.
OPTIONS = 1 | 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE | 1 << EVENT_EXEC | 1 << 20
ENTRY, EXIT = 1, 2
WALL = 0x40000000

# Of x86-64, the only machine on which calls are made to fail: where the call's number and its result lie, and the numbers.
ORIG_RAX, RAX = 120, 80
OPENAT, O_CREAT = 257, 0o100
NEED_ROOM_BY_DESCRIPTOR = {
    1: "write", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 77: "ftruncate", 285: "fallocate", 306: "syncfs",
    40: "sendfile", 326: "copy_file_range",
}  # fmt: skip
NEED_ROOM = {
    83: "mkdir", 258: "mkdirat", 82: "rename", 264: "renameat", 316: "renameat2", 86: "link", 265: "linkat", 88: "symlink",
    266: "symlinkat", 133: "mknod", 259: "mknodat", OPENAT: "openat",
}  # fmt: skip
USE_BY_DESCRIPTOR = {
    **NEED_ROOM_BY_DESCRIPTOR, 0: "read", 17: "pread64", 217: "getdents64", 91: "fchmod", 93: "fchown", 5: "fstat",
}  # fmt: skip
USE = {
    **NEED_ROOM,
    84: "rmdir", 87: "unlink", 263: "unlinkat", 90: "chmod", 268: "fchmodat", 92: "chown", 94: "lchown", 260: "fchownat",
    280: "utimensat", 262: "newfstatat",
}  # fmt: skip
DISK = os.environ.get("LXSS_TEST_DISK", "/") + "/"

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


def system_call(pid, buffer=ctypes.create_string_buffer(128)):
    """(ENTRY, number, arguments), or (EXIT, …), or (0, …) where the process has gone."""
    if ptrace(GET_SYSCALL_INFO, pid, len(buffer), ctypes.addressof(buffer)) <= 0:
        return 0, 0, ()
    number, *arguments = struct.unpack_from("<7Q", buffer.raw, 24)
    return buffer.raw[0], number, arguments


def concerns_descriptor(pid, number, name, everywhere):
    """Whether a descriptor is one of a file or directory on a disk. /proc/PID/fd would be
    another user's; and into an ordinary user's lxssd, which no other process of his may
    read, not even its tracer can look."""
    process = os.pidfd_open(pid)
    fd = libc.syscall(PIDFD_GETFD, process, number & 0xFFFFFFFF, 0)
    os.close(process)
    if fd < 0:
        return "sync" in name
    st, path = os.fstat(fd), os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)
    if st.st_dev in NO_DISKS or not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)):
        return False
    return everywhere or (path + "/").startswith(DISK)


NO_DISKS = {os.stat(path).st_dev for path in ("/proc", "/sys") if os.path.exists(path)}


def string_at(pid, address):
    """None where it cannot be read."""
    data = b""
    while b"\0" not in data and len(data) < 4096:
        ctypes.set_errno(0)
        word = ptrace(PEEKDATA, pid, address + len(data))
        if ctypes.get_errno():
            return None
        data += struct.pack("<q", word)
    return os.fsdecode(data.split(b"\0")[0])


def concerns_path(pid, name, arguments, everywhere):
    if everywhere:
        return True
    path = string_at(pid, arguments["at" in name])  # mkdirat, renameat2 …
    if path is None:  # then what changes a disk will do
        return name in NEED_ROOM.values() and (name != "openat" or bool(arguments[2] & O_CREAT))
    return (path + "/").startswith(DISK) if path else concerns_descriptor(pid, arguments[0], name, everywhere)


def counts(fault, pid, role, number, arguments):
    everywhere = role != "lxssd"
    if fault == "SIGKILL":
        return True
    by_descriptor, by_path = (USE_BY_DESCRIPTOR, USE) if fault == "EIO" else (NEED_ROOM_BY_DESCRIPTOR, NEED_ROOM)
    if number in by_descriptor:
        return concerns_descriptor(pid, arguments[0], by_descriptor[number], everywhere)
    if number == OPENAT and fault != "EIO" and not arguments[2] & O_CREAT:
        return False
    return number in by_path and concerns_path(pid, by_path[number], arguments, everywhere)


def role_of_program(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return "worker" if file.read().startswith(b"lxss-worker\0") else None


class Tracer:
    def __init__(self, role, fault, number):
        self.role, self.fault, self.number = role, fault, number
        self.calls = {"lxssd": 0, "child": 0, "worker": 0}
        self.hit = self.failing = None  # role, pid
        self.roles = {}  # pid → role
        self.early = set()  # children that stopped before their parents' events came

    def resume(self, pid, number=0):
        ptrace(SYSCALL, pid, 0, number)

    def strike(self, pid):
        self.hit = self.roles[pid]
        if self.fault == "SIGKILL":
            os.kill(pid, signal.SIGKILL)
        else:
            ptrace(POKEUSER, pid, ORIG_RAX, 2**64 - 1)
            self.failing = pid

    def at_system_call(self, pid):
        role = self.roles[pid]
        what, number, arguments = system_call(pid)
        if pid == self.failing and what == EXIT:
            ptrace(POKEUSER, pid, RAX, 2**64 - getattr(errno, self.fault))
            self.failing = None
        elif what == ENTRY and role in self.calls and counts(self.fault, pid, role, number, arguments):
            self.calls[role] += 1
            if role == self.role and self.calls[role] == self.number:
                self.strike(pid)

    def adopt(self, parent, pid, event):
        """lxssd forks for containers, and only for them."""
        made = "child" if event == EVENT_FORK else "other"
        self.roles[pid] = made if self.roles[parent] == "lxssd" else self.roles[parent]
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
            self.at_system_call(pid)
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
    file, role, fault, number, *words = sys.argv[1:]
    tracer = Tracer(role, fault, int(number))
    tracer.run(words)
    with open(file + ".part", "w") as stream:
        json.dump({"calls": tracer.calls, "hit": tracer.hit}, stream)
    os.rename(file + ".part", file)


if __name__ == "__main__":
    main()
