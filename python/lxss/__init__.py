# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of other distributions, and LxBus, for Python: liblxss through ctypes, see liblxss(3).

    import lxss

    with lxss.Client() as client:
        print(client.run(["cat", "/etc/os-release"]).stdout.decode())

    with lxss.Bus() as bus, bus.register("clock") as server:
        with server.accept() as port:
            port.send(b"noon")

Times are in seconds; None is for ever. What goes wrong is an OSError with the errno that lxbus.h
documents; a time that is over is a TimeoutError, a peer that is gone a BrokenPipeError. Descriptors
are plain numbers: those that are sent stay the caller's, those that are received become the caller's."""

from __future__ import annotations

import ctypes
import enum
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

__all__ = ["Bus", "Client", "Completed", "Distribution", "Entry", "Failure", "Kind", "Message", "Object", "Peer", "Port", "Process", "Ring", "RingEnd", "Server", "Visibility", "memory"]

MESSAGE_OBJECTS_MAX = 252

_library = ctypes.CDLL(os.environ.get("LXSS_LIBRARY", "liblxss.so.0"))


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


class _Failure(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p)]


class _Distribution(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("state", ctypes.c_char_p), ("is_default", ctypes.c_bool)]


class _Fd(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("fd", ctypes.c_int)]


class _Launch(ctypes.Structure):
    _fields_ = [
        ("distribution", ctypes.c_char_p),
        ("user", ctypes.c_char_p),
        ("directory", ctypes.c_char_p),
        ("argv", ctypes.POINTER(ctypes.c_char_p)),
        ("environment", ctypes.POINTER(ctypes.c_char_p)),
        ("fds", ctypes.POINTER(_Fd)),
        ("n_fds", ctypes.c_size_t),
        ("linger_seconds", ctypes.c_uint64),
        ("flags", ctypes.c_int),
    ]


class _Exit(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("status", ctypes.c_int)]


_handle = ctypes.c_void_p
_handle_p = ctypes.POINTER(ctypes.c_void_p)
_int_p = ctypes.POINTER(ctypes.c_int)
_size_p = ctypes.POINTER(ctypes.c_size_t)

_signatures: dict[str, list[object]] = {
    "lxbus_open": [_handle_p],
    "lxbus_open_fd": [ctypes.c_int, _handle_p],
    "lxbus_register": [_handle, ctypes.c_char_p, ctypes.c_int, _handle_p],
    "lxbus_register_unnamed": [_handle, _handle_p, _int_p],
    "lxbus_server_accept": [_handle, ctypes.c_int, _handle_p],
    "lxbus_server_fd": [_handle],
    "lxbus_connect": [_handle, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, _handle_p],
    "lxbus_port_new": [ctypes.c_int, _handle_p],
    "lxbus_port_fd": [_handle],
    "lxbus_port_peer": [_handle, ctypes.POINTER(_Peer)],
    "lxbus_port_write": [_handle, ctypes.POINTER(_Message), ctypes.c_int],
    "lxbus_port_read": [_handle, ctypes.POINTER(_Message), ctypes.c_int],
    "lxbus_list": [_handle, ctypes.POINTER(ctypes.POINTER(_Entry)), _size_p],
    "lxbus_memory_new": [ctypes.c_size_t, _int_p, _handle_p],
    "lxbus_memory_map": [ctypes.c_int, ctypes.c_size_t, _handle_p],
    "lxbus_ring_new": [ctypes.c_size_t, ctypes.c_int, _handle_p],
    "lxbus_ring_send": [_handle, _handle, ctypes.c_int],
    "lxbus_ring_receive": [_handle, ctypes.c_int, _handle_p],
    "lxbus_ring_begin": [_handle, ctypes.c_int, _handle_p, _size_p],
    "lxbus_ring_end": [_handle, ctypes.c_size_t],
    "lxbus_ring_fd": [_handle],
    "lxss_connect": [ctypes.c_int, _handle_p, ctypes.POINTER(_Failure)],
    "lxss_fd": [_handle],
    "lxss_dispatch": [_handle],
    "lxss_list": [_handle, ctypes.POINTER(ctypes.POINTER(_Distribution)), _size_p, ctypes.POINTER(_Failure)],
    "lxss_hold": [_handle, ctypes.c_char_p, _int_p, ctypes.POINTER(_Failure)],
    "lxss_terminate": [_handle, ctypes.c_char_p, ctypes.POINTER(_Failure)],
    "lxss_launch": [_handle, ctypes.POINTER(_Launch), _handle_p, ctypes.POINTER(_Failure)],
    "lxss_process_pid": [_handle],
    "lxss_process_open": [_handle, _int_p, ctypes.POINTER(_Failure)],
    "lxss_process_signal": [_handle, ctypes.c_int, ctypes.c_bool, ctypes.POINTER(_Failure)],
    "lxss_process_wait": [_handle, ctypes.c_int, ctypes.POINTER(_Exit)],
}  # fmt: skip
_without_result = {
    "lxbus_close", "lxbus_server_cancel", "lxbus_server_free", "lxbus_port_free", "lxbus_port_finish",
    "lxbus_port_cancel", "lxbus_ring_free", "lxss_disconnect", "lxss_process_free",
}  # fmt: skip
for _name, _arguments in _signatures.items():
    getattr(_library, _name).argtypes = _arguments
    getattr(_library, _name).restype = ctypes.c_int
for _name in _without_result:
    getattr(_library, _name).argtypes = [_handle]
    getattr(_library, _name).restype = None
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def _check(result: int) -> int:
    if result < 0:
        number = -result
        raise OSError(number, os.strerror(number))
    return result


def _milliseconds(timeout: float | None) -> int:
    return -1 if timeout is None else max(0, int(timeout * 1000))


class _Owner:
    """What must be closed, once, and is by `with`."""

    _free = ""

    def __init__(self, handle: int | None) -> None:
        self._held = handle

    @property
    def _own(self) -> int:
        if self._held is None:
            raise ValueError("it is closed")
        return self._held

    def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            getattr(_library, self._free)(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class Port(_Owner):
    """One end of a connection. One thread may send while another receives."""

    _free = "lxbus_port_free"

    @classmethod
    def from_fd(cls, fd: int) -> Self:
        """Of a descriptor that another program's port was; taken over."""
        handle = ctypes.c_void_p()
        _check(_library.lxbus_port_new(fd, handle))
        return cls(handle.value)

    def fileno(self) -> int:
        return int(_library.lxbus_port_fd(self._own))

    @property
    def peer(self) -> Peer | None:
        peer = _Peer()
        result = _library.lxbus_port_peer(self._own, peer)
        if result == -errno.ENODATA:
            return None
        _check(result)
        return Peer(peer.instance.decode() if peer.instance else None, peer.uid, peer.host_uid, peer.pid, peer.pidfd)

    def send(self, data: bytes = b"", objects: Sequence[Object] = (), timeout: float | None = None) -> None:
        """Sends a message, whole or not at all."""
        wire = (_Object * len(objects))(*[_Object(o.kind, int(o.terminate), o.fd, o.pid, 0) for o in objects])
        message = _Message(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), wire, len(objects))
        _check(_library.lxbus_port_write(self._own, message, _milliseconds(timeout)))

    def receive(self, timeout: float | None = None) -> Message:
        """The next message, whatever its size."""
        size = 4096
        wire = (_Object * MESSAGE_OBJECTS_MAX)()
        while True:
            buffer = ctypes.create_string_buffer(size)
            message = _Message(ctypes.cast(buffer, ctypes.c_void_p), size, wire, len(wire))
            result = _library.lxbus_port_read(self._own, message, _milliseconds(timeout))
            if result != -errno.EMSGSIZE:
                break
            size = message.size
        _check(result)
        objects = [Object(Kind(o.kind), o.fd, o.pid, bool(o.flags), o.size) for o in wire[: message.n_objects]]
        return Message(buffer.raw[: message.size], objects)

    def finish(self) -> None:
        """No more will be sent."""
        _library.lxbus_port_finish(self._own)

    def cancel(self) -> None:
        """Ends what waits, in any thread."""
        _library.lxbus_port_cancel(self._own)


