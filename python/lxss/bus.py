# SPDX-License-Identifier: LGPL-2.1-or-later
"""LxBus, see lxbus(7)."""

from __future__ import annotations

import ctypes
import enum
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from ._native import Owner, check, declare, handle, handle_p, int_p, libc, library, milliseconds, size_p

MESSAGE_OBJECTS_MAX = 252


class Visibility(enum.IntEnum):
    """Who sees a server's name."""

    HERE = 0
    HOST = 1
    ALL = 2


class Kind(enum.IntEnum):
    """What is sent along with a message."""

    FD = 1
    PROCESS = 2
    TERMINAL = 3
    MEMORY = 4


class RingEnd(enum.IntEnum):
    READER = 0
    WRITER = 1


@dataclass(frozen=True)
class Object:
    """Sent: a descriptor, or with fd=-1 the process `pid`. Received: the caller's to close."""

    kind: Kind
    fd: int = -1
    pid: int = 0
    terminate: bool = False
    size: int = 0


@dataclass(frozen=True)
class Message:
    data: bytes
    objects: list[Object] = field(default_factory=list)


@dataclass(frozen=True)
class Peer:
    """Who is at the other end, in lxssd's words. instance: None for the host. pidfd: borrowed, or -1."""

    instance: str | None
    uid: int
    host_uid: int
    pid: int
    pidfd: int


@dataclass(frozen=True)
class Entry:
    name: str | None
    instance: str | None
    visibility: Visibility
    uid: int
    pid: int
    ports: int


class _Object(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("flags", ctypes.c_int),
        ("fd", ctypes.c_int),
        ("pid", ctypes.c_int),
        ("size", ctypes.c_uint64),
    ]


class _Message(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("objects", ctypes.POINTER(_Object)),
        ("n_objects", ctypes.c_size_t),
    ]


class _Peer(ctypes.Structure):
    _fields_ = [
        ("instance", ctypes.c_char_p),
        ("uid", ctypes.c_uint32),
        ("host_uid", ctypes.c_uint32),
        ("pid", ctypes.c_int),
        ("pidfd", ctypes.c_int),
    ]


class _Entry(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("instance", ctypes.c_char_p),
        ("visibility", ctypes.c_int),
        ("uid", ctypes.c_uint32),
        ("pid", ctypes.c_int),
        ("n_ports", ctypes.c_uint),
    ]


declare({
    "lxbus_open": [handle_p],
    "lxbus_open_fd": [ctypes.c_int, handle_p],
    "lxbus_register": [handle, ctypes.c_char_p, ctypes.c_int, handle_p],
    "lxbus_register_unnamed": [handle, handle_p, int_p],
    "lxbus_server_accept": [handle, ctypes.c_int, handle_p],
    "lxbus_server_fd": [handle],
    "lxbus_connect": [handle, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, handle_p],
    "lxbus_port_new": [ctypes.c_int, handle_p],
    "lxbus_port_fd": [handle],
    "lxbus_port_peer": [handle, ctypes.POINTER(_Peer)],
    "lxbus_port_write": [handle, ctypes.POINTER(_Message), ctypes.c_int],
    "lxbus_port_read": [handle, ctypes.POINTER(_Message), ctypes.c_int],
    "lxbus_list": [handle, ctypes.POINTER(ctypes.POINTER(_Entry)), size_p],
    "lxbus_memory_new": [ctypes.c_size_t, int_p, handle_p],
    "lxbus_memory_map": [ctypes.c_int, ctypes.c_size_t, handle_p],
    "lxbus_ring_new": [ctypes.c_size_t, ctypes.c_int, handle_p],
    "lxbus_ring_send": [handle, handle, ctypes.c_int],
    "lxbus_ring_receive": [handle, ctypes.c_int, handle_p],
    "lxbus_ring_begin": [handle, ctypes.c_int, handle_p, size_p],
    "lxbus_ring_end": [handle, ctypes.c_size_t],
    "lxbus_ring_fd": [handle],
}, {
    "lxbus_close", "lxbus_server_cancel", "lxbus_server_free", "lxbus_port_free", "lxbus_port_finish",
    "lxbus_port_cancel", "lxbus_ring_free",
})  # fmt: skip


class Port(Owner):
    """One end of a connection. One thread may send while another receives."""

    _free = "lxbus_port_free"

    @classmethod
    def from_fd(cls, fd: int) -> Self:
        """Of a descriptor that another program's port was; taken over."""
        handle = ctypes.c_void_p()
        check(library.lxbus_port_new(fd, handle))
        return cls(handle.value)

    def fileno(self) -> int:
        return int(library.lxbus_port_fd(self._own))

    @property
    def peer(self) -> Peer | None:
        peer = _Peer()
        result = library.lxbus_port_peer(self._own, peer)
        if result == -errno.ENODATA:
            return None
        check(result)
        return Peer(peer.instance.decode() if peer.instance else None, peer.uid, peer.host_uid, peer.pid, peer.pidfd)

    def send(self, data: bytes = b"", objects: Sequence[Object] = (), timeout: float | None = None) -> None:
        """Sends a message, whole or not at all."""
        wire = (_Object * len(objects))(*[_Object(o.kind, int(o.terminate), o.fd, o.pid, 0) for o in objects])
        message = _Message(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), wire, len(objects))
        check(library.lxbus_port_write(self._own, message, milliseconds(timeout)))

    def receive(self, timeout: float | None = None) -> Message:
        """The next message, whatever its size."""
        size = 4096
        wire = (_Object * MESSAGE_OBJECTS_MAX)()
        while True:
            buffer = ctypes.create_string_buffer(size)
            message = _Message(ctypes.cast(buffer, ctypes.c_void_p), size, wire, len(wire))
            result = library.lxbus_port_read(self._own, message, milliseconds(timeout))
            if result != -errno.EMSGSIZE:
                break
            size = message.size
        check(result)
        objects = [Object(Kind(o.kind), o.fd, o.pid, bool(o.flags), o.size) for o in wire[: message.n_objects]]
        return Message(buffer.raw[: message.size], objects)

    def finish(self) -> None:
        """No more will be sent."""
        library.lxbus_port_finish(self._own)

    def cancel(self) -> None:
        """Ends what waits, in any thread."""
        library.lxbus_port_cancel(self._own)


