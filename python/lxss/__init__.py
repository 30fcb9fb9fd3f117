# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of other distributions, and LxBus, for Python: liblxss through ctypes, see liblxss(3).

    import lxss

    with lxss.Client() as client:
        print(client.run(["cat", "/etc/os-release"]).stdout.decode())

    with lxss.Client() as client, open("debian.tar.xz", "rb") as archive:
        client.install(archive.fileno(), "debian", on_progress=print).wait()

    with lxss.Bus() as bus, bus.register("clock") as server:
        with server.accept() as port:
            port.send(b"noon")

Times are in seconds; None is for ever. What goes wrong is an OSError with the errno that lxbus.h
documents; a time that is over is a TimeoutError, a peer that is gone a BrokenPipeError. Descriptors
are plain numbers: those that are sent stay the caller's, those that are received become the caller's."""

from .bus import MESSAGE_OBJECTS_MAX, Bus, Entry, Kind, Message, Object, Peer, Port, Ring, RingEnd, Server, Visibility, memory
from .client import (
    Client, Completed, Distribution, Failure, Instance, Objects, Offer, Operation, Process, Program, Progress, Service, Setting,
    Snapshot, Terminal, Work,
)  # fmt: skip

__all__ = [
    "MESSAGE_OBJECTS_MAX", "Bus", "Client", "Completed", "Distribution", "Entry", "Failure", "Instance", "Kind", "Message",
    "Object", "Objects", "Offer", "Operation", "Peer", "Port", "Process", "Program", "Progress", "Ring", "RingEnd", "Server",
    "Service", "Setting", "Snapshot", "Terminal", "Visibility", "Work", "memory",
]  # fmt: skip