class Server(_Owner):
    """A name on the bus, or the server of a ticket, until it is closed."""

    _free = "lxbus_server_free"

    def fileno(self) -> int:
        return int(_library.lxbus_server_fd(self._own))

    def accept(self, timeout: float | None = None) -> Port:
        handle = ctypes.c_void_p()
        _check(_library.lxbus_server_accept(self._own, _milliseconds(timeout), handle))
        return Port(handle.value)

    def cancel(self) -> None:
        """Ends what waits, in any thread."""
        _library.lxbus_server_cancel(self._own)


class Bus(_Owner):
    """The bus, of this instance or of the host, where it starts lxssd if need be."""

    _free = "lxbus_close"

    def __init__(self, fd: int | None = None) -> None:
        """fd: a ticket, or what OpenBus() of org.lxss.Manager1 returned; taken over."""
        self._held = None
        handle = ctypes.c_void_p()
        _check(_library.lxbus_open(handle) if fd is None else _library.lxbus_open_fd(fd, handle))
        super().__init__(handle.value)

    def register(self, name: str, visibility: Visibility = Visibility.ALL) -> Server:
        handle = ctypes.c_void_p()
        _check(_library.lxbus_register(self._own, name.encode(), visibility, handle))
        return Server(handle.value)

    def register_unnamed(self) -> tuple[Server, int]:
        """A server, and the ticket without which nobody connects to it: a descriptor, the caller's."""
        handle, ticket = ctypes.c_void_p(), ctypes.c_int(-1)
        _check(_library.lxbus_register_unnamed(self._own, handle, ticket))
        return Server(handle.value), ticket.value

    def connect(
        self, name: str | None = None, where: str | None = None, *, wait: bool = False, timeout: float | None = None
    ) -> Port:
        """name: None for what a ticket stands for. where: "" for the host, or a distribution."""
        handle = ctypes.c_void_p()
        names = [None if word is None else word.encode() for word in (name, where)]
        _check(_library.lxbus_connect(self._own, *names, int(wait), _milliseconds(timeout), handle))
        return Port(handle.value)

    def list(self) -> list[Entry]:
        entries, n = ctypes.POINTER(_Entry)(), ctypes.c_size_t()
        _check(_library.lxbus_list(self._own, entries, n))
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
            _libc.free(entries)


