# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of LxBus have in common: its protocol by hand, and Python for instances."""

import contextlib
import os
import re
import resource
import socket
import subprocess
import tarfile

from lxss_test import Skip, read, tiny_files, tiny_tar

REGISTER, CONNECT, LIST = 1, 2, 3
WAIT = 2

# What a program of anybody's does who knows the protocol and nothing else; for instances, too.
BY_HAND = '''
import array, os, socket, struct, sys, time

def request(kind, name=b"", flags=0, scope=0, where=b""):
    return struct.pack("=4I129s65s2x", kind, flags, scope, 0, name, where)

def ask(bus, packet):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        bus.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
    return ours

def answer(end):
    data, fds, _, _ = socket.recv_fds(end, 88, 4)
    if not data:
        raise ConnectionResetError
    fields = struct.unpack("=IiIIi65s3x", data)
    return fields[1], fields, fds

def connect(bus, name, flags=0, where=b""):
    end = ask(bus, request(2, name, flags, where=where))
    error, _, fds = answer(end)
    for fd in fds:
        os.close(fd)
    if error:
        end.close()
        raise OSError(error, os.strerror(error))
    return end

def serve(bus, name, scope=2):
    end = ask(bus, request(1, name, scope=scope))
    error, _, _ = answer(end)
    if error:
        end.close()
        raise OSError(error, os.strerror(error))
    return end

def accept(server):
    _, fields, fds = answer(server)
    for fd in fds[1:]:
        os.close(fd)
    return socket.socket(fileno=fds[0]), fields

def message(data):
    return struct.pack("=IHH", len(data), 0, 0) + data

def inside():
    bus = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bus.connect("/run/lxss/bus")
    return bus
'''
exec(BY_HAND)


@contextlib.contextmanager
def all_descriptors():
    """As many for this process as it may have: how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_bus(world):
    """The host's way in, as python3-dbus has it."""
    connection = world.awake()
    fd = connection.manager("OpenBus", "a{sv}", connection.dbus.Dictionary({}, "sv")).take()
    connection.close()
    return socket.socket(fileno=fd)


def entries(world):
    return world.lxctl("--json", "bus", "list").json()


def count_of(pid):
    """Descriptors and memory of a process; of lxssd, which is not dumpable, the kernel tells no more."""
    size = os.stat(f"/proc/{pid}/fd").st_size  # Linux 6.2
    if size == 0:
        raise Skip("this kernel does not tell how many descriptors a process has")
    memory = int(re.search(r"VmRSS:\s*(\d+)", read(f"/proc/{pid}/status", "r")).group(1))
    return size, memory


# ------------------------------------------------------- instances with Python


def libraries_of(binary):
    """{path in an archive: host's file}"""
    listing = subprocess.run(["ldd", binary], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {found.lstrip("/"): os.path.realpath(found) for found in re.findall(r"(/\S+) \(0x", listing)}


def python_tar(path, more):
    """The small distribution, with as much of the host's Python as BY_HAND wants, and more: {path: host's file}."""
    binary = os.path.realpath("/usr/bin/python3")
    library = f"/usr/lib/{os.path.basename(binary)}"
    there = set(tiny_files())

    def change(add, _):
        files = {binary.lstrip("/"): binary, **libraries_of(binary), **more}
        for folder in ("", "encodings", "collections", "re", "importlib"):
            for name in os.listdir(os.path.join(library, folder)):
                if name.endswith(".py"):
                    place = os.path.join(library, folder, name)
                    files[place.lstrip("/")] = place
        made = set()
        for name, source in sorted(files.items()):
            parts = name.split("/")[:-1]
            for i in range(1, len(parts) + 1):
                if "/".join(parts[:i]) not in made:
                    made.add("/".join(parts[:i]))
                    add("/".join(parts[:i]), type=tarfile.DIRTYPE)
            if name not in there:
                add(name, read(source))

    tiny_tar(path, change=change)
    return binary


def install(world, *names, more=None):
    tar = os.path.join(world.work, "python.tar")
    binary = python_tar(tar, more or {})
    for name in names:
        world.install(tar, name).good()
    world.distribution = names[0]
    return binary


def inner(world, name, script, *options):
    """A Python program in an instance, that says "ready" first."""
    words = ["launch", "-d", name, *options, "--", os.path.realpath("/usr/bin/python3"), "-I", "-S", "-c", BY_HAND + script]
    command = world.start(*words, stdin=subprocess.PIPE)
    command.reads("ready\n")
    return command


def tell(command, word):
    command.stdin.write(word.encode() + b"\n")
    command.stdin.flush()