class Server(Owner):
    """A name on the bus, or the server of a ticket, until it is closed."""

    _free = "lxbus_server_free"

    def fileno(self) -> int:
        return int(library.lxbus_server_fd(self._own))

    def accept(self, timeout: float | None = None) -> Port:
        handle = ctypes.c_void_p()
        check(library.lxbus_server_accept(self._own, milliseconds(timeout), handle))
        return Port(handle.value)

    def cancel(self) -> None:
        """Ends what waits, in any thread."""
        library.lxbus_server_cancel(self._own)


class Bus(Owner):
    """The bus, of this instance or of the host, where it starts lxssd if need be."""

    _free = "lxbus_close"

    def __init__(self, fd: int | None = None) -> None:
        """fd: a ticket, or what OpenBus() of org.lxss.Manager1 returned; taken over."""
        self._held = None
        handle = ctypes.c_void_p()
        check(library.lxbus_open(handle) if fd is None else library.lxbus_open_fd(fd, handle))
        super().__init__(handle.value)

    def register(self, name: str, visibility: Visibility = Visibility.ALL) -> Server:
        handle = ctypes.c_void_p()
        check(library.lxbus_register(self._own, name.encode(), visibility, handle))
        return Server(handle.value)

    def register_unnamed(self) -> tuple[Server, int]:
        """A server, and the ticket without which nobody connects to it: a descriptor, the caller's."""
        handle, ticket = ctypes.c_void_p(), ctypes.c_int(-1)
        check(library.lxbus_register_unnamed(self._own, handle, ticket))
        return Server(handle.value), ticket.value

    def connect(
        self, name: str | None = None, where: str | None = None, *, wait: bool = False, timeout: float | None = None
    ) -> Port:
        """name: None for what a ticket stands for. where: "" for the host, or a distribution."""
        handle = ctypes.c_void_p()
        names = [None if word is None else word.encode() for word in (name, where)]
        check(library.lxbus_connect(self._own, *names, int(wait), milliseconds(timeout), handle))
        return Port(handle.value)

    def list(self) -> list[Entry]:
        entries, n = ctypes.POINTER(_Entry)(), ctypes.c_size_t()
        check(library.lxbus_list(self._own, entries, n))
        try:
            return [
                Entry(
                    e.name.decode() if e.name else None,
                    e.instance.decode() if e.instance else None,
                    Visibility(e.visibility), e.uid, e.pid, e.n_ports,
                )
                for e in entries[: n.value]
            ]  # fmt: skip
        finally:
            libc.free(entries)


def memory(size: int) -> int:
    """New memory that can be sent as Kind.MEMORY and mapped with mmap.mmap(): a descriptor, the caller's."""
    fd, address = ctypes.c_int(-1), ctypes.c_void_p()
    check(library.lxbus_memory_new(size, fd, address))
    libc.munmap(address, size)
    return fd.value


class Ring(Owner):
    """A ring of bytes in shared memory, with a reader and a writer."""

    _free = "lxbus_ring_free"

    @classmethod
    def new(cls, size: int, end: RingEnd) -> Self:
        """size: a power of two, at least 4096."""
        handle = ctypes.c_void_p()
        check(library.lxbus_ring_new(size, end, handle))
        return cls(handle.value)

    @classmethod
    def receive(cls, port: Port, timeout: float | None = None) -> Self:
        handle = ctypes.c_void_p()
        check(library.lxbus_ring_receive(port._own, milliseconds(timeout), handle))
        return cls(handle.value)

    def send(self, port: Port, timeout: float | None = None) -> None:
        """Sends the other end."""
        check(library.lxbus_ring_send(self._own, port._own, milliseconds(timeout)))

    def fileno(self) -> int:
        return int(library.lxbus_ring_fd(self._own))

    def _begin(self, timeout: float | None) -> memoryview:
        place, size = ctypes.c_void_p(), ctypes.c_size_t()
        check(library.lxbus_ring_begin(self._own, milliseconds(timeout), place, size))
        return memoryview((ctypes.c_char * size.value).from_address(place.value or 0)).cast("B")

    def write(self, data: bytes, timeout: float | None = None) -> None:
        """Writes all of it, waiting for room as long as need be."""
        left = memoryview(data)
        while left:
            place = self._begin(timeout)
            n = min(len(place), len(left))
            place[:n] = left[:n]
            check(library.lxbus_ring_end(self._own, n))
            left = left[n:]

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """At least one byte and at most so many; b"" where the writer is gone and all is read."""
        try:
            place = self._begin(timeout)
        except BrokenPipeError:
            return b""
        data = bytes(place[:size])
        check(library.lxbus_ring_end(self._own, len(data)))
        return data