def memory(size: int) -> int:
    """New memory that can be sent as Kind.MEMORY and mapped with mmap.mmap(): a descriptor, the caller's."""
    fd, address = ctypes.c_int(-1), ctypes.c_void_p()
    _check(_library.lxbus_memory_new(size, fd, address))
    _libc.munmap(address, size)
    return fd.value


class Ring(_Owner):
    """A ring of bytes in shared memory, with a reader and a writer."""

    _free = "lxbus_ring_free"

    @classmethod
    def new(cls, size: int, end: RingEnd) -> Self:
        """size: a power of two, at least 4096."""
        handle = ctypes.c_void_p()
        _check(_library.lxbus_ring_new(size, end, handle))
        return cls(handle.value)

    @classmethod
    def receive(cls, port: Port, timeout: float | None = None) -> Self:
        handle = ctypes.c_void_p()
        _check(_library.lxbus_ring_receive(port._own, _milliseconds(timeout), handle))
        return cls(handle.value)

    def send(self, port: Port, timeout: float | None = None) -> None:
        """Sends the other end."""
        _check(_library.lxbus_ring_send(self._own, port._own, _milliseconds(timeout)))

    def fileno(self) -> int:
        return int(_library.lxbus_ring_fd(self._own))

    def _begin(self, timeout: float | None) -> memoryview:
        place, size = ctypes.c_void_p(), ctypes.c_size_t()
        _check(_library.lxbus_ring_begin(self._own, _milliseconds(timeout), place, size))
        return memoryview((ctypes.c_char * size.value).from_address(place.value or 0)).cast("B")

    def write(self, data: bytes, timeout: float | None = None) -> None:
        """Writes all of it, waiting for room as long as need be."""
        left = memoryview(data)
        while left:
            place = self._begin(timeout)
            n = min(len(place), len(left))
            place[:n] = left[:n]
            _check(_library.lxbus_ring_end(self._own, n))
            left = left[n:]

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """At least one byte and at most so many; b"" where the writer is gone and all is read."""
        try:
            place = self._begin(timeout)
        except BrokenPipeError:
            return b""
        data = bytes(place[:size])
        _check(_library.lxbus_ring_end(self._own, len(data)))
        return data


# ---------------------------------------------------------------- programs of distributions


class Failure(OSError):
    """Why a call to lxssd failed: errno, a sentence, and the name of the D-Bus error, if there is one."""

    def __init__(self, number: int, message: str, name: str | None) -> None:
        super().__init__(number, message)
        self.name = name


def _call(function: str, *arguments: object) -> None:
    """With an LxssFailure as its last argument."""
    failure = _Failure()
    result = getattr(_library, function)(*arguments, failure)
    if result >= 0:
        return
    message = failure.message.decode(errors="replace") if failure.message else os.strerror(-result)
    name = failure.name.decode() if failure.name else None
    _library.lxss_failure_clear(ctypes.byref(failure))
    raise Failure(-result, message, name)


_library.lxss_failure_clear.argtypes = [ctypes.POINTER(_Failure)]
_library.lxss_failure_clear.restype = None


@dataclass(frozen=True)
class Distribution:
    name: str
    state: str
    is_default: bool


@dataclass(frozen=True)
class Completed:
    """As subprocess.CompletedProcess: the exit status, or a signal as a negative number."""

    returncode: int
    stdout: bytes


def _strings(words: Sequence[str | bytes] | None) -> ctypes.Array[ctypes.c_char_p] | None:
    if words is None:
        return None
    return (ctypes.c_char_p * (len(words) + 1))(*[os.fsencode(word) for word in words], None)


class Process(_Owner):
    """A program that was launched. Closing it forgets it; the program goes on."""

    _free = "lxss_process_free"

    def __init__(self, handle: int | None, client: Client) -> None:
        super().__init__(handle)
        self._client = client  # which must be there as long as this is

    @property
    def pid(self) -> int:
        """As the host knows it."""
        return int(_library.lxss_process_pid(self._own))

    def pidfd(self) -> int:
        """The caller's."""
        fd = ctypes.c_int(-1)
        _call("lxss_process_open", self._own, fd)
        return fd.value

    def signal(self, signo: int, group: bool = False) -> None:
        _call("lxss_process_signal", self._own, signo, group)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, or a signal as a negative number. -EOWNERDEAD where its instance ended under it."""
        end = _Exit()
        _check(_library.lxss_process_wait(self._own, _milliseconds(timeout), end))
        return int(end.status) if end.code == os.CLD_EXITED else -int(end.status)


class Client(_Owner):
    """A connection to lxssd. What it launches runs as long as it is open."""

    _free = "lxss_disconnect"

    def __init__(self, start: bool = True) -> None:
        self._held = None
        handle = ctypes.c_void_p()
        _call("lxss_connect", 0 if start else 1, handle)
        super().__init__(handle.value)

    def fileno(self) -> int:
        return int(_library.lxss_fd(self._own))

    def dispatch(self) -> None:
        _check(_library.lxss_dispatch(self._own))

    def list(self) -> list[Distribution]:
        found, n = ctypes.POINTER(_Distribution)(), ctypes.c_size_t()
        _call("lxss_list", self._own, found, n)
        try:
            return [Distribution(d.name.decode(), d.state.decode(), d.is_default) for d in found[: n.value]]
        finally:
            _libc.free(found)

    def hold(self, distribution: str | None = None) -> int:
        """Keeps an instance up until the descriptor is closed, which is the caller's."""
        fd = ctypes.c_int(-1)
        _call("lxss_hold", self._own, distribution and distribution.encode(), fd)
        return fd.value

    def terminate(self, distribution: str | None = None) -> None:
        _call("lxss_terminate", self._own, distribution and distribution.encode())

    def launch(
        self,
        argv: Sequence[str | bytes] | None = None,
        distribution: str | None = None,
        *,
        fds: dict[int, int] | None = None,
        user: str | None = None,
        directory: str | None = None,
        environment: dict[str, str] | None = None,
        linger: int = 0,
        wait: bool = True,
    ) -> Process:
        """fds: {in the program: here}; None: our own 0, 1 and 2."""
        chosen = {0: 0, 1: 1, 2: 2} if fds is None else fds
        launch = _Launch(
            distribution and distribution.encode(), user and user.encode(), None if directory is None else os.fsencode(directory),
            _strings(argv), _strings(None if environment is None else [f"{k}={v}" for k, v in environment.items()]),
            (_Fd * len(chosen))(*chosen.items()), len(chosen), linger, 0 if wait else 2,
        )  # fmt: skip
        handle = ctypes.c_void_p()
        _call("lxss_launch", self._own, launch, handle)
        return Process(handle.value, self)

    def run(self, argv: Sequence[str | bytes], distribution: str | None = None) -> Completed:
        """To its end, with what it printed; without input."""
        reader, writer = os.pipe()
        with open(reader, "rb") as output:
            try:
                process = self.launch(argv, distribution, fds={1: writer, 2: 2})
            finally:
                os.close(writer)
            with process:
                printed = output.read()
                return Completed(process.wait(), printed)
